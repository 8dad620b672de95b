//! A model of the sandbox: what a program of system calls sees and changes.
//!
//! Conditions of the specification are evaluated over it ([`View`]), and effects of calls that succeed drive it ([`apply`]).
//! It never guesses: what it does not follow is unknown. Nothing here makes a system call. Copies share everything that
//! has not changed since, so that keeping the state before every call costs next to nothing.

mod apply;
pub mod channel;
pub mod description;
pub mod descriptors;
pub mod fixture;
pub mod mappings;
pub mod memory;
mod numbers;
mod observe;
pub mod permission;
pub mod process;
mod repair;
mod supported;
#[cfg(test)]
mod testing;
mod text;
pub mod tree;
pub mod walk;

pub use apply::{Touched, applies, apply, apply_failure, apply_partly};
pub use numbers::{Fault, Numbers};
pub use observe::{Looks, Scene, View};
pub use process::Identity;
pub use repair::repair;
pub use supported::{CONSTANT, supported};

use abispec::expr::Word;
use description::{Access, Description};
use descriptors::Descriptors;
use mappings::Mappings;
use process::Process;
use std::sync::Arc;
use tree::{Tree, WORK};

/// The state of the sandbox.
#[derive(Clone, Debug, PartialEq)]
pub struct World {
    /// Open descriptors.
    pub descriptors: Arc<Descriptors>,
    /// Names and files.
    pub tree: Arc<Tree>,
    /// The caller's mappings.
    pub mappings: Arc<Mappings>,
    /// The caller.
    pub process: Arc<Process>,
    /// Contents of files may be others than at the program's start.
    pub written: bool,
}

impl World {
    /// The state at program start: descriptors 0, 1 and 2 are /dev/null, the working directory is `/t` with the fixture in it,
    /// and in the ranges of addresses `free` nothing is mapped.
    pub fn fixture(identity: &Identity, numbers: &Numbers, free: &[(u64, u64)]) -> Self {
        let mut descriptors = Descriptors::new();
        for fd in 0..3 {
            let null = Description {
                access: Some(Access { read: true, write: true }),
                is_path: Some(false),
                nonblock: Some(false),
                append: Some(false),
                ..Description::of(Some(Word::CharDevice))
            };
            descriptors.open(fd, null, Some(false));
        }
        // Below this nothing is mapped unless the program does it.
        let mut known = vec![(0, memory::LOW)];
        known.extend(free);
        Self {
            descriptors: Arc::new(descriptors),
            tree: Arc::new(fixture::tree(identity)),
            mappings: Arc::new(Mappings::new(&known, numbers.page_size, numbers.task_size)),
            process: Arc::new(Process::new(identity, WORK)),
            written: false,
        }
    }

    /// The descriptors, to be changed.
    pub fn descriptors_mut(&mut self) -> &mut Descriptors {
        Arc::make_mut(&mut self.descriptors)
    }

    /// The file tree, to be changed.
    pub fn tree_mut(&mut self) -> &mut Tree {
        Arc::make_mut(&mut self.tree)
    }

    /// The mappings, to be changed.
    pub fn mappings_mut(&mut self) -> &mut Mappings {
        Arc::make_mut(&mut self.mappings)
    }

    /// The caller, to be changed.
    pub fn process_mut(&mut self) -> &mut Process {
        Arc::make_mut(&mut self.process)
    }

    /// Gives up following everything that effects drive.
    pub fn lose(&mut self) {
        self.descriptors_mut().lose();
        self.tree_mut().lose();
        self.mappings_mut().lose();
        let process = self.process_mut();
        process.cwd = None;
        process.umask = None;
        process.sigmask = None;
        process.nice = None;
        process.policy = None;
        process.set_limit(None, (None, None));
    }
}
