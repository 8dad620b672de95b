//! What the caller itself is: credentials, limits, masks, working directory.

use super::tree::InodeId;
use abispec::expr::Word;
use std::sync::Arc;

/// Resource limits that the kernel has.
pub const LIMITS: usize = 16;

/// Capabilities that file permissions look at.
const CAP_DAC_OVERRIDE: u32 = 1;
const CAP_DAC_READ_SEARCH: u32 = 2;
const CAP_FOWNER: u32 = 3;

/// A soft and a hard limit; `None` is unknown.
pub type Limit = (Option<u64>, Option<u64>);

/// Who the program is and where it starts: what the sandbox knows about its executor.
#[derive(Clone, Debug, PartialEq)]
pub struct Identity {
    /// Effective (and permitted) capabilities in the caller's user namespace, bit n for capability n.
    pub capabilities: u64,
    /// Whether that namespace is not the initial one.
    pub user_namespace: bool,
    /// User id in the namespace.
    pub uid: u32,
    /// Group id in the namespace.
    pub gid: u32,
    /// Users and groups that the namespace has, from 0 on.
    pub ids: u32,
    /// Process id in its pid namespace.
    pub pid: Option<i32>,
    /// Every process of the pid namespace, where the sandbox knows them all.
    pub processes: Option<Vec<i32>>,
    /// File mode creation mask.
    pub umask: Option<u16>,
    /// Blocked signals.
    pub sigmask: Option<u64>,
    /// Nice value.
    pub nice: Option<i8>,
    /// Scheduling policy.
    pub policy: Option<i32>,
    /// Limits by number.
    pub limits: [Limit; LIMITS],
    /// Bytes of the kernel's own CPU mask.
    pub cpu_bytes: Option<u64>,
    /// Permissions of `/`.
    pub root_permissions: Option<u16>,
    /// Whether `/` is mounted read-only.
    pub root_read_only: Option<bool>,
    /// Everything in `/` but `t`, where the sandbox knows it all. What lies in directories there stays unknown.
    pub root_entries: Option<Vec<(String, Word)>>,
    /// Names in `/dev`, where the sandbox knows them all.
    pub devices: Option<Vec<String>>,
    /// Permissions of the working directory `/t`.
    pub work_permissions: Option<u16>,
    /// The file system that `/t` lies on.
    pub work_file_system: Word,
}

impl Default for Identity {
    /// Root of a user namespace with all capabilities; ids, limits and the like are unknown.
    fn default() -> Self {
        Self {
            capabilities: u64::MAX,
            user_namespace: true,
            uid: 0,
            gid: 0,
            ids: 1,
            pid: None,
            processes: None,
            umask: Some(0o022),
            sigmask: Some(0),
            nice: None,
            policy: None,
            limits: [(None, None); LIMITS],
            cpu_bytes: None,
            root_permissions: Some(0o755),
            root_read_only: None,
            root_entries: None,
            devices: None,
            work_permissions: Some(0o755),
            work_file_system: Word::Tmpfs,
        }
    }
}

/// The state of the calling process.
#[derive(Clone, Debug, PartialEq)]
pub struct Process {
    /// Who it is; what calls change is beside it.
    pub identity: Arc<Identity>,
    /// The working directory.
    pub cwd: Option<InodeId>,
    /// File mode creation mask.
    pub umask: Option<u16>,
    /// Blocked signals.
    pub sigmask: Option<u64>,
    /// Nice value.
    pub nice: Option<i8>,
    /// Scheduling policy.
    pub policy: Option<i32>,
    /// Limits by number.
    pub limits: [Limit; LIMITS],
    /// How far it is from what it was when the program began.
    pub alteration: Alteration,
}

/// What calls did to the caller itself that no call after the program takes back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Alteration {
    /// Nothing.
    #[default]
    None,
    /// It has attributes, timers or signals that wait which a fresh one has not; the model knows the rest of it.
    Marked,
    /// It is another user, signals end it that were ignored, or its calls do something else: the model does not know it any more.
    Strange,
}

/// What capabilities add to permission bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rights {
    /// CAP_DAC_OVERRIDE.
    pub override_all: bool,
    /// CAP_DAC_READ_SEARCH.
    pub read_search: bool,
    /// CAP_FOWNER.
    pub as_owner: bool,
}

