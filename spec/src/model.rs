//! The specification as data. Every value that a report may name carries its place.

use crate::arch::{Arch, DataModel};
use crate::errno::Errno;
use crate::expr::Expr;
use crate::finding::{SourceFile, SourcePlace};
use crate::law::Law;
use crate::place::{At, Place};
use crate::types::{IntType, Type};
use crate::version::{Release, Span};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

pub use crate::trying::{Extent, Operation, Restriction};

/// A whole specification.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spec {
    /// The files it was read from, by [`FileId`](crate::place::FileId).
    pub files: Vec<SourceFile>,
    /// System calls by name.
    pub syscalls: BTreeMap<String, Syscall>,
    /// Flag sets and enumerations by name.
    pub sets: BTreeMap<String, Set>,
    /// Structs and unions by name.
    pub structs: BTreeMap<String, Struct>,
    /// Resources by full name.
    pub resources: BTreeMap<String, Resource>,
    /// Laws by name.
    pub laws: BTreeMap<String, Law>,
}

impl Spec {
    /// A place as reports show it.
    pub fn place(&self, at: Place) -> SourcePlace {
        match self.files.get(at.file.0 as usize) {
            Some(file) => file.place(at),
            None => SourcePlace { file: "?".to_owned(), line: at.line, column: at.column, text: None },
        }
    }

    /// The wanted calls with all that they can name: sets, structs, resources. Files are left out, and laws, which make other calls.
    #[must_use]
    pub fn with_calls(&self, wanted: impl Fn(&str) -> bool) -> Self {
        let calls = self.syscalls.iter().filter(|(name, _)| wanted(name));
        Self {
            syscalls: calls.map(|(name, call)| (name.clone(), call.clone())).collect(),
            sets: self.sets.clone(),
            structs: self.structs.clone(),
            resources: self.resources.clone(),
            ..Self::default()
        }
    }

    /// The member of any set that has this name.
    pub fn constant(&self, name: &str) -> Option<(&Set, &Member)> {
        self.sets.values().find_map(|set| set.members.iter().find(|m| m.name.value == name).map(|member| (set, member)))
    }
}

/// One system call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Syscall {
    /// The kernel's name.
    pub name: At<String>,
    /// What it does, one line.
    pub summary: String,
    /// Releases that have it.
    pub span: Span,
    /// Its man page, `pipe2(2)`.
    pub man: Option<String>,
    /// Names for selection.
    pub groups: Vec<String>,
    /// Numbers by port name, `generic` or `generic64`.
    pub nr: BTreeMap<String, At<u32>>,
    /// The kernel's function behind `sys_`, where it has another name.
    pub entry: Option<String>,
    /// Kernel option without which the call answers ENOSYS.
    pub config: Option<At<String>>,
    /// Where alone it is tried, if not by any program in a sandbox.
    pub scope: Option<At<Restriction>>,
    /// Parameters in order.
    pub params: Vec<Param>,
    /// The order on ports that have another one, by the names that `nr` has: for each register the parameter in it.
    pub orders: BTreeMap<String, Vec<u8>>,
    /// What every use of the call promises.
    pub contract: Contract,
    /// The parameter that selects a command.
    pub select: Option<u8>,
    /// What each command adds.
    pub commands: Vec<Command>,
}

impl Syscall {
    /// Whether its name, or that of a group of it, contains a text.
    pub fn is_about(&self, text: &str) -> bool {
        self.name.value.contains(text) || self.groups.iter().any(|group| group.contains(text))
    }

    /// The number on a port, if the port has the call.
    pub fn number(&self, arch: Arch) -> Option<&At<u32>> {
        on(&self.nr, arch)
    }

    /// For each register the parameter in it, on a port that has an order of its own.
    pub fn order(&self, arch: Arch) -> Option<&[u8]> {
        // A port with a number of its own does not have what its table's ports have.
        let own = self.orders.get(arch.name());
        let shared = || on(&self.orders, arch).filter(|_| !self.nr.contains_key(arch.name()));
        own.or_else(shared).map(Vec::as_slice)
    }

    /// The parameters in the order of a port's registers.
    pub fn params_on(&self, arch: Arch) -> Vec<&Param> {
        match self.order(arch) {
            Some(order) => order.iter().filter_map(|index| self.params.get(usize::from(*index))).collect(),
            None => self.params.iter().collect(),
        }
    }

