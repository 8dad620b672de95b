//! Conditions: text, syntax, types and evaluation.

mod ast;
mod check;
mod constants;
mod contradiction;
mod eval;
mod functions;
mod implied;
mod interval;
pub(crate) mod parse;
mod print;

pub use ast::{BinaryOp, Expr, TargetQuestion, UnaryOp, Word, WordGroup};
pub use check::{Expected, Problem, Scope, Signature, check};
pub use constants::{LANGUAGE_CONSTANTS, language_constant};
pub use contradiction::contradicts_itself;
pub use eval::{Moment, Observer, Operand as OperandValue, Truth, evaluate, truth};
pub use functions::{Function, Gives, Operand, Subject};
pub use implied::{Also, points_somewhere, who_answers, with_what_follows, with_what_follows_of};
pub use parse::{Node, Syntax, SyntaxError, parse};
pub use print::print;
