//! One worker: makes programs, runs them in its sandbox, examines what came back.

use crate::coverage::Coverage;
use crate::examine::{Context, Examined, Notes, Suspicion, examine};
use crate::exec::layout::CELLS;
use crate::exec::layout::{PLAYGROUND_MARGIN_PAGES, PLAYGROUND_PAGES};
use crate::exec::{
    BatchEnd, EMPTY_FILE, EXECUTABLES, Ending, Entry, Part, SILENT_SOCKET, Sandbox, SandboxConfig, SandboxError,
    VDSO_CALLS,
};
use crate::flight::Recorder;
use crate::generate::Generator;
use crate::habitat::Habitat;
use crate::jury::Jury;
use crate::lower::{Lowered, Lowering, Mode, lower};
use crate::oracle::Verdict;
use crate::plan::Plans;
use crate::plant::Plant;
use crate::program::Program;
use crate::scope;
use crate::setup::{self, BuildError};
use crate::world::process::Alteration;
use crate::world::{Identity, Numbers, World, fixture, repair};
use abispec::expr::Word;
use abispec::target::{Call, Resolved};
use proptest::test_runner::TestRng;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

/// What a worker works with.
#[derive(Clone)]
pub struct Setting {
    /// The specification.
    pub resolved: Arc<Resolved>,
    /// The target's numbers.
    pub numbers: Arc<Numbers>,
    /// What was worked out of it.
    pub plans: Arc<Plans>,
    /// Who executors are, and where.
    pub habitat: Habitat,
    /// Planted violations.
    pub plants: Arc<Vec<Plant>>,
    /// Who else hears the calls.
    pub jury: Option<Arc<Jury>>,
    /// A user-mode emulator that runs the sandbox: what is tested then is the emulator.
    pub emulator: Option<PathBuf>,
    /// The way into the kernel that programs take; the specification is resolved for its port.
    pub entry: Entry,
}

impl Setting {
    /// A setting for a resolved specification, all of whose calls are under test.
    pub fn new(resolved: Arc<Resolved>) -> Self {
        Self::for_some(resolved, &|_| true)
    }

    /// A setting for a resolved specification of which the calls that `wanted` picks are under test.
    pub fn for_some(resolved: Arc<Resolved>, wanted: &dyn Fn(&Call) -> bool) -> Self {
        let numbers = Arc::new(Numbers::of(&resolved));
        let plans = Arc::new(Plans::for_some(&resolved, wanted));
        let (habitat, plants) = (Habitat::default(), Arc::default());
        Self { resolved, numbers, plans, habitat, plants, jury: None, emulator: None, entry: Entry::Native }
    }

    /// A setting for programs that take another way into the kernel than the port's own.
    pub fn through(entry: Entry, resolved: Arc<Resolved>, wanted: &dyn Fn(&Call) -> bool) -> Self {
        Self { entry, ..Self::for_some(resolved, wanted) }
    }

    /// The numbers of i386 that executors may call.
    fn ia32(&self) -> Vec<u32> {
        match self.entry {
            Entry::Ia32 => {
                let permitted = self.resolved.calls.iter().filter(|call| scope::permits(&self.resolved, call));
                permitted.map(|call| call.nr).collect()
            }
            Entry::Native | Entry::Vdso => Vec::new(),
        }
    }

    /// The numbers of the port's own entry that the specification denies.
    fn denied(&self) -> Vec<u32> {
        match self.entry {
            // Its numbers are those of another port.
            Entry::Ia32 => Vec::new(),
            Entry::Native | Entry::Vdso => {
                let denied = self.resolved.calls.iter().filter(|call| !scope::permits(&self.resolved, call));
                denied.map(|call| call.nr).collect()
            }
        }
    }
}

