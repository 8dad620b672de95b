//! Functions of descriptors.

use super::View;
use crate::world::description::{Channel, Description};
use crate::world::descriptors::Descriptors;
use crate::world::tree::Mount;
use abispec::expr::{Function, Moment, OperandValue, Word};

/// The largest value that an event counter can hold.
const COUNTER_MAX: u64 = u64::MAX - 1;

impl View<'_> {
    pub(super) fn descriptors(&self, function: Function, operands: &[OperandValue], moment: Moment) -> Option<i128> {
        let world = self.scene(moment).world;
        let table = &world.descriptors;
        let value = |index: usize| operands.get(index).and_then(|operand| operand.value());
        let described = || Some(table.description(value(0)?)).flatten();
        let truth = |answer: Option<bool>| answer.map(i128::from);
        match function {
            Function::Open => truth(table.is_open(value(0)?)),
            Function::Kind => self.kind(*operands.first()?, moment).map(Word::number),
            Function::Readable => truth(described()?.access.map(|access| access.read)),
            Function::Writable => truth(described()?.access.map(|access| access.write)),
            Function::IsPath => truth(described()?.is_path),
            Function::Nonblock => truth(described()?.nonblock),
            Function::Append => truth(described()?.append),
            Function::Cloexec => truth(table.get(value(0)?)?.cloexec),
            Function::StatusFlags => described()?.status,
            Function::Seekable => truth(described()?.seekable()),
            Function::Offset => described()?.offset.map(i128::from),
            Function::Available => available(table, described()?).map(i128::from),
            Function::Room => self.room(table, described()?).map(i128::from),
            Function::PeerClosed => truth(table.peer_closed(value(0)?)),
            Function::Family => described()?.socket.family.map(i128::from),
            Function::SocketType => described()?.socket.kind.map(i128::from),
            Function::Fresh => truth(described()?.socket.fresh),
            Function::Seals => {
                let inode = world.tree.get(described()?.inode?).filter(|_| world.tree.is_known())?;
                // Files of a mounted tmpfs cannot be sealed, and say so.
                let sealed = inode.kind == Some(Word::Regular)
                    && inode.mount == Some(Mount::Work)
                    && world.process.identity.work_file_system == Word::Tmpfs;
                if sealed { Some(self.numbers.f_seal_seal) } else { inode.seals.map(i128::from) }
            }
            Function::SameDescription => {
                let (a, b) = (table.get(value(0)?)?, table.get(value(1)?)?);
                Some(i128::from(a.description == b.description))
            }
            Function::FreeFds => {
                let limit = world.process.limit(self.numbers.rlimit_nofile as i128).0?;
                let from = value(0).filter(|from| *from >= 0)?;
                table.free_between(from, i128::from(limit))
            }
            Function::LowestFree => {
                let table = &self.scene(Moment::Before).world.descriptors;
                truth(table.is_lowest_free(value(0)?, value(1)?))
            }
            _ => None,
        }
    }

    fn room(&self, table: &Descriptors, description: &Description) -> Option<u64> {
        match description.channel {
            Channel::Pipe(id) => table.pipe(id)?.pages.room(self.numbers.page_size),
            Channel::Counter(value) => COUNTER_MAX.checked_sub(value?),
            Channel::Socket { .. } | Channel::None => None,
        }
    }
}

fn available(table: &Descriptors, description: &Description) -> Option<u64> {
    match description.channel {
        Channel::Pipe(id) => table.pipe(id)?.pages.available(),
        Channel::Socket { available, .. } => available,
        Channel::Counter(value) => value,
        Channel::None => None,
    }
}
