//! The entries that a run's programs take: for each what it works with, and what it comes to.

use super::{Options, Progress};
use crate::coverage::{Coverage, Executable, executable, strike_out_others};
use crate::exec::{Arg, BatchEnd, Entry, FileSystem, Op, Sandbox, SandboxConfig};
use crate::foreign::struct_differs;
use crate::generate::Generator;
use crate::habitat::Habitat;
use crate::laws;
use crate::scope;
use crate::worker::{Room, Setting, WorkerError};
use abispec::law::resolved::ResolvedLine;
use abispec::target::{Call, Resolved};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// The ways into the kernel that a run's programs take.
#[derive(Clone, Debug)]
pub struct Entries {
    /// The port's own.
    pub native: bool,
    /// The i386 entry, with the specification for it.
    pub ia32: Option<Arc<Resolved>>,
    /// The functions of the vDSO.
    pub vdso: bool,
}

impl Default for Entries {
    fn default() -> Self {
        Self { native: true, ia32: None, vdso: false }
    }
}

/// An entry, or what of it, that was wanted and is not there.
#[derive(Clone, Debug)]
pub struct Absent {
    /// What is not there.
    pub what: String,
    /// Why.
    pub why: String,
}

/// What one entry came to.
#[derive(Clone, Debug)]
pub struct SideOutcome {
    /// The entry.
    pub entry: Entry,
    /// The specification for it.
    pub resolved: Arc<Resolved>,
    /// Which clauses were seen.
    pub coverage: Coverage,
    /// Which clauses can be seen at all.
    pub executable: Vec<Executable>,
    /// System calls that were tried.
    pub system_calls: BTreeSet<String>,
    /// Calls that were judged.
    pub calls: u64,
    /// Programs that were run.
    pub programs: u64,
}

/// What a run has of one entry.
pub(super) struct Side {
    pub(super) setting: Setting,
    pub(super) generator: Generator,
    pub(super) executable: Vec<Executable>,
    /// Every kind of sandbox that a worker has.
    pub(super) habitats: Vec<Habitat>,
    pub(super) makers: laws::Makers,
    pub(super) progress: Progress,
}

impl Side {
    fn new(setting: Setting, wanted: &dyn Fn(&Call) -> bool, options: &Options, alone: bool) -> Self {
        let resolved = &setting.resolved;
        // Files are what they are whichever way programs come: other file systems are left to the port's own entry.
        let habitats = match setting.entry {
            Entry::Native => Habitat::of_every_kind(&options.file_systems, options.privileged),
            Entry::Ia32 | Entry::Vdso => Habitat::of_every_kind(&[FileSystem::default()], options.privileged),
        };
        let laws = options.laws;
        let mut executable = executable(resolved, &habitats);
        if alone {
            strike_out_others(resolved, &mut executable);
        }
        for law in &resolved.laws {
            let able = |line: &ResolvedLine| able(resolved, &resolved.calls[line.call], options);
            if !law.lines().into_iter().all(able) {
                executable[law.clause.0 as usize] = Executable::No("needs a machine of its own".to_owned());
            }
        }
        Self {
            generator: Generator::new(resolved.clone(), wanted, &|call| able(resolved, call, options)),
            makers: laws::Makers::new(resolved, &|call| laws && wanted(call), &executable),
            executable,
            habitats,
            progress: Progress::default(),
            setting,
        }
    }

    /// Nothing seen yet.
    pub(super) fn coverage(&self) -> Coverage {
        Coverage::new(&self.setting.resolved)
    }
}

/// Whether executors may make a call.
fn able(resolved: &Resolved, call: &Call, options: &Options) -> bool {
    options.privileged || scope::permits(resolved, call)
}

/// Opens every entry that is wanted and there.
///
/// # Errors
/// When there is no sandbox, or none of the entries.
pub(super) fn open(
    resolved: &Arc<Resolved>,
    wanted: &(dyn Fn(&Call) -> bool + Sync),
    options: &Options,
) -> Result<(Vec<Side>, Vec<Absent>), WorkerError> {
    let entered = &options.entries.ia32;
    let here = &|call: &Call| wanted(call) && able(resolved, call, options);
    let there = &|call: &Call| wanted(call) && entered.as_ref().is_some_and(|ia32| able(ia32, call, options));
    let any = resolved.calls.iter().any(here);
    if !any && !entered.as_ref().is_some_and(|ia32| ia32.calls.iter().any(there)) {
        return Err(WorkerError::Denied);
    }
    let setting = |entry: Entry, resolved: &Arc<Resolved>, wanted: &(dyn Fn(&Call) -> bool + Sync)| Setting {
        plants: Arc::new(options.plants.clone()),
        emulator: options.emulator.clone(),
        jury: options.jury.clone().filter(|_| entry == Entry::Native),
        habitat: Habitat { privileged: options.privileged, ..Habitat::default() },
        ..Setting::through(entry, resolved.clone(), wanted)
    };
    let (mut sides, mut absent) = (Vec::new(), Vec::new());
    // The first sandbox says whether there can be any; its room is thrown away.
    let room = Room::open(setting(Entry::Vdso, resolved, here))?;
    let alone = room.sandbox.report().ids == 1;
    if options.entries.native && any {
        sides.push(Side::new(setting(Entry::Native, resolved, here), here, options, alone));
    }
    let mut lacks = |what: String, why: &str| absent.push(Absent { what, why: why.to_owned() });
    let the = |entry: Entry| format!("the {} entry", entry.name());
    if let Some(ia32) = entered {
        let stated = |call: &Call| there(call) && !struct_differs(call, ia32);
        let chosen = ia32.calls.iter().filter(|call| there(call)).count();
        let foreign = chosen - ia32.calls.iter().filter(|call| stated(call)).count();
        let emulated = options.emulator.as_ref().map(|_| "the emulator runs 64-bit programs".to_owned());
        match emulated.or_else(missing_ia32) {
            Some(why) => lacks(the(Entry::Ia32), &why),
            None if foreign == chosen => lacks(the(Entry::Ia32), "nothing of the chosen calls is specified for i386"),
            None => {
                sides.push(Side::new(setting(Entry::Ia32, ia32, there), &stated, options, alone));
                if foreign > 0 {
                    let what = format!("{foreign} call(s) through the {} entry", Entry::Ia32.name());
                    lacks(what, "a struct of theirs has a layout there that is not specified");
                }
            }
        }
    }
    if options.entries.vdso {
        let functions: Vec<bool> = (0..resolved.calls.len()).map(|index| room.has_function(index)).collect();
        let named = |call: &Call| {
            let index = resolved.calls.iter().position(|known| known.name == call.name);
            index.is_some_and(|index| functions[index])
        };
        if resolved.calls.iter().any(|call| named(call) && here(call)) {
            let wanted = |call: &Call| named(call) && here(call);
            sides.push(Side::new(setting(Entry::Vdso, resolved, here), &wanted, options, alone));
        } else if resolved.calls.iter().any(named) {
            lacks(the(Entry::Vdso), "it has none of the chosen calls");
        } else {
            lacks(the(Entry::Vdso), "the kernel maps none, or none with a function that is specified");
        }
    }
    if sides.is_empty() {
        return Err(WorkerError::NoEntry);
    }
    Ok((sides, absent))
}