/// Why a worker cannot work.
#[derive(Debug)]
pub enum WorkerError {
    /// There is no sandbox.
    Sandbox(SandboxError),
    /// The sandbox has no files.
    Build(BuildError),
    /// The sandbox process itself is gone.
    Lost,
    /// The kernel has none of the entries that programs were to take.
    NoEntry,
    /// Every chosen call is denied in the sandbox.
    Denied,
}

impl fmt::Display for WorkerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sandbox(error) => write!(f, "{error}"),
            Self::Build(error) => write!(f, "{error}"),
            Self::Lost => f.write_str("the sandbox process is gone"),
            Self::NoEntry => f.write_str("this kernel has none of the chosen entries for the chosen calls"),
            Self::Denied => f.write_str(
                "the sandbox denies each of the chosen calls; a guest tries them (`abispec vm`, --privileged)",
            ),
        }
    }
}

impl std::error::Error for WorkerError {}

impl From<SandboxError> for WorkerError {
    fn from(error: SandboxError) -> Self {
        Self::Sandbox(error)
    }
}

impl From<BuildError> for WorkerError {
    fn from(error: BuildError) -> Self {
        Self::Build(error)
    }
}

/// Programs of a batch: one cell each, the last cell is the worker's own.
pub const BATCH: usize = CELLS as usize - 1;

/// How often a batch runs again with other numbers in its programs: a neighbour of a program costs a fraction of a new one.
pub const VARIATIONS: usize = 3;

/// How long a call sleeps before it is woken, where time matters more than patience.
const HASTE: std::time::Duration = std::time::Duration::from_millis(1);

/// A sandbox with its files, and the model of its first state.
pub struct Room {
    /// The sandbox.
    pub sandbox: Sandbox,
    setting: Setting,
    fresh: World,
    /// The state that the next program finds.
    current: World,
    /// The programs of the last batch; their memory serves the next one.
    lowered: Vec<Lowered>,
    /// Which of them are in the batch.
    ready: Vec<bool>,
    /// Which of those its next run makes.
    running: Vec<bool>,
    /// The batch is still in the sandbox, and its programs would find the state that they found.
    stands: bool,
    notes: Notes,
    /// Where what is about to run is written, for a host that outlives this machine.
    recorder: Option<Recorder>,
    /// Which function of the vDSO each call is, where programs are to take it.
    vdso: Vec<Option<u32>>,
}

/// A program that ran.
pub struct Ran {
    /// What examining it gave; `None` where an earlier program of the batch spoilt its state.
    pub examined: Option<Examined>,
}

impl Room {
    /// Starts a sandbox and makes its files.
    ///
    /// # Errors
    /// When the sandbox or its files cannot be made.
    pub fn open(setting: Setting) -> Result<Self, WorkerError> {
        Self::with_patience(setting, false)
    }

    /// The same, waking calls that sleep after a moment: what looks wrong then is tried again with patience.
    ///
    /// # Errors
    /// When the sandbox or its files cannot be made.
    pub fn open_hasty(setting: Setting) -> Result<Self, WorkerError> {
        Self::with_patience(setting, true)
    }

    fn with_patience(setting: Setting, hasty: bool) -> Result<Self, WorkerError> {
        let block_timeout = if hasty { HASTE } else { SandboxConfig::default().block_timeout };
        let emulator = setting.emulator.clone();
        let (denied, ia32) = (setting.denied(), setting.ia32());
        let Habitat { capabilities, file_system, privileged } = setting.habitat;
        // Where time matters more, few executors take the time to have children.
        let children_every = if hasty { 8 } else { SandboxConfig::default().children_every };
        let config = SandboxConfig {
            children_every,
            drop_capabilities: !capabilities,
            file_system,
            privileged,
            block_timeout,
            emulator,
            denied,
            ia32,
            ..SandboxConfig::default()
        };
        let mut sandbox = Sandbox::start(&config)?;
        setup::build(&mut sandbox, &fixture::setup_calls())?;
        let fresh =
            World::fixture(&identity(&setting, &config, &mut sandbox), &setting.numbers, &[playground(setting.entry)]);
        let current = fresh.clone();
        let vdso = functions(&setting, &sandbox);
        Ok(Self {
            sandbox,
            setting,
            fresh,
            current,
            lowered: Vec::new(),
            ready: Vec::new(),
            running: Vec::new(),
            stands: false,
            notes: Notes::default(),
            recorder: Recorder::if_wanted(),
            vdso,
        })
    }

