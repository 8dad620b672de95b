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
