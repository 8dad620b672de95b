//! What must be true besides a condition for its parts to mean anything.

use super::ast::{BinaryOp, Expr, UnaryOp, Word};
use super::functions::Function;

/// A condition with what follows from its conjuncts where they are known: the kind of a file of which a function is asked that
/// other kinds do not answer, that memory can be read which is looked at, and that what can be written can be read.
pub fn with_what_follows(condition: &Expr) -> Expr {
    let mut all = condition.clone();
    for conjunct in condition.joined(BinaryOp::And) {
        if let Some(atom) = atom(conjunct) {
            atom.walk(&mut |part| {
                if let Some(implied) = implied(part) {
                    all = binary(BinaryOp::And, std::mem::replace(&mut all, Expr::Bool(true)), implied);
                }
            });
        }
        if let Expr::Call(Function::Mapped, list) = conjunct
            && let [at, bytes, Expr::Word(Word::Write)] = &list[..]
        {
            all = binary(BinaryOp::And, all, readable(at.clone(), bytes.clone()));
        }
    }
    all
}

/// What is unknown as a whole where any part is. What was before the call is another matter.
fn atom(conjunct: &Expr) -> Option<&Expr> {
    match conjunct {
        Expr::Unary(UnaryOp::Not, inner) => atom(inner),
        Expr::Binary(BinaryOp::And | BinaryOp::Or | BinaryOp::Implies, ..) => None,
        other => {
            let mut before = false;
            other.walk(&mut |part| before |= matches!(part, Expr::Old(_)));
            (!before).then_some(other)
        }
    }
}

fn implied(part: &Expr) -> Option<Expr> {
    match part {
        Expr::Call(function, list) => {
            let file = list.first()?;
            let is =
                |kind: &Word| binary(BinaryOp::Eq, Expr::Call(Function::Kind, vec![file.clone()]), Expr::Word(*kind));
            kinds(*function).iter().map(is).reduce(|a, b| binary(BinaryOp::Or, a, b))
        }
        Expr::Load { address, size, .. } => {
            let (base, offset) = match &**address {
                Expr::Binary(BinaryOp::Add, base, offset) => match &**offset {
                    Expr::Int(offset) => (&**base, *offset),
                    _ => return None,
                },
                base => (base, 0),
            };
            Some(readable(base.clone(), Expr::Int(offset + i128::from(*size))))
        }
        _ => None,
    }
}

/// The kinds of files that answer a function at all; none named where any may.
const fn kinds(function: Function) -> &'static [Word] {
    match function {
        Function::Room => &[Word::Pipe, Word::Eventfd],
        Function::PeerClosed => &[Word::Pipe, Word::Socket],
        Function::Family | Function::SocketType | Function::Fresh => &[Word::Socket],
        Function::Seals => &[Word::Regular],
        Function::Size => &[Word::Regular, Word::Directory, Word::Symlink],
        Function::EmptyDirectory => &[Word::Directory],
        Function::TargetLength => &[Word::Symlink],
        _ => &[],
    }
}

fn readable(at: Expr, bytes: Expr) -> Expr {
    Expr::Call(Function::Mapped, vec![at, bytes, Expr::Word(Word::Read)])
}

fn binary(op: BinaryOp, a: Expr, b: Expr) -> Expr {
    Expr::Binary(op, Box::new(a), Box::new(b))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expr::contradicts_itself;

    fn of_fd(function: Function) -> Expr {
        Expr::Call(function, vec![Expr::Param(0)])
    }

    fn both(a: Expr, b: Expr) -> bool {
        contradicts_itself(&with_what_follows(&binary(BinaryOp::And, a, b)))
    }

    #[test]
    fn only_files_of_a_kind_answer_what_is_asked_of_that_kind() {
        let kind = |op, word| binary(op, of_fd(Function::Kind), Expr::Word(word));
        let full = || binary(BinaryOp::Eq, of_fd(Function::Room), Expr::Int(0));
        assert!(both(full(), kind(BinaryOp::Eq, Word::Socket)));
        assert!(!both(full(), kind(BinaryOp::Ne, Word::Pipe)), "a counter may be full");
        let sealed = || binary(BinaryOp::Ne, of_fd(Function::Seals), Expr::Int(0));
        assert!(both(sealed(), kind(BinaryOp::Ne, Word::Regular)));
        assert!(!both(sealed(), kind(BinaryOp::Eq, Word::Regular)));
        let either = binary(BinaryOp::Or, sealed(), full());
        assert!(!both(either, kind(BinaryOp::Eq, Word::Directory)), "what stands beside an alternative is not needed");
    }

    #[test]
    fn what_is_looked_at_is_there() {
        let field = |offset| {
            let address = binary(BinaryOp::Add, Expr::Param(1), Expr::Int(offset));
            binary(BinaryOp::Ne, Expr::Load { address: Box::new(address), size: 4, signed: false }, Expr::Int(0))
        };
        let dark = |bytes| Expr::Unary(UnaryOp::Not, Box::new(readable(Expr::Param(1), Expr::Int(bytes))));
        assert!(both(field(8), dark(12)));
        assert!(both(field(8), dark(4)), "nor is what lies before it");
        assert!(!both(field(8), dark(16)));
        let written = Expr::Call(Function::Mapped, vec![Expr::Param(1), Expr::Int(8), Expr::Word(Word::Write)]);
        assert!(both(written, dark(8)));
    }
}