    /// Whether programs of this room make a call through a function of the vDSO.
    pub fn has_function(&self, call: usize) -> bool {
        self.vdso.get(call).is_some_and(Option::is_some)
    }

    /// The setting.
    pub fn setting(&self) -> &Setting {
        &self.setting
    }

    /// Gives the sandbox a fresh executor and fresh files.
    ///
    /// # Errors
    /// When they cannot be made.
    pub fn renew(&mut self) -> Result<(), WorkerError> {
        // What was there once can be had again, in another sandbox: a call ended its processes, or one of them does not end.
        if self.sandbox.is_unkillable() {
            let config = self.sandbox.config_mut().clone();
            self.sandbox = Sandbox::start(&config)?;
        } else {
            self.sandbox.respawn().map_err(|_| WorkerError::Lost)?;
        }
        setup::build(&mut self.sandbox, &fixture::setup_calls()).map_err(|_| WorkerError::Lost)?;
        Arc::make_mut(&mut self.fresh.process_mut().identity).pid = self.sandbox.inner_pid();
        self.current = self.fresh.clone();
        Ok(())
    }

    /// Runs programs as one batch and examines them in order.
    ///
    /// # Errors
    /// When the sandbox is lost for good.
    pub fn run(&mut self, programs: &[Program], mode: Mode, coverage: &mut Coverage) -> Result<Vec<Ran>, WorkerError> {
        self.run_watched(programs, mode, coverage, &mut |_, _, _| {})
    }

    /// The same, showing the sandbox to `watch` for each program that is examined, by its index.
    ///
    /// # Errors
    /// When the sandbox is lost for good.
    pub fn run_watched(
        &mut self,
        programs: &[Program],
        mode: Mode,
        coverage: &mut Coverage,
        watch: &mut dyn FnMut(usize, &Lowered, &Sandbox),
    ) -> Result<Vec<Ran>, WorkerError> {
        let plants = self.setting.plants.clone();
        self.lower(programs, mode, &plants);
        self.go(programs, mode, coverage, watch)
    }

    /// Runs the programs of the last batch again, each with another number; what has none to change is left out. `None` where the
    /// batch cannot run again, or there is nothing to change in it.
    ///
    /// # Errors
    /// When the sandbox is lost for good.
    pub fn run_varied(
        &mut self,
        generator: &Generator,
        rng: &mut TestRng,
        programs: &mut [Program],
        coverage: &mut Coverage,
    ) -> Result<Option<Vec<Ran>>, WorkerError> {
        if !self.vary(generator, rng, programs) {
            return Ok(None);
        }
        self.go(programs, Mode::Quick, coverage, &mut |_, _, _| {}).map(Some)
    }

    /// Changes a number in programs of the batch, which is still the sandbox's; says whether the batch can run again
    /// with any of them changed.
    fn vary(&mut self, generator: &Generator, rng: &mut TestRng, programs: &mut [Program]) -> bool {
        // What is planted is worked into the operations.
        // Registers of another entry are no copies of the arguments.
        if !self.stands || !self.setting.plants.is_empty() || self.setting.entry != Entry::Native {
            return false;
        }
        let plans = &self.setting.plans;
        self.running.fill(false);
        for (index, (program, lowered)) in programs.iter_mut().zip(&self.lowered).enumerate() {
            if !self.ready[index] {
                continue;
            }
            if let Some(change) = generator.vary(rng, plans, |call| lowered.calls[call].variant, program) {
                let spec = &self.setting.resolved.calls[program.calls[change.call].call];
                let register = spec.register(change.param);
                if self.sandbox.patch(lowered.calls[change.call].op, register, change.value).is_err() {
                    return false;
                }
                self.running[index] = true;
                lowered.image.write(lowered.cell, &mut self.sandbox);
            }
            self.sandbox.pass(&lowered.ops, !self.running[index]);
        }
        self.running.contains(&true)
    }

