//! Guests that die, side by side and one after another. What an emulator would bring forth comes from files here, so that this
//! needs no kernel and no emulator.

#![expect(clippy::print_stderr, reason = "a test that is skipped says so")]

mod common;

use abispec::evidence::{ClauseKey, Evidence, Exercised};
use abispec::finding::Finding;
use abispec::journal::{End, Head, Line, Part, Reported, Seen, SoFar, VERSION, fingerprint, read};
use abispec::target::ClauseKind;
use abispec_vm::wire::{Frame, begin, send};
use common::{abispec, code, scratch, stderr, stdout};
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const KERNEL: &str = "6.1.0-test";

/// What a guest writes before it ends.
struct Guest {
    /// Calls that its fuzzer had judged.
    calls: u64,
    /// The call that it found to differ.
    found: &'static str,
    /// The command's code; none where the guest dies.
    code: Option<i32>,
}

/// The folder of a test, with an emulator that shows the guests of `lines`: those of the first shard one after another, then those of
/// the second.
struct Stage {
    dir: PathBuf,
}

impl Stage {
    fn new(name: &str, lines: &[&[Guest]]) -> Self {
        let dir = scratch(name);
        fs::write(dir.join("vmlinuz"), "no kernel").expect("writable");
        for (shard, guests) in lines.iter().enumerate() {
            for (turn, guest) in guests.iter().enumerate() {
                fs::write(dir.join(format!("frames-{}-{turn}", shard + 1)), frames(guest)).expect("writable");
            }
        }
        // The command lies in the archive as words with a NUL behind each. Guests that follow have no shard: theirs is the one
        // whose turn it was.
        let script = "#!/bin/bash\n\
            cd \"$(dirname \"$0\")\"\n\
            while [ $# -gt 0 ]; do [ \"$1\" != -initrd ] || archive=$2; shift; done\n\
            words=$(tr '\\0' '\\n' < \"$archive\" | grep -a -x -m 1 -A 40 '070701[0-9a-fA-F]*abispec/command')\n\
            shard=$(grep -a -o -m 1 '[0-9]*/2$' <<< \"$words\" | cut -d/ -f1)\n\
            [ -n \"$shard\" ] || shard=$(cat last 2> /dev/null || echo 1)\n\
            echo \"$shard\" > last\n\
            for turn in 0 1 2 3 4 5 6 7 8 9; do mkdir \"turn-$shard-$turn\" 2> /dev/null && break; done\n\
            echo \"$words\" > \"turn-$shard-$turn/words\"\n\
            [ ! -e \"frames-$shard-$turn\" ] || cat \"frames-$shard-$turn\"\n";
        let emulator = dir.join("emulator");
        fs::write(&emulator, script).expect("writable");
        fs::set_permissions(&emulator, fs::Permissions::from_mode(0o755)).expect("its owner may");
        Self { dir }
    }

    fn text(&self, name: &str) -> String {
        self.dir.join(name).display().to_string()
    }

    fn run(&self, options: &[&str], command: &[&str]) -> Output {
        let [kernel, emulator, out, journal] = ["vmlinuz", "emulator", "out", "vm.jsonl"].map(|name| self.text(name));
        let machine = ["vm", "--kernel", &kernel, "--emulator", &emulator, "--accel", "tcg", "--out", &out];
        abispec(&[&machine[..], &["--journal", &journal], options, &["--"], command].concat())
    }

    /// The word behind an option in a guest's command.
    fn told(&self, guest: &str, option: &str) -> Option<String> {
        let words = fs::read_to_string(self.dir.join(format!("turn-{guest}/words"))).expect("the guest was there");
        words.lines().skip_while(|word| *word != option).nth(1).map(str::to_owned)
    }

    fn was_there(&self, guest: &str) -> bool {
        self.dir.join(format!("turn-{guest}")).exists()
    }
}

fn evidence(times: u64) -> Evidence {
    let clause = ClauseKey {
        syscall: "dup".to_owned(),
        command: None,
        kind: ClauseKind::When,
        errno: Some("EBADF".to_owned()),
        text: "!open(fildes)".to_owned(),
    };
    let clauses = vec![Exercised { clause, times }];
    Evidence { version: Evidence::VERSION, kernel: "6.1".to_owned(), arch: "x86_64".to_owned(), clauses }
}

