//! Arguments that a server refuses what is asked of it, with the errno that is aimed at.

use super::Aiming;
use crate::generate::objects::ObjectWish;
use crate::generate::producers::Producers;
use crate::program::{Argument, Program};

impl Aiming<'_, '_, '_> {
    /// Opens a file that refuses what a call does to a descriptor of this wish.
    pub(super) fn refusing(
        &mut self,
        position: usize,
        wish: &ObjectWish,
        producers: &Producers<'_>,
        program: &mut Program,
    ) -> Option<Argument> {
        let served = self.served.filter(|_| !wish.closed && !wish.is_path && self.dice.chance(80))?;
        let named = served.pick(self.dice, position, |stands| wish.fits(stands))?;
        self.move_bytes(position, producers, program);
        let flag = |name: &str, set: bool| if set { producers.constant(name) } else { 0 };
        // What is moved out of a file comes out of the page cache, where an empty one has nothing to be asked for.
        let moved = served.ends().is_some_and(|ends| ends.from == position);
        let besides = flag("O_APPEND", wish.append == Some(true)) | flag("O_DIRECT", moved);
        producers.named(self.dice, named, besides, program)
    }

    /// Lets bytes be moved between a descriptor that refuses that and one that does not.
    fn move_bytes(&mut self, refusing: usize, producers: &Producers<'_>, program: &mut Program) {
        let Some(ends) = self.served.and_then(|served| served.ends()) else { return };
        let (other, source) = if refusing == ends.to { (ends.from, true) } else { (ends.to, false) };
        let made = if source { producers.source(ends.by_pipe, program) } else { producers.sink(program) };
        let Some(made) = made else { return };
        self.draft.args[other] = made;
        self.draft.objects[other] = ObjectWish::default();
        self.draft.args[ends.length] = Argument::Number(1 + self.dice.below(9) as u64);
        for (param, arg) in self.variant.params.iter().zip(self.draft.args.iter_mut()) {
            if param.ty.pointer().is_some() && self.dice.chance(75) {
                *arg = Argument::Number(0);
            }
        }
    }

    /// Makes a request of a file's own the one that is answered with the errno.
    pub(super) fn request(&mut self) {
        let number = self.served.and_then(|served| served.request(self.dice));
        if let (Some(number), Some(select)) = (number, self.selector)
            && let Some(slot) = self.draft.args.get_mut(usize::from(select))
        {
            *slot = Argument::Number(number);
        }
    }
}
