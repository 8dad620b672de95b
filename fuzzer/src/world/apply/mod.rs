//! Effects: what a successful call did to the world.
//!
//! Effects are taken in the order of the spec. State functions in them speak of the state before the call, with or without
//! `old()`; `ret` and memory of after it, so that `fildes[0]` is what the kernel wrote. A condition or an operand that nobody
//! knows makes whatever the effect could have reached unknown, never wrong.

mod descriptors;
mod files;
mod touched;

pub use touched::Touched;

use super::World;
use super::description::{DescriptionId, PipeId};
use super::mappings::{Mapping, Mappings};
use super::observe::View;
use super::process::Alteration;
use abispec::errno::Errno;
use abispec::expr::{Expr, Function, Moment, Observer, OperandValue, Truth, Word, evaluate, truth};
use abispec::model::{Changed, Effect};
use abispec::target::ResolvedEffect;

/// Expressions of effects: state as it was, memory and result as they are.
struct Seen<'v, 'a>(&'v View<'a>);

impl Observer for Seen<'_, '_> {
    fn argument(&self, index: u8) -> Option<i128> {
        self.0.argument(index)
    }

    fn result(&self) -> Option<i128> {
        self.0.result()
    }

    fn load(&self, address: i128, size: u8, signed: bool, moment: Moment) -> Option<i128> {
        self.0.load(address, size, signed, moment)
    }

    fn call(&self, function: Function, operands: &[OperandValue], _: Moment) -> Option<i128> {
        // A number in memory is what the call left there, as loads are.
        let moment = if function == Function::U64 { Moment::After } else { Moment::Before };
        self.0.call(function, operands, moment)
    }
}

/// Carries out effects on a world.
struct Applying<'v, 'a, 'w> {
    view: &'v View<'a>,
    world: &'w mut World,
    touched: Touched,
    /// The pipe, the socket and the counter that this very call opened.
    pipe: Option<PipeId>,
    socket: Option<DescriptionId>,
    counter: Option<DescriptionId>,
    /// Whether an effect said what flowed.
    flowed: bool,
}

/// Applies the effects of a call that succeeded. The view is that of the call after it returned; its world after the call is not
/// looked at, `world` becomes that.
pub fn apply(view: &View<'_>, effects: &[ResolvedEffect], world: &mut World) -> Touched {
    let mut applying = Applying::new(view, world);
    for effect in effects {
        match applies(view, effect) {
            Truth::True => applying.effect(&effect.effect.effect, true),
            Truth::Unknown => applying.effect(&effect.effect.effect, false),
            Truth::False => {}
        }
    }
    descriptors::files_written(view, applying.world);
    applying.touched
}

/// Whether an effect happens in a call that succeeded; the view is that of the call after it returned.
pub fn applies(view: &View<'_>, effect: &ResolvedEffect) -> Truth {
    effect.effect.when.as_ref().map_or(Truth::True, |when| truth(&when.value, &Seen(view), Moment::After))
}

/// Applies the effects that may have happened although the call answered this errno (`on:`): what they reach is unknown after.
pub fn apply_partly(view: &View<'_>, effects: &[ResolvedEffect], errno: Errno, world: &mut World) {
    let mut applying = Applying::new(view, world);
    for effect in effects.iter().filter(|effect| effect.effect.on.contains(&errno)) {
        if applies(view, effect) != Truth::False {
            applying.effect(&effect.effect.effect, false);
        }
    }
}

/// What a call that failed leaves behind although it should not: on some kernels a write to a pipe that met bad memory uses up a page.
pub fn apply_failure(view: &View<'_>, world: &mut World) {
    if view.result() == Some(-view.numbers().efault) {
        descriptors::with_pipes_of(view, world, |pages| pages.blur());
    }
    descriptors::files_written(view, world);
}

