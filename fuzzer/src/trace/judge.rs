//! One call that has returned, held against its contract.

use super::book::{Book, Sight};
use super::eyes::{Eyes, Facts};
use super::memory::{Access, After, Before, Piece};
use super::witness::{Descriptor, Witness};
use crate::oracle::{Answer, Verdict, judge_ensures, judge_error, judge_success, may_be_value};
use crate::world::descriptors::{Descriptors, Slot};
use crate::world::{Identity, Scene, View, World, apply};
use abispec::expr::{Expr, Moment, Observer, Truth, evaluate, truth};
use abispec::model::Effect;
use abispec::target::{ClauseId, ResolvedEffect, Variant};
use abispec::types::Type;
use std::cell::RefCell;
use std::sync::Arc;

/// A call that has returned, and all that is known of it.
pub(super) struct Returned<'a> {
    pub(super) variant: &'a Variant,
    pub(super) sight: &'a Sight,
    pub(super) args: [u64; 6],
    pub(super) ret: i64,
    /// The caller's table when it made the call, as far as it can be known.
    pub(super) descriptors: Arc<Descriptors>,
    pub(super) pieces: &'a [Piece],
    /// What may be done where; looked at only where an answer is about that.
    pub(super) access: Access,
    /// Nobody else runs in the caller's memory.
    pub(super) own_memory: bool,
    pub(super) signals: Option<u64>,
    /// The limit of open descriptors.
    pub(super) open_limit: Option<u64>,
    /// Nobody changed limits meanwhile.
    pub(super) limits: bool,
    /// Whether descriptors are looked at after the call.
    pub(super) looks: bool,
}

/// What judging gave.
pub(super) struct Judged {
    pub(super) verdict: Option<Verdict>,
    /// The table after the call's own effects, where it has some.
    pub(super) after: Option<Arc<Descriptors>>,
    /// Numbers that the call opened or replaced.
    pub(super) opened: Vec<i128>,
    /// It opened numbers that nobody can tell: they lie in memory that others write too.
    pub(super) opened_others: bool,
}

/// The state of a foreign process outside its descriptors: nothing of it is known.
pub(super) fn nothing_known(book: &Book<'_>) -> World {
    let identity = Identity {
        capabilities: 0,
        user_namespace: false,
        umask: None,
        sigmask: None,
        root_permissions: None,
        work_permissions: None,
        ..Identity::default()
    };
    let mut world = World::fixture(&identity, &book.numbers, &[]);
    world.lose();
    world
}

/// Judges a call. Clauses that were seen to hold go to `seen`.
pub(super) fn judge<W: Witness>(
    book: &Book<'_>,
    blank: &World,
    call: &Returned<'_>,
    witness: &mut W,
    tid: i32,
    seen: &mut Vec<ClauseId>,
) -> Judged {
    let arch = book.resolved.target.arch;
    let witness = RefCell::new(witness);
    let world = World { descriptors: call.descriptors.clone(), ..blank.clone() };
    let before_memory = Before { pieces: call.pieces, access: &call.access };
    let after_memory = After {
        witness: &witness,
        tid,
        bases: call.args,
        own: call.own_memory,
        cache: RefCell::default(),
        access: &call.access,
    };
    let mut facts = Facts::new(&witness, tid);
    (facts.signals, facts.limits, facts.looks) = (call.signals, call.limits, call.looks);
    facts.open_limit = call.open_limit;
    let before = Scene { world: &world, memory: &before_memory };
    let answer = Answer::of(call.ret);
    match answer {
        Answer::Error(number) => {
            let view = View::new(&book.numbers, call.variant, call.args, before);
            let eyes = Eyes { view: &view, facts: &facts };
            let verdict = judge_error(call.variant, &eyes, number, arch, seen);
            let verdict = verdict.filter(|_| !may_be_value(call.variant, call.ret, book.numbers.word));
            Judged { verdict, after: None, opened: Vec::new(), opened_others: false }
        }
        // Who does not return is not judged.
        Answer::Left => Judged { verdict: None, after: None, opened: Vec::new(), opened_others: false },
        // Who came back is another program.
        Answer::Value(_) if call.variant.returns == Type::Never => {
            Judged { verdict: None, after: None, opened: Vec::new(), opened_others: false }
        }
        Answer::Value(value) => {
            let variant = &call.sight.success;
            let view = View::new(&book.numbers, variant, call.args, before);
            let first = judge_success(variant, &Eyes { view: &view, facts: &facts }, value, seen);
            let view = view.returned(value, Scene { world: &world, memory: &after_memory });
            let mut next = world.clone();
            let (mut opened, mut opened_others) = (Vec::new(), false);
            if call.sight.changes_table {
                let touched = apply(&view, &variant.effects, &mut next);
                let numbers = || touched.numbers().map(i128::from);
                // Effects name numbers beyond the first thousand only as others.
                let result = touched.other_numbers.then_some(i128::from(call.ret));
                let is_open = |fd: &i128| next.descriptors.is_open(*fd) == Some(true);
                opened = numbers().chain(result).filter(is_open).collect();
                opened_others = touched.other_numbers && !result.is_some_and(|fd| is_open(&fd));
                next.descriptors_mut().forget_moving(numbers().chain(touched.other_numbers.then_some(call.ret.into())));
            }
            let view = view.returned(value, Scene { world: &next, memory: &after_memory });
            let eyes = Eyes { view: &view, facts: &facts };
            let verdict = first
                .or_else(|| if call.looks { effects(variant, &eyes, &next.descriptors, seen) } else { None })
                .or_else(|| judge_ensures(variant, &eyes, value, seen));
            let after = call.sight.changes_table.then_some(next.descriptors);
            Judged { verdict, after, opened, opened_others }
        }
    }
}

