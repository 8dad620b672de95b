//! Batches that run again with other numbers: what is judged is what was run.

#![expect(clippy::unwrap_used, clippy::print_stderr, reason = "tests")]

use abispec::arch::Arch;
use abispec::target::Target;
use abispec::version::Release;
use abispec_fuzzer::campaign::random;
use abispec_fuzzer::coverage::Coverage;
use abispec_fuzzer::generate::Generator;
use abispec_fuzzer::lower::Mode;
use abispec_fuzzer::oracle::Answer;
use abispec_fuzzer::plan::Plans;
use abispec_fuzzer::program::{Argument, Program};
use abispec_fuzzer::scope;
use abispec_fuzzer::setup::footprint_of;
use abispec_fuzzer::worker::{BATCH, Room, Setting, VARIATIONS, WorkerError};
use std::sync::Arc;

/// A room and a generator for some calls, or `None` where there is no sandbox.
fn open(names: &[&str]) -> Option<(Room, Generator)> {
    let arch = Arch::from_name(std::env::consts::ARCH).unwrap();
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
    let target = Target::new(arch, Release::from_uname(release.trim()).unwrap());
    let resolved = Arc::new(abispec::resolve(abispec::embedded(), &target));
    let wanted = |call: &abispec::target::Call| names.is_empty() || names.contains(&call.name.as_str());
    let generator = Generator::new(resolved.clone(), &wanted, &|call| scope::permits(&resolved, call));
    match Room::open(Setting::for_some(resolved, &wanted)) {
        Ok(room) => Some((room, generator)),
        Err(WorkerError::Sandbox(error)) => {
            eprintln!("skipped: there is no sandbox here: {error}");
            None
        }
        Err(error) => panic!("{error}"),
    }
}

fn batch(generator: &Generator, plans: &Plans, rng: &mut proptest::test_runner::TestRng) -> Vec<Program> {
    let wishes = generator.even();
    let programs = std::iter::repeat_with(|| generator.program(rng, &wishes));
    programs.filter(|program| !footprint_of(program, plans).solitary()).take(BATCH).collect()
}

#[test]
fn a_changed_number_reaches_the_kernel_and_the_judge() {
    let Some((mut room, generator)) = open(&["lseek"]) else { return };
    let (mut rng, mut coverage) = (random(11, 0), Coverage::new(generator.resolved()));
    let plans = room.setting().plans.clone();
    let lseek = generator.resolved().calls.iter().position(|call| call.name == "lseek").unwrap();
    let (mut moved, mut elsewhere) = (0, 0);
    for _ in 0..20 {
        let mut programs = batch(&generator, &plans, &mut rng);
        room.run(&programs, Mode::Quick, &mut coverage).unwrap();
        for _ in 0..VARIATIONS {
            let old = programs.clone();
            let Some(ran) = room.run_varied(&generator, &mut rng, &mut programs, &mut coverage).unwrap() else { break };
            for ((program, old), ran) in programs.iter().zip(&old).zip(ran) {
                let Some(examined) = ran.examined else { continue };
                assert_ne!(program, old, "what is examined again has another number");
                assert_eq!(examined.suspicion, None, "{:?}", program.lines(generator.resolved()));
                for ((call, old), answer) in program.calls.iter().zip(&old.calls).zip(&examined.answers) {
                    let (true, Some(Answer::Value(value))) = (call.call == lseek, answer) else { continue };
                    // Positions count from the beginning where the last argument is 0.
                    if let (Argument::Number(to), Argument::Number(0)) = (&call.args[1], &call.args[2]) {
                        assert_eq!(value.cast_unsigned(), *to);
                        moved += 1;
                        elsewhere += usize::from(old.args[1] != call.args[1]);
                    }
                }
            }
        }
    }
    assert!(moved > 100 && elsewhere > 20, "{moved} positions, {elsewhere} of them new");
}

#[test]
fn no_call_is_judged_by_what_it_was_before() {
    let Some((mut room, generator)) = open(&[]) else { return };
    let (mut rng, mut coverage) = (random(12, 0), Coverage::new(generator.resolved()));
    let plans = room.setting().plans.clone();
    let (mut first, mut again) = (0, 0);
    for _ in 0..30 {
        let mut programs = batch(&generator, &plans, &mut rng);
        let examined = |ran: &[abispec_fuzzer::worker::Ran]| ran.iter().filter(|ran| ran.examined.is_some()).count();
        first += examined(&room.run(&programs, Mode::Quick, &mut coverage).unwrap());
        let Some(ran) = room.run_varied(&generator, &mut rng, &mut programs, &mut coverage).unwrap() else { continue };
        again += examined(&ran);
        // Lowered afresh, the changed programs are judged alike.
        let fresh = room.run(&programs, Mode::Quick, &mut coverage).unwrap();
        for ((program, varied), fresh) in programs.iter().zip(&ran).zip(&fresh) {
            let (Some(varied), Some(fresh)) = (&varied.examined, &fresh.examined) else { continue };
            let id = |examined: &abispec_fuzzer::examine::Examined| {
                examined.suspicion.as_ref().map(|suspicion| (suspicion.call, suspicion.verdict.id))
            };
            assert_eq!(id(varied), id(fresh), "{:?}", program.lines(generator.resolved()));
        }
    }
    assert!(first > 100 && again > 50, "{first} programs, {again} of them varied");
}
