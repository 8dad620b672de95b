//! What a program must not do for the harm it would do to the executor or to its own other arguments.
//!
//! The specification states what is true and which calls are never made; of the others, generators try everything, and this file alone
//! says what is not tried.

mod given;

pub use given::beyond;

use crate::exec::layout::{ARENA_SIZE, PAGE, PLAYGROUND_MARGIN_PAGES, PLAYGROUND_PAGES};
use crate::exec::{Entry, HEEDED, INTERRUPT_SIGNAL};
use crate::program::{Argument, Block, Invocation, Placement, Program};
use crate::scope;
use abispec::expr::{Function, Moment, Observer, OperandValue, evaluate};
use abispec::target::{Resolved, ResolvedField, ResolvedParam, Variant};
use abispec::types::{IntType, Type};

/// Why a program is not run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hazard {
    /// It changes mappings that are the executor's own.
    Mappings,
    /// It may send the executor, or the process that stands in for it, a signal that nobody can ignore.
    Signal,
    /// The kernel would go beyond a block into the next one: only a block at the edge may be shorter than it claims.
    Overrun,
    /// A pointer that leads nowhere for all that the program knows leads into the memory of programs.
    Stray,
    /// More than one block wants the inaccessible page behind it.
    Edges,
    /// It poisons pages that are there: whoever has them mapped is ended.
    Poison,
    /// The specification says that it is never tried.
    Never,
    /// Memory that the kernel writes to whenever the caller goes on may not be there then.
    Restarts,
    /// Who makes it could not return from the functions that it is in, since they are on no shadow stack, or what it asks for later
    /// would return like a failure.
    Returns,
}

/// What is dangerous about a call that takes this entry.
pub fn find(resolved: &Resolved, call: &Invocation, variant: &Variant, entry: Entry) -> Option<Hazard> {
    if scope::never(resolved.target.arch, &resolved.calls[call.call]).is_some() {
        return Some(Hazard::Never);
    }
    if matches!(variant.command.as_deref(), Some("ARCH_SHSTK_ENABLE" | "ARCH_SHSTK_UNLOCK")) || slack(call, variant) {
        return Some(Hazard::Returns);
    }
    let signal = || signal(resolved, call, variant).or_else(|| end_signal(call, variant));
    let strays = || strays(resolved, call, variant, entry).then_some(Hazard::Stray);
    mappings(call, variant, entry)
        .or_else(|| poison(call, variant, entry))
        .or_else(|| restartable(resolved, call))
        .or_else(signal)
        .or_else(strays)
        .or_else(|| overrun(resolved, call, variant, entry))
}

/// The kernel writes to memory that is registered for restartable sequences whenever the caller goes on, and ends it where it cannot.
fn restartable(resolved: &Resolved, call: &Invocation) -> Option<Hazard> {
    const UNREGISTER: u64 = 1;
    let registers = match call.args.get(2) {
        Some(Argument::Number(flags)) => flags & UNREGISTER == 0,
        _ => true,
    };
    let kept = match call.args.first() {
        Some(Argument::Block(block)) => block.placement == Placement::Middle,
        // What is not aligned is refused.
        Some(Argument::Number(address)) => address % 32 != 0 || *address >= 1 << 47,
        _ => false,
    };
    (resolved.calls[call.call].name == "rseq" && registers && !kept).then_some(Hazard::Restarts)
}

/// A slack of timers that is as long as an errno is read back as one.
fn slack(call: &Invocation, variant: &Variant) -> bool {
    let like_an_errno = |value: u64| value > u64::MAX - 4096 || value as u32 > u32::MAX - 4096;
    variant.command.as_deref() == Some("PR_SET_TIMERSLACK")
        && !matches!(call.args.get(1), Some(Argument::Number(value)) if !like_an_errno(*value))
}

/// Whether a program's memory can be laid out: at most one block ends at the inaccessible page.
pub fn fits(program: &Program) -> bool {
    let edges = program
        .calls
        .iter()
        .flat_map(|call| &call.args)
        .filter(|arg| matches!(arg, Argument::Block(Block { placement: Placement::Edge(_), .. })))
        .count();
    edges <= 1
}

/// Below this address nobody has pages but who may do raw input and output.
const LOWEST: u64 = 0x1_0000;

