//! What was in flight when a guest ended: told, and left as replay files.

use super::first::Calls;
use abispec_fuzzer::flight::{self, Flight};
use abispec_vm::memory::Memory;
use std::fs;
use std::io;
use std::path::Path;

/// The folder below --out for programs that were in flight.
pub(super) const FOLDER: &str = "in-flight";

/// What was in flight, with the files that hold it.
#[derive(Debug, Default)]
pub(super) struct Flown {
    /// In a few words: what was running.
    pub(super) what: Option<String>,
    /// The programs that were running, or the first of them, a line for each call.
    pub(super) lines: Vec<String>,
    /// The calls of the programs that may have done it, where any was running.
    pub(super) running: Vec<Calls>,
    /// Replay files, the likeliest first.
    pub(super) files: Vec<String>,
    /// What could not be done.
    pub(super) trouble: Option<String>,
}

/// Programs that are shown; the others are in files.
const SHOWN: usize = 4;

impl Flown {
    /// Looks into a guest's memory, and writes replay files below `out`.
    pub(super) fn of(memory: &Memory, out: &Path, finding: &str) -> Self {
        let pages = match memory.pages(&flight::concerns) {
            Ok(pages) => pages,
            Err(error) => {
                return Self {
                    trouble: Some(format!("the guest's memory cannot be read: {error}")),
                    ..Self::default()
                };
            }
        };
        let mut flown = Self::default();
        let flights = flight::read(&pages);
        // What another guest left is not this one's.
        let _ = fs::remove_dir_all(out.join(FOLDER));
        for flight in &flights {
            flown.add(flight);
            if let Err(error) = flown.keep(flight, out, finding) {
                let trouble = format!("what was in flight cannot be kept in {}: {error}", out.join(FOLDER).display());
                flown.trouble.get_or_insert(trouble);
            }
        }
        flown
    }

    fn add(&mut self, flight: &Flight) {
        let call =
            |(program, call): (usize, usize)| flight.programs.get(program)?.calls.get(call).map(|(name, _)| name);
        let words = match (flight.running, flight.at.and_then(call)) {
            (true, Some(name)) if flight.within => format!("within {name}"),
            (true, Some(name)) => format!("after {name}"),
            (true, None) => format!("with {} program(s) in flight", flight.programs.len()),
            (false, _) => format!("with nothing in flight, after {} program(s)", flight.programs.len()),
        };
        let suspects =
            flight.programs.iter().enumerate().filter(|(index, _)| flight.at.is_none_or(|(at, _)| at == *index));
        if flight.running {
            self.running.extend(suspects.map(|(_, program)| program.calls.clone()));
        }
        let what = self.what.take();
        self.what = Some(what.map_or_else(|| words.clone(), |before| format!("{before}, and {words}")));
        let order = order(flight);
        for index in order.iter().take(if flight.at.is_some() { 1 } else { SHOWN }) {
            self.lines.push(format!("{} ({}):", flight.habitat, flight.entry.name()));
            let at = flight.at.filter(|(program, _)| program == index).map(|(_, call)| call);
            for (number, line) in flight.programs[*index].lines().into_iter().enumerate() {
                let here = if at == Some(number) { if flight.within { "  <- here" } else { "  <- last" } } else { "" };
                self.lines.push(format!("  {line}{here}"));
            }
        }
        if order.len() > SHOWN && flight.at.is_none() {
            self.lines.push(format!("and {} more", order.len() - SHOWN));
        }
    }

    fn keep(&mut self, flight: &Flight, out: &Path, finding: &str) -> io::Result<()> {
        let folder = out.join(FOLDER);
        fs::create_dir_all(&folder)?;
        for index in order(flight) {
            let program = &flight.programs[index];
            let last = match flight.at {
                Some((of, call)) if of == index => program.calls.get(call),
                _ => program.calls.last(),
            };
            let name = last.map_or("empty", |(name, _)| name.as_str());
            // A name is a guest's word.
            let name: String = name.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '_').take(40).collect();
            let path = folder.join(format!("{:03}-{name}.yaml", self.files.len()));
            fs::write(&path, flight.replay(program, finding))?;
            self.files.push(path.display().to_string());
        }
        Ok(())
    }
}

/// The programs of a batch: the one that was running, then those before it, the last first, then what had not run.
fn order(flight: &Flight) -> Vec<usize> {
    let count = flight.programs.len();
    let begun = flight.at.map_or(count, |(program, _)| (program + 1).min(count));
    (0..begun).rev().chain(begun..count).collect()
}
