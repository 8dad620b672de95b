//! Prints what the execution layer costs: operations, batches, executors, sandboxes.
#![expect(clippy::print_stdout, reason = "printing is its purpose")]

use std::error::Error;
use std::time::{Duration, Instant};

use abispec_fuzzer::exec::layout::{CELL_RW, MAX_OPS, cell};
use abispec_fuzzer::exec::{Arg, BatchEnd, Guard, Op, Sandbox, SandboxConfig, sandbox_main_if_asked};

fn main() -> Result<(), Box<dyn Error>> {
    sandbox_main_if_asked();
    let start = Instant::now();
    let mut sandbox = Sandbox::start(&SandboxConfig::default())?;
    println!("start of a sandbox          {:?}", start.elapsed());
    println!("skipped                     {:?}", sandbox.report().skipped);

    let empty_path = Op::new(libc::SYS_openat, &[Arg::imm(77), Arg::imm(cell(0) + CELL_RW)]);
    for (name, op) in [("getppid", Op::new(libc::SYS_getppid, &[])), ("failing openat", empty_path)] {
        sandbox.clear();
        for _ in 0..MAX_OPS {
            sandbox.push(op)?;
        }
        let per_batch = repeat(100, || assert_eq!(sandbox.run(), BatchEnd::Completed));
        println!("{name:<27} {:.2} M/s", MAX_OPS as f64 / per_batch.as_secs_f64() / 1e6);
    }

    sandbox.clear();
    let copy = sandbox.push(Op::new(libc::SYS_dup, &[Arg::imm(0)]))?;
    sandbox.push(Op::new(libc::SYS_close, &[Arg::result(copy)]).guarded(Guard::IfOk(copy)))?;
    let round_trip = repeat(20_000, || assert_eq!(sandbox.run(), BatchEnd::Completed));
    println!("batch of two calls          {round_trip:?}");

    let respawn = repeat(1000, || assert!(sandbox.respawn().is_ok()));
    println!("respawn                     {respawn:?}");
    let end = Instant::now();
    drop(sandbox);
    println!("end of a sandbox            {:?}", end.elapsed());
    Ok(())
}

fn repeat(times: u32, mut body: impl FnMut()) -> Duration {
    let start = Instant::now();
    for _ in 0..times {
        body();
    }
    start.elapsed() / times
}
