//! Calls in C that end, copy or replace their caller.

use crate::exec::{CHILD_STATUS, Entry, is_apart, is_beginning};
use crate::program::Invocation;
use abispec::target::Resolved;

/// A call that ends, copies or replaces its caller. `$INSTRUCTION$` makes it.
const APART: &str = r#"
/*
 * Call `nr`, which may end, copy or replace the process that makes it: a child makes it. What begins in the call ends at
 * once, and uses no stack before.
 */
static long apart(int begins, unsigned long nr, unsigned long a, unsigned long b, unsigned long c, unsigned long d,
		  unsigned long e, unsigned long f)
{
	volatile long *seen = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int status = 0;
	pid_t caller;

	if (seen == MAP_FAILED || (caller = fork()) < 0)
		exit(2);
	if (caller == 0) {
		long result;

		signal(SIGCHLD, SIG_DFL);
$INSTRUCTION$
		seen[0] = result;
		seen[1] = 1;
		if (begins && result > 0 && waitpid(result, &status, __WALL) == result)
			printf("    what began ended with wait status %#x\n", status);
		_exit(0);
	}
	waitpid(caller, &status, __WALL);
	if (!seen[1]) {
		printf("    the caller ended with wait status %#x\n", status);
		return 0;
	}
	if (seen[0] < 0 && seen[0] > -4096) {
		errno = -seen[0];
		return -1;
	}
	return seen[0];
}
"#;

const APART_NATIVE: &str = r#"		register unsigned long fourth __asm__("r10") = d;
		register unsigned long fifth __asm__("r8") = e;
		register unsigned long sixth __asm__("r9") = f;

		__asm__ volatile("syscall\n\ttest %%rax, %%rax\n\tjnz 1f\n\ttest %[begins], %[begins]\n\tjz 1f\n\t"
				 "mov $$STATUS$, %%edi\n\tmov $60, %%eax\n\tsyscall\n1:"
				 : "=a"(result)
				 : "0"(nr), "D"(a), "S"(b), "d"(c), "r"(fourth), "r"(fifth), "r"(sixth), [begins] "r"(begins)
				 : "rcx", "r11", "memory");"#;

const APART_IA32: &str = r#"		register unsigned long sixth __asm__("r15") = f;

		__asm__ volatile("xchg %%r15, %%rbp\n\tint $0x80\n\txchg %%r15, %%rbp\n\ttest %%eax, %%eax\n\tjnz 1f\n\t"
				 "test %[begins], %[begins]\n\tjz 1f\n\t"
				 "mov $$STATUS$, %%edi\n\tmov $60, %%eax\n\tsyscall\n1:\tmovslq %%eax, %%rax"
				 : "=a"(result), "+r"(sixth)
				 : "0"(nr), "b"(a), "c"(b), "d"(c), "S"(d), "D"(e), [begins] "r"(begins)
				 : "r8", "r9", "r10", "r11", "memory");"#;

/// The functions of the vDSO are none of these; what else such programs call goes the port's own way.
fn way(entry: Entry) -> Entry {
    if entry == Entry::Ia32 { entry } else { Entry::Native }
}

/// A call that is made by a child, as an expression; `None` for others.
pub(super) fn call(entry: Entry, nr: u32, args: &[String]) -> Option<String> {
    let mut words: Vec<String> = args.iter().map(|arg| format!("(unsigned long){arg}")).collect();
    words.resize(6, "0".to_owned());
    let begins = u8::from(is_beginning(way(entry), nr));
    is_apart(way(entry), nr).then(|| format!("apart({begins}, {nr}, {})", words.join(", ")))
}

/// Whether any call of a program is made by a child.
pub(super) fn any<'a>(entry: Entry, resolved: &Resolved, mut calls: impl Iterator<Item = &'a Invocation>) -> bool {
    calls.any(|call| is_apart(way(entry), resolved.calls[call.call].nr))
}

/// What calls that are made by a child need.
pub(super) fn head(entry: Entry) -> String {
    let instruction = if entry == Entry::Ia32 { APART_IA32 } else { APART_NATIVE };
    APART.replace("$INSTRUCTION$", instruction).replace("$STATUS$", &CHILD_STATUS.to_string())
}
