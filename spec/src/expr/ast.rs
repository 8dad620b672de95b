//! The syntax tree of a condition.

use super::functions::Function;
use serde::{Deserialize, Serialize};

/// An expression of the condition language.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Expr {
    /// A number.
    Int(i128),
    /// `true`, `false`.
    Bool(bool),
    /// A constant of a flag set or enumeration, or one of the language's own; named until a target gives it a value.
    Const(String),
    /// A word that names a kind, an access, a last component, a file system or a property of mappings.
    Word(Word),
    /// A parameter, by position.
    Param(u8),
    /// `ret`.
    Ret,
    /// `x.field`, of the struct that x points to.
    Field(Box<Self>, String),
    /// `x[i]`, of the array that x points to.
    Index(Box<Self>, Box<Self>),
    /// `*x`.
    Deref(Box<Self>),
    /// `!x`, `-x`, `~x`.
    Unary(UnaryOp, Box<Self>),
    /// Two operands.
    Binary(BinaryOp, Box<Self>, Box<Self>),
    /// `x in [a, b]`.
    In(Box<Self>, Vec<Self>),
    /// `x in set`.
    InSet(Box<Self>, String),
    /// A function of the language.
    Call(Function, Vec<Self>),
    /// `known(set)`, `config(NAME)`, `kernel("5.8")`, `arch(NAME)`: decided when a target is chosen.
    Target(TargetQuestion),
    /// `old(x)`.
    Old(Box<Self>),
    /// Memory at an address: what fields, elements and dereferences become for a target.
    Load {
        /// The address.
        address: Box<Self>,
        /// Bytes: 1, 2, 4 or 8.
        size: u8,
        /// Whether the value is sign-extended.
        signed: bool,
    },
    /// Not knowable on this target, with the reason.
    Unknown(String),
}

/// A question about the target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum TargetQuestion {
    /// Whether the calling process is of another port than the call.
    Compat,
    /// OR of the members of a set that the target has.
    Known(String),
    /// Whether a kernel option is set.
    Config(String),
    /// Whether the release is at least this.
    Kernel(crate::version::Release),
    /// Whether the port is this.
    Arch(crate::arch::Arch),
}

/// Operators of one operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "each is the C operator of its name")]
pub enum UnaryOp {
    Not,
    Negate,
    Complement,
}

/// Operators of two operands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[expect(missing_docs, reason = "each is the C operator of its name, `Implies` is `=>`")]
pub enum BinaryOp {
    Implies,
    Or,
    And,
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
    BitOr,
    BitXor,
    BitAnd,
    Shl,
    Shr,
    Add,
    Sub,
    Mul,
    Div,
    Rem,
}

impl BinaryOp {
    /// How it is written.
    pub const fn symbol(self) -> &'static str {
        match self {
            Self::Implies => "=>",
            Self::Or => "||",
            Self::And => "&&",
            Self::Eq => "==",
            Self::Ne => "!=",
            Self::Lt => "<",
            Self::Le => "<=",
            Self::Gt => ">",
            Self::Ge => ">=",
            Self::BitOr => "|",
            Self::BitXor => "^",
            Self::BitAnd => "&",
            Self::Shl => "<<",
            Self::Shr => ">>",
            Self::Add => "+",
            Self::Sub => "-",
            Self::Mul => "*",
            Self::Div => "/",
            Self::Rem => "%",
        }
    }

    /// The comparison that holds where this one does not; what is no comparison stays what it is.
    pub fn opposite(self) -> Self {
        match self {
            Self::Eq => Self::Ne,
            Self::Ne => Self::Eq,
            Self::Lt => Self::Ge,
            Self::Le => Self::Gt,
            Self::Gt => Self::Le,
            Self::Ge => Self::Lt,
            other => other,
        }
    }

    /// How tightly it binds; larger is tighter.
    pub const fn precedence(self) -> u8 {
        match self {
            Self::Implies => 1,
            Self::Or => 2,
            Self::And => 3,
            Self::Eq | Self::Ne | Self::Lt | Self::Le | Self::Gt | Self::Ge => 4,
            Self::BitOr => 5,
            Self::BitXor => 6,
            Self::BitAnd => 7,
            Self::Shl | Self::Shr => 8,
            Self::Add | Self::Sub => 9,
            Self::Mul | Self::Div | Self::Rem => 10,
        }
    }
}

