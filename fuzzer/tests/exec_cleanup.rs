//! What a sandbox leaves behind: nothing; and what it says where it cannot be had.
#![expect(clippy::unwrap_used, reason = "a helper of a test fails the test")]

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use abispec_fuzzer::exec::{Arg, BatchEnd, FileSystem, Op, Sandbox, SandboxConfig, layout};

abispec_fuzzer::sandbox_before_main!();

/// Children are counted per process: one sandbox at a time.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

/// Every process that descends from this one, and every zombie of it.
fn descendants() -> BTreeSet<i32> {
    let parents: Vec<(i32, i32)> = fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
        .filter_map(|pid: i32| {
            let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
            Some((pid, stat.rsplit(')').next()?.split_whitespace().nth(1)?.parse().ok()?))
        })
        .collect();
    let mut found = BTreeSet::from([std::process::id() as i32]);
    loop {
        let before = found.len();
        found.extend(
            parents.iter().filter(|(_, parent)| found.contains(parent)).map(|(pid, _)| *pid).collect::<Vec<_>>(),
        );
        if found.len() == before {
            found.remove(&(std::process::id() as i32));
            return found;
        }
    }
}

fn exists(pid: i32) -> bool {
    fs::exists(format!("/proc/{pid}")).unwrap()
}

/// An orphan may wait a while for the host's init to reap it; it is dead all the same.
fn runs(pid: i32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
}

/// Commander, init, executor, and the executor's two children.
const PROCESSES: usize = 5;

fn host() -> [String; 3] {
    ["/proc/self/mounts", "/proc/sys/kernel/hostname", "/proc/sys/kernel/domainname"]
        .map(|file| fs::read_to_string(file).unwrap())
}

fn open_descriptors() -> usize {
    fs::read_dir("/proc/self/fd").unwrap().count()
}

/// Who executes the calls is killed while another process makes one for it.
#[test]
#[cfg(target_arch = "x86_64")]
fn who_stands_in_for_an_executor_ends_with_it() {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let mut sandbox = Sandbox::start(&SandboxConfig::default()).unwrap_or_else(|error| panic!("{error}"));
    let executor = sandbox.executor_pid();
    // It is stopped when what it began ends.
    sandbox.push(Op::new(libc::SYS_clone, &[Arg::imm(libc::SIGSTOP as u64)])).unwrap();
    let killer = std::thread::spawn(move || {
        let children = format!("/proc/{executor}/task/{executor}/children");
        let begin = Instant::now();
        while begin.elapsed() < Duration::from_secs(5) {
            let listed = fs::read_to_string(&children).unwrap();
            let stat = |pid: i32| fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            let stopped = |pid: &i32| stat(*pid).contains(") T ");
            if let Some(stand_in) = listed.split_whitespace().filter_map(|pid| pid.parse().ok()).find(stopped) {
                kill(Pid::from_raw(executor), Signal::SIGKILL).unwrap();
                return Some(stand_in);
            }
        }
        None
    });
    let end = sandbox.run();
    let stand_in = killer.join().unwrap().expect("a process stood in for the executor");
    assert!(matches!(end, BatchEnd::Died { .. }), "{end:?}");
    let begin = Instant::now();
    while runs(stand_in) && begin.elapsed() < Duration::from_secs(5) {
        std::thread::yield_now();
    }
    assert!(!runs(stand_in), "{stand_in} outlived its executor");
    sandbox.respawn().unwrap();
    assert_eq!(descendants().len(), PROCESSES);
}

