use super::*;
use crate::evidence::Exercised;
use crate::target::ClauseKind;

fn key(text: &str) -> ClauseKey {
    ClauseKey {
        syscall: "dup".to_owned(),
        command: None,
        kind: ClauseKind::When,
        errno: Some("EBADF".to_owned()),
        text: text.to_owned(),
    }
}

fn finding(subject: &str, actual: &str, trace: &str) -> Reported {
    let mut finding = Finding::error("unjustified-errno", subject, "m").values("success", actual);
    finding.entry = Some("64".to_owned());
    finding.trace = vec![trace.to_owned()];
    Reported { finding, texts: BTreeMap::new() }
}

/// A shard of four that saw some clauses and found something.
fn shard(number: u16, seen: &[(&str, u64)], unseen: &[&str], findings: Vec<Reported>) -> Run {
    let clauses = seen.iter().map(|(text, times)| Exercised { clause: key(text), times: *times }).collect();
    let evidence = Evidence { version: 1, kernel: "6.1".to_owned(), arch: "x86_64".to_owned(), clauses };
    let unseen = unseen.iter().map(|text| key(text)).collect();
    let part = Part { options: String::new(), seed: Some(7), shards: vec![number], of: 4, broken: Vec::new() };
    Run {
        head: Head {
            journal: VERSION,
            engine: "fuzz".to_owned(),
            kernel: "6.1.0".to_owned(),
            arch: "x86_64".to_owned(),
            specification: "s".to_owned(),
            started: u64::from(number),
            parts: vec![part],
        },
        findings,
        known: Vec::new(),
        outcomes: Vec::new(),
        so_far: Vec::new(),
        coverage: vec![Seen { entry: "64".to_owned(), evidence, unseen }],
        end: Some(End { compared: 10, programs: 2, seconds: 1.0, ..End::default() }),
    }
}

fn three() -> Vec<Run> {
    vec![
        shard(1, &[("a", 2)], &["b", "c"], vec![finding("dup", "EINVAL", "a longer program")]),
        shard(2, &[("a", 1), ("b", 5)], &["c"], vec![finding("dup", "EINVAL", "short"), finding("dup", "EPERM", "x")]),
        shard(4, &[], &["a", "b", "c"], Vec::new()),
    ]
}

fn text(runs: &[Run]) -> String {
    let mut out = Vec::new();
    runs.iter().for_each(|run| run.write(&mut out).unwrap());
    String::from_utf8(out).unwrap()
}

#[test]
fn what_any_shard_found_or_saw_is_there_once() {
    let merged = merge(three()).unwrap();
    let [run] = merged.as_slice() else { panic!("one run: {merged:?}") };
    let found: Vec<_> = run.findings.iter().map(|one| (one.finding.actual.as_deref(), &one.finding.trace[0])).collect();
    assert_eq!(found, [(Some("EINVAL"), &"short".to_owned()), (Some("EPERM"), &"x".to_owned())]);
    let seen = &run.coverage[0];
    assert_eq!(seen.evidence.clauses.iter().map(|one| one.times).collect::<Vec<_>>(), [3, 5]);
    assert_eq!(seen.unseen, [key("c")]);
    assert_eq!(run.end.as_ref().map(|end| (end.compared, end.programs)), Some((30, 6)));
    let told = Told::of(run, false);
    assert_eq!(told.section().skipped, [("shard 3/4 of seed 7", "there is no journal of it")]);
}

#[test]
fn the_order_of_journals_and_joining_in_steps_change_nothing() {
    let all = merge(three()).unwrap();
    let [a, b, c] = three().try_into().unwrap();
    assert_eq!(merge(vec![c.clone(), a.clone(), b.clone()]).unwrap(), all);
    let first = merge(vec![a.clone(), b]).unwrap().remove(0);
    assert_eq!(merge(vec![c.clone(), first.clone()]).unwrap(), all);
    // A shard that is given again is not counted again.
    assert_eq!(merge(vec![first.clone(), c.clone(), a.clone()]).unwrap(), all);
    let other = merge(vec![a, c]).unwrap().remove(0);
    assert_eq!(merge(vec![first, other]), Err(Conflict::Twice("shard 1/4 of seed 7".to_owned())));
}

#[test]
fn a_journal_is_read_as_it_was_written_and_one_that_breaks_off_as_far_as_it_goes() {
    let runs = three();
    let written = text(&runs);
    assert_eq!(read(&written).unwrap(), runs);
    for cut in 1..written.len() {
        let Ok(read) = read(&written[..cut]) else { continue };
        assert!(read.len() <= 3);
        assert!(merge(read).is_ok());
    }
    // Killed before its coverage: what it found stays.
    let lines: Vec<&str> = written.lines().collect();
    let killed = read(&(lines[..2].join("\n") + "\n{\"cover")).unwrap();
    assert_eq!((killed.len(), killed[0].findings.len(), killed[0].end.is_none()), (1, 1, true));
    let merged = merge(killed.clone()).unwrap();
    assert!(Told::of(&merged[0], false).section().skipped[0].1.contains("breaks off"));
    // The same shard, tried again to its end, counts.
    let again = merge(vec![killed[0].clone(), runs[0].clone()]).unwrap();
    assert!(again[0].head.parts[0].broken.is_empty());
    assert_eq!(again[0].end.as_ref().map(|end| end.compared), Some(10));
}

