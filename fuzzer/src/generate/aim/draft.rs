//! A call as it will be when the calls before it are made: what conditions can know of it by then.

use super::super::names::PathWish;
use super::super::objects::ObjectWish;
use super::super::values::UNMAPPED;
use super::caller::CallerWish;
use super::mappings::RangeWish;
use crate::exec::{EXECUTOR_PID, SLEEPING_CHILD};
use crate::program::{Argument, Placement};
use crate::unmade::{BEHIND, Unmade};
use abispec::expr::{Expr, Function, Moment, Observer, OperandValue, Truth, Word, evaluate, truth};
use abispec::target::Variant;
use abispec::types::IntType;

/// Arguments, and what has to be made before the call.
#[derive(Clone)]
pub(super) struct Draft {
    pub(super) args: Vec<Argument>,
    /// What names are to be.
    pub(super) paths: Vec<PathWish>,
    /// What descriptors are to be.
    pub(super) objects: Vec<ObjectWish>,
    /// What the caller is to be.
    pub(super) caller: CallerWish,
    /// What ranges of addresses are to be.
    pub(super) ranges: Vec<RangeWish>,
    /// The parameters, a bit for each, whose numbers a condition gave.
    pub(super) settled: u8,
}

/// Where memory of programs ends, on the port that sees most of it; a page less or more is a near miss.
const USER_END: i128 = (1 << 47) - 4096;

/// A draft as conditions see it.
#[derive(Clone, Copy)]
pub(super) struct Planned<'a> {
    pub(super) args: &'a [Argument],
    /// Everything else.
    pub(super) draft: &'a Draft,
    pub(super) variant: &'a Variant,
    /// Bytes of a pointer.
    pub(super) word: u32,
}

impl Planned<'_> {
    /// What a condition is, as far as is known.
    pub(super) fn truth(&self, condition: &Expr) -> Truth {
        truth(condition, self, Moment::Before)
    }

    /// What a number is, as far as is known.
    pub(super) fn value(&self, expr: &Expr) -> Option<i128> {
        evaluate(expr, self, Moment::Before)
    }

    fn mapped(&self, address: i128, bytes: i128, access: Option<i128>) -> Option<i128> {
        if bytes <= 0 {
            return (bytes == 0).then_some(1);
        }
        if address < BEHIND {
            let nowhere = address < 4096 || address == i128::from(UNMAPPED) || address >= USER_END;
            return nowhere.then_some(0);
        }
        let index = usize::try_from(address / BEHIND - 1).ok()?;
        let Argument::Block(block) = self.args.get(index)? else { return None };
        let inside = address % BEHIND + bytes <= block.present() as i128;
        match block.placement {
            Placement::ReadOnly if access == Some(Word::Write.number()) => Some(0),
            Placement::Edge(_) => Some(inside.into()),
            Placement::Middle | Placement::ReadOnly => inside.then_some(1),
        }
    }

    fn descriptor(&self, function: Function, wish: &ObjectWish) -> Option<i128> {
        let state = &wish.state;
        let truth = |answer: Option<bool>| answer.map(i128::from);
        if function == Function::Open {
            return Some(i128::from(!wish.closed));
        }
        if wish.closed {
            return None;
        }
        let kind = only(&wish.kinds);
        match function {
            Function::Kind => kind.map(Word::number),
            Function::IsPath => Some(wish.is_path.into()),
            _ if wish.is_path => None,
            Function::Readable => truth(wish.readable),
            Function::Writable => truth(wish.writable),
            Function::Append => truth(wish.append),
            Function::Nonblock => truth(wish.socket.nonblock),
            Function::Fresh => truth(wish.socket.fresh),
            Function::Seekable => match kind? {
                Word::Regular | Word::Directory => Some(1),
                Word::Pipe | Word::Socket => Some(0),
                _ => None,
            },
            Function::Size => state.size,
            Function::Offset => state.offset,
            Function::Seals => state.seals,
            Function::StatusFlags => wish.status,
            Function::Permissions => wish.permissions,
            Function::Available => state.available,
            Function::Room => state.room,
            Function::PeerClosed => truth(state.lonely),
            Function::Family => only(&wish.socket.families),
            Function::SocketType => only(&wish.socket.kinds),
            _ => None,
        }
    }

    fn path(&self, function: Function, wish: &PathWish) -> Option<i128> {
        match function {
            Function::Exists => Some(i128::from(wish.exists != Some(false))),
            Function::Empty => Some(i128::from(wish.empty)),
            Function::Overlong => Some(i128::from(wish.overlong)),
            Function::Unreadable => Some(i128::from(wish.unreadable)),
            Function::Walk => Some(wish.walk),
            Function::TrailingSlash => Some(i128::from(wish.slash)),
            Function::LastIsSymlink => Some(i128::from(wish.last_link)),
            Function::ViaSymlink => Some(i128::from(wish.link || wish.last_link)),
            Function::Kind if wish.gone => Some(Word::Directory.number()),
            Function::Kind => only(&wish.kinds).map(Word::number),
            Function::Permissions => wish.permissions,
            Function::Links if wish.gone => Some(0),
            _ => None,
        }
    }
}

