//! Programs as proptest strategies, with their own shrinking.

use super::{Generator, Wishes};
use crate::program::Program;
use crate::shrink::Simpler;
use abispec::target::{Call, Resolved};
use proptest::strategy::{NewTree, Strategy, ValueTree};
use proptest::test_runner::TestRunner;
use std::fmt;
use std::sync::Arc;

/// Programs for the calls under test.
///
/// ```
/// use abispec::{arch::Arch, target::Target, version::Release};
/// use abispec_fuzzer::generate::ProgramStrategy;
/// use proptest::{strategy::{Strategy, ValueTree}, test_runner::TestRunner};
///
/// let resolved = abispec::resolve(abispec::embedded(), &Target::new(Arch::X86_64, Release::new(6, 12)));
/// let programs = ProgramStrategy::new(resolved.into(), |call| call.name == "openat2");
/// let mut runner = TestRunner::deterministic();
/// let program = programs.new_tree(&mut runner)?.current();
/// assert!(program.lines(programs.resolved()).iter().any(|line| line.contains("openat2(")));
/// # Ok::<(), proptest::test_runner::Reason>(())
/// ```
#[derive(Clone)]
pub struct ProgramStrategy {
    generator: Arc<Generator>,
    wishes: Wishes,
}

impl ProgramStrategy {
    /// Programs that end in one of the calls that `wanted` picks.
    pub fn new(resolved: Arc<Resolved>, wanted: impl Fn(&Call) -> bool) -> Self {
        let generator = Generator::new(resolved, &wanted, &|_| true);
        let wishes = generator.even();
        Self { generator: Arc::new(generator), wishes }
    }

    /// The specification that the programs' calls are indices into.
    pub fn resolved(&self) -> &Resolved {
        self.generator.resolved()
    }
}

impl fmt::Debug for ProgramStrategy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProgramStrategy").field("calls", &self.generator.focus().len()).finish()
    }
}

impl Strategy for ProgramStrategy {
    type Tree = ProgramTree;
    type Value = Program;

    fn new_tree(&self, runner: &mut TestRunner) -> NewTree<Self> {
        Ok(ProgramTree::new(self.generator.program(runner.rng(), &self.wishes)))
    }
}

/// One call with fresh arguments, after the calls that make its descriptors.
#[derive(Clone)]
pub struct CallStrategy {
    generator: Arc<Generator>,
    call: usize,
}

impl CallStrategy {
    /// Arguments for one system call; `None` if the specification lacks it.
    pub fn new(resolved: Arc<Resolved>, name: &str) -> Option<Self> {
        let call = resolved.calls.iter().position(|call| call.name == name)?;
        let generator = Generator::new(resolved, &|call| call.name == name, &|_| true);
        Some(Self { generator: Arc::new(generator), call })
    }
}

impl fmt::Debug for CallStrategy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CallStrategy").field("call", &self.call).finish()
    }
}

impl Strategy for CallStrategy {
    type Tree = ProgramTree;
    type Value = Program;

    fn new_tree(&self, runner: &mut TestRunner) -> NewTree<Self> {
        Ok(ProgramTree::new(self.generator.single(runner.rng(), self.call)))
    }
}

/// A program that can be made simpler step by step.
#[derive(Clone, Debug)]
pub struct ProgramTree {
    current: Program,
    previous: Option<Program>,
    steps: Simpler,
}

impl ProgramTree {
    /// A tree with this program at its root.
    pub fn new(program: Program) -> Self {
        Self { current: program, previous: None, steps: Simpler::default() }
    }
}

impl ValueTree for ProgramTree {
    type Value = Program;

    fn current(&self) -> Program {
        self.current.clone()
    }

    fn simplify(&mut self) -> bool {
        match self.steps.next(&self.current) {
            Some(simpler) => {
                self.previous = Some(std::mem::replace(&mut self.current, simpler));
                true
            }
            None => false,
        }
    }

    fn complicate(&mut self) -> bool {
        match self.previous.take() {
            Some(previous) => {
                self.current = previous;
                self.steps.rejected();
                true
            }
            None => false,
        }
    }
}