macro_rules! words {
    ($($group:ident { $($variant:ident $name:literal),* $(,)? })*) => {
        /// The sort of thing a word names.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
        pub enum WordGroup { $(#[doc = concat!("Words of the group ", stringify!($group), ".")] $group,)* }

        /// A word of the language: `pipe`, `read`, `dotdot`, `tmpfs`, `anonymous`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        pub enum Word { $($(#[doc = concat!("`", $name, "`")] $variant,)*)* }

        impl Word {
            /// Every word.
            pub const ALL: &[Self] = &[$($(Self::$variant,)*)*];

            /// How it is written.
            pub const fn name(self) -> &'static str {
                match self { $($(Self::$variant => $name,)*)* }
            }

            /// The sort of thing it names.
            pub const fn group(self) -> WordGroup {
                match self { $($(Self::$variant => WordGroup::$group,)*)* }
            }
        }
    };
}

words! {
    Kind {
        Regular "regular", Directory "directory", Symlink "symlink", CharDevice "char_device", BlockDevice "block_device",
        Pipe "pipe", Socket "socket", Eventfd "eventfd", Timerfd "timerfd", Epoll "epoll", Signalfd "signalfd",
        Inotify "inotify", Pidfd "pidfd", Other "other",
    }
    Access { Read "read", Write "write", Exec "exec" }
    Last { Normal "normal", Dot "dot", Dotdot "dotdot", Root "root" }
    FileSystem {
        Tmpfs "tmpfs", Ramfs "ramfs", Ext4 "ext4", Xfs "xfs", Btrfs "btrfs", Overlayfs "overlayfs", Nfs "nfs", Fuse "fuse",
        Proc "proc", Sysfs "sysfs", Pipefs "pipefs", Sockfs "sockfs", AnonInodefs "anon_inodefs", Devtmpfs "devtmpfs",
        Hugetlbfs "hugetlbfs", Mqueue "mqueue",
    }
    Mapping {
        Anonymous "anonymous", Shared "shared", Private "private", File "file", Locked "locked", Growsdown "growsdown",
        IsReadable "readable", IsWritable "writable", IsExecutable "executable",
    }
}

impl Word {
    /// Finds a word by its name. Names are unique across groups, except that `readable` and `writable` are also functions,
    /// which a parenthesis tells apart.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|word| word.name() == name)
    }

    /// The number that stands for the word in evaluation.
    pub const fn number(self) -> i128 {
        self as i128
    }
}

impl Expr {
    /// What an operator such as `&&` joins here, however it is nested: the expression itself where it is of another kind.
    pub fn joined(&self, op: BinaryOp) -> Vec<&Self> {
        fn collect<'a>(op: BinaryOp, expr: &'a Expr, into: &mut Vec<&'a Expr>) {
            match expr {
                Expr::Binary(own, left, right) if *own == op => {
                    collect(op, left, into);
                    collect(op, right, into);
                }
                other => into.push(other),
            }
        }
        let mut parts = Vec::new();
        collect(op, self, &mut parts);
        parts
    }

    /// Calls `visit` on this expression and everything below it.
    pub fn walk(&self, visit: &mut dyn FnMut(&Self)) {
        visit(self);
        match self {
            Self::Int(_) | Self::Bool(_) | Self::Const(_) | Self::Word(_) | Self::Param(_) | Self::Ret => {}
            Self::Target(_) | Self::Unknown(_) => {}
            Self::Field(inner, _)
            | Self::Deref(inner)
            | Self::Unary(_, inner)
            | Self::InSet(inner, _)
            | Self::Old(inner) => {
                inner.walk(visit);
            }
            Self::Load { address, .. } => address.walk(visit),
            Self::Index(a, b) | Self::Binary(_, a, b) => {
                a.walk(visit);
                b.walk(visit);
            }
            Self::In(inner, list) => {
                inner.walk(visit);
                list.iter().for_each(|item| item.walk(visit));
            }
            Self::Call(_, list) => list.iter().for_each(|item| item.walk(visit)),
        }
    }
}