/// Ranges of pages lie in the playground and its margins, or where no process has pages.
fn mappings(call: &Invocation, variant: &Variant, entry: Entry) -> Option<Hazard> {
    let number = |index: usize| match call.args.get(index) {
        Some(Argument::Number(value)) => Some(entry.register(*value)),
        _ => None,
    };
    let measures = |param: &ResolvedParam| {
        matches!(param.ty, Type::Size | Type::Len(_) | Type::Bytesize(_) | Type::Int { int: IntType::Long { .. }, .. })
    };
    let margin = PLAYGROUND_MARGIN_PAGES * 4096;
    let (begin, end) = (entry.playground() - margin, entry.playground() + PLAYGROUND_PAGES * 4096 + margin);
    // How long a segment of shared memory is, its attaching does not say: in place of other mappings it is not tried, and not where
    // null pointers lead to.
    let attached = variant.params.iter().enumerate().find_map(|(index, param)| match &param.ty {
        Type::Flags { set, .. } if set == "shmat_flags" => Some(number(index)),
        _ => None,
    });
    if let Some(flags) = attached {
        let address = variant.params.iter().position(|param| matches!(param.ty, Type::Vma)).and_then(number);
        let replaces = flags.is_none_or(|flags| flags & libc::SHM_REMAP as u64 != 0);
        // Nothing is ever put in the place of the first page.
        let tried = if replaces {
            address.is_some_and(|address| address < 4096)
        } else {
            address.is_none_or(|address| !(1..LOWEST).contains(&address))
        };
        if !tried {
            return Some(Hazard::Mappings);
        }
    }
    for (index, param) in variant.params.iter().enumerate() {
        if !matches!(param.ty, Type::Vma) {
            continue;
        }
        let Some(address) = number(index) else { continue };
        // The last page of addresses is an errno to everybody; a call that succeeds there cannot be told from a failure.
        if address > u64::MAX - 8192 {
            return Some(Hazard::Mappings);
        }
        let lengths = variant.params.iter().enumerate().filter(|(_, param)| measures(param));
        for length in lengths.filter_map(|(index, _)| number(index)).chain([4096]) {
            let last = address.saturating_add(length);
            let inside = address >= begin && last <= end;
            let above = address >= 1 << 47;
            let below = last <= LOWEST && address.checked_add(length).is_some();
            // What goes beyond the last address is refused or comes to nothing; the kernel counts it in 64 bits for everybody.
            let refused = (begin..end).contains(&address) && entry != Entry::Ia32 && wraps(address, length);
            if !inside && !above && !below && !refused {
                return Some(Hazard::Mappings);
            }
        }
    }
    None
}

/// Whether the pages of a range end beyond the last address, or their length does.
fn wraps(address: u64, length: u64) -> bool {
    let pages = (u128::from(length) + u128::from(address % 4096)).next_multiple_of(4096);
    u128::from(address - address % 4096) + pages > u128::from(u64::MAX)
}

/// Advice that pages are broken ends who has them. Where there are none, whether it is permitted shows all the same.
fn poison(call: &Invocation, variant: &Variant, entry: Entry) -> Option<Hazard> {
    let number = |wanted: &dyn Fn(&Type) -> bool| {
        let found = variant.params.iter().zip(&call.args).find(|(param, _)| wanted(&param.ty))?;
        match found.1 {
            Argument::Number(value) => Some(entry.register(*value)),
            Argument::Result { .. } | Argument::Block(_) => None,
        }
    };
    let advice = number(&|ty| matches!(ty, Type::Enum { set, .. } if set == "madvise_advice"))?;
    let broken = [libc::MADV_HWPOISON, libc::MADV_SOFT_OFFLINE].contains(&((advice & 0xffff_ffff) as i32));
    let nowhere = number(&|ty| matches!(ty, Type::Vma)).is_some_and(|at| !(0x1_0000..1 << 47).contains(&at));
    (broken && !nowhere).then_some(Hazard::Poison)
}

/// A call that names a process and a signal may name this one, whatever process it says, and so may a timer or a queue that is told
/// what to send: what ends or stops the executor, or what its own watchdog means by it, is not sent.
fn signal(resolved: &Resolved, call: &Invocation, variant: &Variant) -> Option<Hazard> {
    let mut to_a_process = false;
    let mut sent = false;
    let mut arranged = false;
    for (param, arg) in variant.params.iter().zip(&call.args) {
        match (&param.ty, arg) {
            (Type::Resource(name), _) => to_a_process |= name == "pid" || name == "fd[pidfd]",
            (Type::Signal, Argument::Number(value)) => sent |= deadly((*value & 0xffff_ffff) as i32),
            (Type::Signal, Argument::Block(_) | Argument::Result { .. }) => sent = true,
            (Type::Ptr { to, .. }, Argument::Block(block)) => {
                let Type::Struct(name) = &**to else { continue };
                let fields = resolved.structs.get(name).map(|found| found.fields.as_slice()).unwrap_or_default();
                arranged |= fields
                    .iter()
                    .filter(|field| field.shape.ty == Type::Signal)
                    .any(|field| block.word(field.offset as usize, 4).is_some_and(|signal| deadly(signal as i32)));
            }
            _ => {}
        }
    }
    (to_a_process && sent || arranged).then_some(Hazard::Signal)
}