/// What a guest sends: that it is up, its journal as far as it comes, and the code of its command.
fn frames(guest: &Guest) -> Vec<u8> {
    const POSSIBLE: &str = "memory takes it";
    let mut line = Vec::new();
    begin(&mut line).expect(POSSIBLE);
    send(&mut line, &Frame::Up(KERNEL.to_owned())).expect(POSSIBLE);
    let part = Part::whole(format!("of {}", guest.found), Some(guest.calls));
    let head = Head {
        journal: VERSION,
        engine: "fuzz".to_owned(),
        kernel: KERNEL.to_owned(),
        arch: "x86_64".to_owned(),
        specification: fingerprint(abispec::embedded()),
        started: 1,
        parts: vec![part.clone()],
    };
    let finding = Finding::error("missing-error", guest.found, "it succeeded");
    let finding = Finding { files: vec![format!("abispec-findings/{}.yaml", guest.found)], ..finding };
    let seen = Seen { entry: "64".to_owned(), evidence: evidence(guest.calls), unseen: Vec::new() };
    let told = Reported { finding, texts: Default::default() };
    let mut lines = vec![Line::Begin(head), Line::Finding(Box::new(told))];
    if guest.code.is_some() {
        let end = End { compared: guest.calls, programs: 1, seconds: 1.0, ..End::default() };
        lines.extend([Line::Coverage(seen), Line::End(end)]);
    } else {
        let so_far =
            SoFar { options: part.options, seed: part.seed, shard: 1, of: 1, calls: guest.calls, programs: 1, seen };
        lines.push(Line::SoFar(so_far));
    }
    let mut content = Vec::new();
    lines.iter().for_each(|one| one.write(&mut content).expect(POSSIBLE));
    let saved = format!("abispec-findings/{}.yaml", guest.found);
    send(&mut line, &Frame::File { path: saved, content: b"format: 1\n".to_vec() }).expect(POSSIBLE);
    send(&mut line, &Frame::File { path: "journal.jsonl".to_owned(), content }).expect(POSSIBLE);
    send(&mut line, &Frame::Out(format!("guest with {}\n", guest.found).into_bytes())).expect(POSSIBLE);
    if let Some(code) = guest.code {
        send(&mut line, &Frame::Ended(code)).expect(POSSIBLE);
    }
    line
}

fn dies(calls: u64, found: &'static str) -> Guest {
    Guest { calls, found, code: None }
}

fn ends(calls: u64, found: &'static str) -> Guest {
    Guest { calls, found, code: Some(1) }
}

/// Subjects of all findings of a journal, and calls that it counts.
fn counted(journal: &Path) -> (BTreeSet<String>, u64) {
    let runs = read(&fs::read_to_string(journal).expect("it was written")).expect("a journal");
    let joined = abispec::journal::merge(runs).expect("of one specification");
    let findings = joined.iter().flat_map(|run| &run.findings).map(|one| one.finding.subject.clone()).collect();
    (findings, joined.iter().filter(|run| run.head.engine == "fuzz").map(abispec::journal::Run::compared).sum())
}