/// Holds what the kernel shows of descriptors that effects named against what they say.
fn effects<W: Witness>(
    variant: &Variant,
    eyes: &Eyes<'_, '_, '_, W>,
    after: &Descriptors,
    seen: &mut Vec<ClauseId>,
) -> Option<Verdict> {
    let active = |rule: &&ResolvedEffect| {
        let when = rule.effect.when.as_ref();
        when.map_or(Truth::True, |when| truth(&when.value, eyes, Moment::Before)) == Truth::True
    };
    for rule in variant.effects.iter().filter(active) {
        let Some(fd) = subject(&rule.effect.effect).and_then(|fd| evaluate(fd, eyes, Moment::After)) else { continue };
        let Some(found) = Descriptors::is_number(fd).then(|| eyes.facts.descriptor(fd)).flatten() else { continue };
        if let Some((expected, actual)) = differs(after, fd, found) {
            return Some(Verdict { id: "broken-effect", clause: Some(rule.clause), expected, actual });
        }
        if after.slot(fd) != Slot::Unknown {
            seen.push(rule.clause);
        }
    }
    None
}

/// The descriptor that an effect says something about.
fn subject(effect: &Effect) -> Option<&Expr> {
    match effect {
        Effect::Opens { fd, .. } | Effect::SetsStatus { fd, .. } => Some(fd),
        Effect::Duplicates { to, .. } => Some(to),
        Effect::Closes { fd, .. } | Effect::SetsCloexec { fd, .. } => fd.as_ref(),
        _ => None,
    }
}

/// The first property of a descriptor that the kernel and the model see differently.
fn differs(after: &Descriptors, fd: i128, found: Descriptor) -> Option<(String, String)> {
    let state = |open| if open { "open" } else { "closed" };
    let says = |what: &str, expected: String, actual: String| {
        (expected != actual).then(|| (format!("{what} of descriptor {fd} is {expected}"), format!("it is {actual}")))
    };
    let (slot, flags) = match (after.slot(fd), found) {
        (Slot::Unknown, _) | (Slot::Closed, Descriptor::Closed) => return None,
        (Slot::Closed, Descriptor::Open { .. }) => {
            return says("the state", state(false).to_owned(), state(true).to_owned());
        }
        (Slot::Open(_), Descriptor::Closed) => {
            return says("the state", state(true).to_owned(), state(false).to_owned());
        }
        (Slot::Open(slot), Descriptor::Open { flags, .. }) => (slot, flags),
    };
    let cloexec = flags & libc::O_CLOEXEC as u64 != 0;
    let status = flags & !(libc::O_CLOEXEC as u64);
    let description = after.description(fd);
    let expected_cloexec = slot.cloexec.unwrap_or(cloexec);
    says("close-on-exec", expected_cloexec.to_string(), cloexec.to_string())
        .or_else(|| {
            let expected = description?.status?;
            says("F_GETFL", format!("{expected:#x}"), format!("{status:#x}"))
        })
        .or_else(|| {
            let (expected, kind) = (description?.kind?, found.kind()?);
            says("the kind", expected.name().to_owned(), kind.name().to_owned())
        })
}

/// Numbers in arguments and results that a verdict may rest on.
pub(super) fn numbers_of(call: &Returned<'_>, book: &Book<'_>, judged: &Judged) -> Vec<i128> {
    let word = book.numbers.word;
    let argument = |index: &u8| {
        let param = call.variant.params.get(usize::from(*index))?;
        Some(param.int.value_of(call.args[usize::from(*index)], word.min(4)))
    };
    let mut numbers: Vec<i128> = call.sight.descriptors.iter().filter_map(argument).collect();
    numbers.extend(&judged.opened);
    numbers.retain(|fd| Descriptors::is_number(*fd));
    numbers.sort_unstable();
    numbers.dedup();
    numbers
}

/// What an argument is worth to an observer that knows nothing else.
pub(super) struct Arguments<'a> {
    pub(super) book: &'a Book<'a>,
    pub(super) variant: &'a Variant,
    pub(super) args: &'a [u64; 6],
}

impl Observer for Arguments<'_> {
    fn argument(&self, index: u8) -> Option<i128> {
        let param = self.variant.params.get(usize::from(index))?;
        Some(param.int.value_of(*self.args.get(usize::from(index))?, self.book.numbers.word))
    }

    fn result(&self) -> Option<i128> {
        None
    }

    fn load(&self, _: i128, _: u8, _: bool, _: Moment) -> Option<i128> {
        None
    }

    fn call(&self, _: abispec::expr::Function, _: &[abispec::expr::OperandValue], _: Moment) -> Option<i128> {
        None
    }
}
