//! Path parameters: reading, walking, and what they lead to.

use super::{REMEMBERED, View};
use crate::world::numbers::Fault;
use crate::world::text::{self, Ending, Form, PATH_MAX};
use crate::world::tree::{Inode, InodeId, Tree};
use crate::world::walk::{Base, Route, Walked, place, walk};
use abispec::expr::{Expr, Moment, Observer, OperandValue, Truth, Word, truth};
use abispec::model::Effect;
use abispec::target::PathKeys;
use std::cell::Cell;

/// The descriptor that stands for the working directory.
const AT_FDCWD: i128 = -100;

/// What a file operand leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::world) enum File {
    /// A file of the tree.
    Inode(InodeId),
    /// An open descriptor, perhaps of something that the tree does not have.
    Descriptor(i128),
}

impl View<'_> {
    /// Reads a text of the caller, as it was before the call.
    pub(super) fn text<'b>(&self, address: i128, buffer: &'b mut [u8; PATH_MAX]) -> (Ending, &'b [u8]) {
        let Ok(address) = u64::try_from(address) else { return (Ending::Unreadable, &[]) };
        let memory = self.before.memory;
        let readable = |at: u64| self.access(at, 1, Moment::Before).0;
        let ending = text::read(address, buffer, |at, bytes| memory.read(at, bytes), readable);
        match ending {
            Ending::Nul(len) => (ending, buffer.get(..len).unwrap_or_default()),
            Ending::Overlong => (ending, buffer.as_slice()),
            Ending::Unreadable | Ending::Unknown => (ending, &[]),
        }
    }

    /// What a text of the caller looks like.
    pub(super) fn form(&self, address: i128) -> Form {
        let free = self.forms.iter().find(|slot| slot.get().is_none_or(|(of, _)| of == address));
        if let Some((_, form)) = free.and_then(Cell::get) {
            return form;
        }
        let mut buffer = [0; PATH_MAX];
        let (ending, text) = self.text(address, &mut buffer);
        let form = Form::of(ending, text);
        if let Some(slot) = free {
            slot.set(Some((address, form)));
        }
        form
    }

    /// A text of the caller, if it ends where the kernel would still read it.
    pub(in crate::world) fn text_of(&self, address: i128) -> Option<Vec<u8>> {
        let mut buffer = [0; PATH_MAX];
        match self.text(address, &mut buffer) {
            (Ending::Nul(_), text) => Some(text.to_vec()),
            _ => None,
        }
    }

    fn holds(&self, condition: &Expr) -> Option<bool> {
        match truth(condition, self, Moment::Before) {
            Truth::True => Some(true),
            Truth::False => Some(false),
            Truth::Unknown => None,
        }
    }

    /// Where relative paths of a parameter start.
    fn base(&self, keys: &PathKeys) -> Base {
        let world = self.before.world;
        let cwd = || world.process.cwd.map_or(Base::Unknown, Base::Inode);
        let Some(index) = keys.base else { return cwd() };
        let Some(fd) = self.argument(index) else { return Base::Unknown };
        if fd == AT_FDCWD {
            return cwd();
        }
        match world.descriptors.is_open(fd) {
            Some(false) => return Base::NotOpen,
            None => return Base::Unknown,
            Some(true) => {}
        }
        let Some(description) = world.descriptors.description(fd) else { return Base::Unknown };
        match (description.inode, description.kind) {
            (Some(inode), _) => Base::Inode(inode),
            (None, Some(Word::Directory) | None) => Base::Unknown,
            (None, Some(_)) => Base::NoDirectory,
        }
    }

    /// Whether the call wants the name itself, to take it away or to move it.
    fn takes_name(&self, index: u8) -> bool {
        self.variant.effects.iter().any(|effect| match &effect.effect.effect {
            Effect::Removes { path } => *path == index,
            Effect::Renames { from, to, .. } => *from == index || *to == index,
            _ => false,
        })
    }

    fn with_route<T>(&self, index: u8, moment: Moment, f: impl FnOnce(&Tree, &Route<'_>) -> Option<T>) -> Option<T> {
        let keys = self.variant.params.get(usize::from(index))?.path.as_ref()?;
        let mut buffer = [0; PATH_MAX];
        let (ending, path) = self.text(self.argument(index)?, &mut buffer);
        let Ending::Nul(_) = ending else { return None };
        let world = self.scene(moment).world;
        let route = Route {
            text: path,
            base: self.base(keys),
            follow: self.holds(&keys.follow)?,
            name_only: self.takes_name(index) || !self.holds(&keys.must_exist)?,
            empty: path.is_empty() && self.holds(&keys.empty)?,
            scoped: self.holds(&keys.scoped)?,
            rights: self.before.world.process.rights(),
        };
        f(&world.tree, &route)
    }

    /// Walks a path parameter.
    pub(in crate::world) fn walked(&self, index: u8, moment: Moment) -> Option<Walked> {
        let slot = self.walks.get((usize::from(index) * 2 + usize::from(moment == Moment::After)) % REMEMBERED);
        if let Some((of, at, found)) = slot.and_then(|slot| slot.get())
            && (of, at) == (index, moment)
        {
            return found;
        }
        let found = self.with_route(index, moment, walk);
        if let Some(slot) = slot {
            slot.set(Some((index, moment, found)));
        }
        found
    }

    /// The walk, if it came to the last component.
    pub(super) fn arrived(&self, operand: OperandValue, moment: Moment) -> Option<Walked> {
        self.walked(self.path_index(operand)?, moment).filter(|walked| walked.fault.is_none())
    }

    /// The errno of a walk, 0 for none.
    pub(super) fn walk_errno(&self, operand: OperandValue, moment: Moment) -> Option<i128> {
        let index = self.path_index(operand)?;
        if let Some(walked) = self.walked(index, moment) {
            return Some(walked.fault.map_or(0, |fault| self.numbers.fault(fault)));
        }
        match self.form(self.argument(index)?).ending {
            Ending::Overlong => Some(self.numbers.fault(Fault::Enametoolong)),
            Ending::Nul(_) | Ending::Unreadable | Ending::Unknown => None,
        }
    }

    /// The directory and the name that a path parameter stood for before the call.
    pub(in crate::world) fn place(&self, index: u8) -> Option<(InodeId, Vec<u8>)> {
        self.with_route(index, Moment::Before, place)
    }

    /// The parameter behind an operand that is passed as a path.
    pub(super) fn path_index(&self, operand: OperandValue) -> Option<u8> {
        match operand {
            OperandValue::Param { index, .. } => {
                self.variant.params.get(usize::from(index)).filter(|param| param.path.is_some()).map(|_| index)
            }
            OperandValue::Value(_) => None,
        }
    }

    /// What a file operand leads to; `None` if it does not exist or nobody knows.
    pub(in crate::world) fn file(&self, operand: OperandValue, moment: Moment) -> Option<File> {
        let Some(index) = self.path_index(operand) else {
            let fd = operand.value()?;
            let open = self.scene(moment).world.descriptors.is_open(fd)?;
            return open.then_some(File::Descriptor(fd));
        };
        let walked = self.walked(index, moment).filter(Walked::exists)?;
        match walked.inode {
            Some(inode) => Some(File::Inode(inode)),
            None => {
                let keys = self.variant.params.get(usize::from(index))?.path.as_ref()?;
                Some(File::Descriptor(self.argument(keys.base?)?))
            }
        }
    }

    /// The tree's file behind a file operand.
    pub(in crate::world) fn inode_id(&self, operand: OperandValue, moment: Moment) -> Option<InodeId> {
        match self.file(operand, moment)? {
            File::Inode(inode) => Some(inode),
            File::Descriptor(fd) => self.scene(moment).world.descriptors.description(fd)?.inode,
        }
    }

    pub(super) fn inode(&self, operand: OperandValue, moment: Moment) -> Option<&Inode> {
        let id = self.inode_id(operand, moment)?;
        let tree = &self.scene(moment).world.tree;
        // What happened to a lost tree may have happened to any file, open ones too.
        if tree.is_known() { tree.get(id) } else { None }
    }

    /// What a file operand refers to.
    pub(super) fn kind(&self, operand: OperandValue, moment: Moment) -> Option<Word> {
        let world = self.scene(moment).world;
        match self.file(operand, moment)? {
            File::Inode(inode) => world.tree.get(inode)?.kind,
            File::Descriptor(fd) => world.descriptors.description(fd)?.kind,
        }
    }
}