#[test]
fn a_guest_that_dies_is_followed_by_a_fresh_one() {
    let stage = Stage::new("guests-fresh", &[&[dies(10, "dup"), dies(100, "lseek"), ends(1000, "read")]]);
    let ran = stage.run(&[], &["fuzz", "--time", "60s", "--seed", "7"]);
    let told = (stdout(&ran), stderr(&ran));
    assert_eq!(code(&ran), 1, "{told:?}");
    // Each has programs of its own, and what is left of the time.
    let seeds: Vec<_> = ["1-0", "1-1", "1-2"].map(|guest| stage.told(guest, "--seed").expect("a seed")).into();
    assert_eq!(seeds[0], "7");
    assert_eq!(seeds.iter().collect::<BTreeSet<_>>().len(), 3, "{seeds:?}");
    let time = |guest| stage.told(guest, "--time").expect("a time").trim_end_matches("ms").parse::<u64>().expect("ms");
    assert_eq!(time("1-0"), 60_000);
    assert!((50_000..60_000).contains(&time("1-2")), "{}", time("1-2"));
    assert_eq!(told.1.matches("a fresh one goes on with seed").count(), 2, "{told:?}");
    // Nothing is lost, overwritten or counted twice.
    for (folder, found) in [("out", "dup"), ("out/again-1", "lseek"), ("out/again-2", "read")] {
        let journal = fs::read_to_string(stage.dir.join(folder).join("journal.jsonl")).expect("it came out");
        assert!(journal.contains(found), "{folder}: {journal}");
        let saved = stage.dir.join(folder).join(format!("abispec-findings/{found}.yaml")).display().to_string();
        assert!(told.0.contains(&saved), "{saved}: {told:?}");
    }
    let (found, calls) = counted(&stage.dir.join("vm.jsonl"));
    assert_eq!(found, ["dup", "kernel", "lseek", "read"].map(str::to_owned).into());
    assert_eq!(calls, 1110);
    assert!(told.0.contains("1110 calls in 3 programs") && told.0.contains("guest-died"), "{told:?}");
    // The same seed, and guests that die at the same programs: the same seeds again.
    let again = Stage::new("guests-same", &[&[dies(10, "dup"), dies(100, "lseek"), ends(1000, "read")]]);
    again.run(&[], &["fuzz", "--time", "60s", "--seed", "7"]);
    let same: Vec<_> = ["1-0", "1-1", "1-2"].map(|guest| again.told(guest, "--seed").expect("a seed")).into();
    assert_eq!(same, seeds);
}

#[test]
fn what_dies_again_and_again_is_given_up() {
    let guests: Vec<Guest> = (1..=5).map(|calls| dies(calls, "dup")).collect();
    let stage = Stage::new("guests-hopeless", &[&guests]);
    let ran = stage.run(&[], &["fuzz", "--time", "1h"]);
    let told = (stdout(&ran), stderr(&ran));
    assert_eq!(code(&ran), 2, "{told:?}");
    assert!(told.1.contains("3 guests in a row broke off within 10 s"), "{told:?}");
    assert!(stage.was_there("1-2") && !stage.was_there("1-3"));
    // What they found is told all the same.
    assert!(told.0.contains("missing-error") && told.0.contains("6 calls"), "{told:?}");
    assert_eq!(counted(&stage.dir.join("vm.jsonl")).1, 6);
}

#[test]
fn what_has_no_time_left_or_none_to_begin_with_is_not_followed() {
    let stage = Stage::new("guests-short", &[&[dies(10, "dup"), ends(1, "read")]]);
    let ran = stage.run(&[], &["fuzz", "--time", "2s"]);
    assert_eq!(code(&ran), 1, "{}{}", stdout(&ran), stderr(&ran));
    assert!(!stage.was_there("1-1"));
    assert!(stdout(&ran).contains("guest-died"), "{}", stdout(&ran));
    // A command that has no time is not begun again, and did not do its work.
    let stage = Stage::new("guests-check", &[&[dies(10, "dup"), ends(1, "read")]]);
    let ran = stage.run(&[], &["check"]);
    assert_eq!(code(&ran), 2, "{}{}", stdout(&ran), stderr(&ran));
    assert!(!stage.was_there("1-1"));
    assert!(stderr(&ran).contains("the guest ended before its command did"), "{}", stderr(&ran));
}

#[test]
fn a_kernel_that_never_comes_up_is_not_tried_again() {
    let stage = Stage::new("guests-none", &[&[]]);
    let ran = stage.run(&[], &["fuzz", "--time", "60s"]);
    assert_eq!(code(&ran), 2, "{}{}", stdout(&ran), stderr(&ran));
    assert!(stderr(&ran).contains("the guest's kernel did not come up"), "{}", stderr(&ran));
    assert!(stage.was_there("1-0") && !stage.was_there("1-1"));
    let journal = fs::read_to_string(stage.dir.join("vm.jsonl")).expect("it was written");
    assert!(journal.contains("guest-not-up"), "{journal}");
}

