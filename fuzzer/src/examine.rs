//! One program that ran, call by call: what the model expected, what the oracle says, what memory and descriptors show.

use crate::cell::CellMemory;
use crate::coverage::Coverage;
use crate::exec::layout::{CELL_RO, CELL_RW, CELL_RW_SIZE};
use crate::exec::{OpIndex, OpState, Sandbox};
use crate::lower::{FileProbe, Lowered, LoweredCall, Probe, STATX_BYTES, Subject, selector};
use crate::oracle::{Answer, Verdict, judge_ensures, judge_error, judge_success, may_be_value};
use crate::plant::Plant;
use crate::program::{Argument, Invocation, Output, Program};
use crate::world::memory::Memory;
use crate::world::{Looks, Numbers, Scene, View, World, apply, apply_failure, apply_partly};
use abispec::errno::Errno;
use abispec::expr::{Function, Moment, Observer, OperandValue, Truth, Word, evaluate, truth};
use abispec::model::{Effect, Unknown};
use abispec::target::{ClauseId, Resolved, Variant};
use abispec::types::{Direction, Type};

/// A divergence that one run showed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suspicion {
    /// Index of the call in its program.
    pub call: usize,
    /// What is wrong.
    pub verdict: Verdict,
}

/// What examining a program gave.
#[derive(Debug)]
pub struct Examined {
    /// The first divergence.
    pub suspicion: Option<Suspicion>,
    /// Calls that were judged.
    pub judged: usize,
    /// What each call answered.
    pub answers: Vec<Option<Answer>>,
    /// The model after the program, without what is put back after it.
    pub world: World,
    /// A call ran that the sandbox refuses, or was disturbed: what follows cannot be judged.
    pub cut_short: bool,
}

/// Everything that examining needs beside the program.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// The specification.
    pub resolved: &'a Resolved,
    /// The target's numbers.
    pub numbers: &'a Numbers,
    /// Planted violations.
    pub plants: &'a [Plant],
}

