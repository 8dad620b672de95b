//! The specification for one kernel: every name has its number, and what the target lacks is gone.

use crate::arch::{Arch, DataModel};
use crate::errno::Errno;
use crate::expr::Expr;
use crate::law::resolved::ResolvedLaw;
use crate::model::{EffectRule, Operation, Origin, Restriction, Unknown};
use crate::place::Place;
use crate::types::{Direction, IntType, Type};
use crate::version::Release;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// What a specification is resolved for.
#[derive(Clone, Debug)]
pub struct Target {
    /// The port.
    pub arch: Arch,
    /// The kernel release.
    pub release: Release,
    /// Kernel options that are y or m; `None` when no configuration is at hand.
    pub config: Option<BTreeSet<String>>,
    /// Bytes of a page.
    pub page_size: u32,
    /// The port of the process that calls, which may enter the kernel as another: its address space counts.
    pub caller: Arch,
}

impl Target {
    /// A port and a release, 4 KiB pages, no configuration.
    pub fn new(arch: Arch, release: Release) -> Self {
        Self { arch, release, config: None, page_size: 4096, caller: arch }
    }

    /// The first address that user space cannot have.
    pub fn task_size(&self) -> u64 {
        match self.caller {
            Arch::X86_64 => (1 << 47) - u64::from(self.page_size),
            Arch::Arm64 => 1 << 48,
            Arch::Riscv64 => 1 << 38,
            _ => match self.caller.data_model() {
                DataModel::Lp64 => 1 << 47,
                DataModel::Ilp32 => 0xc000_0000,
            },
        }
    }
}

/// A clause of the specification: what coverage counts and findings name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ClauseId(pub u32);

/// What sort of promise a clause makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ClauseKind {
    /// An error rule with `when`.
    When,
    /// An error rule with `may`.
    May,
    /// A condition after success.
    Ensures,
    /// What success changes.
    Effect,
    /// The type of the result.
    Returns,
    /// Undefined bits that have no effect.
    Ignored,
    /// A law over several calls.
    Law,
}

/// A clause and where it comes from.
#[derive(Clone, Debug)]
pub struct Clause {
    /// The system call; of a law, the law.
    pub syscall: String,
    /// The command, for calls that multiplex.
    pub command: Option<String>,
    /// What sort of promise it is.
    pub kind: ClauseKind,
    /// The errno of an error rule.
    pub errno: Option<Errno>,
    /// The clause as text.
    pub text: String,
    /// Where it was written; for an implied rule, the type that implies it.
    pub at: Place,
    /// Whether it follows from a type and is not written down.
    pub implied: bool,
}

/// A specification for one target.
#[derive(Clone, Debug)]
pub struct Resolved {
    /// The target.
    pub target: Target,
    /// The calls that the target has, by name.
    pub calls: Vec<Call>,
    /// Every clause, by [`ClauseId`].
    pub clauses: Vec<Clause>,
    /// Values of all constants.
    pub constants: BTreeMap<String, i128>,
    /// The members that the target has, by set.
    pub sets: BTreeMap<String, ResolvedSet>,
    /// Layouts for the target's data model.
    pub structs: BTreeMap<String, ResolvedStruct>,
    /// The laws whose calls the target has, by name.
    pub laws: Vec<ResolvedLaw>,
}

impl Resolved {
    /// A call by name.
    pub fn call(&self, name: &str) -> Option<&Call> {
        self.calls.binary_search_by(|call| call.name.as_str().cmp(name)).ok().map(|index| &self.calls[index])
    }

    /// A clause by its id.
    pub fn clause(&self, id: ClauseId) -> &Clause {
        &self.clauses[id.0 as usize]
    }
}

/// The members of a set that a target has.
#[derive(Clone, Debug, Default)]
pub struct ResolvedSet {
    /// Names and values, in the order of the file; masks and aliases are marked.
    pub members: Vec<ResolvedMember>,
    /// OR of all values, those of masks included that are no OR of members themselves.
    pub known: i128,
    /// Whether exactly one member is meant.
    pub exclusive: bool,
}

/// A member of a set.
#[derive(Clone, Debug)]
pub struct ResolvedMember {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: i128,
    /// Whether it is a mask or alias over others.
    pub mask: bool,
}

/// A struct for one data model.
#[derive(Clone, Debug)]
pub struct ResolvedStruct {
    /// Its name.
    pub name: String,
    /// Bytes.
    pub size: u32,
    /// Alignment in bytes.
    pub align: u32,
    /// Published sizes, smallest first, that the target has; empty unless extensible.
    pub versions: Vec<u32>,
    /// Fields that the target has.
    pub fields: Vec<ResolvedField>,
    /// The port lays the struct out in another way.
    pub foreign: bool,
}

/// A field for one data model.
#[derive(Clone, Debug)]
pub struct ResolvedField {
    /// Its name.
    pub name: String,
    /// Bytes from the start.
    pub offset: u32,
    /// Its shape.
    pub shape: Shape,
    /// What an undefined bit does.
    pub unknown: Option<Unknown>,
}

/// A type with its bytes, for engines that read and write memory.
#[derive(Clone, Debug)]
pub struct Shape {
    /// Bytes.
    pub size: u32,
    /// The type; names of parameters and sets stay names.
    pub ty: Type,
    /// For integers, flags, enumerations and resources: whether the value is sign-extended.
    pub signed: bool,
}

