//! Tracing from inside: a kernel that is made to look broken, and programs under the profile that a run gave.
#![expect(clippy::print_stderr, reason = "a test that is skipped says why")]

use abispec::arch::Arch;
use abispec::target::Target;
use abispec_fuzzer::environment::Environment;
use abispec_fuzzer::exec::tracer::{Launch, allow_filter, trace_filter};
use abispec_fuzzer::plant::{Deviation, Plant, When};
use abispec_fuzzer::trace::book::Book;
use abispec_fuzzer::trace::checker::{Checker, Settings};
use abispec_fuzzer::trace::findings::finding;
use abispec_fuzzer::trace::follow::{Ends, Follower, ProgramEnd};
use abispec_fuzzer::trace::names::Names;
use abispec_fuzzer::trace::profile::{Profile, REFUSED};
use abispec_fuzzer::trace::system::System;
use nix::sys::signal::SigSet;
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

fn target() -> Target {
    Environment::of_this_machine().map_or_else(
        |_| Target::new(Arch::NATIVE, abispec::version::Release::new(6, 12)),
        |environment| environment.target(),
    )
}

fn words(command: &[&str]) -> Vec<OsString> {
    command.iter().map(OsString::from).collect()
}

fn ends(stop: &AtomicBool) -> Ends<'_> {
    Ends { stop, deadline: Some(Instant::now() + Duration::from_secs(60)) }
}

/// What a traced command gave: the findings as text, the profile, how it ended.
fn traced(command: &[&str], plants: Vec<Plant>) -> Option<(Vec<String>, Profile, ProgramEnd)> {
    let spec = abispec::embedded();
    let resolved = abispec::resolve(spec, &target());
    let all: BTreeSet<String> = resolved.calls.iter().map(|call| call.name.clone()).collect();
    let book = Book::new(spec, &resolved, &all);
    let settings = Settings { plants, profile: true, ..Settings::default() };
    let mut checker = Checker::new(&book, System, settings);
    let command = words(command);
    let filter = trace_filter(None, None);
    let launch = Launch { command: &command, filter: &filter, blocked: SigSet::empty() };
    let started = match launch.start() {
        Ok(started) => started,
        Err(error) => {
            eprintln!("skipped: nothing can be traced here: {error}");
            return None;
        }
    };
    let stop = AtomicBool::new(false);
    let end = Follower::of_command(&mut checker, started.pid, false).run(ends(&stop));
    let found = checker.found().map(|found| {
        let finding = finding(spec, &book, found);
        let place = finding.spec.as_ref().map_or_else(String::new, ToString::to_string);
        format!("{} {} {place} {}", finding.id, finding.subject, finding.trace.join(" "))
    });
    Some((found.collect(), checker.profile.clone(), end))
}

#[test]
fn a_kernel_that_answers_otherwise_is_found_with_its_call() {
    let open = |deviation| Plant { syscall: "openat".to_owned(), when: vec![], deviation, entry: None };
    let null = |syscall: &str, deviation| Plant { syscall: syscall.to_owned(), when: vec![], deviation, entry: None };
    let table: [(Plant, [&str; 3]); 7] = [
        (
            null("close", Deviation::AnswerAfterSuccess(-71)),
            ["undocumented-errno close spec/syscalls/close.yaml:", "close(", "-> EPROTO"],
        ),
        (
            open(Deviation::AnswerAfterSuccess(-9)),
            ["unjustified-errno openat spec/syscalls/openat.yaml:", "openat(AT_FDCWD, \"/", "-> EBADF"],
        ),
        (
            // It fails, and answers a number that is not open.
            open(Deviation::AnswerAfterFailure(1000)),
            ["broken-effect openat spec/syscalls/openat.yaml:", "openat(AT_FDCWD, \"/", "-> success, 1000"],
        ),
        (null("dup2", Deviation::AnswerAfterSuccess(0)), ["dup2 spec/syscalls/dup2.yaml:", "dup2(", "-> success, 0"]),
        (
            null("getuid", Deviation::Shift(1)),
            ["broken-ensures getuid spec/syscalls/getuid.yaml:", "getuid()", "-> success, "],
        ),
        (
            Plant {
                syscall: "read".to_owned(),
                when: vec![When { param: 2, mask: u64::MAX, value: 77 }],
                deviation: Deviation::AnswerAfterSuccess(78),
                entry: None,
            },
            ["bad-return read spec/syscalls/read.yaml:", ", 77)", "-> success, 78"],
        ),
        (
            null("clone", Deviation::AnswerAfterSuccess(-9)),
            ["undocumented-errno clone spec/syscalls/clone.yaml:", "clone(", "-> EBADF"],
        ),
    ];
    for (plant, expected) in table {
        let what = format!("{plant:?}");
        let script = "id -u > /dev/null; head -c 77 /dev/null; dd if=/dev/zero of=/dev/null bs=77 count=1 2> /dev/null; ( : ); true 5> /dev/null";
        let Some((found, _, _)) = traced(&["/bin/sh", "-c", script], vec![plant]) else { return };
        let fits = |line: &&String| expected.iter().all(|part| line.contains(part)) && line.contains("pid ");
        assert!(found.iter().any(|line| fits(&line)), "{what}: {expected:?} in {found:#?}");
    }
    let Some((found, _, end)) = traced(&["/bin/sh", "-c", "id -u > /dev/null"], vec![]) else { return };
    assert_eq!((found, end), (vec![], ProgramEnd::Code(0)));
}

#[test]
fn under_the_profile_of_its_run_a_program_runs_and_another_does_not() {
    let quiet = ["/bin/cat", "/dev/null"];
    let Some((_, profile, _)) = traced(&quiet, vec![]) else { return };
    let spec = abispec::embedded();
    let resolved = abispec::resolve(spec, &target());
    let all: BTreeSet<String> = resolved.calls.iter().map(|call| call.name.clone()).collect();
    let book = Book::new(spec, &resolved, &all);
    let names = Names::of(&resolved);
    let filter = allow_filter(&profile.rules(&book, &names), REFUSED);
    let run = |command: &[&str]| {
        let mut checker = Checker::new(&book, System, Settings::default());
        let command = words(command);
        let launch = Launch { command: &command, filter: &filter, blocked: SigSet::empty() };
        let started = launch.start().expect("it started before");
        let stop = AtomicBool::new(false);
        Follower::of_command(&mut checker, started.pid, false).run(ends(&stop))
    };
    assert_eq!(run(&quiet), ProgramEnd::Code(0));
    // A directory is made, which the run did not need; and files are opened for writing, of which it needed none.
    assert_ne!(run(&["/bin/mkdir", "/tmp/abispec-never"]), ProgramEnd::Code(0));
    assert_ne!(run(&["/bin/dd", "if=/dev/null", "of=/tmp/abispec-never"]), ProgramEnd::Code(0));
    assert!(!std::path::Path::new("/tmp/abispec-never").exists());

    let oci = profile.oci(&book, &names);
    assert_eq!(oci["defaultAction"], "SCMP_ACT_ERRNO");
    let rules = oci["syscalls"].as_array().expect("rules");
    let openat = rules.iter().find(|rule| rule["names"][0] == "openat").expect("it opened a file");
    assert_eq!(openat["args"][0]["op"], "SCMP_CMP_MASKED_EQ", "{openat}");
    let written = openat["args"][0]["value"].as_u64().expect("a mask");
    assert_eq!(written & 1, 1, "opening for writing is not allowed: {openat}");
}
