//! A control record as a host finds it in the memory of a machine that has ended.

use super::layout::{Control, MARK, NO_OP};
use std::mem::offset_of;

/// Where a sandbox stood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The sandbox's name in its machine ([`Sandbox::name`](super::Sandbox::name)).
    pub sandbox: u64,
    /// The operation that it had begun last, if a batch was running.
    pub operation: Option<u32>,
}

fn u32_at(page: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(page.get(at..at + 4)?.try_into().ok()?))
}

fn u64_at(page: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_ne_bytes(page.get(at..at + 8)?.try_into().ok()?))
}

impl Standing {
    /// Whether a page of memory begins with a control record.
    pub fn is_in(page: &[u8]) -> bool {
        let at = offset_of!(Control, mark);
        u64_at(page, at) == Some(MARK[0]) && u64_at(page, at + 8) == Some(MARK[1])
    }

    /// What the control record says that a page begins with.
    pub fn of(page: &[u8]) -> Option<Self> {
        if !Self::is_in(page) {
            return None;
        }
        let word = |at| u32_at(page, at);
        let running = word(offset_of!(Control, go))? != word(offset_of!(Control, finished))?;
        let cursor = word(offset_of!(Control, cursor))?;
        let operation = (running && cursor != NO_OP).then_some(cursor);
        Some(Self { sandbox: u64_at(page, offset_of!(Control, name))?, operation })
    }

    /// A page that begins with the control record of a sandbox that is in an operation.
    #[cfg(test)]
    pub(crate) fn page(sandbox: u64, operation: u32) -> Vec<u8> {
        let mut page = vec![0; 4096];
        let mut put = |at: usize, bytes: &[u8]| page[at..at + bytes.len()].copy_from_slice(bytes);
        put(offset_of!(Control, mark), &MARK[0].to_ne_bytes());
        put(offset_of!(Control, mark) + 8, &MARK[1].to_ne_bytes());
        put(offset_of!(Control, name), &sandbox.to_ne_bytes());
        put(offset_of!(Control, go), &7u32.to_ne_bytes());
        put(offset_of!(Control, cursor), &operation.to_ne_bytes());
        page
    }
}
