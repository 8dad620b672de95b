//! What calls do to descriptors that no effect tells: of calls that the specification lacks, and of what lies in messages.

use super::Checker;
use crate::trace::book::Entry;
use crate::trace::roles::{self, Role};
use crate::trace::tasks::Pending;
use crate::trace::witness::Witness;

impl<W: Witness> Checker<'_, W> {
    /// Follows what a call did to the table that the specification does not tell.
    pub(super) fn unspecified(&mut self, tid: i32, entry: &Entry, pending: &Pending, ret: i64) {
        let failed = (-4095..0).contains(&ret);
        if failed {
            return;
        }
        let arrived = match entry.role {
            Some(Role::Receives) => self.control_bytes(tid, pending.args[1]),
            Some(Role::ReceivesMany) => {
                /// Bytes of `struct mmsghdr`.
                const STRIDE: u64 = 64;
                (0..ret.unsigned_abs().min(1024)).any(|index| self.control_bytes(tid, pending.args[1] + index * STRIDE))
            }
            _ => false,
        };
        let first = i128::from(pending.args[0] as u32 as i32);
        let command = pending.args[1] as u32;
        if entry.role == Some(Role::Unshares) {
            if pending.args[0] & libc::CLONE_FILES as u64 != 0 {
                self.tasks.unshare(tid);
            }
            return;
        }
        let Some(table) = self.tasks.table_of(tid) else { return };
        match entry.role {
            Some(Role::Opens) => table.descriptors_mut().blur(ret.into()),
            Some(Role::Controls) if roles::command::CLOEXEC.contains(&command) => {
                table.descriptors_mut().set_cloexec(first, None);
            }
            Some(Role::Controls) if roles::command::STATUS.contains(&command) => {
                table.descriptors_mut().forget_status(first);
            }
            // A result that could be a new descriptor.
            Some(Role::Controls) if ret > 2 => table.descriptors_mut().blur(ret.into()),
            Some(Role::Controls) => {}
            Some(Role::Receives | Role::ReceivesMany) => table.stale |= arrived,
            Some(Role::Escapes) => {
                table.escaped = true;
                table.descriptors_mut().lose();
            }
            Some(Role::Spawns | Role::Unshares | Role::Limits) | None => {}
        }
    }

    /// Whether control messages lie in a message that was received.
    pub(super) fn control_bytes(&mut self, tid: i32, message: u64) -> bool {
        /// `msg_controllen` in `struct msghdr`.
        const LENGTH: u64 = 40;
        let mut bytes = [0; 8];
        let read = self.witness.read(tid, message.wrapping_add(LENGTH), &mut bytes);
        read != 8 || u64::from_le_bytes(bytes) != 0
    }
}
