//! How much one number of a comparison has to change by for the comparison to mean something else.

use crate::expr::{BinaryOp, Expr, Function};

/// The next larger number that can make a difference beside `left`: of two that are whole pages, the next page.
pub(super) fn larger(left: &Expr, right: &Expr) -> Expr {
    step(left, right, BinaryOp::Add)
}

/// The next smaller one.
pub(super) fn smaller(left: &Expr, right: &Expr) -> Expr {
    step(left, right, BinaryOp::Sub)
}

fn step(left: &Expr, right: &Expr, op: BinaryOp) -> Expr {
    let pages = is_whole_pages(left) && is_whole_pages(right);
    match right {
        Expr::Int(value) if !pages => Expr::Int(if op == BinaryOp::Add { value + 1 } else { value - 1 }),
        other => {
            let by = if pages { Expr::Const(PAGE_SIZE.to_owned()) } else { Expr::Int(1) };
            Expr::Binary(op, Box::new(other.clone()), Box::new(by))
        }
    }
}

const PAGE_SIZE: &str = "PAGE_SIZE";

/// Whether a number is a multiple of the page size, whatever its parts are.
fn is_whole_pages(expr: &Expr) -> bool {
    match expr {
        Expr::Int(value) => *value == 0,
        Expr::Const(name) => matches!(name.as_str(), PAGE_SIZE | "TASK_SIZE"),
        Expr::Call(Function::AlignUp, list) => list.get(1) == Some(&Expr::Const(PAGE_SIZE.to_owned())),
        Expr::Call(Function::Min | Function::Max, list) => list.iter().all(is_whole_pages),
        Expr::Binary(BinaryOp::Add | BinaryOp::Sub, a, b) => is_whole_pages(a) && is_whole_pages(b),
        // What is left beside a larger power of two.
        Expr::Binary(BinaryOp::Rem, a, b) => is_whole_pages(a) && is_beyond_a_word(b),
        _ => false,
    }
}

/// `SIZE_MAX + 1`, in the numbers that a word has.
fn is_beyond_a_word(expr: &Expr) -> bool {
    matches!(expr, Expr::Binary(BinaryOp::Add, a, b)
        if **a == Expr::Const("SIZE_MAX".to_owned()) && **b == Expr::Int(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expr::print;

    fn constant(name: &str) -> Expr {
        Expr::Const(name.to_owned())
    }

    fn pages(param: u8) -> Expr {
        Expr::Call(Function::AlignUp, vec![Expr::Param(param), constant(PAGE_SIZE)])
    }

    #[test]
    fn pages_are_followed_by_pages_and_bytes_by_bytes() {
        let word = Expr::Binary(BinaryOp::Add, Box::new(constant("SIZE_MAX")), Box::new(Expr::Int(1)));
        let in_a_word = Expr::Binary(BinaryOp::Rem, Box::new(pages(0)), Box::new(word));
        let octets = Expr::Call(Function::AlignUp, vec![Expr::Param(0), Expr::Int(8)]);
        for (left, right, more, less) in [
            (pages(0), constant("TASK_SIZE"), "TASK_SIZE + PAGE_SIZE", "TASK_SIZE - PAGE_SIZE"),
            (in_a_word, pages(1), "align_up(m, PAGE_SIZE) + PAGE_SIZE", "align_up(m, PAGE_SIZE) - PAGE_SIZE"),
            (pages(0), Expr::Int(0), "0 + PAGE_SIZE", "0 - PAGE_SIZE"),
            (Expr::Param(0), constant("TASK_SIZE"), "TASK_SIZE + 1", "TASK_SIZE - 1"),
            (octets, constant("TASK_SIZE"), "TASK_SIZE + 1", "TASK_SIZE - 1"),
            (pages(0), Expr::Param(1), "m + 1", "m - 1"),
            (Expr::Param(0), Expr::Int(7), "8", "6"),
        ] {
            assert_eq!(print(&larger(&left, &right), &["n", "m"]), more);
            assert_eq!(print(&smaller(&left, &right), &["n", "m"]), less);
        }
    }
}
