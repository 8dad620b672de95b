//! Effects on names and files.

use super::Applying;
use crate::world::observe::word;
use crate::world::tree::{Inode, InodeId};
use abispec::expr::{Expr, Moment, Observer, OperandValue, Word};
use abispec::types::Type;

impl Applying<'_, '_, '_> {
    /// The file that a path parameter names now: the one before the call, or one that the call made.
    pub(super) fn inode_now(&self, path: u8) -> Option<InodeId> {
        let walked = self.view.walked(path, Moment::Before)?;
        if walked.fault.is_some() {
            return None;
        }
        if let Some(inode) = walked.inode {
            return Some(inode);
        }
        let (parent, name) = self.view.place(path)?;
        self.world.tree.get(parent)?.entry(&name)
    }

    /// Changes a file; which one nobody knows makes all of them unknown.
    pub(super) fn with_file(&mut self, file: &Expr, change: impl FnOnce(&mut Inode)) {
        let path = match self.operand(file) {
            Some(OperandValue::Param { index, .. }) => {
                let params = &self.view.variant().params;
                params.get(usize::from(index)).filter(|param| param.path.is_some()).map(|_| index)
            }
            _ => None,
        };
        let inode = match path {
            Some(path) => {
                self.touched.path(path);
                self.inode_now(path)
            }
            None => {
                let fd = self.value(file);
                if let Some(fd) = fd {
                    self.touched.number(fd);
                }
                let description = fd.and_then(|fd| self.world.descriptors.description(fd));
                if description
                    .is_some_and(|found| found.inode.is_none() && found.kind.is_some_and(|kind| kind != Word::Regular))
                {
                    // Not a file that the tree could have.
                    return;
                }
                description.and_then(|description| description.inode)
            }
        };
        self.touched.inode = inode;
        match inode.and_then(|inode| self.world.tree_mut().get_mut(inode)) {
            Some(inode) => change(inode),
            None => self.world.tree_mut().lose(),
        }
    }

    pub(super) fn creates(&mut self, path: u8, kind: &Expr, permissions: Option<&Expr>, certain: bool) {
        self.touched.path(path);
        let kind = self.value(kind).and_then(word);
        // A mode has no more bits than these; what an effect says of others is said of nothing.
        let permissions = self.optional(permissions).and_then(|permissions| u16::try_from(permissions & 0o7777).ok());
        let target = if kind == Some(Word::Symlink) { self.view.link_text().map(Into::into) } else { None };
        let size = (kind == Some(Word::Regular)).then_some(0);
        match self.view.place(path).filter(|_| certain && kind.is_some()) {
            Some((parent, name)) => {
                let inode = Inode { permissions, target, size, ..Inode::of(kind) };
                self.world.tree_mut().create(parent, &name, inode);
            }
            None => self.world.tree_mut().lose(),
        }
    }

    pub(super) fn links(&mut self, from: &Expr, to: u8, certain: bool) {
        self.touched.path(to);
        let from = self.operand(from).and_then(|operand| self.view.inode_id(operand, Moment::Before));
        match from.zip(self.view.place(to)).filter(|_| certain) {
            Some((inode, (parent, name))) => self.world.tree_mut().link(inode, parent, &name),
            None => self.world.tree_mut().lose(),
        }
    }

    pub(super) fn removes(&mut self, path: u8, certain: bool) {
        self.touched.path(path);
        match self.view.place(path).filter(|_| certain) {
            Some((parent, name)) => self.world.tree_mut().unlink(parent, &name),
            None => self.world.tree_mut().lose(),
        }
    }

    pub(super) fn renames(&mut self, from: u8, to: u8, exchange: Option<&Expr>, certain: bool) {
        self.touched.path(from);
        self.touched.path(to);
        let exchange = match exchange {
            Some(exchange) => self.value(exchange).map(|exchange| exchange != 0),
            None => Some(false),
        };
        let places = self.view.place(from).zip(self.view.place(to)).filter(|_| certain);
        let tree = self.world.tree_mut();
        match (places, exchange) {
            (Some((from, to)), Some(false)) => tree.rename((from.0, &from.1), (to.0, &to.1)),
            (Some((from, to)), Some(true)) => tree.exchange((from.0, &from.1), (to.0, &to.1)),
            _ => tree.lose(),
        }
    }
}

impl crate::world::observe::View<'_> {
    /// The text that a new symbolic link holds: the call's one text that is no path of its own.
    pub(super) fn link_text(&self) -> Option<Vec<u8>> {
        let index = self.variant().params.iter().position(|param| matches!(param.ty, Type::Text { .. }))?;
        self.text_of(self.argument(u8::try_from(index).ok()?)?)
    }
}
