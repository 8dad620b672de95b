//! One call of a foreign process as conditions see it.
//!
//! [`View`] answers from the model; this answers from the process itself what the model does not follow, and says nothing
//! where others may have had a hand in it.

use super::able;
use super::witness::{Answer, Descriptor, Question, Status, Witness};
use crate::world::View;
use abispec::expr::{Function, Moment, Observer, OperandValue, Word};
use std::cell::{OnceCell, RefCell};

/// What can be learnt of the task at the end of its call.
pub(super) struct Facts<'w, W> {
    /// Who answers.
    pub(super) witness: &'w RefCell<&'w mut W>,
    /// The task.
    pub(super) tid: i32,
    /// The signals that it blocked when it made the call.
    pub(super) signals: Option<u64>,
    /// Whether descriptors are looked at after the call, and mean what the call left: nobody else has this table.
    pub(super) looks: bool,
    /// The limit of open descriptors.
    pub(super) open_limit: Option<u64>,
    /// Nobody changed limits meanwhile.
    pub(super) limits: bool,
    status: OnceCell<Option<Status>>,
    looked: RefCell<Vec<(i32, Option<Descriptor>)>>,
}

impl<'w, W: Witness> Facts<'w, W> {
    pub(super) fn new(witness: &'w RefCell<&'w mut W>, tid: i32) -> Self {
        Self {
            witness,
            tid,
            signals: None,
            looks: false,
            open_limit: None,
            limits: false,
            status: OnceCell::new(),
            looked: RefCell::default(),
        }
    }

    fn status(&self) -> Option<&Status> {
        let ask = || match self.witness.borrow_mut().ask(self.tid, Question::Status) {
            Answer::Status(status) => Some(status),
            _ => None,
        };
        self.status.get_or_init(ask).as_ref()
    }

    /// What a number is after the call.
    pub(super) fn descriptor(&self, fd: i128) -> Option<Descriptor> {
        let fd = i32::try_from(fd).ok()?;
        if let Some((_, seen)) = self.looked.borrow().iter().find(|(known, _)| *known == fd) {
            return *seen;
        }
        let seen = match self.witness.borrow_mut().ask(self.tid, Question::Descriptor(fd)) {
            Answer::Descriptor(seen) => Some(seen),
            _ => None,
        };
        self.looked.borrow_mut().push((fd, seen));
        seen
    }

    fn limit(&self, resource: i128) -> Option<(u64, u64)> {
        let resource = u32::try_from(resource).ok().filter(|_| self.limits)?;
        match self.witness.borrow_mut().ask(self.tid, Question::Limit(resource)) {
            Answer::Limit(soft, hard) => Some((soft, hard)),
            _ => None,
        }
    }
}

/// The eyes.
pub(super) struct Eyes<'a, 'f, 'w, W> {
    pub(super) view: &'f View<'a>,
    pub(super) facts: &'f Facts<'w, W>,
}

impl<W: Witness> Eyes<'_, '_, '_, W> {
    /// What looking at a descriptor after the call shows.
    fn look(&self, function: Function, operands: &[OperandValue]) -> Option<i128> {
        let facts = Some(self.facts).filter(|facts| facts.looks)?;
        let seen = facts.descriptor(operands.first()?.value()?)?;
        let Descriptor::Open { flags, position, .. } = seen else {
            return (function == Function::Open).then_some(0);
        };
        let bit = |bit: i32| Some(i128::from(flags & bit as u64 != 0));
        let is_path = flags & libc::O_PATH as u64 != 0;
        let access = |modes: [u64; 2]| Some(i128::from(!is_path && modes.contains(&(flags & 3))));
        match function {
            Function::Open => Some(1),
            Function::Kind => seen.kind().map(Word::number),
            Function::Cloexec => bit(libc::O_CLOEXEC),
            Function::Nonblock => bit(libc::O_NONBLOCK),
            Function::Append => bit(libc::O_APPEND),
            Function::IsPath => bit(libc::O_PATH),
            Function::Readable => access([0, 2]),
            Function::Writable => access([1, 2]),
            Function::StatusFlags => Some(i128::from(flags & !(libc::O_CLOEXEC as u64))),
            Function::Seekable => match seen.kind()? {
                _ if is_path => Some(0),
                Word::Regular | Word::Directory | Word::BlockDevice => Some(1),
                Word::Pipe | Word::Socket => Some(0),
                _ => None,
            },
            Function::Offset => Some(i128::from(position)),
            _ => None,
        }
    }
}

impl<W: Witness> Observer for Eyes<'_, '_, '_, W> {
    fn argument(&self, index: u8) -> Option<i128> {
        self.view.argument(index)
    }

    fn result(&self) -> Option<i128> {
        self.view.result()
    }

    fn load(&self, address: i128, size: u8, signed: bool, moment: Moment) -> Option<i128> {
        self.view.load(address, size, signed, moment)
    }

    fn call(&self, function: Function, operands: &[OperandValue], moment: Moment) -> Option<i128> {
        let path = matches!(operands.first(), Some(OperandValue::Param { index, .. })
            if self.view.variant().params.get(usize::from(*index)).is_some_and(|param| param.path.is_some()));
        if !able::answers(function, path, moment) {
            return None;
        }
        match function {
            Function::Pid => self.facts.status().map(|status| status.own_pid.into()),
            Function::Tid => self.facts.status().map(|status| status.own_tid.into()),
            Function::Uid => self.facts.status().map(|status| status.uids[0].into()),
            Function::Euid => self.facts.status().map(|status| status.uids[1].into()),
            Function::Gid => self.facts.status().map(|status| status.gids[0].into()),
            Function::Sigmask => self.facts.signals.map(i128::from),
            Function::Rlimit => self.facts.limit(operands.first()?.value()?).map(|(soft, _)| soft.into()),
            Function::RlimitMax => self.facts.limit(operands.first()?.value()?).map(|(_, hard)| hard.into()),
            Function::Process => match self.view.call(function, operands, moment)? {
                // What the model does not know to be its own it does not know at all.
                0 => Some(0),
                known => Some(known),
            },
            Function::FreeFds => {
                let table = &self.view.world(moment).descriptors;
                let from = operands.first()?.value().filter(|from| *from >= 0)?;
                table.free_between(from, self.facts.open_limit?.into())
            }
            Function::LowestFree => self.view.call(function, operands, moment),
            Function::Open
            | Function::Kind
            | Function::Cloexec
            | Function::Nonblock
            | Function::Append
            | Function::IsPath
            | Function::Readable
            | Function::Writable
            | Function::StatusFlags
            | Function::Seekable
            | Function::Offset
                if moment == Moment::After =>
            {
                self.look(function, operands)
            }
            _ => self.view.call(function, operands, moment),
        }
    }
}