    /// Runs the batch and examines its programs.
    fn go(
        &mut self,
        programs: &[Program],
        mode: Mode,
        coverage: &mut Coverage,
        watch: &mut dyn FnMut(usize, &Lowered, &Sandbox),
    ) -> Result<Vec<Ran>, WorkerError> {
        self.stands = false;
        let setting = self.setting.clone();
        if let Some(recorder) = &mut self.recorder {
            let run = programs.iter().zip(&self.lowered).zip(&self.running).filter(|(_, runs)| **runs);
            recorder.begin(self.sandbox.name(), &setting, run.map(|(one, _)| one));
        }
        let end = self.sandbox.run();
        if let Some(recorder) = &self.recorder {
            recorder.over();
        }
        let context = Context {
            resolved: &setting.resolved,
            numbers: &setting.numbers,
            plans: &setting.plans,
            plants: &setting.plants,
            jury: setting.jury.as_deref(),
        };
        let mut ran = Vec::with_capacity(programs.len());
        let mut spoilt = false;
        // Programs that ran after the state was spoilt leave changes that nobody followed.
        let mut followed = true;
        for (index, ((program, lowered), runs)) in programs.iter().zip(&self.lowered).zip(&self.running).enumerate() {
            if !runs || spoilt {
                followed &= !runs;
                ran.push(Ran { examined: None });
                continue;
            }
            if mode == Mode::Bare {
                ran.push(Ran { examined: None });
                continue;
            }
            watch(index, lowered, &self.sandbox);
            let mut examined =
                examine(context, program, lowered, &self.sandbox, &self.current, &mut self.notes, coverage);
            // Who changed what signals do to it may end by any of them.
            let strange = examined.world.process.alteration == Alteration::Strange;
            if let Some(suspicion) = lost(&end, lowered, self.sandbox.is_unkillable())
                && !strange
                && !ran_out_of_time(&end, program, &setting.plans)
                && !may_sleep(&setting.resolved, program, suspicion.call, suspicion.verdict.id)
            {
                examined.suspicion = examined.suspicion.or(Some(suspicion));
            }
            let stained = examined.suspicion.is_some() || examined.cut_short;
            // What a program changed for good is the end of its batch: the others would meet its leavings.
            if stained || !fresh_after_reset(&examined.world, &self.fresh) || !examined.world.tree.is_unchanged() {
                self.current = examined.world.clone();
                spoilt = true;
                // Calls behind the point where judging ended were made all the same.
                followed &= !stained;
            }
            ran.push(Ran { examined: Some(examined) });
        }
        match end {
            BatchEnd::Completed if !spoilt => self.stands = true,
            BatchEnd::Completed if followed => self.restore()?,
            BatchEnd::Completed => self.renew()?,
            BatchEnd::Died { .. } | BatchEnd::Stuck { .. } => self.renew()?,
            BatchEnd::Lost(_) => self.renew().map_err(|_| WorkerError::Lost)?,
        }
        Ok(ran)
    }

    /// Fills the batch with programs, as many as can be.
    fn lower(&mut self, programs: &[Program], mode: Mode, plants: &[Plant]) {
        self.stands = false;
        self.sandbox.clear();
        if self.lowered.len() < programs.len() {
            self.lowered.resize_with(programs.len(), Lowered::default);
        }
        let Setting { resolved, plans, entry, .. } = &self.setting;
        let lowering = Lowering { resolved, plans, plants, mode, entry: *entry, vdso: &self.vdso };
        self.ready.clear();
        for (index, (program, lowered)) in (0..).zip(programs.iter().zip(&mut self.lowered)) {
            self.ready.push(lower(lowering, program, index, &mut self.sandbox, lowered).is_ok());
        }
        self.running.clone_from(&self.ready);
    }

