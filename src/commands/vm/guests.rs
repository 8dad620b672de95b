//! Guests side by side and one after another: who does what, and for how long.

use super::ended::Ended;
use super::first::First;
use super::guest::{self, Setup};
use super::order::{self, Order, Share};
use super::packed::Inside;
use crate::exit::Exit;
use crate::failure::Failure;
use abispec::journal::{self, Run};
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// What is left of a command's time that is worth a fresh guest.
const LEAST: Duration = Duration::from_secs(5);
/// A guest that breaks off sooner has broken off at its start.
const START: Duration = Duration::from_secs(10);
/// Guests in a row that may break off at their start.
const TRIES: usize = 3;

/// A guest that has been, and what it said.
pub(super) struct Turn {
    /// What people know it by.
    pub(super) name: String,
    /// What it did, where commands are divided.
    pub(super) share: Option<Share>,
    pub(super) ended: Ended,
    /// What it wrote into its journal.
    pub(super) runs: Vec<Run>,
    /// Why its journal cannot be read.
    pub(super) unread: Option<String>,
}

/// Guests one after another, which did one share together.
pub(super) struct Line {
    pub(super) turns: Vec<Turn>,
    /// Why the share was not done to its end, where it was given up.
    pub(super) given_up: Option<String>,
}

impl Line {
    /// Whether a guest broke off in it.
    pub(super) fn broke_off(&self) -> bool {
        self.turns.iter().any(|turn| turn.share.is_some() && turn.ended.broke_off())
    }

    /// How its command ended, where that is all there is to say.
    pub(super) fn conclude(&self) -> Result<Exit, Failure> {
        let Some(turn) = self.turns.last() else { return Ok(Exit::CouldNotRun) };
        for complaint in turn.ended.console.complaints() {
            writeln!(io::stderr(), "error: the guest's kernel says: {complaint}")?;
        }
        turn.ended.conclude()
    }

    /// The engines whose part the first guest has told itself.
    pub(super) fn told(&self) -> Vec<String> {
        let first = self.turns.first().into_iter().flat_map(|turn| &turn.runs);
        first.filter(|run| run.end.is_some()).map(|run| run.head.engine.clone()).collect()
    }
}

/// Runs guests for all shares side by side; what each writes to its standard output comes to lie in its folder.
pub(super) fn side_by_side(setup: &Setup<'_>, order: &Order, shares: &[Share]) -> Result<Vec<Line>, Failure> {
    thread::scope(|scope| {
        let started: Vec<_> = shares
            .iter()
            .enumerate()
            .map(|(index, share)| {
                let name = format!("guest {}", index + 1);
                let folder = setup.args.out.join(format!("guest-{}", index + 1));
                scope.spawn(move || {
                    let mut err = Named { name: name.clone(), line: Vec::new() };
                    one_after_another(setup, order, Some(share), (&name, &folder), None, &mut err)
                })
            })
            .collect();
        let ended = started.into_iter().map(|line| line.join());
        ended.map(|line| line.unwrap_or_else(|_| Err(Failure::new("a guest could not be waited for")))).collect()
    })
}

/// Runs a guest, and as long as guests break off and there is time left, a fresh one. The standard output of the first goes to
/// `out`, where that is given.
pub(super) fn one_after_another(
    setup: &Setup<'_>,
    order: &Order,
    share: Option<&Share>,
    (name, place): (&str, &Path),
    mut out: Option<&mut dyn Write>,
    err: &mut dyn Write,
) -> Result<Line, Failure> {
    let mut line = Line { turns: Vec::new(), given_up: None };
    let mut next = share.copied();
    let mut at_the_start = 0;
    let (mut first, mut spared) = (First::new(setup.spec, order.plan.as_ref()), Vec::new());
    loop {
        let count = line.turns.len();
        let (name, folder) = if count == 0 {
            (name.to_owned(), place.to_owned())
        } else {
            (format!("{name}, again {count}"), place.join(format!("again-{count}")))
        };
        let left_out = |file: &Inside| first.leaves_out(file);
        let archive = setup.packed.archive(&order.words(next.as_ref()), &left_out, &spared);
        let ended = match out.take() {
            Some(out) => guest::live(setup, &archive, &folder, out, err)?,
            None => guest::live(setup, &archive, &folder, &mut kept(&folder)?, err)?,
        };
        for note in ended.notes() {
            writeln!(err, "note: {note}")?;
        }
        let (runs, unread) = said(&ended, &folder.join(&order.journal));
        let turn = Turn { name, share: next, ended, runs, unread };
        let again = turn.rest(share, count as u64 + 1);
        let failed = turn.ended.broke_off() || turn.ended.never_came_up();
        // Without the program that did it, the next one comes further.
        let learnt = first.learn(&turn.ended, setup.packed);
        at_the_start = if failed && turn.ran() < START && !learnt { at_the_start + 1 } else { 0 };
        let told = turn.ended.told();
        // A kernel that never came up will not come up the next time.
        let hopeless = count == 0 && turn.ended.never_came_up();
        line.turns.push(turn);
        let Some(again) = again else { return Ok(line) };
        if hopeless || at_the_start == TRIES {
            let often = format!("{TRIES} guests in a row broke off within {} s; the last: {told}", START.as_secs());
            line.given_up = Some(if hopeless { told } else { often });
            return Ok(line);
        }
        let (left, seed) = (again.time.as_secs(), again.seed);
        writeln!(err, "note: {told}; a fresh one goes on with seed {seed} for the {left} s that are left")?;
        next = Some(again);
        spared = first.spared(&line.turns[count].ended, &place.join(format!("again-{}", count + 1)));
    }
}

