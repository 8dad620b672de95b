//! What a condition wishes of descriptors, names and pages, and the calls that make it so.

use super::mappings::RangeWish;
use super::{Aiming, path_function};
use crate::exec::{ENDED_CHILD, EXECUTOR_PID, SLEEPING_CHILD};
use crate::generate::names::name;
use crate::generate::objects::{ObjectWish, object};
use crate::generate::producers::{Names, Producers};
use crate::generate::values::{AT_FDCWD, bad_pointer};
use crate::program::{Argument, Block, Placement, Program};
use abispec::expr::{Expr, Function, Word};
use abispec::types::Type;

impl Aiming<'_, '_, '_> {
    /// Takes note of a wish for a family or a type of sockets; false where it is for something else.
    pub(super) fn sort(&mut self, of: &Expr, list: &[Expr], want: bool) -> bool {
        let Some((function @ (Function::Family | Function::SocketType), index)) = path_function(of) else {
            return false;
        };
        let Some(wish) = self.draft.objects.get_mut(usize::from(index)) else { return true };
        let numbers = list.iter().filter_map(|item| if let Expr::Int(number) = item { Some(*number) } else { None });
        let socket = &mut wish.socket;
        wish.kinds = vec![Word::Socket];
        match (function, want) {
            (Function::Family, true) => socket.families = numbers.collect(),
            (Function::Family, false) => socket.not_families.extend(numbers),
            (_, true) => socket.kinds = numbers.collect(),
            (_, false) => socket.not_kinds.extend(numbers),
        }
        true
    }

    pub(super) fn question(&mut self, function: Function, list: &[Expr], want: bool) {
        if self.about_a_place(function, list, want) {
            return;
        }
        if let (Function::Process, [number]) = (function, list) {
            let children = [EXECUTOR_PID, EXECUTOR_PID, SLEEPING_CHILD, ENDED_CHILD].map(i128::from);
            let known =
                if want { self.dice.of(children) } else { self.dice.of([12345, 12345, 0x3f_ffff, 0x7fff_ffff]) };
            self.make(number, known);
            return;
        }
        let of_pages = [Function::VmaMapped, Function::VmaFree, Function::VmaSingle, Function::VmaIs];
        if of_pages.contains(&function) {
            return self.draft.ranges.push(RangeWish { function, operands: list.to_vec(), want });
        }
        let Some(Expr::Param(index)) = list.first() else { return };
        if let (Function::SameDescription, true, Some(Expr::Param(other))) = (function, want, list.get(1)) {
            if let Some(wish) = self.draft.objects.get_mut(usize::from(*other)) {
                wish.same = Some(*index);
            }
            return;
        }
        if self.is_descriptor(*index) {
            return self.wish_for_object(function, *index, want);
        }
        let is_path =
            self.variant.params.get(usize::from(*index)).is_some_and(|param| matches!(param.ty, Type::Path { .. }));
        if !is_path {
            return;
        }
        let Some(wish) = self.draft.paths.get_mut(usize::from(*index)) else { return };
        let any = std::mem::replace(&mut wish.any, true);
        match function {
            Function::Exists => wish.exists = Some(want),
            Function::Empty => wish.empty = want,
            Function::TrailingSlash => wish.slash = want,
            Function::Absolute => wish.absolute = want,
            Function::ViaSymlink => wish.link = want,
            Function::LastIsSymlink => wish.last_link = want,
            Function::May => wish.denied = !want,
            Function::MayParent => wish.parent_denied = !want,
            Function::ReadOnlyFs => wish.read_only = want,
            Function::Leaves | Function::CrossesMount => wish.outside = want,
            Function::Overlong => wish.overlong = want,
            Function::Unreadable => wish.unreadable = want,
            _ => wish.any = any,
        }
    }

    pub(super) fn is_descriptor(&self, index: u8) -> bool {
        let param = self.variant.params.get(usize::from(index));
        param.is_some_and(|param| param.ty.is_descriptor())
    }

    fn wish_for_object(&mut self, function: Function, index: u8, want: bool) {
        let Some(wish) = self.draft.objects.get_mut(usize::from(index)) else { return };
        match function {
            Function::Open => wish.closed = !want,
            Function::IsPath => wish.is_path = want,
            Function::Readable => wish.readable = Some(want),
            Function::Writable => wish.writable = Some(want),
            Function::Append => wish.append = Some(want),
            Function::PeerClosed => wish.state.lonely = Some(want),
            Function::Fresh => wish.socket.fresh = Some(want),
            Function::Nonblock => wish.socket.nonblock = Some(want),
            Function::Seekable if want => wish.kinds = vec![Word::Regular, Word::Directory],
            Function::Seekable => wish.kinds = vec![Word::Pipe, Word::Socket],
            _ => {}
        }
    }

    /// Makes the descriptors that are wished for, before the call.
    pub(super) fn make_objects(&mut self, producers: &Producers<'_>, program: &mut Program) {
        for position in 0..self.draft.objects.len() {
            let wish = std::mem::take(&mut self.draft.objects[position]);
            if wish == ObjectWish::default() {
                continue;
            }
            if let Some(shared) = wish.same.and_then(|same| self.draft.args.get(usize::from(same))) {
                self.draft.args[position] = shared.clone();
                continue;
            }
            let made = self
                .refusing(position, &wish, producers, program)
                .or_else(|| object(self.dice, &wish, producers, program));
            if let Some(made) = made {
                self.draft.args[position] = made;
            }
        }
    }

    /// Gives files the permissions that are wished for, and takes away the directory that is to be gone.
    pub(super) fn prepare_files(&self, producers: &Producers<'_>, program: &mut Program) {
        for (wish, arg) in self.draft.paths.iter().zip(&self.draft.args) {
            if wish.gone {
                producers.lose_directory(program);
            } else if let Some(mode) = wish.permissions {
                let _ = producers.push(program, "chmod", vec![arg.clone(), Argument::Number(mode as u64)]);
            }
        }
    }

    pub(super) fn name_files(&mut self, names: &Names) {
        for position in 0..self.draft.paths.len() {
            let keys = self.variant.params[position].path.as_ref();
            if !self.draft.paths[position].any || keys.is_none() {
                continue;
            }
            self.draft.args[position] = if self.draft.paths[position].unreadable {
                Argument::Number(bad_pointer(self.dice))
            } else {
                let wish = &self.draft.paths[position];
                let named = self.served.and_then(|served| served.pick(self.dice, position, |stands| wish.fits(stands)));
                let text = match named.filter(|_| self.dice.chance(80)) {
                    Some(named) => named.path.clone(),
                    None => name(self.dice, wish, names),
                };
                Argument::Block(Block { placement: Placement::Middle, ..Block::text(text.as_bytes()) })
            };
            if let Some(base) = keys.and_then(|keys| keys.base)
                && self.dice.chance(70)
            {
                self.draft.args[usize::from(base)] = Argument::Number(AT_FDCWD);
            }
        }
    }
}