impl Process {
    /// The state at program start.
    pub fn new(identity: &Identity, cwd: InodeId) -> Self {
        Self {
            cwd: Some(cwd),
            umask: identity.umask,
            sigmask: identity.sigmask,
            nice: identity.nice,
            policy: identity.policy,
            limits: identity.limits,
            alteration: Alteration::None,
            identity: Arc::new(identity.clone()),
        }
    }

    /// A limit by its number; a number that no limit has is unknown.
    pub fn limit(&self, resource: i128) -> Limit {
        usize::try_from(resource).ok().and_then(|index| self.limits.get(index)).copied().unwrap_or((None, None))
    }

    /// Sets a limit; without a number every limit becomes unknown.
    pub fn set_limit(&mut self, resource: Option<i128>, to: Limit) {
        match resource {
            None => self.limits = [(None, None); LIMITS],
            Some(resource) => {
                if let Some(limit) = usize::try_from(resource).ok().and_then(|index| self.limits.get_mut(index)) {
                    *limit = to;
                }
            }
        }
    }

    /// Whether a capability is effective in the caller's user namespace.
    pub fn ns_capable(&self, capability: i128) -> bool {
        u32::try_from(capability).is_ok_and(|bit| bit < 64 && self.identity.capabilities >> bit & 1 != 0)
    }

    /// Whether a capability is effective in the initial user namespace.
    pub fn capable(&self) -> Option<bool> {
        self.identity.user_namespace.then_some(false)
    }

    /// What capabilities add to permission bits.
    pub fn rights(&self) -> Rights {
        let has = |bit: u32| self.identity.capabilities >> bit & 1 != 0;
        Rights { override_all: has(CAP_DAC_OVERRIDE), read_search: has(CAP_DAC_READ_SEARCH), as_owner: has(CAP_FOWNER) }
    }

    /// Whether a process or thread of this number exists.
    pub fn exists(&self, pid: i128) -> Option<bool> {
        /// No kernel hands out a number from here on.
        const PID_LIMIT: i128 = 1 << 22;
        if !(0..PID_LIMIT).contains(&pid) {
            return Some(false);
        }
        if self.identity.pid.is_some_and(|own| i128::from(own) == pid) {
            return Some(true);
        }
        let all = self.identity.processes.as_ref()?;
        (pid != 0).then(|| all.iter().any(|one| i128::from(*one) == pid))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn process(identity: &Identity) -> Process {
        Process::new(identity, InodeId(1))
    }

    #[test]
    fn a_namespace_root_has_nothing_outside() {
        let all = process(&Identity::default());
        assert!(all.ns_capable(21));
        assert_eq!(all.capable(), Some(false));
        let none = process(&Identity { capabilities: 0, user_namespace: false, ..Identity::default() });
        assert!(!none.ns_capable(21));
        assert_eq!(none.capable(), None);
        assert!(!all.ns_capable(64) && !all.ns_capable(-1));
    }

    #[test]
    fn processes_are_known_only_where_the_list_is() {
        let own = Identity { pid: Some(2), ..Identity::default() };
        let table = [
            (None, 2, Some(true)),
            (None, 3, None),
            (None, -1, Some(false)),
            (None, 1 << 22, Some(false)),
            (Some(vec![1, 2]), 1, Some(true)),
            (Some(vec![1, 2]), 3, Some(false)),
            (Some(vec![1, 2]), 0, None),
        ];
        for (processes, pid, expected) in table {
            let process = process(&Identity { processes: processes.clone(), ..own.clone() });
            assert_eq!(process.exists(pid), expected, "{processes:?} {pid}");
        }
    }

    #[test]
    fn an_unknown_limit_spoils_them_all() {
        let mut process = process(&Identity::default());
        process.set_limit(Some(7), (Some(64), Some(128)));
        assert_eq!(process.limit(7), (Some(64), Some(128)));
        process.set_limit(Some(99), (Some(1), Some(1)));
        assert_eq!(process.limit(99), (None, None));
        process.set_limit(None, (None, None));
        assert_eq!(process.limit(7), (None, None));
    }
}
