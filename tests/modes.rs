//! Modes of `abispec fuzz`: what a run is aimed at, where it is, and with which rights.

mod common;

use common::{abispec, code, scratch, stderr, stdout};
use nix::unistd::geteuid;

fn fuzz(name: &str, args: &[&str]) -> std::process::Output {
    let out = scratch(name);
    let out = out.display().to_string();
    abispec(&[&["fuzz", "--workers", "1", "--seed", "3", "--out", &out], args].concat())
}

#[test]
fn wrong_values_are_refused_with_advice() {
    let table: [(&[&str], &str); 9] = [
        (&["--rules", "dup.EBADFD"], "did you mean `dup.EBADF`?"),
        (&["--rules", "dup.yaml:9999"], "the specification has no rule `dup.yaml:9999`"),
        (&["--rules", "dup"], "the specification has no rule `dup`"),
        (&["--rules", "dup.EBADF", "--syscalls", "dup"], "cannot be used with"),
        (&["--fs", "ext5"], "did you mean `ext4`?"),
        (&["--fs", "nfs"], "the sandbox cannot lie on it"),
        (&["--syscalls", "group:descriptor"], "did you mean `group:descriptors`?"),
        (&["--privileged", "--unprivileged"], "cannot be used with"),
        (&["--privileged", "--emulator", "/usr/bin/qemu-x86_64"], "cannot be used with"),
    ];
    for (args, expected) in table {
        let ran = fuzz("modes-wrong", args);
        assert_eq!(code(&ran), 2, "{args:?}");
        assert!(stderr(&ran).contains(expected), "{args:?}: {}", stderr(&ran));
    }
}

/// This machine was not booted to be broken; whoever tests in one that was knows it.
#[test]
fn a_host_is_not_fuzzed_without_bounds() {
    let disposable = std::fs::read_to_string("/proc/cmdline").is_ok_and(|line| line.contains("abispec.disposable"));
    if disposable {
        return;
    }
    let ran = fuzz("modes-privileged", &["--privileged", "--calls", "10"]);
    assert_eq!(code(&ran), 2);
    assert!(stderr(&ran).contains("does not say that it may be broken"), "{}", stderr(&ran));
    assert!(stderr(&ran).contains("abispec vm"), "{}", stderr(&ran));
}

#[test]
fn a_run_can_be_aimed_at_one_rule() {
    let ran = fuzz("modes-rules", &["--rules", "lseek.ESPIPE", "--calls", "3000", "--fs", "tmpfs", "--unseen"]);
    assert_eq!(code(&ran), 0, "{}{}", stdout(&ran), stderr(&ran));
    assert!(stdout(&ran).contains("programs of 1 system calls"), "{}", stdout(&ran));
    assert!(!stdout(&ran).contains("unseen lseek ESPIPE"), "{}", stdout(&ran));
    assert!(!stdout(&ran).contains("unseen lseek EINVAL"), "what is not asked for is not listed: {}", stdout(&ran));
}

/// File systems that this machine lacks are named once; what it has is used.
#[test]
fn a_run_names_its_file_systems_and_what_it_skips() {
    let ran = fuzz("modes-fs", &["--syscalls", "fstat,ftruncate", "--calls", "1500"]);
    let text = stdout(&ran);
    assert_eq!(code(&ran), 0, "{text}{}", stderr(&ran));
    let used = text.lines().find(|line| line.contains("file systems: ")).unwrap_or_default();
    assert!(used.contains("tmpfs"), "{text}");
    for name in ["overlayfs", "ext4", "xfs", "btrfs", "fuse"] {
        let skipped = text.lines().filter(|line| line.contains(&format!("skipped {name}: "))).count();
        assert_eq!(skipped, usize::from(!used.contains(name)), "{name}: {text}");
    }
}

#[test]
fn an_unprivileged_run_needs_no_root() {
    let ran = fuzz("modes-unprivileged", &["--unprivileged", "--syscalls", "dup,lseek", "--calls", "1500"]);
    let text = stdout(&ran);
    assert_eq!(code(&ran), 0, "{text}{}", stderr(&ran));
    let disk = text.lines().any(|line| line.contains("file systems: ") && line.contains("ext4"));
    assert!(!disk, "an ordinary user mounts no disks ({}): {text}", geteuid());
}

#[test]
fn a_call_that_this_kernel_lacks_is_named_with_the_reason() {
    let refused = |args: &[&str], says: &[&str]| {
        let output = abispec(args);
        let text = stderr(&output);
        assert!(code(&output) == 2 && says.iter().all(|says| text.contains(says)), "{args:?}: {text}");
    };
    let of_powerpc = [
        "`spu_create` is no system call of x86_64",
        "only other ports have it: powerpc64, powerpc",
        "show spu_create --arch powerpc",
    ];
    refused(&["export", "c-header", "--syscalls", "dup,spu_create", "--arch", "x86_64"], &of_powerpc);
    refused(
        &["export", "c-header", "--syscalls", "fchroot", "--arch", "x86_64", "--kernel", "6.12"],
        &["it came with 7."],
    );
    refused(&["export", "c-header", "--syscalls", "spu_creat"], &["the specification has nothing called `spu_creat`"]);
    if cfg!(target_arch = "x86_64") {
        let says = ["`spu_create` is no system call of x86_64 and i386", "only other ports have it"];
        refused(&["fuzz", "--syscalls", "spu_create", "--time", "1s"], &says);
        refused(
            &["fuzz", "--syscalls", "chown32", "--time", "1s", "--entry", "64"],
            &["only other ports have it: i386"],
        );
        let output = fuzz("modes-i386", &["--syscalls", "chown32", "--time", "1s"]);
        assert!(!stderr(&output).contains("only other ports have it"), "{}", stderr(&output));
    }
}
