//! Errors that are permitted, and that nothing a program of the sandbox does can bring about: what would have to be so.

use abispec::expr::{Expr, Function};
use abispec::model::Origin;
use abispec::target::{Clause, Rule};

/// Why no program brings about an error that a rule permits; `None` where one may.
pub(super) fn cause(clause: &Clause, rule: &Rule) -> Option<&'static str> {
    let errno = rule.errno.name();
    let own = OF_CALLS.iter().find(|row| {
        row.errnos.contains(&errno)
            && row.calls.contains(&clause.syscall.as_str())
            && (row.commands.is_empty() || clause.command.as_deref().is_some_and(|own| row.commands.contains(&own)))
            && row.about.is_none_or(|function| speaks_of(&rule.condition, function))
    });
    own.map(|row| row.needs).or_else(|| of_errno(errno, rule.origin))
}

/// What has to go wrong outside the calls for an errno, whatever the call.
fn of_errno(errno: &str, origin: Origin) -> Option<&'static str> {
    Some(match errno {
        "EIO" => "needs failing storage",
        "EDQUOT" => "needs quotas",
        "ENOSPC" => "needs a full file system",
        "ENFILE" => "needs the system-wide limit of open files",
        "ENETDOWN" | "ENETUNREACH" | "EHOSTUNREACH" | "EHOSTDOWN" | "ETIMEDOUT" | "ECONNRESET" | "ECONNREFUSED"
        | "ECONNABORTED" | "ENOBUFS" | "EPROTO" => "needs a network peer",
        "ETXTBSY" => "needs a running program",
        "ECANCELED" => "needs the clock to be set",
        "EDEADLK" => "needs two processes",
        // An identifier that is stale by itself is answered with EINVAL.
        "EIDRM" => "needs two processes, one of which removes what the other is just using",
        "EINTR" if origin == Origin::Filesystem => "needs a file system whose waits a signal ends",
        _ => return None,
    })
}

/// Errors of some calls.
struct Row {
    calls: &'static [&'static str],
    /// Commands of these calls; empty where the command does not matter.
    commands: &'static [&'static str],
    errnos: &'static [&'static str],
    /// What the condition has to speak of.
    about: Option<Function>,
    needs: &'static str,
}

const fn row(calls: &'static [&'static str], errnos: &'static [&'static str], needs: &'static str) -> Row {
    Row { calls, commands: &[], errnos, about: None, needs }
}

const REQUESTS: &str = "needs a context of requests, whose number is longer than what programs pass on";
const THREAD: &str = "needs a second thread in the same call or about it";
const RESTARTS: &str = "never seen: the kernel makes the call again by itself when a signal has come";
const PRIVILEGES: &str = "needs a caller that may gain privileges by executing a file; the sandbox's may not";
/// Why a policy is none of the caller's.
pub(super) const REAL_TIME: &str = "needs a real-time or deadline policy, which the sandbox is not given";

