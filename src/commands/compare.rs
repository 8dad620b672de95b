//! `abispec compare`.

mod told;

use crate::context::Context;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::journal;
use abispec::arch::Arch;
use abispec::evidence::ClauseKey;
use abispec::export::Reach;
use abispec::journal::{Run, merge, name};
use abispec::model::Spec;
use abispec::target::{Resolved, Target};
use abispec::version::Release;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::path::PathBuf;

/// Options of `abispec compare`.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  abispec compare old.jsonl new.jsonl            two kernels: rules, findings, answers
  abispec compare night.json@6.1 night.json@7.3  two kernels of one journal
  abispec compare old/ new/ --rules              also every rule that was seen on one of them only

Both sides are journals of `fuzz`, `run` or `outcomes`, each of one kernel; @SERIES picks one of several. Answers are compared
where both sides hold those of `abispec outcomes` for the same seed. A difference is `stated` where the specification says
something else for one of the two releases.
Exit codes: 0 nothing differs that is not stated, 1 something does, 2 the sides cannot be compared.")]
pub(crate) struct Args {
    /// A journal, or a folder of them, optionally with @SERIES behind it
    #[arg(value_name = "A")]
    left: String,
    /// The other one
    #[arg(value_name = "B")]
    right: String,
    /// Also list the rules that were seen on one side only
    #[arg(long)]
    rules: bool,
}

/// One of the two.
struct Side {
    /// The kernel, by its own name.
    kernel: String,
    arch: Arch,
    release: Release,
    runs: Vec<Run>,
}

/// Rules of one call, by where they were seen.
#[derive(Default)]
struct Rules {
    both: usize,
    neither: usize,
    /// Seen on the left, and possible on the right.
    left: Vec<ClauseKey>,
    right: Vec<ClauseKey>,
    /// Said of the left kernel alone.
    only_left: Vec<ClauseKey>,
    only_right: Vec<ClauseKey>,
}

/// Answers of one call that differ in the same way.
struct Differing {
    call: String,
    left: String,
    right: String,
    times: u64,
    /// Whether the specification says something else for one of the releases.
    stated: bool,
    /// The program, and which of its calls.
    example: Vec<String>,
}

/// Everything that is compared.
struct Compared {
    rules: Rules,
    /// Findings of one side, as `id subject: message`.
    findings: [Vec<String>; 2],
    differing: Vec<Differing>,
    /// Programs that both sides answered.
    programs: u64,
}

/// Runs the command.
pub(super) fn run(args: &Args, context: &Context, out: &mut dyn Write) -> Result<Exit, Failure> {
    let spec = context.spec()?;
    let (left, right) = (side(&args.left)?, side(&args.right)?);
    let (differing, programs) = answers(&spec, &left, &right);
    let compared = Compared { rules: rules(&left, &right), findings: findings(&left, &right), differing, programs };
    let something = compared.rules.both + compared.rules.left.len() + compared.rules.right.len() > 0 || programs > 0;
    if !something {
        return Err(Failure::new("the two sides have nothing that could be compared")
            .help("both need coverage (`fuzz`, `run`), or answers of the same seed (`outcomes`)"));
    }
    told::write(&compared, &left, &right, args.rules, context, out)?;
    let differs =
        compared.differing.iter().any(|one| !one.stated) || compared.findings.iter().any(|one| !one.is_empty());
    Ok(if differs { Exit::Divergences } else { Exit::Conforms })
}

/// Reads `night.json@6.1`.
fn side(text: &str) -> Result<Side, Failure> {
    let (path, series) = match text.rsplit_once('@') {
        Some((path, series)) if !PathBuf::from(text).exists() => (path, Some(series)),
        _ => (text, None),
    };
    let mut runs = merge(journal::read(&[PathBuf::from(path)])?)
        .map_err(|conflict| Failure::new("the journals cannot be joined").at(path).why(conflict.to_string()))?;
    let release = |run: &Run| Release::from_uname(&run.head.kernel).ok();
    if let Some(series) = series {
        runs.retain(|run| {
            run.head.kernel == series || release(run).is_some_and(|release| release.base().to_string() == series)
        });
    }
    // What tells of a machine that did not come up has no kernel's name.
    runs.retain(|run| run.pieces().next().is_some() || !run.outcomes.is_empty() || release(run).is_some());
    let kernels: BTreeSet<String> = runs.iter().map(|run| run.head.kernel.clone()).collect();
    let names = || kernels.iter().cloned().collect::<Vec<_>>().join(", ");
    let first = runs.first().filter(|_| kernels.len() == 1).ok_or_else(|| {
        let failure = Failure::new("a side of a comparison is one kernel").at(text);
        if kernels.is_empty() {
            failure.why("there is no run of it")
        } else {
            failure.why(format!("there are {}", names())).help("put @SERIES behind the journal, such as @6.1")
        }
    })?;
    let unknown = |what: &str| Failure::new(format!("the {what} of a journal is not known")).at(text);
    Ok(Side {
        kernel: first.head.kernel.clone(),
        arch: Arch::from_name(&first.head.arch).ok_or_else(|| unknown("port"))?,
        release: release(first).ok_or_else(|| unknown("release"))?,
        runs,
    })
}

/// What a side has seen, and what it could have, through the port's own entry.
fn clauses(side: &Side) -> (BTreeSet<&ClauseKey>, BTreeSet<&ClauseKey>) {
    let own = || side.runs.iter().flat_map(Run::pieces).filter(|seen| seen.entry == "64");
    let seen: BTreeSet<&ClauseKey> = own().flat_map(|one| one.evidence.clauses.iter().map(|one| &one.clause)).collect();
    let unseen = own().flat_map(|one| &one.unseen).filter(|key| !seen.contains(key)).collect();
    (seen, unseen)
}

