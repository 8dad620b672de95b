//! `abispec trace`: programs behave as they do without it, and what is planted is found.
#![expect(clippy::print_stderr, reason = "a test that is skipped says why")]

mod common;

use common::{abispec, code, scratch, stderr, stdout};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// Builds a program of the fixtures, anew for each test that wants it; nothing where there is no compiler.
fn built(name: &str) -> Option<PathBuf> {
    static BUILT: AtomicUsize = AtomicUsize::new(0);
    let place = format!("trace-{name}-{}", BUILT.fetch_add(1, Ordering::Relaxed));
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/trace").join(format!("{name}.c"));
    let program = scratch(&place).join(name);
    let cc = Command::new("cc").args(["-O1", "-pthread", "-o"]).arg(&program).arg(&source).status();
    match cc {
        Ok(status) if status.success() => Some(program),
        _ => {
            eprintln!("skipped: no C compiler builds {}", source.display());
            None
        }
    }
}

/// Whether this place lets programs be traced at all.
fn traceable() -> bool {
    let output = abispec(&["trace", "--", "/bin/true"]);
    let fine = code(&output) == 0;
    if !fine {
        eprintln!("skipped: nothing can be traced here: {}", stderr(&output));
    }
    fine
}

fn text(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

/// Runs a command without and with the tracer: what it wrote and how it ended must be the same. Gives the report.
fn same(command: &[&str], end: &str) -> String {
    let bare = Command::new(command[0]).args(&command[1..]).output().expect("the program starts");
    let mut args = vec!["trace", "--"];
    args.extend(command);
    let traced = abispec(&args);
    assert_eq!(stdout(&traced), String::from_utf8_lossy(&bare.stdout), "{command:?}");
    let report = stderr(&traced);
    assert!(report.contains(end), "{command:?}: {report}");
    assert_eq!(code(&traced), 0, "{report}");
    report
}

#[test]
fn programs_end_as_they_would() {
    if !traceable() {
        return;
    }
    same(&["/bin/sh", "-c", "echo out; exit 7"], "exit code 7");
    same(&["/bin/sh", "-c", "kill -USR1 $$"], "signal 10");
    same(&["/bin/sh", "-c", "printf abc | cat | tr a-z A-Z; false"], "exit code 1");
    if let Some(program) = built("control") {
        let report = same(&[text(&program)], "signal 15");
        assert!(report.contains("in 4 process(es)"), "{report}");
    }
}

#[test]
fn what_signals_cut_short_goes_on_as_it_would() {
    let (true, Some(program)) = (traceable(), built("interrupted")) else { return };
    same(&[text(&program)], "exit code 9");
}

#[test]
fn jobs_are_controlled_as_they_would_be() {
    let (true, Some(program)) = (traceable(), built("terminal")) else { return };
    let report = same(&[text(&program)], "exit code 10");
    assert!(report.contains("in 4 process(es)"), "{report}");
}

#[test]
fn descriptors_that_no_call_returns_are_no_divergence() {
    let (true, Some(program)) = (traceable(), built("unseen")) else { return };
    same(&[text(&program)], "exit code 11");
}

#[test]
fn a_program_starts_with_what_it_would_have() {
    if !traceable() {
        return;
    }
    // Each program looks at itself: a shell blocks signals while it starts one. Above are signals of the C library's own, which
    // differ with who spawned whom.
    let ignored = "sed -n 's/^SigIgn:.*\\(.......\\)$/ignored \\1/p' /proc/self/status";
    let look = format!(
        "umask; ulimit -a; pwd; env | sort; ls -l /proc/self/fd | sed 's/.* \\([0-9]*\\) -> .*/\\1/'; {ignored}; \
         grep -E '^(Sig(Blk|Cgt|Pnd)|Shd|Cap|Cpus|Groups|Uid|Gid|Threads|CoreDumping)' /proc/self/status; \
         cut -d' ' -f5,6,7,18,19 /proc/self/stat; cat /proc/self/oom_score_adj /proc/self/coredump_filter"
    );
    same(&["/bin/sh", "-c", &look], "exit code 0");
}

/// `timeout` sends its signal to the process and then to the group that it made for it.
#[test]
fn who_is_told_twice_at_once_to_end_still_reports() {
    if !traceable() {
        return;
    }
    let mut tracer = Command::new(env!("CARGO_BIN_EXE_abispec"))
        .args(["trace", "--", "/bin/sh", "-c", "echo ready; sleep 60"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut line = String::new();
    BufReader::new(tracer.stdout.take().expect("piped")).read_line(&mut line).expect("readable");
    assert_eq!(line, "ready\n");
    let pid = Pid::from_raw(i32::try_from(tracer.id()).expect("a number"));
    kill(pid, Signal::SIGTERM).expect("it runs");
    // Long enough for the first to be taken, so that the second is not the same.
    sleep(Duration::from_millis(20));
    // It may be gone by now.
    let _ = kill(pid, Signal::SIGTERM);
    let output = tracer.wait_with_output().expect("it ends");
    let report = stderr(&output);
    assert_eq!(code(&output), 0, "{report}");
    assert!(report.contains("calls checked") && report.contains("the program was ended by signal 15"), "{report}");
}

#[test]
fn a_hundred_threads_and_one_that_executes() {
    let (true, Some(program)) = (traceable(), built("threads")) else { return };
    let report = same(&[text(&program)], "exit code 5");
    assert!(report.contains("101 more thread(s)"), "{report}");
    let calls: u64 = report
        .lines()
        .find_map(|line| line.trim().split_once(" calls checked"))
        .map(|(count, _)| count.replace(',', "").parse().expect("a number"))
        .expect("a count");
    assert!(calls > 100 * 30 * 8, "{report}");
}

#[test]
fn a_thousand_processes() {
    if !traceable() {
        return;
    }
    let report =
        same(&["/bin/sh", "-c", "i=0; while [ $i -lt 1000 ]; do (exit 3); i=$((i+1)); done; echo $?"], "exit code 0");
    assert!(report.contains("in 1001 process(es)"), "{report}");
}

#[test]
fn what_cannot_be_traced_is_said() {
    let output = abispec(&["trace", "--", "/no/such/program"]);
    assert_eq!(code(&output), 2);
    assert!(stderr(&output).contains("no program called `/no/such/program`"), "{}", stderr(&output));
    let output = abispec(&["trace", "--attach", "4194304"]);
    assert_eq!(code(&output), 2);
    assert!(stderr(&output).contains("process 4194304 could not be attached to"), "{}", stderr(&output));
    let output = abispec(&["trace", "--syscalls", "opnat", "--", "/bin/true"]);
    assert_eq!(code(&output), 2);
    assert!(stderr(&output).contains("did you mean `openat`?"), "{}", stderr(&output));
}

#[test]
fn misuse_is_found_when_it_is_asked_for() {
    let (true, Some(program)) = (traceable(), built("misuse")) else { return };
    let silent = abispec(&["trace", "--", text(&program)]);
    assert_eq!(code(&silent), 0, "{}", stderr(&silent));
    let output = abispec(&["trace", "--lint-program", "--", text(&program)]);
    let report = stderr(&output);
    assert_eq!(code(&output), 1, "{report}");
    for [id, call, text, actual] in [
        ["misuse-undefined-flag", "openat", "openat(AT_FDCWD, \"/dev/null\", 0x20000000, 0)", "it has 0x20000000 too"],
        ["misuse-bad-pointer", "pipe2", "pipe2(0x8, 0)", "EFAULT"],
        ["misuse-struct-size", "openat2", ", 25)", "25 was passed"],
        ["misuse-high-bits", "close", "close(3)", "upper half is 0x1"],
        ["misuse-obsolete-call", "dup2", "dup2(1, 7)", "dup2 was called"],
    ] {
        let title = format!("error[{id}]: {call}: ");
        let start = report.find(&title).unwrap_or_else(|| panic!("{title} is not in {report}"));
        let block = report[start..].split("\nerror[").next().expect("it begins there");
        let place = format!("--> spec/syscalls/{call}.yaml:");
        for part in ["pid ", &place, text, actual] {
            assert!(block.contains(part), "{part} is not in {block}");
        }
    }
}

#[test]
fn a_filter_that_answers_for_the_kernel_is_found() {
    let (true, Some(program)) = (traceable(), built("filtered")) else { return };
    let mut child = Command::new(&program).stdout(Stdio::piped()).spawn().expect("the program starts");
    let mut line = String::new();
    BufReader::new(child.stdout.take().expect("piped")).read_line(&mut line).expect("readable");
    assert_eq!(line, "ready\n");
    let pid = child.id().to_string();
    let start = Instant::now();
    let output = abispec(&["trace", "--attach", &pid, "--max-time", "1s"]);
    let report = stderr(&output);
    let took = start.elapsed();
    assert!(child.try_wait().expect("a child").is_none(), "it goes on: {report}");
    let _ = child.kill();
    let _ = child.wait();
    assert_eq!(code(&output), 1, "{report}");
    for expected in [
        "error[undocumented-errno]: getuid",
        &format!("pid {pid}: getuid()"),
        "the kernel answers EXDEV",
        "spec/syscalls/getuid.yaml:",
        "1 seccomp filter(s) of its own",
        "the program goes on",
    ] {
        assert!(report.contains(expected), "{expected} is not in {report}");
    }
    assert!(took < Duration::from_secs(60));
}

#[test]
fn a_filter_of_a_program_that_is_started_is_named_and_seen_through() {
    let (true, Some(program)) = (traceable(), built("filtered")) else { return };
    let silent = abispec(&["trace", "--max-time", "300ms", "--", text(&program)]);
    let report = stderr(&silent);
    assert_eq!(code(&silent), 0, "{report}");
    assert!(report.contains("skipped calls that 1 filter(s) of the program's own may answer"), "{report}");
    let output = abispec(&["trace", "--every-call", "--max-time", "300ms", "--", text(&program)]);
    let report = stderr(&output);
    assert_eq!(code(&output), 1, "{report}");
    for expected in [
        "trace  1 divergence(s)",
        "error[undocumented-errno]: getuid",
        "getuid()  -> EXDEV",
        "spec/syscalls/getuid.yaml:",
        "1 seccomp filter(s) of its own",
        "prctl 2",
    ] {
        assert!(report.contains(expected), "{expected} is not in {report}");
    }
}

#[test]
fn a_recording_tells_the_same_without_the_program() {
    let (true, Some(program)) = (traceable(), built("misuse")) else { return };
    let dir = scratch("trace-record");
    let (recording, report) = (dir.join("run.trace"), dir.join("report"));
    let args = ["trace", "--lint-program", "--record", text(&recording), "-o", text(&report), "--", text(&program)];
    assert_eq!(code(&abispec(&args)), 1);
    fs::remove_file(&program).expect("it is ours");
    let again = abispec(&["trace", "--lint-program", "--recorded", text(&recording)]);
    assert_eq!(code(&again), 1);
    let lines = |text: &str| {
        let same = |line: &&str| {
            !line.starts_with("trace ") && !line.contains("the program ended") && !line.contains("recording")
        };
        text.lines().filter(same).map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(lines(&stderr(&again)), lines(&fs::read_to_string(&report).expect("written")));
    let cut = fs::read(&recording).expect("written");
    fs::write(&recording, &cut[..cut.len() / 2]).expect("writable");
    let output = abispec(&["trace", "--recorded", text(&recording)]);
    assert_eq!(code(&output), 2);
    assert!(stderr(&output).contains("the recording could not be read"), "{}", stderr(&output));
}

#[test]
fn a_set_user_id_program_without_its_privileges_is_named() {
    let root = fs::metadata("/proc/self").is_ok_and(|found| std::os::unix::fs::MetadataExt::uid(&found) == 0);
    if !root || !traceable() {
        eprintln!("skipped: needs root to trace as somebody else");
        return;
    }
    use std::os::unix::fs::PermissionsExt;
    use std::os::unix::process::CommandExt;
    let dir = PathBuf::from("/tmp").join(format!("abispec-trace-{}", std::process::id()));
    fs::create_dir_all(&dir).expect("writable");
    let (tracer, program) = (dir.join("abispec"), dir.join("id"));
    fs::copy(env!("CARGO_BIN_EXE_abispec"), &tracer).expect("copied");
    fs::copy("/usr/bin/id", &program).expect("copied");
    fs::set_permissions(&dir, fs::Permissions::from_mode(0o755)).expect("ours");
    fs::set_permissions(&tracer, fs::Permissions::from_mode(0o755)).expect("ours");
    fs::set_permissions(&program, fs::Permissions::from_mode(0o4755)).expect("ours");
    let output = Command::new(&tracer)
        .args(["trace", "--"])
        .arg(&program)
        .arg("-u")
        .uid(65534)
        .gid(65534)
        .current_dir("/")
        .output();
    let _ = fs::remove_dir_all(&dir);
    let output = output.expect("it starts");
    assert_eq!(stdout(&output), "65534\n", "{}", stderr(&output));
    assert!(stderr(&output).contains("skipped privileges of "), "{}", stderr(&output));
}

#[test]
fn a_comparison_with_a_strace_that_does_not_run_is_none() {
    use std::os::unix::fs::PermissionsExt;
    if !traceable() {
        return;
    }
    let dir = scratch("trace-bench");
    let bench = |script: Option<&str>| {
        let strace = dir.join("strace");
        let _ = fs::remove_file(&strace);
        if let Some(script) = script {
            fs::write(&strace, format!("#!/bin/sh\n{script}\n")).expect("writable");
            fs::set_permissions(&strace, fs::Permissions::from_mode(0o755)).expect("ours");
        }
        let args = ["bench", "trace", "--runs", "1", "--syscalls", "openat", "--", "/bin/sh", "-c", "exit 3"];
        Command::new(env!("CARGO_BIN_EXE_abispec")).args(args).env("PATH", &dir).output().expect("it starts")
    };
    let refused = bench(Some("exit 1"));
    assert_eq!(code(&refused), 2);
    let why = stderr(&refused);
    assert!(why.contains("strace did not run the command to its end"), "{why}");
    assert!(why.contains("exit status: 1, the command alone with exit status: 3"), "{why}");
    let compared = bench(Some("case \"$*\" in *trace=\\?openat*) exit 3;; *) exit 1;; esac"));
    assert_eq!(code(&compared), 0, "{}", stderr(&compared));
    assert!(stdout(&compared).contains(" times as fast as strace ("), "{}", stdout(&compared));
    let absent = bench(None);
    assert_eq!(code(&absent), 0, "{}", stderr(&absent));
    assert!(!stdout(&absent).contains(" times as fast as strace"), "{}", stdout(&absent));
}