    /// Whether it is a number without a call: every kernel answers ENOSYS, whatever the arguments.
    pub fn is_unimplemented(&self) -> bool {
        self.contract.errors.iter().any(|rule| rule.duty && rule.condition.value == Expr::Bool(true))
    }

    /// The names of the parameters, in order.
    pub fn param_names(&self) -> Vec<&str> {
        self.params.iter().map(|param| param.name.value.as_str()).collect()
    }
}

/// What a map by port, or by the table that newer ports share, has for a port.
fn on<T>(by_port: &BTreeMap<String, T>, arch: Arch) -> Option<&T> {
    let shared = || {
        let wide = arch.data_model() == DataModel::Lp64;
        by_port.get("generic").or_else(|| by_port.get("generic64").filter(|_| wide))
    };
    by_port.get(arch.name()).or_else(|| shared().filter(|_| arch.uses_generic_table()))
}

/// What success and failure mean.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contract {
    /// Type of the result; commands may leave it to the common part.
    pub returns: Option<At<Type>>,
    /// When the call may sleep.
    pub blocks: Option<At<Expr>>,
    /// Conditions after success.
    pub ensures: Vec<Ensure>,
    /// What success changes.
    pub effects: Vec<EffectRule>,
    /// What has to be so outside the program for permissions of these errnos that follow from types and `blocks`.
    pub needs: BTreeMap<Errno, At<String>>,
    /// What has to be so outside the program for the call to succeed.
    pub success_needs: Option<At<String>>,
    /// Error rules, in the order of the file.
    pub errors: Vec<ErrorRule>,
}

/// A parameter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Param {
    /// The kernel's name.
    pub name: At<String>,
    /// The exact C type.
    pub c: At<String>,
    /// Its type.
    pub ty: At<Type>,
    /// What an undefined bit or value does.
    pub unknown: Option<At<Unknown>>,
    /// Where the unknown-bit rule applies only sometimes.
    pub unknown_when: Option<At<Expr>>,
    /// Pointers: when the kernel touches the memory.
    pub used: Option<At<Expr>>,
    /// Paths: the parameter with the starting directory.
    pub base: Option<u8>,
    /// Paths: when a symbolic link at the end is followed.
    pub follow: Option<At<Expr>>,
    /// Paths: when the empty path names `base`.
    pub empty: Option<At<Expr>>,
    /// Paths: when the last component must exist.
    pub must_exist: Option<At<Expr>>,
    /// Paths: when `base` is the root that the walk cannot leave.
    pub scoped: Option<At<Expr>>,
    /// Descriptors, paths and mapped pages: what the call asks of the file system of the file.
    pub asks: Vec<Operation>,
}

/// What a kernel does with an undefined flag bit or enumeration value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Unknown {
    /// It fails with this errno.
    Rejected(Errno),
    /// It has no effect.
    Ignored,
    /// It may get a meaning.
    Reserved,
}

/// A command of a call that multiplexes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Command {
    /// The selector's values that this block describes.
    pub names: Vec<At<String>>,
    /// Releases that have it.
    pub span: Span,
    /// The resource it is restricted to.
    pub on: Option<At<Type>>,
    /// Kernel option that it needs.
    pub config: Option<At<String>>,
    /// Parameters as this command sees them, by position.
    pub params: Vec<(u8, Param)>,
    /// What it adds.
    pub contract: Contract,
}

/// A condition that holds after success.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ensure {
    /// The condition.
    pub that: At<Expr>,
    /// Only then.
    pub when: Option<At<Expr>>,
    /// Releases that promise it.
    pub span: Span,
    /// What the condition does not say itself.
    pub because: Option<String>,
}

/// One error rule.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorRule {
    /// The errno.
    pub errno: At<Errno>,
    /// `when`: true; `may`: false.
    pub duty: bool,
    /// The condition.
    pub condition: At<Expr>,
    /// What the condition does not say itself.
    pub because: Option<String>,
    /// What has to be so outside the program for the error to come.
    pub needs: Option<String>,
    /// Where the error comes from.
    pub origin: Origin,
    /// Releases that have the rule.
    pub span: Span,
    /// Errnos that this one precedes.
    pub before: Vec<Errno>,
}

macro_rules! origins {
    ($($variant:ident $name:literal $doc:literal,)*) => {
        /// Where an error comes from.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum Origin { $(#[doc = $doc] $variant,)* }

        impl Origin {
            /// Every origin.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// How it is written.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),* }
            }
        }
    };
}