/// Why this kernel has no i386 entry, if it has none.
pub fn missing_ia32() -> Option<String> {
    const GETPID: u32 = 20;
    if !cfg!(target_arch = "x86_64") {
        return Some("this is another port".to_owned());
    }
    let config = SandboxConfig { ia32: vec![GETPID], ..SandboxConfig::default() };
    let mut sandbox = match Sandbox::start(&config) {
        Ok(sandbox) => sandbox,
        Err(error) => return Some(error.to_string()),
    };
    let own = sandbox.push(Op::new(libc::SYS_getpid, &[])).ok()?;
    let probe = Op { entry: Entry::Ia32, ..Op::new(GETPID.into(), &[Arg::imm(0)]) };
    let op = sandbox.push(probe).ok()?;
    let (end, ret) = (sandbox.run(), sandbox.result(op).ret);
    match end {
        BatchEnd::Completed if ret == sandbox.result(own).ret => None,
        BatchEnd::Completed => Some(format!("it answers {ret} to getpid")),
        // The instruction faults where the kernel has no gate for it.
        _ => Some("the kernel was built or started without it (CONFIG_IA32_EMULATION, ia32_emulation=)".to_owned()),
    }
}

/// One batch in this many is for the i386 entry.
const IA32_SHARE: usize = 8;
/// One batch in this many is for the vDSO: a handful of functions is soon seen.
const VDSO_SHARE: usize = 40;

/// Which of the entries the batch number `turn` is for.
pub(super) fn turn(turn: usize, entries: impl Iterator<Item = Entry>) -> usize {
    let wanted = match (turn % VDSO_SHARE, turn % IA32_SHARE) {
        (20, _) => Entry::Vdso,
        (_, 7) => Entry::Ia32,
        _ => Entry::Native,
    };
    let (mut count, mut found) = (0, None);
    for (index, entry) in entries.enumerate() {
        count += 1;
        if entry == wanted {
            found = Some(index);
        }
    }
    found.unwrap_or(turn % count.max(1) * usize::from(wanted == Entry::Native))
}

/// What each entry has come to. What the vDSO has seen counts for the port's own entry too: it is
/// the same specification.
pub(super) fn outcomes(sides: &[Side], coverage: Vec<Coverage>) -> Vec<SideOutcome> {
    let outcome = |(side, coverage): (&Side, Coverage)| SideOutcome {
        entry: side.setting.entry,
        coverage,
        executable: side.executable.clone(),
        system_calls: side
            .generator
            .focus()
            .iter()
            .map(|call| side.setting.resolved.calls[*call].name.clone())
            .collect(),
        calls: side.progress.calls.load(Ordering::Relaxed),
        programs: side.progress.programs.load(Ordering::Relaxed),
        resolved: side.setting.resolved.clone(),
    };
    let mut all: Vec<SideOutcome> = sides.iter().zip(coverage).map(outcome).collect();
    if let Some((first, others)) = all.split_first_mut() {
        for other in others.iter().filter(|other| Arc::ptr_eq(&other.resolved, &first.resolved)) {
            first.coverage.add(&other.coverage);
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_have_their_shares() {
        let count = |entries: &[Entry]| {
            let mut counts = vec![0; entries.len()];
            (0..400).for_each(|number| counts[turn(number, entries.iter().copied())] += 1);
            counts
        };
        assert_eq!(count(&[Entry::Native]), [400]);
        assert_eq!(count(&[Entry::Native, Entry::Ia32, Entry::Vdso]), [340, 50, 10]);
        assert_eq!(count(&[Entry::Native, Entry::Vdso]), [390, 10]);
        let alone = count(&[Entry::Ia32, Entry::Vdso]);
        assert!(alone.iter().all(|count| *count > 150), "{alone:?}");
    }
}