/// Examines one program of a batch that has run.
pub fn examine(
    context: Context<'_>,
    program: &Program,
    lowered: &Lowered,
    sandbox: &Sandbox,
    start: &World,
    coverage: &mut Coverage,
) -> Examined {
    let image = &lowered.image;
    let before_memory =
        CellMemory { base: lowered.cell, low: &image.low, high: &image.high, read_only: &image.read_only };
    let arena = sandbox.arena();
    let whole = CELL_RW_SIZE as usize;
    let writable = arena.slice(lowered.cell + CELL_RW, whole).unwrap_or_default();
    let read_only = arena.slice(lowered.cell + CELL_RO, image.read_only.len()).unwrap_or_default();
    let after_memory = CellMemory { base: lowered.cell, low: writable, high: &[], read_only };
    let mut examined =
        Examined { suspicion: None, judged: 0, answers: Vec::new(), world: start.clone(), cut_short: false };
    let mut seen = Vec::new();
    let mut owned: Vec<(u64, u64)> = Vec::new();
    let mut returns: Vec<i64> = Vec::new();
    for (index, (call, low)) in program.calls.iter().zip(&lowered.calls).enumerate() {
        let result = sandbox.result(low.op);
        match result.state {
            OpState::Done | OpState::Interrupted => {}
            OpState::NotRun | OpState::InFlight | OpState::Skipped | OpState::Disturbed => {
                examined.cut_short = true;
                break;
            }
        }
        if result.denied() {
            examined.cut_short = true;
            break;
        }
        if let Some(file) = &low.file {
            owned.push((file.address, file.address + STATX_BYTES as u64));
        }
        let spec = &context.resolved.calls[call.call];
        let variant_index = variant_index(spec, call);
        let variant = &spec.variants[variant_index];
        let registers = registers(call, low, &returns, lowered, sandbox);
        let ret = Plant::seen(context.plants, spec, &registers, result.ret);
        returns.push(result.ret);
        let answer = Answer::of(ret);
        examined.answers.push(Some(answer));
        examined.judged += 1;
        let mut next = examined.world.clone();
        let verdict = {
            let before = Scene { world: &examined.world, memory: &before_memory };
            let view = View::new(context.numbers, variant, registers, before);
            match answer {
                Answer::Error(number) => {
                    let mut verdict = judge_error(variant, &view, number, context.resolved.target.arch, &mut seen);
                    if result.state == OpState::Interrupted && number == libc::EINTR.cast_unsigned() {
                        // Only a sleeper is interrupted: where EINTR is wrong, so was the sleep.
                        verdict = verdict.map(|verdict| Verdict {
                            id: "unexpected-block",
                            expected: "the call does not sleep".to_owned(),
                            actual: "it slept until a signal came".to_owned(),
                            ..verdict
                        });
                    }
                    let view = view.returned(ret, Scene { world: &examined.world, memory: &after_memory });
                    apply_failure(&view, &mut next);
                    if let Some(errno) = Errno::from_number(number, context.resolved.target.arch) {
                        apply_partly(&view, &variant.effects, errno, &mut next);
                    }
                    own(&view, variant, low, Some(number), context, &mut owned);
                    verdict.filter(|_| !may_be_value(variant, ret))
                }
                Answer::Value(value) => {
                    let first = judge_success(variant, &view, value, &mut seen);
                    let here = Scene { world: &examined.world, memory: &after_memory };
                    let view = View::new(context.numbers, variant, registers, before).returned(value, here);
                    apply(&view, &variant.effects, &mut next);
                    own(&view, variant, low, None, context, &mut owned);
                    coverage.successes[call.call][variant_index] += 1;
                    first
                        .or_else(|| {
                            effects(
                                context,
                                variant,
                                registers,
                                value,
                                before,
                                &next,
                                &after_memory,
                                low,
                                sandbox,
                                &mut seen,
                            )
                        })
                        .or_else(|| {
                            let looks = KernelLooks { low, sandbox, registers };
                            let after = Scene { world: &next, memory: &after_memory };
                            let view = View::new(context.numbers, variant, registers, before)
                                .returned(value, after)
                                .looking(&looks);
                            judge_ensures(variant, &view, value, &mut seen)
                        })
                }
            }
        };
        let verdict = verdict.or_else(|| {
            ignored(context.resolved, variant, &registers, &mut seen);
            table(context, &next, &low.after, sandbox, matches!(answer, Answer::Error(_)))
        });
        examined.world = next;
        if let Some(verdict) = verdict {
            examined.suspicion = Some(Suspicion { call: index, verdict });
            break;
        }
    }
    if examined.suspicion.is_none() && !examined.cut_short {
        let last = program.calls.len().saturating_sub(1);
        let end = table(context, &examined.world, &lowered.end, sandbox, false);
        examined.suspicion = end.map(|verdict| Suspicion { call: last, verdict });
    }
    // A call that was killed on its way out may have written what it owns; nobody knows what that is.
    if examined.suspicion.is_none() && !examined.cut_short {
        examined.suspicion = stray_write(lowered, &after_memory, &owned);
    }
    for clause in seen {
        coverage.mark(clause);
    }
    examined
}

/// The variant that describes a call, by its selecting argument.
pub fn variant_index(spec: &abispec::target::Call, call: &Invocation) -> usize {
    let selected = selector(spec.select, call).map(|value| {
        let position = usize::from(spec.select.unwrap_or(0));
        let signed = spec.variants[0].params.get(position).is_some_and(|param| param.int.signed());
        if signed && value > i128::from(i32::MAX) { value - (1 << 32) } else { value }
    });
    let last = spec.variants.len() - 1;
    spec.variants[..last]
        .iter()
        .position(|variant| variant.selector.is_some() && variant.selector == selected)
        .unwrap_or(last)
}

