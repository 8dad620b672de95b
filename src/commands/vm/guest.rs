//! One guest, from its start to its end.

use super::Args;
use super::ended::{self, Ended};
use super::flown::Flown;
use super::packed::Packed;
use crate::failure::Failure;
use abispec::model::Spec;
use abispec_vm::accel::Accel;
use abispec_vm::console::Console;
use abispec_vm::kernel::Kernel;
use abispec_vm::machine::Machine;
use abispec_vm::memory::Memory;
use abispec_vm::wire::Frame;
use abispec_vm::{DISPOSABLE, Received, Receiving};
use std::io::Write;
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::time::{Instant, SystemTime};

/// What all guests have in common.
pub(super) struct Setup<'a> {
    pub(super) spec: &'a Spec,
    pub(super) args: &'a Args,
    pub(super) kernel: &'a Kernel,
    pub(super) packed: &'a Packed,
    pub(super) accel: Accel,
    pub(super) stop: &'a AtomicBool,
}

/// Boots a guest with a file tree, whose files come to lie in a folder, and waits for its end.
pub(super) fn live(
    setup: &Setup<'_>,
    archive: &[u8],
    folder: &Path,
    out: &mut dyn Write,
    err: &mut dyn Write,
) -> Result<Ended, Failure> {
    let args = setup.args;
    let machine = Machine {
        emulator: args.emulator.clone(),
        accel: setup.accel,
        kernel: setup.kernel.image.clone(),
        memory: Memory::of(args.memory).map_err(|error| {
            Failure::new("there is no memory for the guest").why(error.to_string()).help("--memory takes less")
        })?,
        append: format!("{DISPOSABLE} {}", args.append),
        patience: (args.patience, args.patience),
    };
    let mut console = Console::default();
    let mut up = None;
    let start = Instant::now();
    let mut to = Receiving { out, err, folder, received: Received::default() };
    let end = machine.run(archive, &mut console, setup.stop, &mut |frame| {
        if matches!(frame, Frame::Up(_)) {
            up = Some(SystemTime::now());
        }
        to.take(frame)
    });
    let received = to.received;
    let took = start.elapsed();
    let flown = ended::broken_off(&end, &received).map(|id| Flown::of(&machine.memory, folder, id));
    let flown = flown.unwrap_or_default();
    let kernel = setup.kernel.name.clone();
    Ok(Ended { end, received, console, kernel, folder: folder.to_owned(), took, up, flown })
}
