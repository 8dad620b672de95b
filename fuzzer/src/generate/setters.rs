//! What another call sets, before a call that gets it.
//!
//! What a call answers that reports some state is the same for ever where nobody sets another one, and by chance the two hardly meet.
//! Which call sets what another one gets, their names say.

use super::dice::Dice;
use super::{LONGEST, Making};
use crate::program::Argument;
use abispec::target::{Call, Resolved, Variant};
use std::collections::BTreeMap;

/// Of a hundred calls that get something, before how many it is set.
const OFTEN: u32 = 30;

/// A variant of a call, by their places.
type Place = (usize, usize);

/// For each variant of each call, the one that sets what it gets.
pub(super) type Setters = Vec<Vec<Option<Place>>>;

/// Works out who sets what, of the calls that are `able` to run. A command sets what another command of its call gets.
pub(super) fn setters(resolved: &Resolved, able: &dyn Fn(&Call) -> bool) -> Setters {
    let calls = || resolved.calls.iter().enumerate();
    let name = |index: usize, call: &Call, variant: &Variant| match &variant.command {
        Some(command) => (Some(index), command.clone()),
        None => (None, call.name.clone()),
    };
    let mut places = BTreeMap::new();
    for (index, call) in calls().filter(|(_, call)| able(call)) {
        for (at, variant) in call.variants.iter().enumerate() {
            places.entry(name(index, call, variant)).or_insert((index, at));
        }
    }
    let of = |index: usize, call: &Call, variant: &Variant| {
        let (whose, name) = name(index, call, variant);
        places.get(&(whose, setter(&name)?)).copied()
    };
    calls().map(|(index, call)| call.variants.iter().map(|variant| of(index, call, variant)).collect()).collect()
}

/// The name of the call or command that sets what this one gets.
fn setter(name: &str) -> Option<String> {
    [("get", "set"), ("GET", "SET")].iter().find_map(|(get, set)| {
        let at = name.find(get)?;
        Some(format!("{}{set}{}", &name[..at], &name[at + get.len()..]))
    })
}

impl Making<'_> {
    /// Puts a call before this one that sets what it gets, now and then; gives its place in the program.
    pub(super) fn set_first(&mut self, dice: &mut Dice<'_>, call: usize, variant: usize) -> Option<usize> {
        let (setter, of) = self.generator.setters[call][variant]?;
        let room = self.program.calls.len() + 3 < LONGEST;
        if self.nested || self.graft.is_some() || !room || !dice.chance(OFTEN) {
            return None;
        }
        self.nested = true;
        self.call_variant(dice, setter, of, None, false);
        self.nested = false;
        self.program.calls.len().checked_sub(1)
    }

    /// Gives a call the arguments of the same names that an earlier one has: both are about one thing.
    pub(super) fn about_the_same(&self, earlier: usize, call: &Call, variant: &Variant, args: &mut [Argument]) {
        let Some(other) = self.program.calls.get(earlier) else { return };
        let theirs = &self.generator.resolved.calls[other.call].variants[0].params;
        let commands = call.select.map(usize::from);
        let own = variant.params.iter().zip(args).enumerate().filter(|(position, _)| Some(*position) != commands);
        for (_, (param, arg)) in own {
            let like = theirs.iter().zip(&other.args).find(|(their, _)| their.name == param.name);
            if let (Argument::Number(_) | Argument::Result { .. }, Some((_, same))) = (&*arg, like)
                && !matches!(same, Argument::Block(_))
                && param.ty.pointer().is_none()
            {
                *arg = same.clone();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generate::Generator;
    use abispec::arch::Arch;
    use abispec::target::Target;
    use abispec::version::Release;
    use proptest::test_runner::{RngAlgorithm, TestRng};
    use std::sync::Arc;

    fn resolved() -> Arc<Resolved> {
        abispec::resolve(abispec::embedded(), &Target::new(Arch::X86_64, Release::new(7, 3))).into()
    }

    #[test]
    fn names_say_who_sets_what() {
        let resolved = resolved();
        let found = setters(&resolved, &|_| true);
        let of = |name: &str, command: Option<&str>| {
            let call = resolved.calls.iter().position(|call| call.name == name).expect(name);
            let variants = &resolved.calls[call].variants;
            let variant = variants.iter().position(|found| found.command.as_deref() == command).expect(name);
            let names = found[call][variant].iter().map(|(call, variant)| {
                let call = &resolved.calls[*call];
                call.variants[*variant].command.clone().unwrap_or_else(|| call.name.clone())
            });
            names.collect::<Vec<String>>()
        };
        assert_eq!(of("getpriority", None), ["setpriority"]);
        assert_eq!(of("timerfd_gettime", None), ["timerfd_settime"]);
        assert_eq!(of("prctl", Some("PR_GET_PDEATHSIG")), ["PR_SET_PDEATHSIG"]);
        assert_eq!(of("fcntl", Some("F_GETSIG")), ["F_SETSIG"]);
        assert!(of("getpid", None).is_empty() && of("setpriority", None).is_empty());
    }

    #[test]
    fn what_is_got_is_set_before_about_the_same_thing() {
        let resolved = resolved();
        let of = |name: &str| resolved.calls.iter().position(|call| call.name == name).expect(name);
        let mut rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
        let number = |arg: &Argument| if let Argument::Number(number) = arg { *number as u32 } else { 0 };
        // A call, the one that sets what it gets, their commands, and the arguments that say what both are about.
        let (get, set) = (libc::PR_GET_TIMERSLACK, libc::PR_SET_TIMERSLACK);
        let table = [
            ("getpriority", "setpriority", None, 0..2),
            ("prctl", "prctl", Some([set.cast_unsigned(), get.cast_unsigned()]), 0..0),
        ];
        for (getter, setter, commands, same) in table {
            let generator = Generator::new(resolved.clone(), &|call| call.name == getter, &|_| true);
            let is = |call: &crate::program::Invocation, name: &str, at: usize| {
                call.call == of(name) && commands.is_none_or(|commands| number(&call.args[0]) == commands[at])
            };
            let programs = (0..4000).map(|_| generator.program(&mut rng, &generator.even()));
            let pairs = programs.filter(|program| {
                assert!(program.is_sound(&resolved), "{:?}", program.lines(&resolved));
                program.calls.windows(2).any(|pair| {
                    is(&pair[0], setter, 0)
                        && is(&pair[1], getter, 1)
                        && pair[0].args[same.clone()] == pair[1].args[same.clone()]
                })
            });
            assert!(pairs.count() > 10, "{getter}");
        }
    }
}