/// Where `clone3` is told the signal.
const EXIT_SIGNAL: usize = 32;

/// What begins in a call may be told to send its parent a signal when it ends. The stand-in blocks all that can be blocked. Of
/// what begins nothing else is left out: whatever it shares, it touches nothing and ends at once.
fn end_signal(call: &Invocation, variant: &Variant) -> Option<Hazard> {
    let forced = |signal: u64| matches!(signal as i32, libc::SIGKILL | libc::SIGSTOP);
    variant.params.iter().zip(&call.args).find_map(|(param, arg)| {
        let sent = match (&param.ty, arg) {
            (Type::Flags { set, .. }, Argument::Number(flags)) if set == "clone_flags" => forced(flags & 0xff),
            (Type::Flags { set, .. }, Argument::Result { .. } | Argument::Block(_)) => set == "clone_flags",
            (Type::Ptr { to, .. }, Argument::Block(block)) => {
                let described = matches!(&**to, Type::Extensible { name, .. } if name == "clone_args");
                described && block.word(EXIT_SIGNAL, 8).is_some_and(forced)
            }
            _ => false,
        };
        sent.then_some(Hazard::Signal)
    })
}

fn deadly(signal: i32) -> bool {
    HEEDED.contains(&signal) || signal == INTERRUPT_SIGNAL
}

/// Arguments that are plain numbers; everything else is unknown.
struct Numbers<'a> {
    call: &'a Invocation,
    variant: &'a Variant,
    entry: Entry,
}

impl Observer for Numbers<'_> {
    fn argument(&self, index: u8) -> Option<i128> {
        let Argument::Number(value) = self.call.args.get(usize::from(index))? else { return None };
        let narrow = self.variant.params.get(usize::from(index))?.int.bytes(self.entry.word()) <= 4;
        Some(i128::from(if narrow { *value & 0xffff_ffff } else { *value }))
    }

    fn result(&self) -> Option<i128> {
        None
    }

    fn load(&self, _: i128, _: u8, _: bool, _: Moment) -> Option<i128> {
        None
    }

    fn call(&self, _: Function, _: &[OperandValue], _: Moment) -> Option<i128> {
        None
    }
}

/// Whether a pointer that is only a number leads to blocks: to those of other programs too, who would be blamed for what it does.
fn strays(resolved: &Resolved, call: &Invocation, variant: &Variant, entry: Entry) -> bool {
    // The first page is never anybody's: that is where pointers to nowhere lead.
    let arena = entry.arena() + PAGE..entry.arena() + ARENA_SIZE;
    variant.params.iter().zip(&call.args).any(|(param, arg)| match (&param.ty, arg) {
        (Type::Ptr { .. } | Type::Buffer { .. }, Argument::Number(value)) => arena.contains(&entry.register(*value)),
        (Type::Ptr { to, .. }, Argument::Block(block)) => {
            leads_into(resolved, to, block, &arena, entry.word() as usize)
        }
        _ => false,
    })
}

/// The same for the pointers in a block of one or more structs.
fn leads_into(resolved: &Resolved, ty: &Type, block: &Block, arena: &std::ops::Range<u64>, word: usize) -> bool {
    let (name, repeats) = match ty {
        Type::Struct(name) | Type::Extensible { name, .. } => (name, false),
        Type::Array { of, .. } => match &**of {
            Type::Struct(name) => (name, true),
            _ => return false,
        },
        _ => return false,
    };
    let Some(found) = resolved.structs.get(name).filter(|found| found.size > 0) else { return false };
    let elements = if repeats { block.bytes.len() / found.size as usize } else { 1 };
    found.fields.iter().filter(|field| matches!(field.shape.ty, Type::Ptr { .. } | Type::Buffer { .. })).any(|field| {
        (0..elements).map(|element| element * found.size as usize + field.offset as usize).any(|at| {
            let linked = || block.links.iter().any(|(linked, _)| *linked as usize == at);
            block.word(at, word).is_some_and(|address| arena.contains(&address)) && !linked()
        })
    })
}

