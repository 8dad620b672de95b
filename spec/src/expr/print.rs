//! Conditions as text; printing and parsing again gives the same expression.

use super::ast::{BinaryOp, Expr, TargetQuestion, UnaryOp};
use std::fmt::Write;

/// Writes an expression in the language, with parameters by the names in `params`.
pub fn print(expr: &Expr, params: &[&str]) -> String {
    let mut out = String::new();
    write(expr, params, 0, &mut out);
    out
}

const UNARY: u8 = 11;
const POSTFIX: u8 = 12;

fn write(expr: &Expr, params: &[&str], outer: u8, out: &mut String) {
    let own = precedence(expr);
    if own < outer {
        out.push('(');
        write_bare(expr, params, out);
        out.push(')');
    } else {
        write_bare(expr, params, out);
    }
}

fn precedence(expr: &Expr) -> u8 {
    match expr {
        Expr::Binary(op, ..) => op.precedence(),
        Expr::In(..) | Expr::InSet(..) => 4,
        Expr::Unary(..) | Expr::Deref(_) => UNARY,
        Expr::Int(number) if *number < 0 => UNARY,
        Expr::Field(..) | Expr::Index(..) => POSTFIX,
        _ => POSTFIX + 1,
    }
}

fn write_bare(expr: &Expr, params: &[&str], out: &mut String) {
    match expr {
        Expr::Int(number) => out.push_str(&number_text(*number)),
        Expr::Bool(truth) => out.push_str(if *truth { "true" } else { "false" }),
        Expr::Const(name) => out.push_str(name),
        Expr::Word(word) => out.push_str(word.name()),
        Expr::Param(index) => out.push_str(params.get(usize::from(*index)).copied().unwrap_or("?")),
        Expr::Ret => out.push_str("ret"),
        Expr::Field(inner, field) => {
            write(inner, params, POSTFIX, out);
            out.push('.');
            out.push_str(field);
        }
        Expr::Index(inner, index) => {
            write(inner, params, POSTFIX, out);
            out.push('[');
            write(index, params, 0, out);
            out.push(']');
        }
        Expr::Deref(inner) => {
            out.push('*');
            write(inner, params, UNARY, out);
        }
        Expr::Unary(op, inner) => {
            out.push(match op {
                UnaryOp::Not => '!',
                UnaryOp::Negate => '-',
                UnaryOp::Complement => '~',
            });
            match (op, &**inner) {
                (UnaryOp::Complement, Expr::Int(number)) if *number >= 0 => out.push_str(&pattern_text(*number)),
                _ => write(inner, params, UNARY, out),
            }
        }
        Expr::Binary(op, left, right) => {
            let own = op.precedence();
            let comparison = own == 4;
            let right_associative = *op == BinaryOp::Implies;
            let pattern = matches!(op, BinaryOp::BitOr | BinaryOp::BitXor | BinaryOp::BitAnd);
            let side = |side: &Expr, outer: u8, out: &mut String| match side {
                Expr::Int(number) if pattern && *number >= 0 => out.push_str(&pattern_text(*number)),
                other => write(other, params, outer, out),
            };
            side(left, own + u8::from(comparison || right_associative), out);
            let _ = write!(out, " {} ", op.symbol());
            side(right, own + u8::from(!right_associative), out);
        }
        Expr::In(inner, list) => {
            write(inner, params, 5, out);
            out.push_str(" in [");
            write_list(list, params, out);
            out.push(']');
        }
        Expr::InSet(inner, set) => {
            write(inner, params, 5, out);
            let _ = write!(out, " in {set}");
        }
        Expr::Call(function, list) => {
            out.push_str(function.name());
            out.push('(');
            write_list(list, params, out);
            out.push(')');
        }
        Expr::Target(question) => match question {
            TargetQuestion::Compat => out.push_str("compat()"),
            TargetQuestion::Known(set) => {
                let _ = write!(out, "known({set})");
            }
            TargetQuestion::Config(option) => {
                let _ = write!(out, "config({option})");
            }
            TargetQuestion::Kernel(release) => {
                let _ = write!(out, "kernel(\"{release}\")");
            }
            TargetQuestion::Arch(arch) => {
                let _ = write!(out, "arch({arch})");
            }
        },
        Expr::Old(inner) => {
            out.push_str("old(");
            write(inner, params, 0, out);
            out.push(')');
        }
        Expr::Load { address, size, signed } => {
            let _ = write!(out, "{}{}@(", if *signed { "int" } else { "uint" }, u32::from(*size) * 8);
            write(address, params, 0, out);
            out.push(')');
        }
        Expr::Unknown(reason) => {
            let _ = write!(out, "unknown({reason})");
        }
    }
}

fn write_list(list: &[Expr], params: &[&str], out: &mut String) {
    for (index, item) in list.iter().enumerate() {
        if index > 0 {
            out.push_str(", ");
        }
        write(item, params, 0, out);
    }
}

/// Operands of bit operators: permission bits in octal, as everyone writes them, other patterns in hexadecimal.
fn pattern_text(number: i128) -> String {
    match number {
        0..10 => number.to_string(),
        0o111 | 0o222 | 0o444 | 0o666 | 0o777 | 0o1777 | 0o6000 | 0o7000 | 0o7777 | 0o170_000 => format!("{number:#o}"),
        _ => format!("{number:#x}"),
    }
}

/// Small numbers in decimal, the rest in hexadecimal, where bit patterns can be read.
fn number_text(number: i128) -> String {
    let size = number.unsigned_abs();
    let sign = if number < 0 { "-" } else { "" };
    if size < 1_000_000 { format!("{sign}{size}") } else { format!("{sign}{size:#x}") }
}