impl<'v, 'a, 'w> Applying<'v, 'a, 'w> {
    fn new(view: &'v View<'a>, world: &'w mut World) -> Self {
        Self { view, world, touched: Touched::default(), pipe: None, socket: None, counter: None, flowed: false }
    }

    fn value(&self, expr: &Expr) -> Option<i128> {
        evaluate(expr, &Seen(self.view), Moment::After)
    }

    fn optional(&self, expr: Option<&Expr>) -> Option<i128> {
        expr.and_then(|expr| self.value(expr))
    }

    /// An operand of an effect as functions get it.
    fn operand(&self, expr: &Expr) -> Option<OperandValue> {
        Some(match expr {
            Expr::Param(index) => OperandValue::Param { index: *index, value: self.view.argument(*index) },
            Expr::Old(inner) => return self.operand(inner),
            other => OperandValue::Value(self.value(other)?),
        })
    }

    /// Carries out one effect; it is not certain if nobody knows whether it happened.
    fn effect(&mut self, effect: &Effect, certain: bool) {
        let known = |value: Option<i128>| value.filter(|_| certain);
        match effect {
            Effect::Opens { .. } => self.opens(effect, certain),
            Effect::Closes { fd, first, last } => self.closes(fd.as_ref(), first.as_ref(), last.as_ref(), certain),
            Effect::Duplicates { fd, to, cloexec } => self.duplicates(fd, to, cloexec.as_ref(), certain),
            Effect::SetsCloexec { fd, first, last, to } => {
                let to = known(self.value(to)).map(|to| to != 0);
                self.sets_cloexec(fd.as_ref(), first.as_ref(), last.as_ref(), to);
            }
            Effect::SetsStatus { fd, to } => self.sets_status(fd, known(self.value(to))),
            Effect::SetsOffset { fd, to } => self.sets_offset(fd, known(self.optional(to.as_ref()))),
            Effect::Queues { fd, by } => self.queues(fd, known(self.value(by))),
            Effect::Drains { fd, by } => self.drains(fd, known(self.value(by))),
            Effect::SetsSize { file, to } => {
                self.world.written = true;
                let to = known(self.value(to)).and_then(|to| u64::try_from(to).ok());
                self.with_file(file, |inode| {
                    inode.size = to;
                    inode.written();
                });
            }
            Effect::SetsPermissions { file, to } => {
                let to = known(self.optional(to.as_ref())).and_then(|to| u16::try_from(to).ok());
                self.with_file(file, |inode| inode.permissions = to);
            }
            Effect::SetsSeals { fd, to } => {
                let to = known(self.value(to)).and_then(|to| u32::try_from(to).ok());
                self.with_file(fd, |inode| inode.seals = to);
            }
            // Memory is looked at, not followed.
            Effect::Writes { .. } => {}
            Effect::Creates { path, kind, permissions } => self.creates(*path, kind, permissions.as_ref(), certain),
            Effect::Links { from, to } => self.links(from, *to, certain),
            Effect::Removes { path } => self.removes(*path, certain),
            Effect::Renames { from, to, exchange } => self.renames(*from, *to, exchange.as_ref(), certain),
            Effect::SetsCwd { path } => {
                let to = self.operand(path).and_then(|operand| self.view.inode_id(operand, Moment::Before));
                self.touched.cwd = true;
                self.world.process_mut().cwd = to.filter(|_| certain);
            }
            Effect::SetsUmask { to } => {
                self.touched.umask = true;
                self.world.process_mut().umask = known(self.value(to)).and_then(|to| u16::try_from(to).ok());
            }
            Effect::SetsLimit { resource, soft, hard } => {
                let limit = |value| known(value).and_then(|value| u64::try_from(value).ok());
                let to = (limit(self.value(soft)), limit(self.value(hard)));
                self.touched.limits = true;
                let resource = self.value(resource);
                self.world.process_mut().set_limit(resource, to);
            }
            Effect::SetsSigmask { to } => {
                self.touched.sigmask = true;
                self.world.process_mut().sigmask = known(self.value(to)).and_then(|to| u64::try_from(to).ok());
            }
            Effect::SetsNice { to } => {
                self.touched.nice = true;
                self.world.process_mut().nice = known(self.value(to)).and_then(|to| i8::try_from(to).ok());
            }
            Effect::SetsPolicy { to } => {
                self.world.process_mut().policy = known(self.value(to)).and_then(|to| i32::try_from(to).ok());
            }
            Effect::Maps { addr, len, prot, flags, fd } => {
                let mapping = self.mapping(prot.as_ref(), flags.as_ref(), fd.as_ref());
                self.remaps(addr, len, certain, |mappings, addr, len| mappings.map(addr, len, mapping));
            }
            Effect::Unmaps { addr, len } => {
                self.remaps(addr, len, certain, |mappings, addr, len| mappings.unmap(addr, len))
            }
            Effect::Protects { addr, len, prot } => {
                let (prot, numbers) = (self.value(prot), self.view.numbers());
                self.remaps(addr, len, certain, |mappings, addr, len| mappings.protect(addr, len, numbers, prot));
            }
            // What comes of these is another process.
            Effect::Ends { .. } | Effect::Executes { .. } | Effect::Begins { .. } => {}
            Effect::Changes { what } => self.changes(*what),
        }
    }

