//! Grafts: the calls that led one call to an error, before another call.
//!
//! A connection that was reset or a lease that somebody waits for is made by chance only, and then for one call of many that the
//! same would refuse. What led there is kept by its errno, whichever call it was.

use super::dice::Dice;
use super::{Generator, LONGEST, Making, Wishes};
use crate::oracle::Answer;
use crate::program::{Argument, Invocation, Program};
use abispec::errno::Errno;
use abispec::target::{Call, Resolved};
use std::collections::BTreeMap;

/// What is kept of an errno; calls have places of their own among them, as far as there are so many.
const KEPT: usize = 64;
/// Of so many that come to a place that is taken, one is kept instead.
const SELDOM: u32 = 64;
/// Calls of a stock at most, so that there is room for what another call needs.
const CALLS: usize = LONGEST - 4;
/// Errors that say nothing of what a descriptor refers to.
const EMPTY: [&str; 4] = ["EBADF", "EFAULT", "ENOSYS", "EINTR"];

/// The calls before one that failed.
#[derive(Clone, Debug)]
pub(super) struct Stock {
    calls: Vec<Invocation>,
    /// What that one took for descriptors.
    descriptors: Vec<Argument>,
}

impl Stock {
    /// One of its descriptors.
    pub(super) fn descriptor(&self, dice: &mut Dice<'_>) -> Option<Argument> {
        dice.pick(&self.descriptors).cloned()
    }
}

/// What led to errors, by errno.
#[derive(Clone, Debug, Default)]
pub(super) struct Stocks {
    errnos: BTreeMap<Errno, Vec<Place>>,
}

#[derive(Clone, Debug, Default)]
struct Place {
    stock: Option<Stock>,
    came: u32,
}

impl Stocks {
    /// Notes what led to an error of the call `at` of a program.
    pub(super) fn learn(&mut self, resolved: &Resolved, program: &Program, at: usize, answer: &Answer) {
        let Answer::Error(number) = answer else { return };
        let Some(errno) = Errno::from_number(*number, resolved.target.arch) else { return };
        if at == 0 || at > CALLS || EMPTY.contains(&errno.name()) {
            return;
        }
        let call = &program.calls[at];
        let spec = &resolved.calls[call.call];
        let places = self.errnos.entry(errno).or_insert_with(|| vec![Place::default(); KEPT]);
        let place = &mut places[(2 * call.call + at % 2) % KEPT];
        place.came = place.came.wrapping_add(1);
        if place.stock.is_some() && !place.came.is_multiple_of(SELDOM) {
            return;
        }
        let params = spec.variants[0].params.iter().zip(&call.args);
        let made = params.filter(|(param, arg)| param.ty.is_descriptor() && matches!(arg, Argument::Result { .. }));
        let descriptors: Vec<Argument> = made.map(|(_, arg)| arg.clone()).collect();
        if !descriptors.is_empty() {
            place.stock = Some(Stock { calls: program.calls[..at].to_vec(), descriptors });
        }
    }

    fn of(&self, errno: Errno) -> impl Iterator<Item = &Stock> {
        self.errnos.get(&errno).into_iter().flatten().filter_map(|place| place.stock.as_ref())
    }
}

impl Generator {
    /// What led any call to an error that is wished for of this one.
    pub(super) fn stock<'w>(&self, dice: &mut Dice<'_>, wishes: &'w Wishes, call: &Call) -> Option<&'w Stock> {
        let takes = call.variants[0].params.iter().any(|param| param.ty.is_descriptor());
        let rules = call.variants.iter().flat_map(|variant| &variant.rules).filter(|_| takes);
        let wanted = rules.filter(|rule| wishes.clauses.contains(&rule.clause)).map(|rule| rule.errno);
        let stocks = wishes.recall.stocks();
        let mut errnos: Vec<Errno> = wanted.filter(|errno| stocks.of(*errno).next().is_some()).collect();
        errnos.dedup();
        let errno = dice.pick(&errnos)?;
        let all: Vec<&Stock> = stocks.of(*errno).collect();
        dice.pick(&all).copied()
    }
}

impl<'a> Making<'a> {
    /// Begins with what led another call to an error.
    pub(super) fn on(self, stock: &'a Stock) -> Self {
        Self { program: Program { calls: stock.calls.clone() }, graft: Some(stock), ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use abispec::arch::Arch;
    use abispec::target::Target;
    use abispec::version::Release;
    use proptest::test_runner::{RngAlgorithm, TestRng};
    use std::sync::Arc;

    #[test]
    fn what_one_call_was_refused_comes_before_another() {
        let resolved: Arc<Resolved> =
            abispec::resolve(abispec::embedded(), &Target::new(Arch::X86_64, Release::new(7, 3))).into();
        let of = |name: &str| resolved.calls.iter().position(|call| call.name == name).expect(name);
        let number = Argument::Number;
        let socket = Invocation { call: of("socket"), args: vec![number(1), number(1), number(0)] };
        let recv = Invocation {
            call: of("recvfrom"),
            args: vec![Argument::ret(0), number(0), number(9), number(0), number(0), number(0)],
        };
        let program = Program { calls: vec![socket.clone(), recv] };
        let generator = Generator::new(resolved.clone(), &|call| call.name == "sendto", &|_| true);
        let mut wishes = generator.even();
        let sendto = &resolved.calls[of("sendto")];
        let reset = sendto.variants[0].rules.iter().find(|rule| rule.errno.name() == "ECONNRESET").expect("a rule");
        wishes.clauses.insert(reset.clause);
        let mut rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
        let stocks =
            |wishes: &Wishes, rng: &mut TestRng| generator.stock(&mut Dice::new(rng), wishes, sendto).is_some();
        let answers = |number: libc::c_int| [Some(Answer::Value(3)), Some(Answer::Error(number.cast_unsigned()))];
        wishes.recall.learn(&resolved, &program, &answers(libc::EBADF));
        wishes.recall.learn(&resolved, &program, &answers(libc::EPIPE));
        assert!(!stocks(&wishes, &mut rng), "another error");
        wishes.recall.learn(&resolved, &program, &answers(libc::ECONNRESET));
        assert!(stocks(&wishes, &mut rng));
        let grafted = (0..400).map(|_| generator.program(&mut rng, &wishes)).filter(|program| {
            assert!(program.is_sound(&resolved), "{:?}", program.lines(&resolved));
            program.calls[0] == socket && program.calls.get(1).is_some_and(|call| call.args[0] == Argument::ret(0))
        });
        assert!(grafted.count() > 20);
    }
}
