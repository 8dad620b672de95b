//! Tasks, and the descriptor tables and address spaces that they share.

use super::memory::Piece;
use super::table::Table;
use crate::world::descriptors::Descriptors;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A call that was made and has not returned.
#[derive(Debug)]
pub(super) struct Pending {
    pub(super) nr: u32,
    pub(super) args: [u64; 6],
    /// Memory as it was.
    pub(super) pieces: Vec<Piece>,
    /// The table as it was known.
    pub(super) descriptors: Arc<Descriptors>,
    /// Blocked signals, where conditions ask for them.
    pub(super) signals: Option<u64>,
    /// The variant of a specified call.
    pub(super) variant: Option<usize>,
    /// Nobody else had the table.
    pub(super) alone: bool,
    /// Nobody else ran in this memory.
    pub(super) own_memory: bool,
    /// How often limits had been changed.
    pub(super) limits: u64,
}

#[derive(Debug)]
struct Task {
    group: i32,
    table: usize,
    space: usize,
    pending: Option<Pending>,
    /// Flags of the task that it is making; `None` where they could not be read.
    spawning: Option<u64>,
    /// It sleeps until this child lets its memory go.
    waits_for: Option<i32>,
    /// The limit of open descriptors, with how often limits had been changed when it was learnt.
    open_limit: Option<(u64, u64)>,
}

/// All followed tasks.
#[derive(Debug, Default)]
pub(super) struct Tasks {
    tasks: BTreeMap<i32, Task>,
    tables: BTreeMap<usize, Table>,
    /// Tasks that run in an address space.
    spaces: BTreeMap<usize, usize>,
    next: usize,
}

const VM: u64 = libc::CLONE_VM as u64;
const FILES: u64 = libc::CLONE_FILES as u64;
const THREAD: u64 = libc::CLONE_THREAD as u64;
const VFORK: u64 = libc::CLONE_VFORK as u64;
const PIDFD: u64 = libc::CLONE_PIDFD as u64;

impl Tasks {
    fn fresh(&mut self) -> usize {
        self.next += 1;
        self.next
    }

    /// Follows a task that was there already; true if it is the first of its group.
    pub(super) fn found(&mut self, tid: i32, group: i32) -> bool {
        let other = self.tasks.values().find(|task| task.group == group).map(|task| (task.table, task.space));
        let (table, space) = other.unwrap_or_else(|| {
            let (table, space) = (self.fresh(), self.fresh());
            self.tables.insert(table, Table { users: 0, ..Table::unknown() });
            self.spaces.insert(space, 0);
            (table, space)
        });
        if let Some(table) = self.tables.get_mut(&table) {
            table.users += 1;
        }
        *self.spaces.entry(space).or_default() += 1;
        self.tasks.insert(
            tid,
            Task { group, table, space, pending: None, spawning: None, waits_for: None, open_limit: None },
        );
        other.is_none()
    }

    pub(super) fn is_known(&self, tid: i32) -> bool {
        self.tasks.contains_key(&tid)
    }

    pub(super) fn table_of(&mut self, tid: i32) -> Option<&mut Table> {
        let table = self.tasks.get(&tid)?.table;
        self.tables.get_mut(&table)
    }

    /// Whether nobody but the task's own calls changes its table.
    pub(super) fn is_alone(&self, tid: i32) -> bool {
        let table = self.tasks.get(&tid).and_then(|task| self.tables.get(&task.table));
        table.is_some_and(|table| table.users == 1 && !table.escaped)
    }

    /// Whether nobody else runs in the task's memory.
    pub(super) fn owns_memory(&self, tid: i32) -> bool {
        let running = self.tasks.get(&tid).and_then(|task| self.spaces.get(&task.space));
        running == Some(&1)
    }

    pub(super) fn set_pending(&mut self, tid: i32, pending: Pending) {
        if let Some(task) = self.tasks.get_mut(&tid) {
            task.pending = Some(pending);
        }
    }

    pub(super) fn take_pending(&mut self, tid: i32) -> Option<Pending> {
        self.tasks.get_mut(&tid)?.pending.take()
    }

    pub(super) fn open_limit(&self, tid: i32) -> Option<(u64, u64)> {
        self.tasks.get(&tid)?.open_limit
    }

    pub(super) fn set_open_limit(&mut self, tid: i32, limit: (u64, u64)) {
        if let Some(task) = self.tasks.get_mut(&tid) {
            task.open_limit = Some(limit);
        }
    }

    /// A task is about to make another.
    pub(super) fn spawning(&mut self, tid: i32, flags: Option<u64>) {
        if let Some(task) = self.tasks.get_mut(&tid) {
            task.spawning = flags;
        }
    }