fn rules(left: &Side, right: &Side) -> Rules {
    let ((seen_left, unseen_left), (seen_right, unseen_right)) = (clauses(left), clauses(right));
    let mut rules = Rules { neither: unseen_left.intersection(&unseen_right).count(), ..Rules::default() };
    if seen_left.is_empty() || seen_right.is_empty() {
        return rules;
    }
    for key in &seen_left {
        match (seen_right.contains(key), unseen_right.contains(key)) {
            (true, _) => rules.both += 1,
            (false, true) => rules.left.push((*key).clone()),
            (false, false) => rules.only_left.push((*key).clone()),
        }
    }
    for key in seen_right.difference(&seen_left) {
        let into = if unseen_left.contains(key) { &mut rules.right } else { &mut rules.only_right };
        into.push((*key).clone());
    }
    rules
}

fn findings(left: &Side, right: &Side) -> [Vec<String>; 2] {
    let of = |side: &Side| -> BTreeMap<String, String> {
        let named = side.runs.iter().flat_map(|run| run.findings.iter().map(move |reported| (run, reported)));
        named
            .map(|(run, reported)| {
                let name = name(run, reported);
                // The kernel is what differs.
                let behind = name.split_once(' ').map_or(name.as_str(), |(_, rest)| rest).to_owned();
                let finding = &reported.finding;
                (behind, format!("{}: {}: {}", finding.id, finding.subject, finding.message))
            })
            .collect()
    };
    let (of_left, of_right) = (of(left), of(right));
    let only = |these: &BTreeMap<String, String>, others: &BTreeMap<String, String>| {
        these.iter().filter(|(name, _)| !others.contains_key(*name)).map(|(_, text)| text.clone()).collect()
    };
    [only(&of_left, &of_right), only(&of_right, &of_left)]
}

/// The answers that differ, and how many programs both sides have.
fn answers(spec: &Spec, left: &Side, right: &Side) -> (Vec<Differing>, u64) {
    let mut found: BTreeMap<(String, String, String), Differing> = BTreeMap::new();
    let mut programs = 0;
    let resolved = [left, right].map(|side| abispec::resolve(spec, &Target::new(side.arch, side.release)));
    for one in left.runs.iter().filter(|run| !run.outcomes.is_empty()) {
        // The same programs: seed, number and what they are made of.
        let Some(other) = right.runs.iter().find(|run| !run.outcomes.is_empty() && run.head.parts == one.head.parts)
        else {
            continue;
        };
        let answered: BTreeMap<u64, &abispec::journal::Outcome> =
            other.outcomes.iter().map(|outcome| (outcome.program, outcome)).collect();
        for ours in &one.outcomes {
            let Some(theirs) = answered.get(&ours.program).filter(|theirs| theirs.calls == ours.calls) else {
                continue;
            };
            programs += 1;
            // Behind the first difference programs go on in different worlds.
            let first = ours.answers.iter().zip(&theirs.answers).position(|(a, b)| a != b);
            let Some(at) = first else { continue };
            let (a, b) = (ours.answers[at].clone(), theirs.answers[at].clone());
            let call = called(&ours.calls[at]).to_owned();
            let differing = found.entry((call.clone(), a.clone(), b.clone())).or_insert_with(|| Differing {
                stated: stated(spec, &resolved, &call, &[&a, &b]),
                example: ours.calls[..=at].to_vec(),
                call,
                left: a,
                right: b,
                times: 0,
            });
            differing.times += 1;
            if at + 1 < differing.example.len() {
                differing.example = ours.calls[..=at].to_vec();
            }
        }
    }
    let mut list: Vec<Differing> = found.into_values().collect();
    list.sort_by(|a, b| (a.stated, &a.call).cmp(&(b.stated, &b.call)));
    (list, programs)
}

/// The call of a line such as `r1 = dup(r0)`.
fn called(line: &str) -> &str {
    let behind = line.split_once(" = ").map_or(line, |(_, call)| call);
    behind.split_once('(').map_or(behind, |(name, _)| name)
}

/// Whether the specification says something else of these answers for one of the releases: another rule, or another member of
/// a set that the call takes.
fn stated(spec: &Spec, resolved: &[Resolved; 2], call: &str, answers: &[&str]) -> bool {
    let [left, right] = resolved;
    let (Some(here), Some(there)) = (left.call(call), right.call(call)) else { return true };
    let rules = |resolved: &Resolved, of: &abispec::target::Call| -> BTreeSet<String> {
        let rules = of.variants.iter().flat_map(|variant| &variant.rules);
        rules
            .filter(|rule| answers.contains(&rule.errno.name()))
            .map(|rule| format!("{} {} {}", rule.errno.name(), rule.duty, resolved.clause(rule.clause).text))
            .collect()
    };
    if here.variants.len() != there.variants.len() || rules(left, here) != rules(right, there) {
        return true;
    }
    let mut reach = Reach::default();
    if let Some(found) = spec.syscalls.get(call) {
        reach.call(spec, found);
    }
    let members = |resolved: &Resolved, set: &str| -> Vec<(String, i128)> {
        let members = resolved.sets.get(set).map(|set| set.members.as_slice()).unwrap_or_default();
        members.iter().map(|member| (member.name.clone(), member.value)).collect()
    };
    reach.sets.iter().any(|set| members(left, set) != members(right, set))
}