impl Turn {
    /// How long it did what its time is for.
    fn ran(&self) -> Duration {
        let Some(up) = self.ended.up else { return Duration::ZERO };
        // The guest's clock was the host's when it began.
        let began = self.fuzzing().map(|run| UNIX_EPOCH + Duration::from_secs(run.head.started));
        let now = SystemTime::now();
        let since = began.filter(|began| (up..now).contains(began)).unwrap_or(up);
        now.duration_since(since).unwrap_or_default()
    }

    /// What it said of its fuzzing.
    fn fuzzing(&self) -> Option<&Run> {
        self.runs.iter().find(|run| run.head.engine == "fuzz")
    }

    /// What is left for a fresh guest to do, which would be the `turn`-th after the first; nothing where there is none.
    fn rest(&self, first: Option<&Share>, turn: u64) -> Option<Share> {
        let (first, own) = (first?, self.share?);
        if !(self.ended.broke_off() || self.ended.never_came_up())
            || self.fuzzing().is_some_and(|run| run.end.is_some())
        {
            return None;
        }
        let time = own.time.saturating_sub(self.ran());
        let done = self.fuzzing().map_or(0, Run::compared);
        let calls = own.calls.map(|calls| calls.saturating_sub(done));
        if time < LEAST || calls == Some(0) {
            return None;
        }
        let seed = order::following(first, turn);
        let fuzzing_only = own.fuzzing_only || self.fuzzing().is_some();
        // Its seed is its own, and all of it.
        Some(Share { seed, shard: Default::default(), time, calls, fuzzing_only })
    }
}

/// Where a guest's standard output is kept.
fn kept(folder: &Path) -> Result<File, Failure> {
    let path = folder.join("stdout");
    fs::create_dir_all(folder).and_then(|()| File::create(&path)).map_err(|error| {
        Failure::new("what the guest writes could not be kept")
            .at(path.display().to_string())
            .why(error.to_string())
            .help("make room, or name another folder with --out")
    })
}

/// What a guest wrote into its journal, with the paths of its files as they are here.
fn said(ended: &Ended, path: &Path) -> (Vec<Run>, Option<String>) {
    // What lies there from before is not this guest's.
    if ended.received.files == 0 || !path.exists() {
        return (Vec::new(), None);
    }
    let told = |why: String| format!("{} cannot be read: {why}", path.display());
    let read = fs::read_to_string(path).map_err(|error| told(error.to_string()));
    match read.and_then(|text| journal::read(&text).map_err(|mistake| told(mistake.to_string()))) {
        Ok(mut runs) => {
            let files = runs.iter_mut().flat_map(|run| &mut run.findings).flat_map(|one| &mut one.finding.files);
            for file in files {
                let here: PathBuf = ended.folder.join(&*file);
                if here.exists() {
                    *file = here.display().to_string();
                }
            }
            (runs, None)
        }
        Err(why) => (Vec::new(), Some(why)),
    }
}

/// Standard error with the name of a guest before each line.
struct Named {
    name: String,
    line: Vec<u8>,
}

impl Named {
    fn tell(&mut self) -> io::Result<()> {
        let line = String::from_utf8_lossy(&self.line).into_owned();
        self.line.clear();
        // At once, since others write there too.
        io::stderr().write_all(format!("{}: {}\n", self.name, line.trim_end()).as_bytes())
    }
}

impl Write for Named {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        for byte in bytes {
            if *byte == b'\n' {
                self.tell()?;
            } else {
                self.line.push(*byte);
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.line.is_empty() { Ok(()) } else { self.tell() }
    }
}

impl Drop for Named {
    fn drop(&mut self) {
        // Nobody is left to tell that to.
        let _ = self.flush();
    }
}