fn overrun(resolved: &Resolved, call: &Invocation, variant: &Variant, entry: Entry) -> Option<Hazard> {
    for (param, arg) in variant.params.iter().zip(&call.args) {
        let (Some(memory), Argument::Block(block)) = (&param.memory, arg) else { continue };
        if matches!(block.placement, Placement::Edge(_)) {
            continue;
        }
        let Some(bytes) = &memory.bytes else {
            // A text ends within its block.
            if !block.bytes.contains(&0) {
                return Some(Hazard::Overrun);
            }
            continue;
        };
        let claimed = evaluate(bytes, &Numbers { call, variant, entry }, Moment::Before);
        if claimed.is_none_or(|claimed| claimed > block.present() as i128) {
            return Some(Hazard::Overrun);
        }
        // Structs that say their size state no lengths beside their pointers.
        let extensible = matches!(&param.ty, Type::Ptr { to, .. } if matches!(**to, Type::Extensible { .. }));
        if !extensible && links_overrun(resolved, &param.ty, block, entry.word() as usize) {
            return Some(Hazard::Overrun);
        }
    }
    None
}

/// Segments state their length behind the pointer, in a word or what field of the struct begins there.
fn links_overrun(resolved: &Resolved, ty: &Type, block: &Block, word: usize) -> bool {
    let fields = pointee(ty).and_then(|name| resolved.structs.get(name)).filter(|found| found.size > 0);
    let width = |at: usize| {
        let found = fields?;
        let begins = |field: &&ResolvedField| field.offset as usize == at % found.size as usize;
        found.fields.iter().find(begins).map(|field| field.shape.size as usize)
    };
    block.links.iter().any(|(at, inner)| {
        let at = *at as usize + word;
        let bytes = width(at).filter(|bytes| *bytes < word).unwrap_or(word);
        block.word(at, bytes).is_none_or(|length| length > inner.present() as u64)
    })
}