origins! {
    Args "args" "The arguments alone.",
    State "state" "The state of a descriptor or of the process.",
    Filesystem "filesystem" "Names, files and what the file system permits.",
    Lsm "lsm" "A security module.",
    Limits "limits" "A resource limit.",
    Memory "memory" "Memory pressure.",
    Signal "signal" "A signal's arrival.",
    Config "config" "How the kernel was built or tuned.",
    Arch "arch" "The port.",
}

/// A flag set or an enumeration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Set {
    /// Its name.
    pub name: At<String>,
    /// What its members may be combined to.
    pub kind: SetKind,
    /// The UAPI header that defines the members.
    pub header: Option<At<String>>,
    /// Prefixes of the constants that belong to it.
    pub prefix: Vec<String>,
    /// Sets whose members are members here too.
    pub includes: Vec<At<String>>,
    /// Its own members.
    pub members: Vec<Member>,
}

/// What the members of a set may be combined to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SetKind {
    /// Any OR of members.
    Flags,
    /// Exactly one member.
    Enum,
    /// Flags some of which are fields of several bits.
    Bits,
}

impl SetKind {
    /// How it is written.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Flags => "flags",
            Self::Enum => "enum",
            Self::Bits => "bits",
        }
    }
}

/// A constant of a set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Member {
    /// The name in the kernel's headers.
    pub name: At<String>,
    /// Its value on most ports.
    pub value: At<Expr>,
    /// Its value on the others.
    pub arch: BTreeMap<Arch, At<Expr>>,
    /// Releases that have it.
    pub span: Span,
    /// A mask or alias over other members.
    pub mask: bool,
    /// Not in the UAPI headers.
    pub internal: bool,
}

/// A number that may differ by data model.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PerModel {
    /// With 64-bit longs.
    pub lp64: u32,
    /// With 32-bit longs.
    pub ilp32: u32,
}

impl PerModel {
    /// The number for a data model.
    pub const fn on(self, model: DataModel) -> u32 {
        match model {
            DataModel::Lp64 => self.lp64,
            DataModel::Ilp32 => self.ilp32,
        }
    }
}

/// A struct or union.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Struct {
    /// Its name in specs.
    pub name: At<String>,
    /// Whether its fields overlap.
    pub union: bool,
    /// The UAPI header that defines it.
    pub header: Option<At<String>>,
    /// Its tag in the header.
    pub c: String,
    /// Its tag in BTF; `None` when the kernel has no such type.
    pub btf: Option<String>,
    /// Bytes.
    pub size: At<PerModel>,
    /// Alignment in bytes.
    pub align: At<PerModel>,
    /// Fields by offset.
    pub fields: Vec<Field>,
    /// The ports whose layout it is; empty for all.
    pub ports: Vec<Arch>,
    /// Published sizes of an extensible struct and their first release.
    pub versions: Vec<(u32, Release)>,
    /// The struct whose bytes these are, as one of its users sees them: header, tags, layout and versions are its.
    pub view: Option<At<String>>,
    /// The member of the C struct that has the fields, where they are not its own.
    pub within: Option<String>,
}

impl Struct {
    /// What C calls a field: its name behind those of the members that it lies in.
    pub fn path(&self, field: &Field) -> String {
        let own = field.member.as_ref().unwrap_or(&field.name.value);
        self.within.as_ref().map_or_else(|| own.clone(), |within| format!("{within}.{own}"))
    }
}

/// A field of a struct.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Field {
    /// Its name.
    pub name: At<String>,
    /// Its type.
    pub ty: At<Type>,
    /// Bytes from the start.
    pub offset: At<PerModel>,
    /// The C type, where it is compared.
    pub c: Option<At<String>>,
    /// What an undefined bit does.
    pub unknown: Option<At<Unknown>>,
    /// Releases that have it.
    pub span: Span,
    /// What C calls it, where that is another name.
    pub member: Option<String>,
}

/// A kind of thing that system calls hand out and take.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resource {
    /// Full name, `fd[pipe]`.
    pub name: At<String>,
    /// The more general resource.
    pub parent: Option<String>,
    /// How it is passed.
    pub base: Option<IntType>,
    /// For descriptors, what they refer to.
    pub kind: Option<crate::expr::Word>,
    /// Values that are no resource but have a meaning.
    pub special: BTreeMap<String, i128>,
}