fn only<T: Copy>(list: &[T]) -> Option<T> {
    match list[..] {
        [only] => Some(only),
        _ => None,
    }
}

impl Observer for Planned<'_> {
    fn argument(&self, index: u8) -> Option<i128> {
        let param = self.variant.params.get(usize::from(index))?;
        match self.args.get(usize::from(index))? {
            Argument::Number(register) => {
                let descriptor = param.ty.is_descriptor();
                let int = if descriptor { IntType::Fixed { bits: 32, signed: true } } else { param.int };
                Some(int.value_of(*register, self.word))
            }
            _ => Unmade(self.args).argument(index),
        }
    }

    fn result(&self) -> Option<i128> {
        None
    }

    fn load(&self, address: i128, size: u8, signed: bool, moment: Moment) -> Option<i128> {
        let value = Unmade(self.args).load(address, size, signed, moment)?;
        let bits = 8 * u32::from(size);
        Some(if signed && value >> (bits - 1) & 1 != 0 { value - (1 << bits) } else { value })
    }

    fn call(&self, function: Function, operands: &[OperandValue], moment: Moment) -> Option<i128> {
        let value = |index: usize| operands.get(index).and_then(|operand| operand.value());
        match function {
            Function::UserRange => {
                let (start, len) = (value(0)?, value(1)?);
                return Some(i128::from(start >= BEHIND || start + len <= USER_END));
            }
            Function::Mapped => return self.mapped(value(0)?, value(1)?, value(2)),
            Function::U64 => return self.load(value(0)?, 8, false, moment),
            Function::Pid | Function::Tid => return Some(EXECUTOR_PID.into()),
            Function::Process => return exists(value(0)?),
            Function::Rlimit | Function::RlimitMax => return self.draft.caller.limit(value(0)?),
            Function::Nice => return self.draft.caller.nice,
            Function::Policy => return self.draft.caller.policy,
            Function::Umask => return self.draft.caller.umask,
            Function::FreeFds => return self.draft.caller.free.filter(|_| value(0).is_some()),
            _ => {}
        }
        let OperandValue::Param { index, value: number } = operands.first()? else { return None };
        let position = usize::from(*index);
        let wish = self.draft.objects.get(position).filter(|wish| **wish != ObjectWish::default());
        if let Some(wish) = wish {
            if function == Function::SameDescription {
                return None;
            }
            return self.descriptor(function, wish);
        }
        // A number that nobody has.
        if function == Function::Open && number.is_some_and(|number| !(0..1000).contains(&number)) {
            return Some(0);
        }
        let wish = self.draft.paths.get(position).filter(|wish| wish.any)?;
        self.path(function, wish)
    }
}

/// Whether a process of this number exists; of most small ones that is not known.
fn exists(number: i128) -> Option<i128> {
    if number == i128::from(EXECUTOR_PID) || number == i128::from(SLEEPING_CHILD) {
        return Some(1);
    }
    (!(0..1000).contains(&number)).then_some(0)
}