    fn mapping(&self, prot: Option<&Expr>, flags: Option<&Expr>, fd: Option<&Expr>) -> Mapping {
        let mut mapping = Mapping::new(self.view.numbers(), self.optional(prot), self.optional(flags));
        let descriptors = &self.view.scene(Moment::Before).world.descriptors;
        let kind = self.optional(fd).and_then(|fd| descriptors.description(fd)?.kind);
        if mapping.anonymous == Some(false) && kind != Some(Word::Regular) {
            // A device decides itself what its mapping is.
            mapping.anonymous = None;
        }
        mapping
    }

    fn remaps(&mut self, addr: &Expr, len: &Expr, certain: bool, change: impl FnOnce(&mut Mappings, i128, i128)) {
        let range = (self.value(addr), self.value(len));
        self.touched.mappings = true;
        let mappings = self.world.mappings_mut();
        match range {
            (Some(addr), Some(len)) if certain => change(mappings, addr, len),
            (Some(addr), Some(len)) => mappings.blur(addr, len),
            _ => mappings.lose(),
        }
    }

    fn alters(&mut self, how: Alteration) {
        let process = self.world.process_mut();
        process.alteration = process.alteration.max(how);
    }

    fn changes(&mut self, what: Changed) {
        match what {
            Changed::Contents => {
                self.world.written = true;
                self.forgets_contents();
            }
            Changed::Owner => self.world.tree_mut().lose_owners(),
            Changed::Advice => self.world.mappings_mut().divide(),
            Changed::Guards => self.world.mappings_mut().guard(),
            Changed::Timer
            | Changed::Epoll
            | Changed::Times
            | Changed::Locks
            | Changed::Leases
            | Changed::Signals
            | Changed::Attributes
            | Changed::Watches
            | Changed::Requests
            | Changed::System => {}
            Changed::Mappings => {
                self.touched.mappings = true;
                self.world.mappings_mut().lose();
                self.alters(Alteration::Marked);
            }
            Changed::Names => self.world.tree_mut().lose(),
            Changed::Connections => self.world.descriptors_mut().touch_sockets(),
            Changed::Residence => self.world.mappings_mut().forget_locks(),
            Changed::Credentials | Changed::Handlers | Changed::Behaviour | Changed::Mounts => {
                self.alters(Alteration::Strange);
            }
            Changed::Scheduling | Changed::Caller | Changed::Alarms | Changed::Pending => {
                self.alters(Alteration::Marked);
            }
            Changed::Priority => self.world.process_mut().nice = None,
        }
    }
}

#[cfg(test)]
mod tests;