/// What a line says: calls, clauses that were seen and how often, others.
type Said<'a> = (u64, &'a [(&'a str, u64)], &'a [&'a str]);

/// The same shard, ended before its time: it said twice what it had tried.
fn cut_off(number: u16, lines: &[Said<'_>]) -> Run {
    let mut whole = shard(number, &[], &[], Vec::new());
    (whole.coverage, whole.end) = (Vec::new(), None);
    let mut written = text(&[whole]);
    for (calls, seen, unseen) in lines {
        let seen = shard(number, seen, unseen, Vec::new()).coverage.remove(0);
        let (options, calls) = (String::new(), *calls);
        let one = SoFar { options, seed: Some(7), shard: number, of: 4, calls, programs: calls / 4, seen };
        let mut line = Vec::new();
        Line::SoFar(one).write(&mut line).unwrap();
        written.push_str(&String::from_utf8(line).unwrap());
    }
    read(&written).unwrap().remove(0)
}

#[test]
fn what_a_run_said_meanwhile_counts_where_nothing_says_more() {
    let killed = cut_off(3, &[(8, &[("a", 2)], &["b", "c"]), (4, &[("b", 1)], &[])]);
    let [one] = killed.so_far.as_slice() else { panic!("one shard, one entry: {:?}", killed.so_far) };
    assert_eq!((one.calls, one.programs, &one.seen.unseen), (12, 3, &vec![key("c")]));
    let merged = merge(vec![killed.clone()]).unwrap();
    assert_eq!((merged[0].compared(), merged[0].seen("64", &|_| true)), (12, (2, 3)));
    assert!(Told::of(&merged[0], false).section().skipped[0].1.contains("up to seconds before"));
    // A journal of the same shard that broke off earlier adds nothing, in whatever order they come.
    let earlier = cut_off(3, &[(8, &[("a", 2)], &["b", "c"])]);
    assert_eq!(merge(vec![earlier.clone(), killed.clone()]).unwrap()[0].compared(), 12);
    assert_eq!(merge(vec![killed.clone(), earlier]).unwrap()[0].compared(), 12);
    // With the others of the seed it is one more; what is joined can be joined again, and written and read.
    let all = merge([three(), vec![killed.clone()]].concat()).unwrap();
    let [run] = all.as_slice() else { panic!("one run: {all:?}") };
    assert_eq!((run.compared(), run.programs(), run.head.parts[0].broken.clone()), (42, 9, vec![3]));
    assert_eq!(run.tried()[0].evidence.clauses.iter().map(|one| one.times).collect::<Vec<_>>(), [5, 6]);
    assert_eq!(read(&text(&all)).unwrap(), all);
    assert_eq!(merge([all.clone(), vec![killed.clone()]].concat()).unwrap(), all);
    // Tried again to its end, what it had said meanwhile is not counted a second time.
    let whole = shard(3, &[("a", 4), ("b", 1)], &["c"], Vec::new());
    for runs in [vec![all[0].clone(), whole.clone()], vec![whole.clone(), killed.clone(), all[0].clone()]] {
        let run = merge(runs).unwrap().remove(0);
        assert_eq!((run.compared(), run.so_far.len(), run.head.parts[0].broken.len()), (40, 0, 0));
        assert_eq!(run.tried()[0].evidence.clauses.iter().map(|one| one.times).collect::<Vec<_>>(), [7, 6]);
    }
    // A run that came to its end says all there: what it said meanwhile is in it.
    let mut live = killed;
    live.head.parts[0].broken.clear();
    let mut ended = text(&[live]);
    let mut line = Vec::new();
    Line::End(End { compared: 20, programs: 5, ..End::default() }).write(&mut line).unwrap();
    ended.push_str(&String::from_utf8(line).unwrap());
    assert_eq!(read(&ended).unwrap()[0].compared(), 20);
}

#[test]
fn what_is_no_journal_is_told_by_line() {
    let written = text(&three());
    for (text, line) in [
        ("nonsense".to_owned(), 1),
        ("{\"end\":{}}\n".to_owned(), 1),
        (written.replacen("\"journal\":1", "\"journal\":9", 1), 1),
        (written.clone() + "{}\n", written.lines().count() + 1),
        (written.lines().skip(1).collect::<Vec<_>>().join("\n"), 1),
    ] {
        assert_eq!(read(&text).map_err(|mistake| mistake.line), Err(line), "{text}");
    }
    assert_eq!(read(""), Ok(Vec::new()));
}

#[test]
fn journals_of_two_specifications_are_not_joined() {
    let mut runs = three();
    runs[1].head.specification = "t".to_owned();
    assert_eq!(merge(runs), Err(Conflict::Specifications("s".to_owned(), "t".to_owned())));
}

#[test]
fn kernels_and_engines_stay_apart() {
    let mut runs = three();
    runs[1].head.kernel = "5.10.0".to_owned();
    runs[2].head.engine = "check".to_owned();
    let merged = merge(runs).unwrap();
    let names: Vec<_> = merged.iter().map(|run| (run.head.kernel.as_str(), run.head.engine.as_str())).collect();
    assert_eq!(names, [("5.10.0", "fuzz"), ("6.1.0", "check"), ("6.1.0", "fuzz")]);
    assert_eq!(Told::of(&merged[0], true).section().name, "fuzz on 5.10.0");
}
