//! Commands in a virtual machine: what goes wrong before it starts, and, where there is an emulator and a kernel, a whole run.

#![expect(clippy::print_stderr, reason = "a test that is skipped says so")]

mod common;

use common::{abispec, code, stderr, stdout};
use std::env;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where kernels to boot may lie; the variable names a folder of them.
const KERNELS: &str = "ABISPEC_KERNELS";

/// Images that can be booted, smallest name first.
fn kernels() -> Vec<PathBuf> {
    let folders = [env::var_os(KERNELS).map(PathBuf::from), Some(PathBuf::from("/boot"))];
    let mut found: Vec<PathBuf> = folders
        .into_iter()
        .flatten()
        .flat_map(|folder| fs::read_dir(folder).into_iter().flatten().flatten())
        .map(|entry| entry.path())
        .filter(|path| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("vmlinuz")))
        .collect();
    found.sort();
    found
}

/// An image to boot, where there is one and an emulator.
fn bootable() -> Option<String> {
    let Some(kernel) = kernels().into_iter().next() else {
        eprintln!("skipped: no vmlinuz in /boot nor in the folder that {KERNELS} names");
        return None;
    };
    if Command::new("qemu-system-x86_64").arg("--version").output().is_err() {
        eprintln!("skipped: no qemu-system-x86_64 on this machine");
        return None;
    }
    Some(kernel.display().to_string())
}

fn scratch(name: &str) -> PathBuf {
    let folder = env::temp_dir().join(format!("abispec-vm-test-{}-{name}", std::process::id()));
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).expect("a temporary folder");
    folder
}

#[test]
fn what_cannot_be_booted_is_said_at_once() {
    let folder = scratch("refused");
    let image = folder.join("vmlinuz");
    fs::write(&image, "no kernel").expect("writable");
    let image = image.display().to_string();
    let table: [(&[&str], &str); 10] = [
        (&["--kernel", "/no/such/kernel", "--", "run"], "there is no kernel to boot"),
        (&["--tree", "/no/such/tree", "--", "run"], "/no/such/tree/arch/x86/boot/bzImage"),
        (&["--package", "/no/such/package", "--", "run"], "there is no such file"),
        (&["--package", &image, "--", "run"], "dpkg-deb"),
        (&["--package", &image, "--tree", "/", "--", "run"], "cannot be used with"),
        (&["--kernel", &image, "--config", "/no/such/config", "--", "run"], "the configuration could not be read"),
        (&["--kernel", &image, "--emulator", "/no/such/emulator", "--", "run"], "it needs an emulator"),
        (&["--kernel", &image, "--emulator", "no-such-emulator", "--", "run"], "there is no no-such-emulator"),
        (&["--kernel", &image, "--emulator", "false", "--", "run"], "the machine could not be started"),
        (&["--kernel", &image, "--program", "no-such-program", "--", "run"], "`no-such-program` could not be packed"),
    ];
    for (args, expected) in table {
        let ran = abispec(&[&["vm"], args].concat());
        assert_eq!(code(&ran), 2, "{args:?}");
        assert!(stderr(&ran).contains(expected), "{args:?}: {}", stderr(&ran));
    }
    for args in [&["--kernel", &image][..], &["--kernel", &image, "--memory", "1", "--", "run"]] {
        assert_eq!(code(&abispec(&[&["vm"], args].concat())), 2, "{args:?}");
    }
    fs::remove_dir_all(folder).expect("there");
}

/// KVM is used where a machine that was tried first ended as it should, and nowhere else.
#[test]
fn kvm_is_what_has_been_seen_to_work() {
    let folder = scratch("accel");
    let image = folder.join("vmlinuz");
    fs::write(&image, "no kernel").expect("writable");
    let image = image.display().to_string();
    let fake = |script: &str| {
        let path = folder.join("emulator");
        // What it is told comes out, so that a machine that is started says by what it runs.
        fs::write(
            &path,
            format!("#!/bin/sh\ncase \"$*\" in *isa-debug-exit*) {script};; *) echo \"$*\" >&2; exit 3;; esac\n"),
        )
        .expect("writable");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("its owner may");
        path.display().to_string()
    };
    let run = |emulator: &str, accel: &str| {
        let ran = abispec(&["vm", "--kernel", &image, "--emulator", emulator, "--accel", accel, "--", "run"]);
        assert_eq!(code(&ran), 2, "{}", stderr(&ran));
        stderr(&ran)
    };
    let told = run(&fake("exit 33"), "tcg");
    assert!(told.contains("-accel tcg") && !told.contains("KVM"), "{told}");
    if !Path::new("/dev/kvm").exists() {
        for (accel, expected) in
            [("auto", "-accel tcg"), ("kvm", "KVM does not work on this machine: there is no /dev/kvm")]
        {
            let told = run(&fake("exit 33"), accel);
            assert!(told.contains(expected), "{told}");
        }
        eprintln!("skipped in part: no /dev/kvm on this machine");
        return fs::remove_dir_all(folder).expect("there");
    }
    for accel in ["auto", "kvm"] {
        let told = run(&fake("exit 33"), accel);
        assert!(told.contains("-accel kvm") && !told.contains("KVM does not"), "{told}");
    }
    for (script, why) in
        [("echo no such thing >&2; exit 1", "(exit status: 1): no such thing"), ("sleep 60", "after 5 s")]
    {
        let told = run(&fake(script), "auto");
        assert!(told.contains("-accel tcg") && told.contains(why), "{told}");
        assert_eq!(told.lines().filter(|line| line.contains("KVM")).count(), 1, "{told}");
        let told = run(&fake(script), "kvm");
        assert!(told.contains("KVM does not work on this machine") && told.contains(why), "{told}");
        assert!(!told.contains("-accel kvm"), "{told}");
    }
    fs::remove_dir_all(folder).expect("there");
}