    /// Executes programs with nothing around them; gives the calls and how long the executor took.
    ///
    /// # Errors
    /// When the sandbox is lost for good.
    pub fn bare(&mut self, programs: &[Program]) -> Result<(u64, std::time::Duration), WorkerError> {
        self.lower(programs, Mode::Bare, &[]);
        let of_ready = self.lowered.iter().zip(&self.ready).filter(|(_, ready)| **ready);
        let calls = of_ready.map(|(lowered, _)| lowered.calls.len() as u64).sum();
        let start = std::time::Instant::now();
        let end = self.sandbox.run();
        let took = start.elapsed();
        if !matches!(end, BatchEnd::Completed) {
            self.renew()?;
        }
        Ok((calls, took))
    }

    /// Brings a spoilt sandbox back to its first state, the cheap way where the model knows how.
    fn restore(&mut self) -> Result<(), WorkerError> {
        let same = fresh_after_reset(&self.current, &self.fresh);
        let steps = if same { repair(&self.current, &self.fresh) } else { None };
        if let Some(steps) = steps
            && setup::build(&mut self.sandbox, &steps).is_ok()
        {
            self.current = self.fresh.clone();
            return Ok(());
        }
        self.renew()
    }
}

/// Addresses where nothing is mapped when a program begins.
fn playground(entry: Entry) -> (u64, u64) {
    let margin = PLAYGROUND_MARGIN_PAGES * 4096;
    (entry.playground() - margin, entry.playground() + PLAYGROUND_PAGES * 4096 + margin)
}

/// The function of the sandbox's vDSO for each call that has one, by the index of the call; nothing for other entries.
fn functions(setting: &Setting, sandbox: &Sandbox) -> Vec<Option<u32>> {
    if setting.entry != Entry::Vdso {
        return Vec::new();
    }
    let present = sandbox.vdso();
    let of = |name: &str| present.iter().copied().find(|index| VDSO_CALLS.get(*index as usize) == Some(&name));
    setting.resolved.calls.iter().map(|call| of(&call.name)).collect()
}

/// Whether what the calls after a program cannot put back is as it was: the first descriptors, limits, priority and attributes.
fn fresh_after_reset(now: &World, fresh: &World) -> bool {
    let process = |world: &World| (world.process.limits, world.process.nice, world.process.alteration);
    let descriptors = Arc::ptr_eq(&now.descriptors, &fresh.descriptors)
        || (0..3).all(|fd| {
            now.descriptors.get(fd).is_some()
                && now.descriptors.get(fd) == fresh.descriptors.get(fd)
                && now.descriptors.description(fd) == fresh.descriptors.description(fd)
        });
    descriptors && (Arc::ptr_eq(&now.process, &fresh.process) || process(now) == process(fresh))
}

/// Id of what is suspected of a call that nothing ends. It is not tried again: each time would leave a process behind.
pub const UNKILLABLE: &str = "call-unkillable";

/// The suspicion against a call in which the executor was lost.
fn lost(end: &BatchEnd, lowered: &Lowered, unkillable: bool) -> Option<Suspicion> {
    let (op, id, actual) = match end {
        BatchEnd::Died { ending, op } => {
            (op.as_ref()?, "executor-died", format!("the calling process ended: {ending:?}"))
        }
        BatchEnd::Stuck { op } => {
            (op.as_ref()?, "call-hangs", "the call did not come back and ignored a signal".to_owned())
        }
        BatchEnd::Completed | BatchEnd::Lost(_) => return None,
    };
    let call = lowered.calls.iter().position(|call| call.op == *op)?;
    let (id, actual) = if unkillable {
        (UNKILLABLE, "the calling process sleeps uninterruptibly, and SIGKILL does not end it".to_owned())
    } else {
        (id, actual)
    };
    let expected = "the call returns".to_owned();
    Some(Suspicion { call, verdict: Verdict { id, clause: None, expected, actual } })
}

