//! The threads that read headers.

use rayon::{ThreadPool, ThreadPoolBuilder};
use std::sync::OnceLock;

/// Bytes of stack: declarations and expressions are read by descent, up to a depth that the grammar limits.
const STACK: usize = 16 << 20;

/// Does work that is split among all processors.
pub(crate) fn on_all_processors<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    static POOL: OnceLock<Option<ThreadPool>> = OnceLock::new();
    match POOL.get_or_init(|| ThreadPoolBuilder::new().stack_size(STACK).build().ok()) {
        Some(pool) => pool.install(work),
        // No thread can be had with that much stack.
        None => work(),
    }
}