/// The registers as the kernel got them.
fn registers(call: &Invocation, low: &LoweredCall, returns: &[i64], lowered: &Lowered, sandbox: &Sandbox) -> [u64; 6] {
    let mut registers = low.addresses;
    for (slot, arg) in registers.iter_mut().zip(&call.args) {
        match arg {
            Argument::Number(value) => *slot = *value,
            Argument::Block(_) => {}
            Argument::Result { of, output, high } => {
                let value = match output {
                    Output::Ret => returns.get(*of).copied().unwrap_or(-1),
                    Output::Written { param, offset } => {
                        let address = lowered.calls.get(*of).map_or(0, |call| call.addresses[usize::from(*param)]);
                        sandbox
                            .arena()
                            .slice(address + u64::from(*offset), 4)
                            .and_then(|bytes| <[u8; 4]>::try_from(bytes).ok())
                            .map_or(-1, |bytes| i64::from(i32::from_le_bytes(bytes)))
                    }
                };
                let value = value.cast_unsigned();
                *slot = high.map_or(value, |high| value & 0xffff_ffff | u64::from(high) << 32);
            }
        }
    }
    registers
}

/// Adds the memory that a call may write.
fn own(
    view: &View<'_>,
    variant: &Variant,
    low: &LoweredCall,
    error: Option<u32>,
    context: Context<'_>,
    owned: &mut Vec<(u64, u64)>,
) {
    let arch = context.resolved.target.arch;
    let fault = Errno::from_name("EFAULT").map(|errno| errno.number(arch));
    for (position, param) in variant.params.iter().enumerate() {
        let Some(memory) = &param.memory else { continue };
        let linked = points_to_written(&param.ty, context.resolved);
        if !memory.direction.writes() && !linked {
            continue;
        }
        let index = u8::try_from(position).unwrap_or(0);
        let written = written_bytes(view, variant, index, error, arch);
        let permitted = error.is_none() || error == fault || written.is_some();
        if !permitted {
            continue;
        }
        for block in low.blocks.iter().filter(|block| block.param == index) {
            if block.linked != linked && !(block.linked && linked) {
                continue;
            }
            let bytes = match written {
                Some(Some(bytes)) if !block.linked => bytes.min(block.present as u64),
                _ => block.present as u64,
            };
            owned.push((block.address, block.address + bytes));
        }
    }
}

/// Whether a pointer leads to structs whose own pointers are written through.
fn points_to_written(ty: &Type, resolved: &Resolved) -> bool {
    let Type::Ptr { to, .. } = ty else { return false };
    let inner = match &**to {
        Type::Array { of, .. } => of,
        other => other,
    };
    let Type::Struct(name) = inner else { return false };
    resolved.structs.get(name).is_some_and(|found| {
        found.fields.iter().any(|field| {
            matches!(
                field.shape.ty,
                Type::Ptr { direction: Direction::Out | Direction::InOut, .. }
                    | Type::Buffer { direction: Direction::Out | Direction::InOut, .. }
            )
        })
    })
}

/// What `writes` says of a parameter: `None` nothing, `Some(None)` up to the whole range, else this many bytes.
fn written_bytes(
    view: &View<'_>,
    variant: &Variant,
    param: u8,
    error: Option<u32>,
    arch: abispec::arch::Arch,
) -> Option<Option<u64>> {
    for rule in &variant.effects {
        let Effect::Writes { to: abispec::expr::Expr::Param(index), bytes } = &rule.effect.effect else { continue };
        if *index != param {
            continue;
        }
        if let Some(number) = error {
            if rule.effect.on.iter().any(|errno| errno.number(arch) == number) {
                return Some(None);
            }
            continue;
        }
        let holds = rule.effect.when.as_ref().map_or(Truth::True, |when| truth(&when.value, view, Moment::Before));
        match holds {
            Truth::False => {}
            Truth::Unknown => return Some(None),
            Truth::True => {
                let known = bytes.as_ref().and_then(|bytes| evaluate(bytes, view, Moment::Before));
                return Some(known.and_then(|bytes| u64::try_from(bytes).ok()));
            }
        }
    }
    None
}

