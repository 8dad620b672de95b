//! The execution layer: a tiny virtual machine that makes system calls in a sandboxed process.
//!
//! It knows nothing of specs. Three processes take part:
//!
//! - the **supervisor** is the caller's process; each of its worker threads may own one [`Sandbox`];
//! - the **commander** is the same program executed again; it builds the namespaces and then obeys
//!   one-byte commands. It lives outside the sandbox's pid namespace, so no tested call can name it;
//! - the **executor** is its forked child: it runs batches of [`Op`]s out of shared memory and is
//!   expected to be broken, stopped or killed by what it runs.
//!
//! Everything travels through one memfd ([`layout`]) and a socket for the commands; a batch costs one
//! futex round trip, an operation costs no synchronisation at all.
//!
//! A program that uses this module calls [`sandbox_main_if_asked`] first in its `main`; one whose `main`
//! is not its own (a test harness) says [`sandbox_before_main!`](crate::sandbox_before_main) once.

mod apart;
mod child;
mod children;
mod commander;
pub mod deny;
mod disk;
mod entry;
mod error;
mod fuse;
mod image;
mod invoke;
pub mod layout;
mod leaving;
mod op;
mod place;
mod sandbox;
mod shared;
mod shim;
mod standing;
mod sys;
pub mod tracer;
mod vdso;
mod vdso_image;
mod watchdog;

pub use apart::{Apart, Begun, CHILD_STATUS, Told};
pub use child::{EMPTY_FILE, EXECUTOR_PID, HEEDED, SILENT_MODE, SILENT_SOCKET};
pub use children::{ENDED_CHILD, SLEEPING_CHILD};
pub use entry::Entry;
pub use error::{Part, SandboxError, SandboxReport, Skipped, Stage};
pub use fuse::{ANSWERS, ANSWERS_MODE, Answer, Refused, Stands, answers, requests};
pub use image::{EXECUTABLE_MODE, EXECUTABLES, Executable, PROGRAM_STATUS};
pub use layout::INTERRUPT_SIGNAL;
pub use leaving::{CAN_BEGIN, is_apart, is_beginning};
pub use op::{Arg, Guard, Op, OpIndex, OpResult, OpState, PushError, Source};
pub use place::FileSystem;
pub use sandbox::{Arena, BatchEnd, Ending, Lost, Sandbox, SandboxConfig};
pub use shim::{ArgCondition, ShimFilter, ShimOutcome};
pub use standing::Standing;
pub use vdso::CALLS as VDSO_CALLS;

/// The private argument that makes a program become a sandbox's commander.
const SANDBOX_ARGUMENT: &str = "__sandbox";
/// The same for a commander that an emulator runs, in a user namespace that is there already.
const EMULATED_ARGUMENT: &str = "__emulated-sandbox";

/// Becomes the sandbox process and never returns, if this process was started to be one.
///
/// To be called first in `main`: the user namespace can only be entered by a process with one thread.
pub fn sandbox_main_if_asked() {
    let arguments: Vec<_> = std::env::args_os().skip(1).collect();
    match arguments.as_slice() {
        [first] if first == SANDBOX_ARGUMENT => commander::main(commander::Part::Whole),
        [first, emulator] if first == SANDBOX_ARGUMENT => commander::main(commander::Part::Native(emulator)),
        [first] if first == EMULATED_ARGUMENT => commander::main(commander::Part::Emulated),
        _ => {}
    }
}

/// Runs [`exec::sandbox_main_if_asked`](crate::exec::sandbox_main_if_asked) before `main`, for programs whose
/// `main` is generated: test harnesses. One use per program, at module level.
#[macro_export]
macro_rules! sandbox_before_main {
    () => {
        const _: () = {
            extern "C" fn enter() {
                $crate::exec::sandbox_main_if_asked();
            }
            #[expect(unsafe_code, reason = "a section attribute; the function in it is safe and takes no argument")]
            #[used]
            #[unsafe(link_section = ".init_array")]
            static ENTER: extern "C" fn() = enter;
        };
    };
}
