//! Ctrl-C as a flag: the run ends where it can, and sums up what it has.

use nix::sys::signal::{SigSet, Signal};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

/// Sets the flag at the first SIGINT or SIGTERM; the second one ends the process at once.
///
/// To be called before any other thread is started: they inherit the blocked signals.
pub(crate) fn flag() -> Arc<AtomicBool> {
    let stop = Arc::new(AtomicBool::new(false));
    let mut signals = SigSet::empty();
    signals.add(Signal::SIGINT);
    signals.add(Signal::SIGTERM);
    // Without the block the signals keep their usual effect, which ends the process: worse, but not wrong.
    if signals.thread_block().is_err() {
        return stop;
    }
    let set = stop.clone();
    thread::spawn(move || {
        while signals.wait().is_ok() {
            if set.swap(true, Ordering::Relaxed) {
                std::process::exit(130);
            }
        }
    });
    stop
}
