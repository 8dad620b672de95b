//! Reads from a machine's memory what was in flight when it ended. The machine is not trusted: its kernel may be broken.

use super::page::{self, Head, ROOM, State};
use super::wire::Batch;
use crate::exec::{Entry, FileSystem, Standing};
use crate::habitat::Habitat;
use crate::program::{Argument, line};
use crate::reproduce;
use std::collections::BTreeMap;

/// A batch that was running, or the last one that had run.
#[derive(Debug)]
pub struct Flight {
    /// Whether it was running.
    pub running: bool,
    /// The way into the kernel that its programs took.
    pub entry: Entry,
    /// Who the executor was, and where.
    pub habitat: Habitat,
    /// Its programs, in the order in which they run.
    pub programs: Vec<Flown>,
    /// The call that was made last, where that is known: the program's index, and the call's in it.
    pub at: Option<(usize, usize)>,
    /// Whether it had not come back.
    pub within: bool,
}

/// A program of a batch.
#[derive(Debug)]
pub struct Flown {
    /// Names and arguments of its calls.
    pub calls: Vec<(String, Vec<Argument>)>,
}

impl Flown {
    /// The program as lines that people read.
    pub fn lines(&self) -> Vec<String> {
        self.calls.iter().enumerate().map(|(index, (name, args))| format!("r{index} = {}", line(name, args))).collect()
    }
}

impl Flight {
    /// A program as a replay file.
    pub fn replay(&self, program: &Flown, finding: &str) -> String {
        reproduce::write_flown(&program.calls, self.entry, self.habitat, finding)
    }
}

/// Whether a page of a machine's memory, 4096 bytes, says something of what was in flight.
pub fn concerns(page: &[u8]) -> bool {
    page::is_one(page) || Standing::is_in(page)
}

/// The pages of one batch, by their numbers.
type Parts<'a> = BTreeMap<u64, (Head, &'a [u8])>;