/// Holds what the kernel says of the descriptors that effects touched against the model.
#[expect(clippy::too_many_arguments, reason = "everything that is known of one call, used nowhere else")]
fn effects(
    context: Context<'_>,
    variant: &Variant,
    registers: [u64; 6],
    ret: i64,
    before: Scene<'_>,
    next: &World,
    memory: &dyn Memory,
    low: &LoweredCall,
    sandbox: &Sandbox,
    seen: &mut Vec<ClauseId>,
) -> Option<Verdict> {
    if variant.effects.is_empty() {
        return None;
    }
    let after = Scene { world: next, memory };
    let view = View::new(context.numbers, variant, registers, before).returned(ret, after);
    let mut active: Vec<ClauseId> = Vec::new();
    for rule in &variant.effects {
        let then = rule.effect.when.as_ref().map_or(Truth::True, |when| truth(&when.value, &view, Moment::Before));
        if then == Truth::True {
            active.push(rule.clause);
        }
    }
    for probe in &low.probes {
        let Some(fd) = subject_number(probe.subject, registers, ret, sandbox) else { continue };
        if let Some((what, expected, actual)) = differs(&view, fd, probe, sandbox) {
            let clause = variant
                .effects
                .iter()
                .filter(|rule| active.contains(&rule.clause))
                .find(|rule| touches(&rule.effect.effect, probe.subject, &low.addresses, &what))
                .or_else(|| variant.effects.iter().find(|rule| active.contains(&rule.clause)))
                .map(|rule| rule.clause);
            let expected = format!("{what} of descriptor {fd} is {expected}");
            return Some(Verdict { id: "broken-effect", clause, expected, actual: format!("it is {actual}") });
        }
    }
    let found =
        |path: u8, moment| view.call(Function::Exists, &[OperandValue::Param { index: path, value: None }], moment);
    for rule in variant.effects.iter().filter(|rule| active.contains(&rule.clause)) {
        // Effects that say of a name what cannot be are wrong whatever the kernel did.
        let (path, wrong, expected, actual) = match &rule.effect.effect {
            Effect::Creates { path, .. } => {
                (path, found(*path, Moment::Before) == Some(1), "new", "named a file before")
            }
            Effect::Opens { file: Some(path), .. } => {
                (path, found(*path, Moment::After) == Some(0), "a file's", "names no file")
            }
            _ => continue,
        };
        if wrong {
            let expected = format!("the name in argument {} is {expected}", path + 1);
            let actual = format!("it {actual}, and the call succeeded");
            return Some(Verdict { id: "broken-effect", clause: Some(rule.clause), expected, actual });
        }
    }
    if let Some((what, expected, actual)) = low.file.as_ref().and_then(|file| file_differs(&view, ret, file, sandbox)) {
        let makes = |effect: &Effect| matches!(effect, Effect::Creates { .. } | Effect::SetsSize { .. });
        let clause = variant
            .effects
            .iter()
            .filter(|rule| active.contains(&rule.clause))
            .find(|rule| makes(&rule.effect.effect))
            .or_else(|| variant.effects.iter().find(|rule| active.contains(&rule.clause)))
            .map(|rule| rule.clause);
        let expected = format!("{what} descriptor {ret} is {expected}");
        return Some(Verdict { id: "broken-effect", clause, expected, actual: format!("it is {actual}") });
    }
    if let Some((param, expected, actual)) = misnamed(&view, low, sandbox) {
        let clause = variant
            .effects
            .iter()
            .find(|rule| active.contains(&rule.clause) && names(&rule.effect.effect, param))
            .or_else(|| variant.effects.iter().find(|rule| names(&rule.effect.effect, param)))
            .map(|rule| rule.clause);
        let word = |there: bool| if there { "names a file" } else { "names nothing" };
        let expected = format!("argument {} {}", param + 1, word(expected));
        return Some(Verdict { id: "broken-effect", clause, expected, actual: format!("it {}", word(actual)) });
    }
    seen.extend(active);
    None
}

/// Whether an effect makes or takes away the name in a parameter.
fn names(effect: &Effect, param: u8) -> bool {
    match effect {
        Effect::Creates { path, .. } | Effect::Removes { path } => *path == param,
        Effect::Links { to, .. } => *to == param,
        Effect::Renames { from, to, .. } => *from == param || *to == param,
        _ => false,
    }
}