#[test]
fn a_dropped_sandbox_leaves_nothing() {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let (before, descriptors) = (host(), open_descriptors());
    for last in ["idle", "dead", "stuck"] {
        let mut sandbox = Sandbox::start(&SandboxConfig::default()).unwrap_or_else(|error| panic!("{error}"));
        let processes = descendants();
        assert_eq!(processes.len(), PROCESSES, "{processes:?}");
        let call = match last {
            "idle" => Op::new(libc::SYS_getpid, &[]),
            "dead" => Op::new(libc::SYS_kill, &[Arg::imm(0), Arg::imm(libc::SIGKILL as u64)]),
            _ => Op::new(libc::SYS_kill, &[Arg::imm(0), Arg::imm(libc::SIGSTOP as u64)]),
        };
        sandbox.push(call).unwrap();
        assert_ne!(sandbox.run(), BatchEnd::Lost(abispec_fuzzer::exec::Lost::NoSandbox));
        drop(sandbox);
        let left: Vec<i32> = processes.into_iter().filter(|pid| exists(*pid)).collect();
        assert!(left.is_empty(), "{last}: {left:?} are left");
        assert!(descendants().is_empty());
        assert_eq!(host(), before);
        assert_eq!(open_descriptors(), descriptors);
    }
}

#[test]
fn a_killed_sandbox_process_is_noticed_and_takes_everything_with_it() {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let mut sandbox = Sandbox::start(&SandboxConfig::default()).unwrap_or_else(|error| panic!("{error}"));
    let processes = descendants();
    let commander = *processes.iter().min().unwrap();
    assert!(Command::new("kill").args(["-9", &commander.to_string()]).status().unwrap().success());
    sandbox.push(Op::new(libc::SYS_getpid, &[])).unwrap();
    let end = sandbox.run();
    assert!(matches!(end, BatchEnd::Lost(_) | BatchEnd::Completed), "{end:?}");
    let error = sandbox.respawn().unwrap_err();
    assert!(error.to_string().contains("start a new sandbox"), "{error}");
    drop(sandbox);
    for _ in 0..100 {
        if !processes.iter().any(|pid| runs(*pid)) {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    panic!("processes are left: {:?}", processes.into_iter().filter(|pid| runs(*pid)).collect::<Vec<_>>());
}

#[test]
fn sandboxes_work_side_by_side() {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let threads: Vec<_> = (0..3)
        .map(|_| {
            std::thread::spawn(|| {
                let mut sandbox = Sandbox::start(&SandboxConfig::default()).unwrap_or_else(|error| panic!("{error}"));
                for _ in 0..5 {
                    sandbox.clear();
                    let id = sandbox.push(Op::new(libc::SYS_getuid, &[])).unwrap();
                    assert_eq!(sandbox.run(), BatchEnd::Completed);
                    assert_eq!(sandbox.result(id).ret, 0);
                    sandbox.respawn().unwrap();
                }
                sandbox
            })
        })
        .collect();
    // A sandbox outlives the thread that started it.
    for mut sandbox in threads.into_iter().map(|thread| thread.join().unwrap()) {
        assert_eq!(sandbox.run(), BatchEnd::Completed);
    }
    assert!(descendants().is_empty());
}

/// Not a test of its own: run by the next one where user namespaces are forbidden.
#[test]
#[ignore = "started by the test of the missing user namespaces"]
fn prints_why_there_is_no_sandbox() {
    let error = Sandbox::start(&SandboxConfig::default()).map(drop).unwrap_err();
    fs::write("/dev/stderr", format!("REASON {error}\n")).unwrap();
}

#[test]
fn missing_user_namespaces_are_explained() {
    let script = "echo 0 > /proc/sys/user/max_user_namespaces && \
                  exec \"$0\" --ignored --exact prints_why_there_is_no_sandbox --nocapture";
    let program = std::env::current_exe().unwrap();
    let Ok(output) = Command::new("unshare").args(["-Ur", "sh", "-c", script]).arg(program).output() else {
        // Without util-linux the unit test of the message has to do.
        return;
    };
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(text.contains("REASON cannot create a user namespace: No space left on device"), "{text}");
    assert!(text.contains("user.max_user_namespaces"), "{text}");
}

#[test]
fn an_executor_that_cannot_be_set_up_says_why() {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let config = SandboxConfig { nofile_soft: 4096, nofile_hard: 128, ..SandboxConfig::default() };
    let error = Sandbox::start(&config).map(drop).unwrap_err();
    assert!(error.to_string().contains("limits"), "{error}");
}

/// Loop devices that are in use.
fn loops() -> BTreeSet<String> {
    let in_use = |entry: &fs::DirEntry| entry.path().join("loop/backing_file").exists();
    let entries = fs::read_dir("/sys/block").map(|entries| entries.flatten().filter(in_use).collect::<Vec<_>>());
    entries.unwrap_or_default().iter().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}

/// What `check` says comes true, soon: the kernel takes mounts and devices apart on its own time.
fn soon(check: impl Fn() -> bool) -> bool {
    (0..100).any(|_| {
        let so = check();
        if !so {
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        so
    })
}

/// Every file system that this machine has: a file in it is on it, a new executor finds it empty, and neither a mount nor a
/// device is left, however the sandbox ends.
#[test]
#[expect(clippy::print_stderr, reason = "what is skipped is said")]
fn file_systems_come_and_go_with_their_sandbox() {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let (before, others) = (host(), loops());
    let magics = [(FileSystem::Tmpfs, 0x0102_1994), (FileSystem::Overlayfs, 0x794c_7630), (FileSystem::Ext4, 0xef53)];
    let more = [(FileSystem::Xfs, 0x5846_5342), (FileSystem::Btrfs, 0x9123_683e), (FileSystem::Fuse, 0x6573_5546)];
    for (file_system, magic) in magics.into_iter().chain(more) {
        let config = SandboxConfig { file_system, ..SandboxConfig::default() };
        for killed in [false, true] {
            let mut sandbox = match Sandbox::start(&config) {
                Ok(sandbox) => sandbox,
                Err(error) => {
                    assert_ne!(file_system, FileSystem::Tmpfs, "{error}");
                    eprintln!("skipped: no {}: {error}", file_system.name());
                    break;
                }
            };
            // A file that the second executor must not find, and what the file system says it is.
            for round in 0..2 {
                let name = layout::cell(0) + layout::CELL_RW;
                let answer = name + 64;
                sandbox.clear();
                sandbox.arena_mut().slice_mut(name, 2).unwrap().copy_from_slice(b"f\0");
                let cwd = Arg::imm(i64::from(libc::AT_FDCWD) as u64);
                let flags = Arg::imm((libc::O_CREAT | libc::O_EXCL | libc::O_RDWR) as u64);
                let opened =
                    sandbox.push(Op::new(libc::SYS_openat, &[cwd, name.into(), flags, Arg::imm(0o600)])).unwrap();
                let asked = sandbox.push(Op::new(libc::SYS_fstatfs, &[opened.into(), answer.into()])).unwrap();
                assert_eq!(sandbox.run(), BatchEnd::Completed);
                assert!(
                    sandbox.result(opened).ret >= 0,
                    "{} {round}: {}",
                    file_system.name(),
                    sandbox.result(opened).ret
                );
                assert_eq!(sandbox.result(asked).ret, 0);
                let kind = sandbox.arena().slice(answer, 8).unwrap().try_into().map(u64::from_ne_bytes).unwrap();
                assert_eq!(kind, magic, "{}", file_system.name());
                sandbox.respawn().unwrap_or_else(|error| panic!("{error}"));
            }
            assert_eq!(host(), before, "the host does not see what the sandbox mounts");
            if killed {
                nix_kill(sandbox.pid());
            }
            drop(sandbox);
        }
    }
    assert!(soon(|| loops().is_subset(&others)), "loop devices are left: {:?}, with {others:?} before", loops());
    assert_eq!(host(), before);
}

fn nix_kill(pid: u32) {
    let pid = nix::unistd::Pid::from_raw(pid as i32);
    nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL).unwrap();
}
