//! Laws for one kernel.

use crate::expr::Expr;
use crate::target::{ClauseId, ResolvedParam};

/// A law whose names have numbers.
#[derive(Clone, Debug)]
pub struct ResolvedLaw {
    /// Its name.
    pub name: String,
    /// Its clause.
    pub clause: ClauseId,
    /// The names of its variables.
    pub names: Vec<String>,
    /// What its variables are; of results only the type matters.
    pub variables: Vec<ResolvedParam>,
    /// It applies only then.
    pub when: Option<Expr>,
    /// What it says.
    pub form: ResolvedForm,
}

/// The forms of a law.
#[derive(Clone, Debug)]
pub enum ResolvedForm {
    /// The right call may stand for the left one.
    Same {
        /// The call that is looked for.
        left: ResolvedLine,
        /// The call that stands for it.
        right: ResolvedLine,
    },
    /// A relation between the results of a short program.
    Relation {
        /// How many of the variables are given.
        given: usize,
        /// The program.
        calls: Vec<ResolvedLine>,
        /// The relation.
        that: Expr,
        /// The relation in the words of the specification.
        said: Expr,
    },
}

/// One call of a law.
#[derive(Clone, Debug)]
pub struct ResolvedLine {
    /// Index into [`Resolved::calls`](crate::target::Resolved::calls).
    pub call: usize,
    /// The command, as an index into the call's variants.
    pub variant: usize,
    /// The variable that takes the result.
    pub result: Option<u8>,
    /// Its arguments.
    pub args: Vec<ResolvedArg>,
    /// Whether the law says something of its failure too.
    pub may_fail: bool,
}

/// An argument of a law's call.
#[derive(Clone, Debug)]
pub enum ResolvedArg {
    /// A variable as it is.
    Variable(u8),
    /// A number computed from given numbers.
    Value(Expr),
    /// A pointer to a text.
    Text(String),
    /// A pointer to a struct.
    Struct(Literal),
    /// A 32-bit number that an earlier call wrote.
    Element {
        /// The variable that points to it.
        variable: u8,
        /// Bytes from there.
        offset: u32,
    },
}

/// A struct whose fields a law states.
#[derive(Clone, Debug)]
pub struct Literal {
    /// Its bytes.
    pub size: u32,
    /// Fields, those of inner structs among them, by offset.
    pub fields: Vec<Part>,
}

/// A field of a struct that a law states.
#[derive(Clone, Debug)]
pub struct Part {
    /// Bytes from the struct's beginning.
    pub offset: u32,
    /// Bytes of the field.
    pub size: u32,
    /// What it holds.
    pub value: ResolvedArg,
}

impl ResolvedLaw {
    /// The calls that it makes.
    pub fn lines(&self) -> Vec<&ResolvedLine> {
        match &self.form {
            ResolvedForm::Same { left, right } => vec![left, right],
            ResolvedForm::Relation { calls, .. } => calls.iter().collect(),
        }
    }
}