/// The command's output, its exit code and the files that it wrote come out of the guest.
#[test]
fn a_command_runs_under_another_kernel() {
    let Some(kernel) = bootable() else { return };
    let folder = scratch("guest");
    let out = folder.join("out");
    let out_text = out.display().to_string();
    let machine = ["vm", "--kernel", &kernel, "--out", &out_text, "--"];
    let fuzz = [
        "fuzz",
        "--calls",
        "2000",
        "--time",
        "2m",
        "--workers",
        "1",
        "--syscalls",
        "dup,lseek",
        "--coverage",
        "c.json",
    ];
    let ran = abispec(&[&machine[..], &fuzz].concat());
    assert_eq!(code(&ran), 0, "{}\n{}", stdout(&ran), stderr(&ran));
    assert!(stdout(&ran).contains("of 2 system calls, 1 workers, kernel "), "{}", stdout(&ran));
    assert!(
        !stdout(&ran).contains("the kernel's configuration cannot be read") || !beside(&kernel),
        "{}",
        stdout(&ran)
    );
    let coverage = fs::read_to_string(out.join("c.json")).expect("it came out");
    assert!(coverage.starts_with('{'), "{coverage}");

    let refused = abispec(&[&machine[..], &["show", "no_such_call"]].concat());
    assert_eq!(code(&refused), 2);
    assert!(stderr(&refused).contains("no_such_call"), "{}", stderr(&refused));
    fs::remove_dir_all(folder).expect("there");
}

/// A program that ends its kernel is named by the report, and left as a replay file that ends the next guest's too.
#[test]
fn a_program_that_ends_its_kernel_is_named() {
    let Some(kernel) = bootable() else { return };
    let folder = scratch("ended");
    let (corpus, out) = (folder.join("corpus"), folder.join("out"));
    fs::create_dir_all(&corpus).expect("a temporary folder");
    // The kernel's own key for this, in a /proc that the program mounts itself.
    let text = "format: 1\nprivileged: true\ncalls:\n\
        \x20 - call: mount\n    args: [{memory: {text: \"proc\"}}, {memory: {text: \"d\"}}, {memory: {text: \"proc\"}}, {number: 0}, {number: 0}]\n\
        \x20 - call: openat\n    args: [{number: -100}, {memory: {text: \"d/sysrq-trigger\"}}, {number: 1}, {number: 0}]\n\
        \x20 - call: write\n    args: [{result: {of: 1}}, {memory: {hex: \"63\"}}, {number: 1}]\n";
    fs::write(corpus.join("crash.yaml"), text).expect("writable");
    let journal = folder.join("vm.jsonl").display().to_string();
    let (corpus, out_text) = (corpus.display().to_string(), out.display().to_string());
    let machine = ["vm", "--kernel", &kernel, "--out", &out_text, "--journal", &journal];
    let fuzz = ["--file", &corpus, "--", "fuzz", "--privileged", "--workers", "1", "--corpus", "corpus"];
    let few = ["--syscalls", "dup,lseek", "--calls", "200", "--time", "2m"];
    let ran = abispec(&[&machine[..], &fuzz, &few].concat());
    assert_eq!(code(&ran), 1, "{}\n{}", stdout(&ran), stderr(&ran));
    let told = stdout(&ran);
    assert!(told.contains("the guest ended before its command did, within write"), "{told}");
    assert!(told.contains("r2 = write(r1, &[63; 1], 1)  <- here"), "{told}");
    // The one that goes on has not got that program, and comes to its end.
    assert!(told.contains("guest 1, again 1: ") && told.contains("the command ended with 0"), "{told}");
    assert_eq!(stderr(&ran).matches("a fresh one goes on").count(), 1, "{}", stderr(&ran));
    let journal = fs::read_to_string(&journal).expect("it was written");
    let finding = journal.lines().find(|line| line.contains("guest-died")).expect("it is a finding");
    assert!(finding.contains("within write") && finding.contains("000-write.yaml"), "{finding}");
    let replay = out.join("in-flight/000-write.yaml");
    assert!(fs::read_to_string(&replay).expect("it was written").contains("d/sysrq-trigger"));

    let replay = replay.display().to_string();
    let again = abispec(&[&machine[..], &["--file", &replay, "--", "replay", "000-write.yaml"]].concat());
    assert!(stderr(&again).contains("the guest ended before its command did, within write"), "{}", stderr(&again));
    fs::remove_dir_all(folder).expect("there");
}

