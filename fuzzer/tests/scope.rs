//! Where alone calls are tried: what the embedded specification says cannot be lifted by another one.

use abispec::arch::Arch;
use abispec::finding::SourceFile;
use abispec::model::Extent;
use abispec::target::{Resolved, Target};
use abispec::version::Release;
use abispec_fuzzer::scope;
use std::collections::BTreeSet;

/// The calls of releases up to 7.3 that no sandbox may make. A newer call needs no line here; that one of these may be made
/// somewhere is no slip of a file's.
const DENIED: &str = "
    reboot kexec_load kexec_file_load init_module finit_module delete_module bpf
    settimeofday clock_settime clock_adjtime adjtimex clock_settime64 clock_adjtime64 stime
    swapon swapoff quotactl quotactl_fd acct syslog vhangup sync sethostname setdomainname
    mount umount2 umount pivot_root open_tree open_tree_attr move_mount fsopen fsconfig fsmount fspick mount_setattr
    chroot fchroot io_setup unshare setns ptrace process_vm_readv process_vm_writev process_madvise pidfd_getfd
    perf_event_open mq_open add_key request_key keyctl userfaultfd io_uring_setup io_uring_enter io_uring_register
    iopl ioperm oldumount osf_swapon";

/// The calls that are never made.
const NEVER: &str = "rt_sigreturn sigreturn uretprobe socketcall ipc";

fn words(text: &str) -> BTreeSet<&str> {
    text.split_whitespace().collect()
}

fn resolved(arch: Arch, files: Vec<SourceFile>) -> Resolved {
    let (spec, findings) = abispec::load::load(files);
    assert!(findings.is_empty(), "{findings:#?}");
    abispec::resolve(&spec, &Target::new(arch, Release::new(7, 3)))
}

fn call(name: &str, port: &str, nr: u32, more: &str) -> SourceFile {
    let text = format!("syscall: {name}\nsummary: a test\nnr: {{{port}: {nr}}}\n{more}params: []\nreturns: zero\n");
    SourceFile { path: format!("syscalls/{name}.yaml"), text }
}

#[test]
fn the_files_deny_what_reaches_beyond_a_sandbox() {
    let of = |extent: Extent| {
        let known = abispec::embedded().syscalls.values().filter(|call| {
            let since = call.span.since.is_none_or(|since| since <= Release::new(7, 3));
            since && call.scope.as_ref().is_some_and(|scope| scope.value.extent == extent)
        });
        known.map(|call| call.name.value.as_str()).collect::<BTreeSet<_>>()
    };
    assert_eq!(of(Extent::System), words(DENIED));
    assert_eq!(of(Extent::Never), words(NEVER));
}

#[test]
fn the_filter_has_the_numbers_of_all_of_them() {
    let denied: BTreeSet<u32> = scope::denied_everywhere().iter().copied().collect();
    for name in words(DENIED) {
        let number = abispec::embedded().syscalls[name].number(Arch::NATIVE);
        assert!(number.is_none_or(|at| denied.contains(&at.value)), "{name} passes the filter");
    }
    // What only 32-bit ports have is not made by its number either, and what other calls have by such a number is.
    #[cfg(target_arch = "x86_64")]
    for (nr, refused) in [(404, true), (405, true), (22, false), (25, false), (libc::SYS_clone as u32, false)] {
        assert_eq!(denied.contains(&nr), refused, "{nr}");
    }
}

#[test]
fn no_other_specification_lifts_what_the_embedded_one_says() {
    let reboot = abispec::embedded().syscalls["reboot"].number(Arch::NATIVE).unwrap().value;
    let sigreturn = abispec::embedded().syscalls["rt_sigreturn"].number(Arch::NATIVE).unwrap().value;
    let port = Arch::NATIVE.name();
    let resolved = resolved(
        Arch::NATIVE,
        vec![
            call("reboot", port, 9000, ""),
            call("mount", port, 9001, "scope: {never: no reason}\n"),
            call("innocent", port, reboot, ""),
            call("harmless", port, sigreturn, "scope: {system: another reason}\n"),
            call("own", port, 9002, "scope: {system: its own reason}\n"),
            call("free", port, 9003, ""),
        ],
    );
    let said = |name: &str| {
        let call = resolved.call(name).unwrap();
        (scope::denied(Arch::NATIVE, call), scope::never(Arch::NATIVE, call))
    };
    let halts = Some("stops or replaces the running kernel");
    assert_eq!(said("reboot"), (halts, None));
    assert_eq!(said("innocent"), (halts, None));
    assert_eq!(said("mount"), (Some("changes what is mounted"), Some("no reason")));
    let (denied, never) = said("harmless");
    assert!(denied == Some("another reason") && never.is_some_and(|why| why.contains("registers")));
    assert_eq!(said("own"), (Some("its own reason"), None));
    assert_eq!(said("free"), (None, None));
    assert!(scope::permits(&resolved, resolved.call("free").unwrap()));
    assert!(!scope::permits(&resolved, resolved.call("innocent").unwrap()));
}

#[test]
fn numbers_of_another_port_are_that_port_s() {
    // 88 is reboot for i386 and symlink for x86_64.
    let denied = |arch: Arch| {
        let resolved = resolved(arch, vec![call("innocent", arch.name(), 88, "")]);
        scope::denied(arch, &resolved.calls[0]).is_some()
    };
    assert!(denied(Arch::I386) && !denied(Arch::X86_64));
}