/// The struct that a pointer leads to, one or many of them.
pub(crate) fn pointee(ty: &Type) -> Option<&str> {
    let Type::Ptr { to, .. } = ty else { return None };
    let one = if let Type::Array { of, .. } = &**to { of } else { to };
    match &**one {
        Type::Struct(name) | Type::Extensible { name, .. } => Some(name),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use abispec::arch::Arch;
    use abispec::finding::SourceFile;
    use abispec::target::Target;
    use abispec::version::Release;

    fn resolved() -> Resolved {
        let file = |path: &str, text: &str| SourceFile { path: path.to_owned(), text: text.to_owned() };
        let call = |nr: u32, name: &str, params: &str| {
            let text =
                format!("syscall: {name}\nsummary: a test\nnr: {{x86_64: {nr}}}\nparams: [{params}]\nreturns: zero\n");
            file(&format!("syscalls/{name}.yaml"), &text)
        };
        let pid = "{name: pid, c: pid_t, type: pid}";
        let signal = "{name: sig, c: int, type: signal}";
        let files = vec![
            file("resources/r.yaml", "pid: {base: int32}\n"),
            call(1, "kill", &format!("{pid}, {signal}")),
            call(2, "sigaction", signal),
            call(15, "rt_sigreturn", ""),
            file(
                "types/s.yaml",
                "seg:\n  size: 16\n  align: 8\n  fields:\n    - {name: base, type: 'ptr[out, uint8]', offset: 0}\n    - {name: len, type: ulong, offset: 8}\n",
            ),
            call(
                19,
                "readv",
                "{name: vec, c: 'const struct seg __user *', type: 'ptr[in, array[struct[seg], n]]'}, {name: n, c: unsigned long, type: 'len[vec]'}",
            ),
            file(
                "flags/f.yaml",
                "clone_flags: {kind: bits, members: {CSIGNAL: {value: 0xff, mask: true, internal: true}}}\n",
            ),
            call(56, "clone", "{name: flags, c: unsigned long, type: 'flags[clone_flags]', unknown: ignored}"),
        ];
        let (spec, findings) = abispec::load::load(files);
        assert!(findings.is_empty(), "{findings:#?}");
        abispec::resolve(&spec, &Target::new(Arch::X86_64, Release::new(6, 12)))
    }

    #[test]
    fn pointers_into_the_memory_of_programs_are_not_passed() {
        let resolved = resolved();
        let readv = resolved.calls.iter().position(|call| call.name == "readv").unwrap_or_default();
        let variant = &resolved.calls[readv].variants[0];
        let hazard = |arg: Argument| {
            let call = Invocation { call: readv, args: vec![arg, Argument::Number(2)] };
            find(&resolved, &call, variant, Entry::Native)
        };
        let segments = |second: u64| {
            let words = [0, 0, second, 8_u64];
            Block::new(words.iter().flat_map(|word| word.to_le_bytes()).collect())
        };
        for (address, expected) in [
            (0, None),
            (Entry::Native.arena() + 8, None),
            (Entry::Native.arena() + 0x1008, Some(Hazard::Stray)),
            (Entry::Native.arena() + ARENA_SIZE - 1, Some(Hazard::Stray)),
            (Entry::Native.arena() + ARENA_SIZE, None),
        ] {
            assert_eq!(hazard(Argument::Number(address)), expected, "{address:#x}");
            assert_eq!(hazard(Argument::Block(segments(address))), expected, "{address:#x}");
        }
        let mut linked = segments(Entry::Native.arena() + 0x1008);
        linked.links.push((16, Block::new(vec![0; 8])));
        assert_eq!(hazard(Argument::Block(linked)), None, "what a link overwrites is no number");
    }

    #[test]
    fn ranges_that_end_beyond_the_last_address_are_tried_where_they_begin_among_ours() {
        let hazard = |address: u64, length: u64, entry: Entry| {
            let resolved = abispec::resolve(abispec::embedded(), &Target::new(Arch::X86_64, Release::new(7, 3)));
            let call = resolved.calls.iter().position(|call| call.name == "munmap").unwrap_or_default();
            let args = vec![Argument::Number(address), Argument::Number(length)];
            find(&resolved, &Invocation { call, args }, &resolved.calls[call].variants[0], entry)
        };
        let ours = Entry::Native.playground();
        for length in [4096, u64::MAX, u64::MAX - 4094, u64::MAX - ours + 1] {
            assert_eq!(hazard(ours, length, Entry::Native), None, "{length:#x}");
        }
        for length in [1 << 40, u64::MAX - 4095 - ours, 1 << 63] {
            assert_eq!(hazard(ours, length, Entry::Native), Some(Hazard::Mappings), "{length:#x}");
        }
        assert_eq!(hazard(1 << 40, u64::MAX, Entry::Native), Some(Hazard::Mappings), "others' memory");
        let low = Entry::Ia32.playground();
        assert_eq!(hazard(low, 0xffff_ffff, Entry::Ia32), Some(Hazard::Mappings), "counted in 64 bits");
    }

    #[test]
    fn timers_and_queues_do_not_send_what_nobody_survives() {
        let resolved = abispec::resolve(abispec::embedded(), &Target::new(Arch::X86_64, Release::new(7, 3)));
        for (name, at) in [("timer_create", 1), ("mq_notify", 1)] {
            let call = resolved.calls.iter().position(|call| call.name == name).unwrap_or_default();
            for (signal, expected) in [(10, None), (64, Some(Hazard::Signal)), (9, Some(Hazard::Signal)), (65, None)] {
                let mut bytes = vec![0; 64];
                bytes[8] = signal;
                let mut args = vec![Argument::Number(0); 3];
                args[at] = Argument::Block(Block::new(bytes));
                let found =
                    find(&resolved, &Invocation { call, args }, &resolved.calls[call].variants[0], Entry::Native);
                assert_eq!(found, expected, "{name} with signal {signal}");
            }
        }
    }

    #[test]
    fn what_nobody_survives_is_not_tried() {
        let resolved = resolved();
        let hazard = |name: &str, args: &[u64]| {
            let call = resolved.calls.iter().position(|call| call.name == name).unwrap_or_default();
            let args = args.iter().map(|value| Argument::Number(*value)).collect();
            find(&resolved, &Invocation { call, args }, &resolved.calls[call].variants[0], Entry::Native)
        };
        for signal in [9, 19, 64, 1 << 40 | 9] {
            assert_eq!(hazard("kill", &[0, signal]), Some(Hazard::Signal), "{signal}");
            assert_eq!(hazard("sigaction", &[signal]), None, "{signal}");
        }
        for flags in [9, 19, 0x100 | 19, 1 << 40 | 9] {
            assert_eq!(hazard("clone", &[flags]), Some(Hazard::Signal), "{flags:#x}");
        }
        for flags in [0, 17, 64, 0x0900, 0xff] {
            assert_eq!(hazard("clone", &[flags]), None, "{flags:#x}");
        }
        assert_eq!(hazard("rt_sigreturn", &[]), Some(Hazard::Never));
        let shadow = Variant { command: Some("ARCH_SHSTK_ENABLE".to_owned()), ..resolved.calls[0].variants[0].clone() };
        let call = Invocation { call: 0, args: vec![Argument::Number(0), Argument::Number(0)] };
        assert_eq!(find(&resolved, &call, &shadow, Entry::Native), Some(Hazard::Returns));
        for signal in [0, 1, 15, 63, 65, u64::MAX] {
            assert_eq!(hazard("kill", &[0, signal]), None, "{signal}");
        }
    }
}