/// What a guest had tried when it was killed is in its journal, what was in flight beside it, and a fresh one does the rest.
#[test]
fn a_guest_that_is_killed_has_told_what_it_tried() {
    let Some(kernel) = bootable() else { return };
    let folder = scratch("killed");
    let out = folder.join("out");
    let journal = out.join("j.jsonl").display().to_string();
    let killing = folder.join("emulator");
    let script = format!(
        "#!/bin/sh\n[ ! -e '{out}/again-1' ] || exec qemu-system-x86_64 \"$@\"\n\
         qemu-system-x86_64 \"$@\" &\npid=$!\nn=0\n\
         while [ $n -lt 2500 ] && kill -0 $pid; do\n\
         grep -q so-far '{journal}' && sleep 1 && break\n\
         sleep 0.2\nn=$((n + 1))\ndone 2>/dev/null\nkill -KILL $pid\nwait $pid\n",
        out = out.display()
    );
    fs::write(&killing, script).expect("writable");
    fs::set_permissions(&killing, fs::Permissions::from_mode(0o755)).expect("its owner may");
    let (killing, out_text) = (killing.display().to_string(), out.display().to_string());
    let all = folder.join("all.jsonl").display().to_string();
    let machine = ["vm", "--kernel", &kernel, "--out", &out_text, "--emulator", &killing, "--accel", "tcg"];
    let fuzz = ["fuzz", "--time", "45s", "--workers", "1", "--syscalls", "dup,lseek,fcntl", "--journal", "j.jsonl"];
    let ran = abispec(&[&machine[..], &["--journal", &all, "--"], &fuzz].concat());
    assert_eq!(code(&ran), 1, "{}\n{}", stdout(&ran), stderr(&ran));
    assert!(stdout(&ran).contains("the guest ended before its command did, "), "{}", stdout(&ran));
    assert!(stdout(&ran).contains("guest 1, again 1: "), "{}", stdout(&ran));
    let left = fs::read_dir(out.join("in-flight")).expect("what was in flight is left").count();
    assert!(left > 0);

    let seen = folder.join("seen.json").display().to_string();
    let merged = abispec(&["merge", &journal, "--coverage", &seen]);
    assert_eq!(code(&merged), 0, "{}\n{}", stdout(&merged), stderr(&merged));
    assert!(stdout(&merged).contains("what it tried up to seconds before that is too"), "{}", stdout(&merged));
    let seen = fs::read_to_string(&seen).expect("it was written");
    assert!(seen.contains("\"errno\":\"EBADF\""), "{seen}");
    // Both together are what the machine's own journal holds.
    let again = out.join("again-1/j.jsonl").display().to_string();
    let (apart, whole) = (abispec(&["merge", &journal, &again]), abispec(&["merge", &all]));
    let counted = |text: &str| text.lines().find(|line| line.contains(" calls in ")).map(str::to_owned);
    assert_eq!(counted(&stdout(&whole)).expect("it is counted"), counted(&stdout(&apart)).expect("it is counted"));
    fs::remove_dir_all(folder).expect("there");
}

/// A kernel that panics before anything of the guest runs is told with what it said, and not tried again.
#[test]
fn a_kernel_that_panics_at_boot_says_so() {
    let Some(kernel) = bootable() else { return };
    let folder = scratch("panics");
    let (out, journal) = (folder.join("out").display().to_string(), folder.join("vm.jsonl").display().to_string());
    let machine =
        ["vm", "--kernel", &kernel, "--out", &out, "--journal", &journal, "--append", "rdinit=/none init=/none"];
    let ran = abispec(&[&machine[..], &["--", "fuzz", "--time", "1m"]].concat());
    assert_eq!(code(&ran), 2, "{}\n{}", stdout(&ran), stderr(&ran));
    let told = stderr(&ran);
    assert!(told.contains("the guest's kernel did not come up") && told.contains("Kernel panic"), "{told}");
    assert!(!told.contains("a fresh one"), "{told}");
    let journal = fs::read_to_string(&journal).expect("it was written");
    assert!(journal.contains("guest-not-up") && journal.contains("Kernel panic"), "{journal}");
    fs::remove_dir_all(folder).expect("there");
}

/// Whether the kernel's configuration lies beside it.
fn beside(kernel: &str) -> bool {
    Path::new(&kernel.replacen("vmlinuz", "config", 1)).exists()
}
