//! Errors that are permitted, and that nothing a program of the sandbox does can bring about: what would have to be so.

use abispec::model::Origin;
use abispec::target::Rule;

/// Why no program brings about an error that a rule permits; `None` where one may.
pub(super) fn cause(rule: &Rule) -> Option<String> {
    said(rule).or_else(|| of_errno(rule.errno.name(), rule.origin).map(str::to_owned))
}

/// What a rule itself says that it needs.
pub(super) fn said(rule: &Rule) -> Option<String> {
    rule.needs.as_ref().map(|needs| format!("needs {needs}"))
}

/// Why a policy is none of the caller's.
pub(super) const REAL_TIME: &str = "needs a real-time or deadline policy, which the sandbox is not given";

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