/// A disk that is full ends the machine with a message of its own; what has come out before stays.
#[test]
fn a_full_disk_is_told_as_one() {
    let stage = Stage::new("guests-full", &[&[dies(10, "dup"), ends(1, "read")]]);
    let mut more = fs::read(stage.dir.join("frames-1-0")).expect("it was written");
    send(&mut more, &Frame::File { path: "large".to_owned(), content: vec![7; 1 << 20] }).expect("memory takes it");
    fs::write(stage.dir.join("frames-1-0"), more).expect("writable");
    fs::create_dir_all(stage.dir.join("out")).expect("writable");
    let [kernel, emulator, out] = ["vmlinuz", "emulator", "out"].map(|name| stage.text(name));
    let mounting = "mount -t tmpfs -o size=64k none \"$0\" || exit 99; \"$@\"; code=$?; ls -R \"$0\"; exit $code";
    let ran = Command::new("unshare")
        .args(["-rm", "sh", "-c", mounting, &out, env!("CARGO_BIN_EXE_abispec")])
        .args(["vm", "--kernel", &kernel, "--emulator", &emulator, "--accel", "tcg", "--out", &out])
        .args(["--", "fuzz", "--time", "60s"])
        .output();
    let Ok(ran) = ran else { return eprintln!("skipped: no unshare on this machine") };
    if stderr(&ran).contains("unshare") || code(&ran) == 99 {
        return eprintln!("skipped: no disk can be mounted here: {}", stderr(&ran));
    }
    assert_eq!(code(&ran), 2, "{}{}", stdout(&ran), stderr(&ran));
    let told = stderr(&ran);
    assert!(told.contains("what the guest found could not be kept") && told.contains("No space left"), "{told}");
    assert!(stdout(&ran).contains("journal.jsonl") && !stage.was_there("1-1"), "{}", stdout(&ran));
}

#[test]
fn guests_side_by_side_are_shards_of_one_run() {
    let stage = Stage::new("guests-two", &[&[ends(10, "dup")], &[ends(100, "lseek")]]);
    let ran = stage.run(&["--guests", "2"], &["run", "--time", "60s", "--seed", "7"]);
    let told = (stdout(&ran), stderr(&ran));
    assert_eq!(code(&ran), 1, "{told:?}");
    for (guest, shard) in [("1-0", "1/2"), ("2-0", "2/2")] {
        assert_eq!(stage.told(guest, "--shard").as_deref(), Some(shard));
        assert_eq!(stage.told(guest, "--seed").as_deref(), Some("7"));
    }
    // What stands before the fuzzer is done once.
    assert!(stage.told("1-0", "run").is_some() && stage.told("2-0", "run").is_none());
    assert_eq!(counted(&stage.dir.join("vm.jsonl")), (["dup", "lseek"].map(str::to_owned).into(), 110));
    assert!(told.0.contains("110 calls in 2 programs"), "{told:?}");
    for (folder, own) in [("guest-1", "dup"), ("guest-2", "lseek")] {
        let text = fs::read_to_string(stage.dir.join("out").join(folder).join("stdout")).expect("it was kept");
        assert_eq!(text, format!("guest with {own}\n"));
        assert!(stage.dir.join("out").join(folder).join("journal.jsonl").exists());
    }
    // The report is written as the command was told to.
    let stage = Stage::new("guests-junit", &[&[ends(10, "dup")], &[ends(100, "lseek")]]);
    let ran = stage.run(&["--guests", "2"], &["fuzz", "--format", "junit", "--time", "60s"]);
    assert!(stdout(&ran).starts_with("<?xml") && stdout(&ran).contains("lseek"), "{}", stdout(&ran));
}

#[test]
fn what_cannot_be_divided_is_refused_before_anything_is_booted() {
    let stage = Stage::new("guests-refused", &[&[]]);
    for (options, command, expected) in [
        (&["--guests", "2"][..], &["check"][..], "cannot be divided among guests"),
        (&[], &["fuzz", "--journal", "/tmp/j.jsonl"], "would stay in the guest"),
        (&[], &["fuzz", "--no-such-option"], "--no-such-option"),
        (&[], &["frobnicate"], "frobnicate"),
        (&["--guests", "0"], &["fuzz"], "--guests"),
    ] {
        let ran = stage.run(options, command);
        assert_eq!(code(&ran), 2, "{command:?}");
        assert!(stderr(&ran).contains(expected), "{command:?}: {}", stderr(&ran));
    }
    assert!(!stage.was_there("1-0"));
    let help = stage.run(&[], &["fuzz", "--help"]);
    assert_eq!(code(&help), 0);
    assert!(stdout(&help).contains("--corpus"), "{}", stdout(&help));
}