const OF_CALLS: &[Row] = &[
    row(&["getrandom"], &["EAGAIN", "EINTR"], "needs a machine that has just started and has no random numbers yet"),
    row(&["fallocate"], &["EINTR"], "needs a signal that comes while pages are being allocated"),
    row(&["utimensat"], &["EINTR"], "needs a delegation, which a server of files is given"),
    Row {
        commands: &["FUTEX_LOCK_PI", "FUTEX_LOCK_PI2", "FUTEX_WAIT_REQUEUE_PI"],
        ..row(&["futex"], &["EINTR"], RESTARTS)
    },
    row(&["dup2", "dup3"], &["EBUSY"], THREAD),
    row(&["pidfd_open"], &["ENOENT"], THREAD),
    row(&["setpgid"], &["EINVAL"], THREAD),
    row(&["seccomp"], &["ESRCH"], THREAD),
    row(&["futex"], &["EAGAIN"], THREAD),
    Row { commands: &["FUTEX_TRYLOCK_PI"], ..row(&["futex"], &["EINVAL"], THREAD) },
    row(&["setpgid"], &["EACCES"], "needs a child that executes another program"),
    row(&["clone3"], &["EACCES", "EBUSY", "EOPNOTSUPP", "ENODEV"], "needs a control group of its own"),
    row(&["close_range", "execve", "execveat"], &["EMFILE"], "needs fs.nr_open to be lowered below what is open"),
    row(&["execve", "execveat"], &["EPERM"], "needs a program with capabilities that the caller is refused"),
    row(&["arch_prctl"], &["EBUSY"], "needs a virtual processor"),
    row(&["migrate_pages"], &["EBUSY"], "needs memory pressure"),
    row(&["move_pages"], &["EACCES"], "needs a machine with memory nodes that the control group does not have"),
    row(&["landlock_restrict_self"], &["EPERM"], PRIVILEGES),
    Row { commands: &["PR_SET_SECCOMP"], ..row(&["prctl"], &["EACCES"], PRIVILEGES) },
    Row {
        about: Some(Function::Policy),
        ..row(&["sched_setaffinity", "sched_setattr", "sched_setscheduler"], &["EBUSY"], REAL_TIME)
    },
    row(&["sched_setattr", "sched_setscheduler"], &["EACCES"], "needs a scheduler that is a program of its own"),
    row(&["clock_nanosleep", "timer_settime"], &["ESRCH"], "needs a process that ends meanwhile"),
    row(&["msgrcv"], &["EAGAIN"], "needs two processes, one of which changes the queue that the other waits at"),
    row(&["munmap"], &["ENOMEM"], "needs as many mappings as vm.max_map_count permits"),
    row(&["remap_file_pages"], &["ENODEV"], "needs a device that goes away while it is mapped"),
    row(
        &["timerfd_settime"],
        &["EPERM"],
        "needs a timer on an alarm clock, which only a capability of the host's gives",
    ),
    row(&["remap_file_pages"], &["EACCES"], "needs a file that becomes append-only while it is mapped"),
    row(
        &["getxattr", "lgetxattr", "fgetxattr"],
        &["E2BIG"],
        "needs a file system with attributes that are longer than the kernel hands out",
    ),
    row(
        &["listxattr", "llistxattr", "flistxattr", "listxattrat"],
        &["E2BIG"],
        "needs more attributes on one file than programs give it",
    ),
    row(&["io_submit"], &["EBADF", "EAGAIN", "EFAULT", "EOPNOTSUPP", "EPERM", "EINTR"], REQUESTS),
    row(&["io_cancel"], &["EINPROGRESS"], REQUESTS),
    row(&["io_destroy", "io_getevents", "io_pgetevents"], &["EINTR"], REQUESTS),
    row(&["madvise"], &["EOPNOTSUPP", "ENODEV", "EFBIG"], "needs a mapped file in which no holes can be made"),
    row(&["madvise"], &["EBUSY"], "needs memory pressure"),
    row(&["mq_notify"], &["EINTR"], "needs a netlink socket that takes nothing more"),
    row(&["bind"], &["EINTR"], THREAD),
    Row {
        about: Some(Function::Mapped),
        ..row(&["bind"], &["EPERM"], "needs an immutable directory, or a file system without sockets")
    },
    row(&["getsockopt"], &["ESRCH"], "needs two processes, one of which has ended"),
    row(&["recvfrom"], &["EMSGSIZE"], "needs a router that wants shorter messages"),
    row(
        &["write", "writev", "pwritev2", "sendfile", "splice"],
        &["EADDRNOTAVAIL"],
        "needs a route for which the machine has no address",
    ),
    Row {
        about: Some(Function::Links),
        ..row(
            &["chmod", "fchmodat", "fchmodat2", "creat", "truncate"],
            &["EPERM"],
            "needs /proc, by whose links a file without a name has one",
        )
    },
    Row {
        about: Some(Function::CrossesMount),
        ..row(&["unlink", "rmdir", "unlinkat"], &["EBUSY"], "needs a mount in a directory that can be written to")
    },
    row(&["mq_unlink"], &["EACCES", "EPERM", "EOVERFLOW", "EROFS"], "needs a message queue of another owner"),
];

fn speaks_of(condition: &Expr, function: Function) -> bool {
    let mut found = false;
    condition.walk(&mut |expr| found |= matches!(expr, Expr::Call(own, _) if *own == function));
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use abispec::arch::Arch;
    use abispec::target::Target;
    use abispec::version::Release;

    #[test]
    fn every_row_is_about_a_rule() {
        let resolved = abispec::resolve(abispec::embedded(), &Target::new(Arch::X86_64, Release::new(7, 3)));
        let rules: Vec<(&Clause, &Rule)> = (resolved.calls.iter().flat_map(|call| &call.variants))
            .flat_map(|variant| &variant.rules)
            .filter(|rule| !rule.duty)
            .map(|rule| (resolved.clause(rule.clause), rule))
            .collect();
        for row in OF_CALLS {
            for (call, errno) in row.calls.iter().flat_map(|call| row.errnos.iter().map(move |errno| (call, errno))) {
                let named = rules.iter().any(|(clause, rule)| {
                    clause.syscall == *call && rule.errno.name() == *errno && cause(clause, rule) == Some(row.needs)
                });
                assert!(named, "{call} {errno}: no rule needs what the row says it does");
            }
        }
    }

    #[test]
    fn what_only_some_commands_never_answer_the_others_do() {
        let resolved = abispec::resolve(abispec::embedded(), &Target::new(Arch::X86_64, Release::new(7, 3)));
        let futex = resolved.calls.iter().find(|call| call.name == "futex").into_iter();
        let interrupted: Vec<bool> = futex
            .flat_map(|call| &call.variants)
            .flat_map(|variant| &variant.rules)
            .filter(|rule| rule.errno.name() == "EINTR")
            .map(|rule| cause(resolved.clause(rule.clause), rule).is_none())
            .collect();
        assert!(interrupted.contains(&true) && interrupted.contains(&false), "{interrupted:?}");
    }
}
