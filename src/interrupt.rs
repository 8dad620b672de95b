//! Ctrl-C as a flag: the run ends where it can, and sums up what it has.

use nix::sys::signal::{SigSet, Signal};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// What comes again within this time was meant once: `timeout` sends its signal to the process, and then to its group.
const ONCE: Duration = Duration::from_millis(300);

/// Sets the flag at the first SIGINT or SIGTERM; one that comes later ends the process.
///
/// To be called before any other thread is started: they inherit the blocked signals.
pub(crate) fn flag() -> Arc<AtomicBool> {
    flag_for([Signal::SIGINT, Signal::SIGTERM])
}

/// The flag for a command that runs another program: what comes from the terminal is for that program, which gets it too.
/// Beside it the signals that were blocked before.
pub(crate) fn for_another_program() -> (Arc<AtomicBool>, SigSet) {
    let before = SigSet::thread_get_mask().unwrap_or_else(|_| SigSet::empty());
    let mut terminal = SigSet::empty();
    terminal.add(Signal::SIGINT);
    terminal.add(Signal::SIGQUIT);
    // Without the block the first of them ends this process, and the program with it.
    let _ = terminal.thread_block();
    (flag_for([Signal::SIGHUP, Signal::SIGTERM]), before)
}

fn flag_for(which: [Signal; 2]) -> Arc<AtomicBool> {
    let stop = Arc::new(AtomicBool::new(false));
    let signals: SigSet = which.into_iter().collect();
    // Without the block the signals keep their usual effect, which ends the process: worse, but not wrong.
    if signals.thread_block().is_err() {
        return stop;
    }
    let set = stop.clone();
    thread::spawn(move || {
        let mut first: Option<Instant> = None;
        while signals.wait().is_ok() {
            set.store(true, Ordering::Relaxed);
            if first.get_or_insert_with(Instant::now).elapsed() > ONCE {
                std::process::exit(130);
            }
        }
    });
    stop
}
