//! One finding for what several ports, or two witnesses of one tree, show alike.

use crate::facts::{Facts, WitnessKind};
use crate::tree::ports::base;
use abispec::arch::Arch;
use abispec::finding::{Finding, Severity};
use std::collections::{BTreeMap, BTreeSet};

/// Names of ports that a finding lists before it counts the rest.
const LISTED: usize = 4;
/// Bytes of a line of names.
const WIDTH: usize = 100;
/// Lines of names.
const LINES: usize = 6;

/// Findings of one tree that differ in the port only become one. Each finding comes with the index of its witness.
pub(crate) fn merged(findings: Vec<(usize, Finding)>, witnesses: &[Facts]) -> Vec<Finding> {
    let ports: BTreeSet<Arch> = witnesses.iter().map(|facts| facts.arch).collect();
    let mut kept: Vec<(Finding, BTreeSet<Arch>)> = Vec::new();
    let mut seen: BTreeMap<Key, usize> = BTreeMap::new();
    for (witness, finding) in findings {
        let Some(facts) = witnesses.get(witness) else { continue };
        match seen.get(&key(&finding, facts)) {
            Some(index) => {
                if let Some((_, on)) = kept.get_mut(*index) {
                    on.insert(facts.arch);
                }
            }
            None => {
                seen.insert(key(&finding, facts), kept.len());
                kept.push((finding, BTreeSet::from([facts.arch])));
            }
        }
    }
    let (unspecified, kept): (Vec<_>, Vec<_>) = kept
        .into_iter()
        .partition(|(finding, _)| finding.id == "missing-syscall" && finding.severity == Severity::Warning);
    let mut out: Vec<Finding> = kept.into_iter().map(|(finding, on)| named(finding, &on, ports.len())).collect();
    out.extend(summary(unspecified.into_iter().map(|(finding, _)| finding).collect(), witnesses));
    out
}

type Key = (String, String, String, String, Option<String>, Option<String>);

/// What two findings share that say the same. Installed headers of two places are two witnesses.
fn key(finding: &Finding, facts: &Facts) -> Key {
    let place = finding.spec.as_ref().map(ToString::to_string).unwrap_or_default();
    (
        facts.witness.clone(),
        finding.id.clone(),
        finding.subject.clone(),
        place,
        finding.expected.clone(),
        finding.actual.clone(),
    )
}

/// The finding with the ports that show it, where they are not the only one that was looked at.
fn named(mut finding: Finding, on: &BTreeSet<Arch>, all: usize) -> Finding {
    finding.ports = on.iter().map(|arch| arch.name().to_owned()).collect();
    // A message that names its port already needs no list.
    let says = |text: &Option<String>| {
        on.len() == 1 && on.iter().any(|arch| text.as_ref().is_some_and(|text| text.contains(arch.name())))
    };
    if all < 2 || says(&finding.expected) || says(&finding.help) {
        return finding;
    }
    let names: Vec<&str> = on.iter().map(|arch| arch.name()).collect();
    let ports = if on.len() == all {
        format!("all {all} ports")
    } else if on.len() > LISTED {
        format!("{} and {} more ports", names[..LISTED].join(", "), on.len() - LISTED)
    } else {
        names.join(", ")
    };
    finding.message = format!("{} (on {ports})", finding.message);
    finding
}

/// One warning for all calls that are not specified, the newest first: those with the highest numbers, since all ports
/// number new calls alike.
fn summary(findings: Vec<Finding>, witnesses: &[Facts]) -> Option<Finding> {
    if findings.len() < 2 {
        return findings.into_iter().next();
    }
    let number = |name: &str| {
        let trees = witnesses.iter().filter(|facts| facts.kind == WitnessKind::Tree);
        trees.filter_map(|facts| Some(facts.numbers.get(name)?.value.saturating_sub(base(facts.arch)))).min()
    };
    let mut names: Vec<&str> = findings.iter().map(|finding| finding.subject.as_str()).collect();
    names.sort_by_key(|name| (std::cmp::Reverse(number(name)), *name));
    let count = names.len();
    let newest = names.first().copied().unwrap_or_default();
    let tree = witnesses
        .iter()
        .find(|facts| facts.kind == WitnessKind::Tree)
        .map(|facts| facts.witness.clone())
        .unwrap_or_default();
    let message = format!(
        "no file of the specification describes them; newest first: {}",
        names.iter().take(3).copied().collect::<Vec<_>>().join(", ")
    );
    let mut finding = Finding::error("missing-syscall", format!("{count} system calls of {tree}"), message);
    finding.severity = Severity::Warning;
    finding.trace = lines(&names);
    let help = format!(
        "abispec extract {newest} --tree {tree}; with `--new-since DIR`, an older tree, only new calls are named"
    );
    Some(finding.help(help))
}

fn lines(names: &[&str]) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut line = String::new();
    for (index, name) in names.iter().enumerate() {
        if !line.is_empty() && line.len() + name.len() >= WIDTH {
            lines.push(std::mem::take(&mut line));
            if lines.len() == LINES {
                lines.push(format!("and {} more", names.len() - index));
                return lines;
            }
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(name);
    }
    lines.push(line);
    lines
}