    /// A task has made another; true if that is a thread of its own group.
    pub(super) fn spawned(&mut self, tid: i32, child: i32) -> bool {
        let Some(parent) = self.tasks.get_mut(&tid) else {
            self.found(child, child);
            return false;
        };
        let flags = parent.spawning.take();
        let (group, old_table, old_space) = (parent.group, parent.table, parent.space);
        // Without flags it could share anything: nothing is known of its table, and its memory is nobody's alone.
        let has = |flag: u64| flags.is_some_and(|flags| flags & flag != 0);
        let (thread, vfork) = (has(THREAD), has(VFORK));
        let table = match has(FILES) {
            true => old_table,
            false => {
                let new = self.fresh();
                let copy = self.tables.get_mut(&old_table).map_or_else(Table::unknown, Table::fork);
                let copy = if flags.is_none() { Table::unknown() } else { copy };
                self.tables.insert(new, Table { users: 0, ..copy });
                new
            }
        };
        let shares = has(VM) || flags.is_none();
        let space = if shares { old_space } else { self.fresh() };
        if let Some(table) = self.tables.get_mut(&table) {
            table.users += 1;
        }
        *self.spaces.entry(space).or_default() += 1;
        if has(PIDFD)
            && let Some(table) = self.tables.get_mut(&old_table)
        {
            table.stale = true;
        }
        if vfork && let Some(running) = self.spaces.get_mut(&old_space).filter(|_| shares) {
            *running = running.saturating_sub(1);
            if let Some(parent) = self.tasks.get_mut(&tid) {
                parent.waits_for = Some(child);
            }
        }
        let group = if thread { group } else { child };
        self.tasks.insert(
            child,
            Task { group, table, space, pending: None, spawning: None, waits_for: None, open_limit: None },
        );
        thread
    }

    /// Whoever slept until this task let its memory go runs again.
    fn wake(&mut self, child: i32) {
        let woken = self.tasks.values_mut().find(|task| task.waits_for == Some(child));
        if let Some(task) = woken {
            task.waits_for = None;
            *self.spaces.entry(task.space).or_default() += 1;
        }
    }

    fn leave(&mut self, task: &Task, tid: i32) {
        if let Some(table) = self.tables.get_mut(&task.table) {
            table.end(tid);
            table.users = table.users.saturating_sub(1);
            if table.users == 0 {
                self.tables.remove(&task.table);
            }
        }
        if task.waits_for.is_none()
            && let Some(running) = self.spaces.get_mut(&task.space)
        {
            *running = running.saturating_sub(1);
            if *running == 0 && !self.tasks.values().any(|other| other.space == task.space) {
                self.spaces.remove(&task.space);
            }
        }
    }

    /// A task gets a table of its own.
    pub(super) fn unshare(&mut self, tid: i32) {
        let new = self.fresh();
        let Some(task) = self.tasks.get_mut(&tid) else { return };
        let Some(old) = self.tables.get_mut(&task.table).filter(|table| table.users > 1) else { return };
        let copy = old.fork();
        old.users -= 1;
        task.table = new;
        self.tables.insert(new, Table { users: 1, ..copy });
    }

    /// A task begins another program: the other threads of its group are gone, its memory is new, its table its own.
    pub(super) fn executed(&mut self, tid: i32, former: i32) {
        let Some(task) = self.tasks.remove(&former) else {
            self.ended(tid);
            self.found(tid, tid);
            return;
        };
        let threads: Vec<i32> = self
            .tasks
            .iter()
            .filter(|(other, found)| found.group == task.group && **other != former)
            .map(|(tid, _)| *tid)
            .collect();
        let mut table = match self.tables.get_mut(&task.table) {
            Some(table) if table.users == 1 && threads.is_empty() => {
                Table { descriptors: table.descriptors.clone(), stale: table.stale, ..Table::unknown() }
            }
            Some(table) => {
                let copy = table.fork();
                // What threads that are gone were doing to it nobody saw the end of.
                Table { stale: copy.stale || !threads.is_empty(), ..copy }
            }
            None => Table::unknown(),
        };
        table.users = 1;
        // Its rings are ended before the new program begins.
        table.escaped = false;
        if !table.descriptors_mut().exec() {
            table.stale = true;
        }
        self.leave(&task, former);
        for thread in threads {
            self.ended(thread);
        }
        self.wake(former);
        let (new_table, space) = (self.fresh(), self.fresh());
        self.tables.insert(new_table, table);
        self.spaces.insert(space, 1);
        let group = tid;
        self.tasks.insert(
            tid,
            Task { group, table: new_table, space, pending: None, spawning: None, waits_for: None, open_limit: None },
        );
    }

    /// A task is gone.
    pub(super) fn ended(&mut self, tid: i32) {
        if let Some(task) = self.tasks.remove(&tid) {
            self.leave(&task, tid);
            self.wake(tid);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_share_and_processes_do_not() {
        let mut tasks = Tasks::default();
        assert!(tasks.found(1, 1));
        tasks.spawning(1, Some(VM | FILES | THREAD));
        assert!(tasks.spawned(1, 2));
        assert!(!tasks.is_alone(1) && !tasks.owns_memory(2));
        tasks.spawning(1, Some(0));
        assert!(!tasks.spawned(1, 3));
        assert!(tasks.is_alone(3) && tasks.owns_memory(3));
        tasks.ended(2);
        assert!(tasks.is_alone(1) && tasks.owns_memory(1));
    }

    #[test]
    fn who_sleeps_for_a_child_does_not_run_in_its_memory() {
        let mut tasks = Tasks::default();
        tasks.found(1, 1);
        tasks.spawning(1, Some(VM | VFORK));
        tasks.spawned(1, 2);
        assert!(tasks.owns_memory(2) && tasks.is_alone(2));
        tasks.executed(2, 2);
        assert!(tasks.owns_memory(1) && tasks.owns_memory(2));
    }

    #[test]
    fn a_thread_that_executes_takes_over_its_group() {
        let mut tasks = Tasks::default();
        tasks.found(1, 1);
        tasks.spawning(1, Some(VM | FILES | THREAD));
        tasks.spawned(1, 2);
        tasks.executed(1, 2);
        assert!(tasks.is_known(1) && !tasks.is_known(2) && tasks.is_alone(1));
        assert!(tasks.table_of(1).unwrap().stale);
    }
}
