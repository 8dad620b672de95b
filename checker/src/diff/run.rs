//! A whole comparison: both sides read at once, for one port or for several.

use super::compare;
use super::difference::Comparison;
use super::ports::merge;
use super::side::Side;
use super::sides::Input;
use super::spec::compare_rules;
use crate::facts::Facts;
use abispec::arch::Arch;
use abispec::model::Spec;
use abispec::target::Target;
use abispec::version::Release;
use std::panic::resume_unwind;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

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
}

/// Compares. What a port lacks on one side is noted as silent; differences that several ports have appear once.
///
/// # Errors
/// When a side can be read for none of the ports; the first reason.
pub fn run(request: &Request<'_>) -> Result<Comparison, String> {
    if let [port] = request.ports {
        return one(request, *port, true);
    }
    let results = Mutex::new(Vec::new());
    let next = AtomicUsize::new(0);
    let workers = thread::available_parallelism().map_or(1, usize::from).min(request.ports.len());
    thread::scope(|scope| {
        let work = || {
            while let Some(port) = request.ports.get(next.fetch_add(1, Ordering::Relaxed)) {
                let result = one(request, *port, false);
                if let Ok(mut results) = results.lock() {
                    results.push((*port, result));
                }
            }
        };
        let running: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        for worker in running {
            if let Err(panic) = worker.join() {
                resume_unwind(panic);
            }
        }
    });
    let mut results = results.into_inner().unwrap_or_default();
    results.sort_by_key(|(port, _)| *port);
    let mut found = Vec::new();
    let mut failed = Vec::new();
    for (port, result) in results {
        match result {
            Ok(comparison) => found.push(comparison),
            Err(why) => failed.push((port, why)),
        }
    }
    if let ([], [(_, why), ..]) = (found.as_slice(), failed.as_slice()) {
        return Err(why.clone());
    }
    let mut all = merge(found);
    all.silent
        .extend(failed.into_iter().map(|(port, reason)| crate::facts::Silence { subject: port.to_string(), reason }));
    Ok(all)
}

fn one(request: &Request<'_>, port: Arch, at_once: bool) -> Result<Comparison, String> {
    let targets = (Target::new(port, request.releases.0), Target::new(port, request.releases.1));
    let read = |input: &Input, target: &Target| -> Result<Facts, String> { input.facts(request.spec, target) };
    let (before, after) = if at_once {
        thread::scope(|scope| {
            let other = scope.spawn(|| read(request.old, &targets.0));
            let after = read(request.new, &targets.1);
            (other.join().unwrap_or_else(|panic| resume_unwind(panic)), after)
        })
    } else {
        (read(request.old, &targets.0), read(request.new, &targets.1))
    };
    let (before, after) = (before?, after?);
    let (old, new) = (Side::new(&before, request.old.files()), Side::new(&after, request.new.files()));
    let mut found = compare(request.spec, &old, &new);
    if let (Input::Specification { spec: old, .. }, Input::Specification { spec: new, .. }) = (request.old, request.new)
    {
        let rules = compare_rules((old, &targets.0), (new, &targets.1));
        found = merge(vec![found, rules]);
    }
    Ok(found)
}
