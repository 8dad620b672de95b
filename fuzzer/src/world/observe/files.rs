//! Functions of names and files.

use super::View;
use super::paths::File;
use crate::world::permission::may;
use crate::world::text::Ending;
use crate::world::tree::{Inode, InodeId, Mount};
use abispec::expr::{Function, Moment, OperandValue, Truth, Word, truth};

impl View<'_> {
    pub(super) fn files(&self, function: Function, operands: &[OperandValue], moment: Moment) -> Option<i128> {
        let first = *operands.first()?;
        let second = || operands.get(1).copied();
        let arrived = || self.arrived(first, moment);
        let inode = || self.inode(first, moment);
        let truth = |answer: Option<bool>| answer.map(i128::from);
        match function {
            Function::Walk => self.walk_errno(first, moment),
            Function::Exists => Some(i128::from(self.walked(self.path_index(first)?, moment)?.exists())),
            Function::Empty | Function::Absolute | Function::TrailingSlash | Function::Last => {
                self.text_form(function, first)
            }
            Function::LastIsSymlink => Some(i128::from(arrived()?.last_is_symlink)),
            Function::ViaSymlink => Some(i128::from(arrived()?.via_symlink)),
            Function::Leaves if self.starts_at_root(first) => Some(1),
            Function::Leaves => Some(i128::from(arrived()?.leaves)),
            Function::CrossesMount => Some(i128::from(arrived()?.crosses_mount)),
            Function::EmptyDirectory => {
                let inode = inode().filter(|inode| inode.is_directory())?;
                truth((inode.complete || !inode.entries.is_empty()).then_some(inode.entries.is_empty()))
            }
            Function::Inside => truth(self.inside(first, second()?, moment)),
            Function::SameFile => truth(self.same_file(first, second()?, moment)),
            Function::SameMount => {
                let mount =
                    |operand| self.inode_or_parent(operand, moment)?.mount.filter(|mount| *mount != Mount::Device);
                Some(i128::from(mount(first)? == mount(second()?)?))
            }
            Function::May => truth(self.granted(inode()?, second()?, moment)),
            Function::MayParent => {
                let parent = self.scene(moment).world.tree.get(arrived()?.parent?)?;
                truth(self.granted(parent, second()?, moment))
            }
            Function::Sticky => truth(self.sticky(first, moment)),
            Function::Size => self.size(inode()?, moment).map(i128::from),
            Function::Links => self.links(inode()?, moment).map(i128::from),
            Function::Permissions => inode()?.permissions.map(i128::from),
            Function::Fs => self.file_system(first, moment).map(Word::number),
            Function::ReadOnlyFs => match self.inode_or_parent(first, moment)?.mount? {
                Mount::Work => Some(0),
                Mount::Device => None,
                Mount::Root => truth(self.scene(moment).world.process.identity.root_read_only),
            },
            Function::Owns => truth(self.owns(first, moment)),
            // No call that the model follows sets these attributes.
            Function::Immutable => inode()?.mount.filter(|mount| *mount != Mount::Device).map(|_| 0),
            Function::Runnable => {
                let inode = inode().filter(|inode| inode.kind == Some(Word::Regular))?;
                match inode.mount {
                    _ if inode.size == Some(0) => Some(0),
                    Some(Mount::Root) => truth(inode.runnable),
                    _ if self.scene(moment).world.written => None,
                    _ => truth(inode.runnable),
                }
            }
            Function::TargetLength => {
                let inode = inode().filter(|inode| inode.kind == Some(Word::Symlink))?;
                Some(inode.target.as_ref()?.len() as i128)
            }
            _ => None,
        }
    }

    /// Whether a path is absolute and no base is its root.
    fn starts_at_root(&self, operand: OperandValue) -> bool {
        let keys = self.path_index(operand).and_then(|index| self.variant.params[usize::from(index)].path.as_ref());
        let scoped = keys.map_or(Truth::Unknown, |keys| truth(&keys.scoped, self, Moment::Before));
        scoped == Truth::False && self.text_form(Function::Absolute, operand) == Some(1)
    }

    fn text_form(&self, function: Function, operand: OperandValue) -> Option<i128> {
        let form = self.form(operand.value()?);
        let whole = match form.ending {
            Ending::Nul(_) => true,
            Ending::Overlong => false,
            Ending::Unreadable | Ending::Unknown => return None,
        };
        match function {
            Function::Empty => Some(i128::from(form.ending == Ending::Nul(0))),
            Function::Absolute => Some(i128::from(form.absolute)),
            Function::TrailingSlash if whole => Some(i128::from(form.trailing_slash)),
            Function::Last if whole => form.last.map(Word::number),
            _ => None,
        }
    }

    /// The file, or for a path that does not exist its parent.
    fn inode_or_parent(&self, operand: OperandValue, moment: Moment) -> Option<&Inode> {
        if self.path_index(operand).is_none() {
            return self.inode(operand, moment);
        }
        let walked = self.arrived(operand, moment)?;
        self.scene(moment).world.tree.get(walked.inode.or(walked.parent)?)
    }

    /// A path that does not exist lies where it would be made.
    fn inside(&self, inner: OperandValue, outer: OperandValue, moment: Moment) -> Option<bool> {
        let tree = &self.scene(moment).world.tree;
        let outer = self.inode_id(outer, moment)?;
        let (inner, parent) = match self.path_index(inner) {
            None => (Some(self.inode_id(inner, moment)?), None),
            Some(_) => {
                let walked = self.arrived(inner, moment)?;
                (walked.inode, walked.parent)
            }
        };
        if inner == Some(outer) {
            return Some(true);
        }
        if !tree.get(outer)?.is_directory() {
            return Some(false);
        }
        let directory = |id: InodeId| tree.get(id).is_some_and(Inode::is_directory);
        let start = inner.filter(|inner| directory(*inner)).or(parent)?;
        tree.lies_in(start, outer)
    }

    fn same_file(&self, a: OperandValue, b: OperandValue, moment: Moment) -> Option<bool> {
        let files = (self.file(a, moment)?, self.file(b, moment)?);
        match (self.inode_id(a, moment), self.inode_id(b, moment)) {
            (Some(a), Some(b)) => Some(a == b),
            (None, None) => {
                let (File::Descriptor(a), File::Descriptor(b)) = files else { return None };
                self.scene(moment).world.descriptors.same_anonymous(a, b)
            }
            // What is of different kinds cannot be one file.
            _ => (self.kind(a, moment)? != self.kind(b, moment)?).then_some(false),
        }
    }

    fn granted(&self, inode: &Inode, access: OperandValue, moment: Moment) -> Option<bool> {
        let word = word(access.value()?)?;
        let world = self.scene(moment).world;
        may(inode, word, world.process.rights(), world.tree.is_owned())
    }

    fn sticky(&self, path: OperandValue, moment: Moment) -> Option<bool> {
        let world = self.scene(moment).world;
        let parent = world.tree.get(self.arrived(path, moment)?.parent?)?;
        if world.process.rights().as_owner || world.tree.is_owned() {
            return Some(false);
        }
        (parent.permissions? & 0o1000 == 0).then_some(false)
    }

    fn owns(&self, operand: OperandValue, moment: Moment) -> Option<bool> {
        // Devices belong to somebody outside.
        self.inode(operand, moment).filter(|inode| inode.mount != Some(Mount::Device))?;
        let world = self.scene(moment).world;
        (world.process.rights().as_owner || world.tree.is_owned()).then_some(true)
    }

    fn file_system_of(&self, inode: &Inode, moment: Moment) -> Option<Word> {
        match inode.mount? {
            Mount::Root => Some(Word::Tmpfs),
            Mount::Work => Some(self.scene(moment).world.process.identity.work_file_system),
            Mount::Device => None,
        }
    }

    /// `st_size`; each file system counts for directories in a way of its own.
    fn size(&self, inode: &Inode, moment: Moment) -> Option<u64> {
        let counted = !inode.is_directory() || self.file_system_of(inode, moment) == Some(Word::Tmpfs);
        inode.st_size().filter(|_| counted)
    }

    /// `st_nlink`; not every file system counts directories in directories.
    fn links(&self, inode: &Inode, moment: Moment) -> Option<u32> {
        if !inode.is_directory() {
            return inode.links;
        }
        match self.file_system_of(inode, moment)? {
            Word::Tmpfs | Word::Ext4 | Word::Xfs => inode.links,
            Word::Btrfs => inode.links.map(|links| links.min(1)),
            _ => None,
        }
    }

    fn file_system(&self, operand: OperandValue, moment: Moment) -> Option<Word> {
        if let Some(inode) = self.inode_or_parent(operand, moment) {
            return self.file_system_of(inode, moment);
        }
        // In a lost tree, a FIFO that a name led to looks like a pipe.
        if !self.scene(moment).world.tree.is_known() {
            return None;
        }
        match self.kind(operand, moment)? {
            Word::Pipe => Some(Word::Pipefs),
            Word::Socket => Some(Word::Sockfs),
            Word::Eventfd | Word::Timerfd | Word::Epoll | Word::Signalfd | Word::Inotify => Some(Word::AnonInodefs),
            _ => None,
        }
    }
}

/// The word that a number stands for.
pub(in crate::world) fn word(number: i128) -> Option<Word> {
    usize::try_from(number).ok().and_then(|index| Word::ALL.get(index)).copied()
}
