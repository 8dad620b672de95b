//! Calls in C, by the way into the kernel that they take.

use super::c_apart;
use crate::exec::{Entry, VDSO_CALLS};
use crate::lower::by_function;
use crate::program::{Argument, Invocation};
use abispec::target::Resolved;

/// A 64-bit program that makes calls of i386.
const IA32: &str = r#"
/* Call `nr` of i386, from a 64-bit program. The sixth argument travels in the frame pointer. */
__attribute__((unused)) static long ia32(uint32_t nr, uint32_t a, uint32_t b, uint32_t c, uint32_t d, uint32_t e, uint32_t f)
{
	uint32_t result;
	register unsigned long sixth __asm__("r15") = f;

	__asm__ volatile("xchg %%r15, %%rbp\n\tint $0x80\n\txchg %%r15, %%rbp"
			 : "=a"(result), "+r"(sixth)
			 : "0"(nr), "b"(a), "c"(b), "d"(c), "S"(d), "D"(e)
			 : "r8", "r9", "r10", "r11", "memory");
	if (result > -4096U) {
		errno = -result;
		return -1;
	}
	return result;
}
"#;

/// The C library makes these calls through the vDSO.
const VDSO: &str = "#include <sys/time.h>\n#include <time.h>\n";

/// What calls through an entry need.
pub(super) fn head(entry: Entry) -> &'static str {
    match entry {
        Entry::Native => "",
        Entry::Ia32 => IA32,
        Entry::Vdso => VDSO,
    }
}

/// Memory where an entry's pointers reach it.
pub(super) fn memory(entry: Entry, plain: &str, shared: bool) -> String {
    // What a child writes is to be seen.
    let shared = if shared { plain.replace("MAP_PRIVATE", "MAP_SHARED") } else { plain.to_owned() };
    let plain = shared.as_str();
    match entry {
        Entry::Native | Entry::Vdso => plain.to_owned(),
        Entry::Ia32 => plain.replace("| MAP_ANONYMOUS", "| MAP_ANONYMOUS | MAP_32BIT"),
    }
}

/// The call at `index` of a program as an expression; `args` are its arguments as expressions.
pub(super) fn call(entry: Entry, resolved: &Resolved, index: usize, call: &Invocation, args: &[String]) -> String {
    let spec = &resolved.calls[call.call];
    let function = || VDSO_CALLS.contains(&spec.name.as_str()) && by_function(resolved, index, call);
    let in_order: Vec<String> =
        (0..).zip(args).map(|(register, arg)| spec.param(register).map_or(arg, |index| &args[index]).clone()).collect();
    let args = in_order.as_slice();
    if let Some(made) = c_apart::call(entry, spec.nr, args) {
        return made;
    }
    match entry {
        Entry::Ia32 => format!("ia32({}, {})", spec.nr, registers(resolved, call, args).join(", ")),
        Entry::Vdso if function() => {
            // Pointers stay pointers, numbers become what the function takes.
            let args: Vec<String> = args.iter().map(|arg| format!("(void *){arg}")).collect();
            let first = args.first().map_or_else(String::new, |arg| arg.replacen("(void *)", "(int)", 1));
            let rest = args.iter().skip(1).map(|arg| format!(", {arg}")).collect::<String>();
            let first = if spec.name.starts_with("clock_") { first } else { args.first().cloned().unwrap_or_default() };
            format!("{}({first}{rest})", spec.name)
        }
        Entry::Native | Entry::Vdso => {
            let comma = if args.is_empty() { "" } else { ", " };
            format!("syscall({}{comma}{})", spec.nr, args.join(", "))
        }
    }
}

/// Six registers of 32 bits.
fn registers(resolved: &Resolved, call: &Invocation, args: &[String]) -> Vec<String> {
    let word = Entry::Ia32.word();
    let params = &resolved.calls[call.call].variants[0].params;
    let mut registers = Vec::with_capacity(6);
    for ((param, arg), text) in params.iter().zip(&call.args).zip(args) {
        registers.push(format!("(uint32_t)(uintptr_t){text}"));
        if param.int.bytes(word) > word {
            registers.push(match arg {
                Argument::Number(value) => format!("{:#x}U", value >> 32),
                Argument::Result { high, .. } => format!("{:#x}U", high.unwrap_or(0)),
                Argument::Block(_) => "0".to_owned(),
            });
        }
    }
    registers.resize(6, "0".to_owned());
    registers
}