/// A system call on a target.
#[derive(Clone, Debug)]
pub struct Call {
    /// Its name.
    pub name: String,
    /// Its number.
    pub nr: u32,
    /// Names for selection.
    pub groups: Vec<String>,
    /// Where alone it is tried, if not in any sandbox.
    pub scope: Option<Restriction>,
    /// The parameter that selects a command.
    pub select: Option<u8>,
    /// For each register the parameter in it, where that is not their order.
    pub order: Option<Vec<u8>>,
    /// What the call promises: one variant, or one per command and a last one for every other selector.
    pub variants: Vec<Variant>,
}

impl Call {
    /// The parameter that is in a register, on a port that has an order of its own.
    pub fn param(&self, register: usize) -> Option<usize> {
        self.order.as_ref()?.get(register).copied().map(usize::from)
    }

    /// The register that a parameter is in.
    pub fn register(&self, param: u8) -> u8 {
        let place = self.order.iter().flatten().position(|index| *index == param);
        place.and_then(|place| u8::try_from(place).ok()).unwrap_or(param)
    }

    /// What is given for each parameter, in the order of the registers.
    pub fn registers<T: Copy, const N: usize>(&self, mut given: [T; N]) -> [T; N] {
        let by_param = given;
        for (register, param) in given.iter_mut().zip(self.order.iter().flatten()) {
            if let Some(value) = by_param.get(usize::from(*param)) {
                *register = *value;
            }
        }
        given
    }

    /// The variant that describes a call with this value of the selecting parameter.
    pub fn variant(&self, selector: Option<i128>) -> &Variant {
        let last = self.variants.len() - 1;
        selector
            .and_then(|value| self.variants[..last].iter().find(|variant| variant.selector == Some(value)))
            .unwrap_or(&self.variants[last])
    }
}

/// What a call promises when its selector has one value.
#[derive(Clone, Debug)]
pub struct Variant {
    /// The command's name; `None` for a call without commands and for unknown selectors.
    pub command: Option<String>,
    /// The selector's value.
    pub selector: Option<i128>,
    /// Parameters as this command sees them.
    pub params: Vec<ResolvedParam>,
    /// Type of the result.
    pub returns: Type,
    /// The clause that stands for the result's type.
    pub returns_clause: ClauseId,
    /// When the call may sleep.
    pub blocks: Option<Expr>,
    /// Error rules, written and implied.
    pub rules: Vec<Rule>,
    /// Conditions after success.
    pub ensures: Vec<ResolvedEnsure>,
    /// What success changes.
    pub effects: Vec<ResolvedEffect>,
    /// What has to be so outside the program for success.
    pub success_needs: Option<String>,
}

/// A parameter on a target.
#[derive(Clone, Debug)]
pub struct ResolvedParam {
    /// Its name.
    pub name: String,
    /// Its C type.
    pub c: String,
    /// How the register becomes a value.
    pub int: IntType,
    /// Its type.
    pub ty: Type,
    /// What an undefined bit or value does.
    pub unknown: Option<Unknown>,
    /// The clause of `unknown: ignored`.
    pub ignored_clause: Option<ClauseId>,
    /// For pointers, what lies behind them.
    pub memory: Option<Memory>,
    /// For paths, how they are walked.
    pub path: Option<PathKeys>,
    /// What the call asks of the file system of what is named.
    pub asks: Vec<Operation>,
}

/// What lies behind a pointer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Memory {
    /// Who writes it.
    pub direction: Direction,
    /// Whether NULL is permitted.
    pub nullable: bool,
    /// Bytes, as an expression over parameters; `None` for NUL-terminated text.
    pub bytes: Option<Expr>,
    /// When the kernel touches it; `None` is always.
    pub used: Option<Expr>,
}

/// How a path parameter is walked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathKeys {
    /// The parameter with the starting directory; `None` is the working directory.
    pub base: Option<u8>,
    /// When a symbolic link at the end is followed.
    pub follow: Expr,
    /// When the empty path names `base`.
    pub empty: Expr,
    /// When the last component must exist.
    pub must_exist: Expr,
    /// When `base` is the root that the walk cannot leave.
    pub scoped: Expr,
}

/// An error rule on a target.
#[derive(Clone, Debug)]
pub struct Rule {
    /// Its clause.
    pub clause: ClauseId,
    /// The errno.
    pub errno: Errno,
    /// `when`: true; `may`: false.
    pub duty: bool,
    /// The condition.
    pub condition: Expr,
    /// What has to be so outside the program for the error to come.
    pub needs: Option<String>,
    /// Where the error comes from.
    pub origin: Origin,
    /// Errnos that this one precedes.
    pub before: Vec<Errno>,
}

/// A condition after success, on a target.
#[derive(Clone, Debug)]
pub struct ResolvedEnsure {
    /// Its clause.
    pub clause: ClauseId,
    /// The condition, `when` included.
    pub condition: Expr,
}

/// An effect on a target.
#[derive(Clone, Debug)]
pub struct ResolvedEffect {
    /// Its clause.
    pub clause: ClauseId,
    /// The effect, its expressions resolved.
    pub effect: EffectRule,
}