/// What was running, or where nothing was, the batch that ran last. `pages` are those that [`concerns`] picked.
pub fn read(pages: &[Vec<u8>]) -> Vec<Flight> {
    let mut parts: BTreeMap<(u64, u64), Parts<'_>> = BTreeMap::new();
    for (head, bytes) in pages.iter().filter_map(|page| page::parse(page)) {
        parts.entry((head.owner, head.generation)).or_default().insert(head.number, (head, bytes));
    }
    // What a room wrote before its last batch may still lie about.
    let mut last: BTreeMap<u64, (u64, Parts<'_>)> = BTreeMap::new();
    for ((owner, generation), own) in parts {
        last.insert(owner, (generation, own));
    }
    let standing: Vec<Standing> = pages.iter().filter_map(|page| Standing::of(page)).collect();
    let mut flights: Vec<(u64, Flight)> =
        last.into_values().filter_map(|(generation, own)| Some((generation, flight(&own, &standing)?))).collect();
    flights.sort_by_key(|(generation, _)| std::cmp::Reverse(*generation));
    if flights.iter().any(|(_, flight)| flight.running) {
        flights.retain(|(_, flight)| flight.running);
    } else {
        flights.truncate(1);
    }
    flights.into_iter().map(|(_, flight)| flight).collect()
}

fn flight(own: &Parts<'_>, standing: &[Standing]) -> Option<Flight> {
    let (head, _) = own.get(&0)?;
    let length = usize::try_from(head.length).ok().filter(|length| *length <= own.len() * ROOM)?;
    let mut bytes = Vec::with_capacity(length);
    for number in 0..length.div_ceil(ROOM) as u64 {
        bytes.extend_from_slice(own.get(&number).filter(|(part, _)| part.length == head.length)?.1);
    }
    let batch: Batch<'_> = postcard::from_bytes(bytes.get(..length)?).ok()?;
    let flown = |program: &super::wire::Flat<'_>| {
        let names = program.calls.iter().map(|call| call.name.to_owned());
        Some(Flown { calls: names.zip(program.args()?).collect() })
    };
    let programs: Vec<Flown> = batch.programs.iter().map(flown).collect::<Option<_>>()?;
    let running = head.state == State::Runs;
    let cursor = standing
        .iter()
        .find(|standing| running && standing.sandbox == batch.sandbox)
        .and_then(|standing| standing.operation);
    let calls = batch.programs.iter().enumerate().flat_map(|(program, flat)| {
        flat.calls.iter().enumerate().map(move |(index, call)| (call.op, (program, index)))
    });
    // Between two calls stands what is asked about the first.
    let at = cursor.and_then(|cursor| calls.filter(|(op, _)| *op <= cursor).max());
    Some(Flight {
        running,
        entry: Entry::from_name(batch.entry)?,
        habitat: Habitat {
            capabilities: batch.capabilities,
            file_system: FileSystem::from_name(batch.file_system)?,
            privileged: batch.privileged,
        },
        programs,
        within: at.is_some_and(|(op, _)| Some(op) == cursor),
        at: at.map(|(_, place)| place),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exec::OpIndex;
    use crate::flight::record::Recorder;
    use crate::lower::{Lowered, LoweredCall};
    use crate::program::{Block, Invocation, Output, Placement, Program};
    use crate::worker::Setting;
    use abispec::arch::Arch;
    use abispec::target::Target;
    use abispec::version::Release;
    use std::sync::Arc;

    fn setting() -> Setting {
        let target = Target::new(Arch::X86_64, Release::new(6, 12));
        Setting::new(Arc::new(abispec::resolve(abispec::embedded(), &target)))
    }

    fn program(setting: &Setting, name: &str, size: usize) -> (Program, Lowered) {
        let call = setting.resolved.calls.iter().position(|call| call.name == name).expect("specified");
        let inner = Block { bytes: b"inner\0".to_vec(), placement: Placement::ReadOnly, links: Vec::new() };
        let block = Block { bytes: vec![7; size], placement: Placement::Edge(3), links: vec![(8, inner)] };
        let result = Argument::Result { of: 0, output: Output::Written { param: 1, offset: 4 }, high: Some(9) };
        let calls = vec![
            Invocation { call, args: vec![Argument::Number(u64::MAX), Argument::Block(block)] },
            Invocation { call, args: vec![result, Argument::ret(0)] },
        ];
        (Program { calls }, Lowered::default())
    }

    fn lowered(first: u32) -> Lowered {
        let calls = [first, first + 4].map(|op| LoweredCall { op: OpIndex::at(op), ..LoweredCall::default() });
        let mut lowered = Lowered::default();
        lowered.calls.extend(calls);
        lowered
    }

    fn record(recorder: &mut Recorder, setting: &Setting, programs: &[(Program, Lowered)]) {
        recorder.begin(5, setting, programs.iter().map(|(program, lowered)| (program, lowered)));
    }

    /// Two programs, the first long enough for several pages.
    fn two(setting: &Setting) -> Vec<(Program, Lowered)> {
        let mut programs = vec![program(setting, "dup2", 9000), program(setting, "fchmod", 16)];
        programs[0].1 = lowered(0);
        programs[1].1 = lowered(20);
        programs
    }

    #[test]
    fn what_is_written_is_read_in_whatever_order_its_pages_lie() {
        let setting = setting();
        let programs = two(&setting);
        let mut recorder = Recorder::new();
        record(&mut recorder, &setting, &programs[1..]);
        let stale = recorder.pages();
        record(&mut recorder, &setting, &programs);
        let mut pages: Vec<Vec<u8>> = recorder.pages();
        assert!(pages.len() > 2 && pages.iter().all(|page| concerns(page)));
        pages.reverse();
        pages.extend(stale);
        pages.push(vec![0; 4096]);
        pages.push(Standing::page(5, 24));
        let flights = read(&pages);
        let [flight] = flights.as_slice() else { panic!("one room: {flights:?}") };
        assert_eq!((flight.running, flight.at, flight.within), (true, Some((1, 1)), true));
        for (flown, (program, _)) in flight.programs.iter().zip(&programs) {
            let args: Vec<_> = flown.calls.iter().map(|(_, args)| args.clone()).collect();
            assert_eq!(args, program.calls.iter().map(|call| call.args.clone()).collect::<Vec<_>>());
            assert_eq!(flown.lines(), program.lines(&setting.resolved));
        }
        let replay = flight.replay(&flight.programs[1], "guest-died");
        let again = reproduce::read(&replay, &setting.resolved).expect("it can be replayed");
        assert_eq!(again.program, programs[1].0);
    }

    #[test]
    fn what_runs_comes_before_what_has_run() {
        let setting = setting();
        let programs = two(&setting);
        let (mut first, mut second) = (Recorder::new(), Recorder::new());
        record(&mut first, &setting, &programs);
        record(&mut second, &setting, &programs[1..]);
        second.over();
        let all = |recorders: [&Recorder; 2]| recorders.into_iter().flat_map(Recorder::pages).collect::<Vec<_>>();
        let flights = read(&all([&first, &second]));
        assert_eq!((flights.len(), flights[0].running, flights[0].programs.len()), (1, true, 2));
        assert_eq!(flights[0].at, None, "no control record says where");
        first.over();
        let flights = read(&all([&first, &second]));
        assert_eq!((flights.len(), flights[0].running, flights[0].programs.len()), (1, false, 1));
    }

    #[test]
    fn broken_pages_say_nothing_and_break_nothing() {
        let setting = setting();
        let mut recorder = Recorder::new();
        record(&mut recorder, &setting, &two(&setting));
        let pages = recorder.pages();
        for index in (0..pages.len() * 4096).step_by(13) {
            let mut pages = pages.clone();
            pages[index / 4096][index % 4096] ^= 0x5a;
            let _ = read(&pages);
        }
        assert!(read(&pages[1..]).is_empty());
        assert!(read(&[]).is_empty());
    }
}