/// The first name that is there for the kernel and not for the model, or the other way round.
fn misnamed(view: &View<'_>, low: &LoweredCall, sandbox: &Sandbox) -> Option<(u8, bool, bool)> {
    low.names.iter().find_map(|probe| {
        let result = sandbox.result(probe.op);
        let there = match (result.state, result.errno()) {
            (OpState::Done, None) => true,
            (OpState::Done, Some(libc::ENOENT)) => false,
            _ => return None,
        };
        let operand = OperandValue::Param { index: probe.param, value: None };
        let expected = view.call(Function::Exists, &[operand], Moment::After)? != 0;
        (expected != there).then_some((probe.param, expected, there))
    })
}

fn touches(effect: &Effect, subject: Subject, addresses: &[u64; 6], what: &str) -> bool {
    use abispec::expr::Expr;
    let same = |fd: &Expr| match (fd, subject) {
        (Expr::Ret, Subject::Ret) => true,
        (Expr::Param(a), Subject::Param(b)) => *a == b,
        (Expr::Load { address, .. }, Subject::At(found)) => crate::lower::at(address, addresses) == Some(found),
        _ => false,
    };
    match effect {
        Effect::Opens { fd, .. } => same(fd),
        Effect::Duplicates { to, .. } => same(to),
        Effect::SetsOffset { fd, .. } => same(fd) && what == "the offset",
        Effect::SetsStatus { fd, .. } => same(fd) && what == "F_GETFL",
        Effect::SetsCloexec { fd, .. } => fd.as_ref().is_some_and(same) && what == "close-on-exec",
        Effect::Closes { fd, .. } => fd.as_ref().is_some_and(same),
        _ => false,
    }
}

fn subject_number(subject: Subject, registers: [u64; 6], ret: i64, sandbox: &Sandbox) -> Option<i32> {
    match subject {
        Subject::Number(number) => Some(number),
        Subject::Ret => i32::try_from(ret).ok(),
        Subject::Param(index) => Some(registers[usize::from(index)] as u32 as i32),
        Subject::At(address) => {
            let bytes = sandbox.arena().slice(address, 4)?;
            Some(i32::from_le_bytes(bytes.try_into().ok()?))
        }
    }
}

/// What one probe saw of a descriptor.
struct Look {
    open: bool,
    cloexec: Option<i64>,
    status: Option<i64>,
    offset: Option<i64>,
}

fn look(probe: &Probe, sandbox: &Sandbox) -> Option<Look> {
    let done = |op: OpIndex| {
        let result = sandbox.result(op);
        (result.state == OpState::Done).then_some(result.ret)
    };
    let first = done(probe.cloexec)?;
    let fine = |op| done(op).filter(|ret| !(-4095..0).contains(ret));
    let cloexec = (first >= 0).then_some(first & 1);
    Some(Look { open: first >= 0, cloexec, status: fine(probe.status), offset: fine(probe.offset) })
}

/// The first property of a descriptor that the kernel and the model see differently.
fn differs(view: &View<'_>, fd: i32, probe: &Probe, sandbox: &Sandbox) -> Option<(String, String, String)> {
    let look = look(probe, sandbox)?;
    let model = |function| view.call(function, &[OperandValue::Value(i128::from(fd))], Moment::After);
    let open = model(Function::Open)?;
    let word = |open: bool| if open { "open" } else { "closed" };
    if (open != 0) != look.open {
        return Some(("the state".to_owned(), word(open != 0).to_owned(), word(look.open).to_owned()));
    }
    if !look.open {
        return None;
    }
    let compare = |what: &str, function, seen: Option<i64>| {
        let (expected, seen) = (model(function)?, i128::from(seen?));
        (expected != seen).then(|| (what.to_owned(), format!("{expected:#x}"), format!("{seen:#x}")))
    };
    compare("close-on-exec", Function::Cloexec, look.cloexec)
        .or_else(|| compare("F_GETFL", Function::StatusFlags, look.status))
        .or_else(|| {
            // Only what has a position answers lseek with one.
            let seekable = model(Function::Seekable).is_some_and(|seekable| seekable != 0);
            if seekable { compare("the offset", Function::Offset, look.offset) } else { None }
        })
}

