//! A whole comparison: both sides read at once, for one port or for several.

use super::compare;
use super::difference::Comparison;
use super::ports::merge;
use super::reach::within_reach;
use super::side::Side;
use super::sides::Input;
use super::spec::compare_rules;
use crate::facts::{Facts, Silence};
use abispec::arch::Arch;
use abispec::model::Spec;
use abispec::target::Target;
use abispec::version::Release;

/// What to compare.
pub struct Request<'a> {
    /// Knows which structs carry their size, and what of a kernel's types matters.
    pub spec: &'a Spec,
    /// The side that programs were compiled for.
    pub old: &'a Input,
    /// The side that they run on.
    pub new: &'a Input,
    /// The ports.
    pub ports: &'a [Arch],
    /// The releases that specifications are read for; other sides know their own.
    pub releases: (Release, Release),
    /// Whether the sources of kernel trees are read, for the parameters of system calls.
    pub sources: bool,
}

/// How many ports are read together: what they share is read once, and what they state is in memory at the same time.
const TOGETHER: usize = 8;

/// Compares. What a port lacks on one side is noted as silent; differences that several ports have appear once.
///
/// # Errors
/// When a side can be read for none of the ports; the first reason.
pub fn run(request: &Request<'_>) -> Result<Comparison, String> {
    let mut found = Vec::new();
    let mut failed = Vec::new();
    for ports in request.ports.chunks(TOGETHER) {
        let read = |input: &Input, release| input.facts(ports, release, request.sources);
        let (old, new) =
            rayon::join(|| read(request.old, request.releases.0), || read(request.new, request.releases.1));
        for ((port, old), new) in ports.iter().zip(old).zip(new) {
            match (old, new) {
                (Ok(mut old), Ok(mut new)) => {
                    if let Input::Kernel(_) = request.new {
                        within_reach(&mut old, &mut new, request.spec);
                    }
                    found.push(one(request, *port, &old, &new));
                }
                (Err(reason), _) | (_, Err(reason)) => failed.push(Silence { subject: port.to_string(), reason }),
            }
        }
    }
    if let ([], [first, ..]) = (found.as_slice(), failed.as_slice()) {
        return Err(first.reason.clone());
    }
    let mut all = merge(found);
    all.silent.extend(failed);
    Ok(all)
}

fn one(request: &Request<'_>, port: Arch, old: &Facts, new: &Facts) -> Comparison {
    let sides = (Side::new(old, request.old.files()), Side::new(new, request.new.files()));
    let found = compare(request.spec, &sides.0, &sides.1);
    let (Input::Specification { spec: old, .. }, Input::Specification { spec: new, .. }) = (request.old, request.new)
    else {
        return found;
    };
    let targets = (Target::new(port, request.releases.0), Target::new(port, request.releases.1));
    merge(vec![found, compare_rules((old, &targets.0), (new, &targets.1))])
}
