//! The command that guests run, and the share that each has of it.

use crate::args::Cli;
use crate::context::Context;
use crate::failure::Failure;
use abispec_fuzzer::campaign::Shard;
use clap::Parser;
use std::ffi::{OsStr, OsString};
use std::path::{Component, Path, PathBuf};
use std::time::Duration;

/// What a command says of work that can be divided among guests, and that a fresh one can go on with.
#[derive(Clone, Debug)]
pub(in crate::commands) struct Plan {
    /// How long.
    pub(in crate::commands) time: Duration,
    /// After how many calls it stops.
    pub(in crate::commands) calls: Option<u64>,
    /// Where its programs come from, if that was said.
    pub(in crate::commands) seed: Option<u64>,
    /// Which part of the seed's programs.
    pub(in crate::commands) shard: Shard,
    /// Where it says what it does, if anywhere.
    pub(in crate::commands) journal: Option<PathBuf>,
    /// Where it saves what it finds.
    pub(in crate::commands) out: PathBuf,
    /// Replay files that it runs first.
    pub(in crate::commands) corpus: Option<PathBuf>,
}

/// What one guest does of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Share {
    pub(super) seed: u64,
    pub(super) shard: Shard,
    pub(super) time: Duration,
    pub(super) calls: Option<u64>,
    /// Whether what comes before the fuzzer is done already, or done by another guest.
    pub(super) fuzzing_only: bool,
}

/// The command, understood.
#[derive(Debug)]
pub(super) struct Order {
    words: Vec<OsString>,
    pub(super) plan: Option<Plan>,
    /// The command's journal, as a path from its working directory.
    pub(super) journal: PathBuf,
    /// How it writes its results.
    pub(super) context: Context,
}

/// The journal's name where the command has no other.
const JOURNAL: &str = "journal.jsonl";

impl Order {
    /// Reads a command as the guest will.
    ///
    /// # Errors
    /// When it is none, or asks for help: what is then to be printed.
    pub(super) fn read(words: &[OsString], context: &Context) -> Result<Self, clap::Error> {
        let cli =
            Cli::try_parse_from([OsStr::new("abispec")].into_iter().chain(words.iter().map(OsString::as_os_str)))?;
        let plan = cli.command.plan();
        let journal = plan.as_ref().and_then(|plan| plan.journal.clone()).unwrap_or_else(|| JOURNAL.into());
        let context = Context::new(&cli.global, context.colour, context.colour_errors);
        Ok(Self { words: words.to_vec(), plan, journal, context })
    }

    /// Refuses what would not come out of a guest.
    pub(super) fn allow(&self, guests: u16) -> Result<(), Failure> {
        match &self.plan {
            None if guests > 1 => Err(Failure::new("this command cannot be divided among guests")
                .help("--guests is for fuzz and run, whose programs are divided as --shard does it")),
            Some(plan) if plan.shard.of.checked_mul(guests).is_none() => {
                Err(Failure::new("there are more shards than can be counted").help("fewer --guests, or fewer shards"))
            }
            Some(_) if !within(&self.journal) => Err(Failure::new("the command's journal would stay in the guest")
                .at(self.journal.display().to_string())
                .why("only what lies below the command's working directory comes out into --out")
                .help("name a file there, such as --journal journal.jsonl")),
            _ => Ok(()),
        }
    }

    /// The words for a guest with this share; without one, as they were given.
    pub(super) fn words(&self, share: Option<&Share>) -> Vec<OsString> {
        let mut words = self.words.clone();
        let Some(share) = share else { return words };
        if share.fuzzing_only {
            // Whatever `run` takes, `fuzz` takes too.
            if let Some(word) = words.iter_mut().find(|word| *word == "run") {
                *word = "fuzz".into();
            }
        }
        let mut set = |option: &str, value: Option<String>| {
            words = without(&words, option);
            if let Some(value) = value {
                words.extend([OsString::from(option), value.into()]);
            }
        };
        set("--seed", Some(share.seed.to_string()));
        set("--time", Some(format!("{}ms", share.time.as_millis())));
        let Shard { number, of } = share.shard;
        set("--shard", (of > 1).then(|| format!("{number}/{of}")));
        set("--calls", share.calls.map(|calls| calls.to_string()));
        words = without(&words, "--journal");
        words.extend([OsString::from("--journal"), self.journal.clone().into()]);
        words
    }
}

/// Whether a path leads from a folder to what lies below it.
pub(super) fn within(path: &Path) -> bool {
    path.components().all(|part| matches!(part, Component::Normal(_)))
}

/// The words without an option and its value.
fn without(words: &[OsString], option: &str) -> Vec<OsString> {
    let mut rest = words.iter();
    let mut kept = Vec::new();
    while let Some(word) = rest.next() {
        let joined = word.to_str().and_then(|word| word.strip_prefix(option)).is_some_and(|end| end.starts_with('='));
        if word == option {
            rest.next();
        } else if !joined {
            kept.push(word.clone());
        }
    }
    kept
}