/// Whether the executor ended by a limit of processor time that the program itself may have set.
fn ran_out_of_time(end: &BatchEnd, program: &Program, plans: &Plans) -> bool {
    let by_limit = matches!(end, BatchEnd::Died { ending: Ending::Signal(libc::SIGXCPU | libc::SIGKILL), .. });
    by_limit && setup::footprint_of(program, plans).process
}

/// Whether a call that did not come back is one that may sleep: with every signal blocked it cannot be woken.
fn may_sleep(resolved: &Resolved, program: &Program, call: usize, id: &str) -> bool {
    id == "call-hangs"
        && program.calls.get(call).is_some_and(|call| {
            let spec = &resolved.calls[call.call];
            spec.variants[crate::lower::variant_index(spec, call)].blocks.is_some()
        })
}

/// What is known of the executor before the first program.
fn identity(setting: &Setting, config: &SandboxConfig, sandbox: &mut Sandbox) -> Identity {
    let lacks = |part: Part| sandbox.report().skipped.iter().any(|skipped| skipped.part == part);
    let mut root = vec![("dev".to_owned(), Word::Directory), ("proc".to_owned(), Word::Directory)];
    let files = EXECUTABLES.iter().map(|one| one.path).chain([EMPTY_FILE]);
    root.extend(files.map(|path| (path.trim_start_matches('/').to_owned(), Word::Regular)));
    root.push((SILENT_SOCKET.trim_start_matches('/').to_owned(), Word::Socket));
    let devices = [("null", Part::DevNull), ("zero", Part::DevZero), ("full", Part::DevFull)];
    let mut identity = Identity {
        root_read_only: Some(!lacks(Part::ReadOnlyRoot)),
        // Where the old root could not be put away, a directory is left.
        root_entries: (!lacks(Part::PivotRoot)).then_some(root),
        devices: Some(devices.iter().filter(|(_, part)| !lacks(*part)).map(|(name, _)| (*name).to_owned()).collect()),
        nice: nice(),
        user_namespace: !setting.habitat.privileged,
        work_file_system: setting.habitat.word(),
        ..Identity::default()
    };
    if !setting.habitat.capabilities {
        identity.capabilities = 0;
    }
    identity.ids = sandbox.report().ids;
    identity.pid = sandbox.inner_pid();
    let mut limit = |name: &str, soft: u64, hard: u64| {
        let index = setting.resolved.constants.get(name).and_then(|value| usize::try_from(*value).ok());
        if let Some(slot) = index.and_then(|index| identity.limits.get_mut(index)) {
            *slot = (Some(soft), Some(hard));
        }
    };
    limit("RLIMIT_NOFILE", config.nofile_soft, config.nofile_hard);
    limit("RLIMIT_FSIZE", config.file_size, config.file_size);
    limit("RLIMIT_AS", config.address_space, config.address_space);
    limit("RLIMIT_MEMLOCK", config.locked_memory, config.locked_memory);
    limit("RLIMIT_CORE", 0, 0);
    limit("RLIMIT_NICE", 0, 0);
    limit("RLIMIT_RTPRIO", 0, 0);
    identity.cpu_bytes = setup::cpu_bytes(sandbox);
    identity.policy = setup::policy(sandbox);
    identity
}

/// The nice value of this process, which executors inherit.
fn nice() -> Option<i8> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    // The command's name may hold spaces; it ends at the last parenthesis. Nice is the 19th field, the 17th after it.
    stat.rsplit(')').next()?.split_whitespace().nth(16)?.parse().ok()
}