/// Holds a whole descriptor table against the model.
fn table(context: Context<'_>, world: &World, probes: &[Probe], sandbox: &Sandbox, failed: bool) -> Option<Verdict> {
    if probes.is_empty() {
        return None;
    }
    let nothing = crate::world::memory::Dark;
    let scene = Scene { world, memory: &nothing };
    let variant = context.resolved.calls.first()?.variants.first()?;
    let view = View::new(context.numbers, variant, [0; 6], scene);
    for probe in probes {
        let Subject::Number(fd) = probe.subject else { continue };
        if let Some((what, expected, actual)) = differs(&view, fd, probe, sandbox) {
            let id = if failed { "failure-changed-state" } else { "stray-descriptor" };
            let expected = format!("{what} of descriptor {fd} is {expected}");
            return Some(Verdict { id, clause: None, expected, actual: format!("it is {actual}") });
        }
    }
    None
}

/// Counts the clauses about ignored bits: the outcome was right although such a bit was set.
fn ignored(resolved: &Resolved, variant: &Variant, registers: &[u64; 6], seen: &mut Vec<ClauseId>) {
    for (param, register) in variant.params.iter().zip(registers) {
        if let (Some(Unknown::Ignored), Some(clause)) = (param.unknown, param.ignored_clause)
            && let Type::Flags { set, .. } | Type::Enum { set, .. } = &param.ty
            && let Some(set) = resolved.sets.get(set)
            && i128::from(*register & 0xffff_ffff) & !set.known != 0
        {
            seen.push(clause);
        }
    }
}

/// The first byte that changed and that no call owns.
fn stray_write(lowered: &Lowered, after: &CellMemory<'_>, owned: &[(u64, u64)]) -> Option<Suspicion> {
    let whole = CELL_RW_SIZE as usize;
    let image = &lowered.image;
    for (was, start) in [(&image.low, 0), (&image.high, whole - image.high.len())] {
        let is = after.low.get(start..start + was.len())?;
        if was == is {
            continue;
        }
        for (offset, (old, new)) in was.iter().zip(is).enumerate().filter(|(_, (old, new))| old != new) {
            let address = lowered.cell + CELL_RW + (start + offset) as u64;
            if owned.iter().any(|(begin, end)| (*begin..*end).contains(&address)) {
                continue;
            }
            return Some(stray(lowered, address, *old, *new));
        }
    }
    None
}

fn stray(lowered: &Lowered, address: u64, old: u8, new: u8) -> Suspicion {
    // The nearest block before the byte, or else after it, names the call.
    let blocks =
        lowered.calls.iter().enumerate().flat_map(|(call, low)| low.blocks.iter().map(move |block| (call, block)));
    let nearest = blocks.min_by_key(|(_, block)| {
        let end = block.address + block.present as u64;
        if address < block.address { block.address - address + 1 } else { (address + 1).saturating_sub(end) }
    });
    let (call, place) = nearest.map_or((0, String::new()), |(call, block)| {
        let at = i128::from(address) - i128::from(block.address);
        (call, format!(" at byte {at} of argument {} ({} bytes)", block.param + 1, block.present))
    });
    let expected = format!("memory{place} stays as it is");
    let actual = format!("it changed from {old:#04x} to {new:#04x}");
    Suspicion { call, verdict: Verdict { id: "stray-write", clause: None, expected, actual } }
}

/// What the kernel says of the file behind a returned descriptor.
struct FileLook {
    kind: Word,
    permissions: i128,
    links: i128,
    size: i128,
}

