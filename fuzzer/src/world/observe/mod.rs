//! One call as conditions see it: its arguments, the world and the memory before and after it.
//!
//! What the model does not follow, and whatever depends on it, is unknown. Paths are read from memory as it was before the
//! call and start where they started then, also where the world after the call is looked at.

mod descriptors;
mod files;
mod memory;
mod paths;

pub(super) use files::word;

use super::World;
use super::memory::Memory;
use super::numbers::Numbers;
use super::text::Form;
use super::walk::Walked;
use abispec::expr::{Function, Moment, Observer, OperandValue, Subject};
use abispec::target::Variant;
use abispec::types::IntType;
use std::cell::Cell;
use std::fmt;

/// Answers that the kernel itself gave after the call, through other calls.
pub trait Looks {
    /// What was seen, if anybody looked: the outer `None` is "nobody did".
    fn look(&self, function: Function, operands: &[OperandValue]) -> Option<Option<i128>>;
}

/// The world and the memory at one moment.
#[derive(Clone, Copy)]
pub struct Scene<'a> {
    /// The state.
    pub world: &'a World,
    /// The bytes.
    pub memory: &'a dyn Memory,
}

/// Walks that a view remembers.
const REMEMBERED: usize = 4;

type Memo = Option<(u8, Moment, Option<Walked>)>;
type FormMemo = Option<(i128, Form)>;

/// A call to be judged.
pub struct View<'a> {
    numbers: &'a Numbers,
    variant: &'a Variant,
    /// Converted to the types of the parameters.
    arguments: [i128; 6],
    result: Option<i64>,
    before: Scene<'a>,
    after: Scene<'a>,
    looks: Option<&'a dyn Looks>,
    walks: [Cell<Memo>; REMEMBERED],
    forms: [Cell<FormMemo>; 2],
}

impl fmt::Debug for View<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("View").field("arguments", &self.arguments).field("result", &self.result).finish_non_exhaustive()
    }
}

impl<'a> View<'a> {
    /// A call that has not returned: both moments are the one before it.
    pub fn new(numbers: &'a Numbers, variant: &'a Variant, registers: [u64; 6], before: Scene<'a>) -> Self {
        let mut arguments = [0; 6];
        for ((argument, register), param) in arguments.iter_mut().zip(registers).zip(&variant.params) {
            // Of a descriptor only 32 bits count, also where the C type has more.
            let wide_fd = param.int.bytes(8) == 8 && param.ty.is_descriptor();
            let int = if wide_fd { IntType::Fixed { bits: 32, signed: true } } else { param.int };
            *argument = int.value_of(register, numbers.word);
        }
        Self {
            numbers,
            variant,
            arguments,
            result: None,
            before,
            after: before,
            looks: None,
            walks: [const { Cell::new(None) }; REMEMBERED],
            forms: [const { Cell::new(None) }; 2],
        }
    }

    /// The same call when it has returned.
    #[must_use]
    pub fn returned(self, result: i64, after: Scene<'a>) -> Self {
        // What was before the call stays as it was.
        for slot in &self.walks {
            if matches!(slot.get(), Some((_, Moment::After, _))) {
                slot.set(None);
            }
        }
        Self { result: Some(result), after, ..self }
    }

    /// The world at a moment.
    pub fn world(&self, moment: Moment) -> &'a World {
        self.scene(moment).world
    }

    /// The same call, with answers of the kernel for the state after it.
    #[must_use]
    pub fn looking(self, looks: &'a dyn Looks) -> Self {
        Self { looks: Some(looks), ..self }
    }

    /// What the call promises.
    pub fn variant(&self) -> &'a Variant {
        self.variant
    }

    /// The target's numbers.
    pub fn numbers(&self) -> &'a Numbers {
        self.numbers
    }

    pub(super) fn scene(&self, moment: Moment) -> &Scene<'a> {
        match moment {
            Moment::Before => &self.before,
            Moment::After => &self.after,
        }
    }

    fn process(&self, function: Function, operands: &[OperandValue], moment: Moment) -> Option<i128> {
        let world = self.scene(moment).world;
        let process = &world.process;
        let identity = &process.identity;
        let value = |index: usize| operands.get(index).and_then(|operand| operand.value());
        let truth = |answer: Option<bool>| answer.map(i128::from);
        match function {
            Function::Capable => truth(process.capable()),
            Function::NsCapable => Some(i128::from(process.ns_capable(value(0)?))),
            Function::Rlimit => process.limit(value(0)?).0.map(i128::from),
            Function::RlimitMax => process.limit(value(0)?).1.map(i128::from),
            Function::Pid | Function::Tid => identity.pid.map(i128::from),
            Function::Uid | Function::Euid | Function::Suid => Some(i128::from(identity.uid)),
            Function::Gid | Function::Egid | Function::Sgid => Some(i128::from(identity.gid)),
            // A sandbox without a user namespace of its own has the host's users, whose numbers nobody told.
            Function::MappedUser => {
                truth(identity.user_namespace.then_some((0..identity.ids.into()).contains(&value(0)?)))
            }
            Function::MappedGroup => {
                truth(identity.user_namespace.then_some((0..identity.ids.into()).contains(&value(0)?)))
            }
            Function::Policy => process.policy.map(i128::from),
            Function::Umask => process.umask.map(i128::from),
            Function::Process => truth(process.exists(value(0)?)),
            Function::Nice => process.nice.map(i128::from),
            Function::CwdLength => {
                let length = world.tree.path_length(process.cwd?)?;
                world.tree.is_known().then(|| i128::from(length))
            }
            Function::CwdDeleted => {
                let cwd = world.tree.get(process.cwd?)?;
                world.tree.is_known().then(|| i128::from(cwd.removed))
            }
            Function::Sigmask => process.sigmask.map(i128::from),
            Function::Cpus => identity.cpu_bytes.map(i128::from),
            _ => None,
        }
    }
}

impl Observer for View<'_> {
    fn argument(&self, index: u8) -> Option<i128> {
        let index = usize::from(index);
        if index < self.variant.params.len() { self.arguments.get(index).copied() } else { None }
    }

    fn result(&self) -> Option<i128> {
        self.result.map(i128::from)
    }

    fn load(&self, address: i128, size: u8, signed: bool, moment: Moment) -> Option<i128> {
        self.load_at(address, size, signed, moment)
    }

    fn call(&self, function: Function, operands: &[OperandValue], moment: Moment) -> Option<i128> {
        if moment == Moment::After
            && let Some(answer) = self.looks.and_then(|looks| looks.look(function, operands))
        {
            return answer;
        }
        match function.subject() {
            Subject::Descriptors => self.descriptors(function, operands, moment),
            Subject::Files => self.files(function, operands, moment),
            Subject::Memory => self.memory(function, operands, moment),
            Subject::Mappings => self.mappings(function, operands, moment),
            Subject::Process => self.process(function, operands, moment),
            // The evaluator computes these itself.
            Subject::Numbers => None,
        }
    }
}

#[cfg(test)]
mod tests;