/// The shares of guests that begin together.
pub(super) fn shares(plan: &Plan, seed: u64, guests: u16) -> Vec<Share> {
    let of = plan.shard.of.saturating_mul(guests);
    let shard = |guest: u16| Shard { number: (plan.shard.number - 1).saturating_mul(guests) + guest + 1, of };
    let calls = |guest: u16| {
        let (calls, guest, guests) = (plan.calls?, u64::from(guest), u64::from(guests));
        Some((calls / guests + u64::from(guest < calls % guests)).max(1))
    };
    let share =
        |guest| Share { seed, shard: shard(guest), time: plan.time, calls: calls(guest), fuzzing_only: guest > 0 };
    (0..guests).map(share).collect()
}

/// The seed of a guest that follows others, so many, in their share: it comes from these alone, and makes programs that no other
/// guest makes.
pub(super) fn following(share: &Share, turn: u64) -> u64 {
    let mut mixed = share.seed ^ u64::from(share.shard.number) << 48 ^ u64::from(share.shard.of) << 32 ^ turn;
    // The finaliser of splitmix64.
    for (shift, factor) in [(30, 0xbf58_476d_1ce4_e5b9), (27, 0x94d0_49bb_1331_11eb)] {
        mixed = (mixed ^ mixed >> shift).wrapping_mul(factor);
    }
    (mixed ^ mixed >> 31) & 0xffff_ffff
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn plan() -> Plan {
        Plan {
            time: Duration::from_secs(60),
            calls: Some(10),
            seed: Some(7),
            shard: Shard { number: 2, of: 3 },
            journal: None,
            out: "abispec-findings".into(),
            corpus: None,
        }
    }

    fn order(words: &[&str]) -> Order {
        let words: Vec<OsString> = words.iter().map(OsString::from).collect();
        let cli = Cli::try_parse_from(["abispec", "lint"]).expect("a command");
        Order::read(&words, &Context::new(&cli.global, false, false)).expect("a command")
    }

    #[test]
    fn shares_of_guests_are_shards_of_the_shard() {
        let shares = shares(&plan(), 7, 4);
        let shards: Vec<_> = shares.iter().map(|share| (share.shard.number, share.shard.of)).collect();
        assert_eq!(shards, [(5, 12), (6, 12), (7, 12), (8, 12)]);
        assert_eq!(shares.iter().filter_map(|share| share.calls).collect::<Vec<_>>(), [3, 3, 2, 2]);
        assert_eq!(shares.iter().map(|share| share.fuzzing_only).collect::<Vec<_>>(), [false, true, true, true]);
    }

    #[test]
    fn seeds_of_guests_that_follow_are_all_different_and_always_the_same() {
        let mut seeds = BTreeSet::new();
        for share in shares(&plan(), 7, 8) {
            for turn in 1..100 {
                assert_eq!(following(&share, turn), following(&share, turn));
                assert!(seeds.insert(following(&share, turn)), "{share:?} {turn}");
            }
        }
    }

    #[test]
    fn a_command_gets_its_share() {
        let share = Share {
            seed: 9,
            shard: Shard { number: 2, of: 3 },
            time: Duration::from_millis(1500),
            calls: None,
            fuzzing_only: true,
        };
        let words = order(&["run", "--time=10m", "--seed", "7", "--privileged"]).words(Some(&share));
        let expected =
            ["fuzz", "--privileged", "--seed", "9", "--time", "1500ms", "--shard", "2/3", "--journal", "journal.jsonl"];
        assert_eq!(words, expected);
        let whole = Share { shard: Shard::default(), fuzzing_only: false, ..share };
        let words = order(&["fuzz", "--calls", "8", "--journal", "a/j", "--shard=1/2"]).words(Some(&whole));
        assert_eq!(words, ["fuzz", "--seed", "9", "--time", "1500ms", "--journal", "a/j"]);
        assert_eq!(order(&["check", "--only", "btf"]).words(None), ["check", "--only", "btf"]);
    }

    #[test]
    fn what_cannot_come_out_or_be_divided_is_refused() {
        for words in [&["fuzz", "--journal", "/tmp/j"][..], &["run", "--journal", "../j"]] {
            assert!(order(words).allow(1).is_err(), "{words:?}");
        }
        assert!(order(&["check"]).allow(2).is_err());
        assert!(order(&["check"]).allow(1).is_ok());
        assert!(order(&["fuzz", "--shard", "1/60000"]).allow(2).is_err());
        assert!(order(&["fuzz", "--journal", "a/j"]).allow(8).is_ok());
    }
}
