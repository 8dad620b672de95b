//! Laws: properties over several calls.

pub mod resolved;

use crate::expr::Expr;
use crate::place::{At, Place};
use crate::types::{IntType, Type};
use crate::version::Span;
use serde::{Deserialize, Serialize};

/// A property over several calls.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Law {
    /// Its name.
    pub name: At<String>,
    /// What it says, one line.
    pub summary: String,
    /// Releases that keep it.
    pub span: Span,
    /// What the conditions do not say themselves.
    pub because: Option<String>,
    /// What its calls and conditions may name: what is given first, then results by call.
    pub variables: Vec<Variable>,
    /// It applies only then.
    pub when: Option<At<Expr>>,
    /// What it says.
    pub form: Form,
}

/// A name of a law.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Variable {
    /// The name.
    pub name: At<String>,
    /// Its type.
    pub ty: At<Type>,
}

/// The forms of a law.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Form {
    /// One call does what the other does: in any program the right one may stand for the left one.
    Same {
        /// The call that is looked for; its variables take any argument.
        left: Line,
        /// The call that stands for it.
        right: Line,
    },
    /// A relation between the results of a short program.
    Relation {
        /// How many of the variables are given; the others are results.
        given: u8,
        /// The program.
        calls: Vec<Line>,
        /// The relation.
        that: At<Expr>,
    },
}

/// One call of a law: `p = lseek(fd, 0, SEEK_CUR) may fail`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// Where it was written.
    pub at: Place,
    /// As it was written.
    pub text: String,
    /// The variable that takes the result.
    pub result: Option<u8>,
    /// The system call.
    pub call: String,
    /// Its arguments, one for each parameter.
    pub args: Vec<LawArg>,
    /// Whether the law says something of its failure too.
    pub may_fail: bool,
}

/// An argument of a law's call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum LawArg {
    /// A variable as it is.
    Variable(u8),
    /// A number that is computed from constants and given numbers.
    Value(Expr),
    /// A pointer to a text.
    Text(String),
    /// A pointer to a struct with these fields; inside another struct, the struct itself.
    Struct {
        /// Its name.
        name: String,
        /// Its fields, by their places in the struct; the others are zero.
        fields: Vec<(u16, Self)>,
    },
    /// A pointer to these numbers, one behind the other.
    Numbers {
        /// What each of them is.
        int: IntType,
        /// The numbers.
        values: Vec<Self>,
    },
    /// An element of an array that an earlier call wrote.
    Element {
        /// The variable that points to the array.
        variable: u8,
        /// Which element.
        index: u32,
    },
}

impl Law {
    /// The names of its variables, in order.
    pub fn names(&self) -> Vec<&str> {
        self.variables.iter().map(|variable| variable.name.value.as_str()).collect()
    }

    /// The calls that it makes, in order; of an equivalence, the left and the right one.
    pub fn lines(&self) -> Vec<&Line> {
        match &self.form {
            Form::Same { left, right } => vec![left, right],
            Form::Relation { calls, .. } => calls.iter().collect(),
        }
    }

    /// What it says, as text.
    pub fn says(&self) -> String {
        match &self.form {
            Form::Same { left, right } => format!("{} is {}", left.text, right.text),
            Form::Relation { that, .. } => crate::expr::print(&that.value, &self.names()),
        }
    }
}