/// An effect with its condition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EffectRule {
    /// What changes.
    pub effect: Effect,
    /// Only then.
    pub when: Option<At<Expr>>,
    /// Errnos with which it may have happened too, wholly or in part.
    pub on: Vec<Errno>,
    /// Releases that do it.
    pub span: Span,
    /// Where it was written.
    pub at: Place,
}

/// What sort of socket an effect opens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SocketSort {
    /// Its address family.
    pub family: Expr,
    /// Its type, without flags.
    pub kind: Expr,
    /// Whether nothing has been done to it: it is not bound, connected or listening. Not so without it.
    pub fresh: Option<Expr>,
}

/// What success changes. The keys of each are documented in LANGUAGE.md, section 11.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "fields are the keys of the language reference")]
pub enum Effect {
    Opens {
        fd: Expr,
        kind: Option<Expr>,
        file: Option<u8>,
        access: Option<Expr>,
        flags: Option<Expr>,
        cloexec: Option<Expr>,
        socket: Option<SocketSort>,
    },
    Closes {
        fd: Option<Expr>,
        first: Option<Expr>,
        last: Option<Expr>,
    },
    Duplicates {
        fd: Expr,
        to: Expr,
        cloexec: Option<Expr>,
    },
    SetsCloexec {
        fd: Option<Expr>,
        first: Option<Expr>,
        last: Option<Expr>,
        to: Expr,
    },
    SetsStatus {
        fd: Expr,
        to: Expr,
    },
    SetsOffset {
        fd: Expr,
        to: Option<Expr>,
    },
    SetsSize {
        file: Expr,
        to: Expr,
    },
    SetsPermissions {
        file: Expr,
        to: Option<Expr>,
    },
    Queues {
        fd: Expr,
        by: Expr,
    },
    Drains {
        fd: Expr,
        by: Expr,
    },
    SetsSeals {
        fd: Expr,
        to: Expr,
    },
    Writes {
        to: Expr,
        bytes: Option<Expr>,
    },
    Creates {
        path: u8,
        kind: Expr,
        permissions: Option<Expr>,
    },
    Links {
        from: Expr,
        to: u8,
    },
    Removes {
        path: u8,
    },
    Renames {
        from: u8,
        to: u8,
        exchange: Option<Expr>,
    },
    SetsCwd {
        path: Expr,
    },
    SetsUmask {
        to: Expr,
    },
    SetsLimit {
        resource: Expr,
        soft: Expr,
        hard: Expr,
    },
    SetsSigmask {
        to: Expr,
    },
    SetsNice {
        to: Expr,
    },
    SetsPolicy {
        to: Expr,
    },
    Maps {
        addr: Expr,
        len: Expr,
        prot: Option<Expr>,
        flags: Option<Expr>,
        fd: Option<Expr>,
    },
    Unmaps {
        addr: Expr,
        len: Expr,
    },
    Protects {
        addr: Expr,
        len: Expr,
        prot: Expr,
    },
    Ends {
        status: Expr,
    },
    Executes {
        file: Expr,
    },
    Begins {
        child: Expr,
        thread: Option<Expr>,
        sibling: Option<Expr>,
        first: Option<Expr>,
        reaped: Option<Expr>,
        memory: Option<Expr>,
        descriptors: Option<Expr>,
        directory: Option<Expr>,
    },
    Changes {
        what: Changed,
    },
}

macro_rules! changed {
    ($($variant:ident $name:literal,)*) => {
        /// Something that changes and that the tools do not model.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
        pub enum Changed { $(#[doc = concat!("`", $name, "`")] $variant,)* }

        impl Changed {
            /// Every word.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// How it is written.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),* }
            }
        }
    };
}

changed! {
    Timer "timer", Epoll "epoll", Times "times", Priority "priority", Contents "contents", Locks "locks", Owner "owner",
    Leases "leases", Advice "advice", Guards "guards", Signals "signals", Credentials "credentials",
    Handlers "handlers", Scheduling "scheduling", Caller "caller", Alarms "alarms", Pending "pending", Behaviour "behaviour",
    Residence "residence", Mappings "mappings", Connections "connections", Names "names",
    Attributes "attributes", Watches "watches", Requests "requests", Mounts "mounts", System "system",
}