fn file_look(probe: &FileProbe, sandbox: &Sandbox) -> Option<FileLook> {
    let result = sandbox.result(probe.op);
    if result.state != OpState::Done || result.ret != 0 {
        return None;
    }
    let answer = sandbox.arena().slice(probe.address, STATX_BYTES)?;
    let number = |at: usize, bytes: usize| {
        let mut whole = [0; 8];
        whole[..bytes].copy_from_slice(answer.get(at..at + bytes)?);
        Some(u64::from_le_bytes(whole))
    };
    // The offsets of stx_mode, stx_nlink and stx_size are the same on every port.
    let mode = u32::try_from(number(28, 2)?).ok()?;
    let kind = match mode & libc::S_IFMT {
        libc::S_IFREG => Word::Regular,
        libc::S_IFDIR => Word::Directory,
        libc::S_IFLNK => Word::Symlink,
        libc::S_IFCHR => Word::CharDevice,
        libc::S_IFBLK => Word::BlockDevice,
        libc::S_IFIFO => Word::Pipe,
        libc::S_IFSOCK => Word::Socket,
        _ => return None,
    };
    let (links, size) = (number(16, 4)?.into(), number(40, 8)?.into());
    Some(FileLook { kind, permissions: (mode & 0o7777).into(), links, size })
}

/// The first property of the file behind a returned descriptor that the kernel and the model see differently.
fn file_differs(view: &View<'_>, ret: i64, probe: &FileProbe, sandbox: &Sandbox) -> Option<(String, String, String)> {
    let look = file_look(probe, sandbox)?;
    let model = |function| view.call(function, &[OperandValue::Value(i128::from(ret))], Moment::After);
    let kind = model(Function::Kind)?;
    if kind != look.kind.number() {
        let name = Word::ALL.iter().find(|word| word.number() == kind).map_or("other", |word| word.name());
        return Some(("the kind of".to_owned(), name.to_owned(), look.kind.name().to_owned()));
    }
    if look.kind != Word::Regular {
        return None;
    }
    let compare = |what: &str, function, seen: i128| {
        let expected = model(function)?;
        (expected != seen).then(|| (what.to_owned(), format!("{expected:#o}"), format!("{seen:#o}")))
    };
    compare("the permissions of", Function::Permissions, look.permissions)
        .or_else(|| compare("the size of", Function::Size, look.size))
        .or_else(|| compare("the number of links of", Function::Links, look.links))
}

/// Answers of the kernel about the descriptors that a call touched.
struct KernelLooks<'a> {
    low: &'a LoweredCall,
    sandbox: &'a Sandbox,
    registers: [u64; 6],
}

impl Looks for KernelLooks<'_> {
    fn look(&self, function: Function, operands: &[OperandValue]) -> Option<Option<i128>> {
        let fd = operands.first()?.value()?;
        let ret = self.sandbox.result(self.low.op).ret;
        let probe = self.low.probes.iter().find(|probe| {
            subject_number(probe.subject, self.registers, ret, self.sandbox).map(i128::from) == Some(fd)
        })?;
        if let (Some(file), Subject::Ret) = (&self.low.file, probe.subject)
            && matches!(function, Function::Size | Function::Links | Function::Permissions)
        {
            let look = file_look(file, self.sandbox)?;
            return Some(match function {
                Function::Permissions => Some(look.permissions),
                Function::Links => Some(look.links),
                _ => Some(look.size).filter(|_| matches!(look.kind, Word::Regular | Word::Directory | Word::Symlink)),
            });
        }
        let look = look(probe, self.sandbox)?;
        let status = look.status.map(i128::from);
        let access = status.map(|status| status & 3);
        let only_path = status.map(|status| status & i128::from(libc::O_PATH) != 0);
        Some(match function {
            Function::Open => Some(i128::from(look.open)),
            Function::Cloexec => look.cloexec.map(i128::from),
            Function::Nonblock => status.map(|status| i128::from(status & i128::from(libc::O_NONBLOCK) != 0)),
            Function::Append => status.map(|status| i128::from(status & i128::from(libc::O_APPEND) != 0)),
            Function::StatusFlags => status,
            Function::IsPath => only_path.map(i128::from),
            Function::Readable => Some(i128::from(!only_path? && matches!(access?, 0 | 2))),
            Function::Writable => Some(i128::from(!only_path? && matches!(access?, 1 | 2))),
            _ => return None,
        })
    }
}
