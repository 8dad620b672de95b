//! What must be true besides a condition for its parts to mean anything.

use super::ast::{BinaryOp, Expr, UnaryOp, Word};
use super::functions::Function;

/// The first address that programs have memory at: the first page is nobody's.
const FIRST_PAGE: i128 = 4096;

/// A condition with what follows from its parts wherever they are known: the kind of a file of which a function is asked that other
/// kinds do not answer, that memory can be read which is looked at, and that what can be written can be read.
pub fn with_what_follows(condition: &Expr) -> Expr {
    with_what_follows_of(condition, &|_, _| {})
}

/// The same of a condition of which more is known: `also` adds what follows where a part is known, whatever the part is.
pub fn with_what_follows_of(condition: &Expr, also: &Also<'_>) -> Expr {
    following(condition, true, also)
}

/// What else follows where a part is known.
pub type Also<'a> = dyn Fn(&Expr, &mut Vec<Expr>) + 'a;

/// That there can be memory where an address points.
pub fn points_somewhere(address: Expr) -> Expr {
    binary(BinaryOp::Ge, address, Expr::Int(FIRST_PAGE))
}

/// The kinds of files that have to stand behind what an expression asks of them, before or after the call, for it to be known.
pub fn who_answers(expr: &Expr) -> Vec<Expr> {
    let mut all = Vec::new();
    expr.walk(&mut |part| {
        if let Expr::Call(function, list) = part
            && let Some(file) = list.first()
        {
            all.extend(answering(*function, file));
        }
    });
    all.dedup();
    all
}

/// The same of a part that has to be so (`truth`) for the whole to hold, or must not be.
fn following(part: &Expr, truth: bool, also: &Also<'_>) -> Expr {
    match part {
        Expr::Unary(UnaryOp::Not, inner) => Expr::Unary(UnaryOp::Not, Box::new(following(inner, !truth, also))),
        Expr::Binary(op @ (BinaryOp::And | BinaryOp::Or), a, b) => {
            binary(*op, following(a, truth, also), following(b, truth, also))
        }
        Expr::Binary(BinaryOp::Implies, a, b) => {
            binary(BinaryOp::Implies, following(a, !truth, also), following(b, truth, also))
        }
        atom => {
            let mut all = Vec::new();
            // What was before the call is another matter.
            let mut before = false;
            atom.walk(&mut |part| before |= matches!(part, Expr::Old(_)));
            if !before {
                atom.walk(&mut |part| {
                    known(part, &mut all);
                    also(part, &mut all);
                });
                settled(atom, truth, &mut all);
            }
            // A part that must not be so is unknown where what follows from it is not so.
            all.into_iter().fold(atom.clone(), |atom, implied| match truth {
                true => binary(BinaryOp::And, atom, implied),
                false => binary(BinaryOp::Or, atom, not(implied)),
            })
        }
    }
}

/// What is so where a part is known, whatever it is.
fn known(part: &Expr, into: &mut Vec<Expr>) {
    match part {
        // A directory that is gone has no path.
        Expr::Call(Function::CwdLength, _) => into.push(not(Expr::Call(Function::CwdDeleted, Vec::new()))),
        Expr::Call(function, list) => {
            let Some(file) = list.first() else { return };
            into.extend(answering(*function, file));
            // What 0 means instead, is for each call to say.
            if *function == Function::Process {
                into.push(binary(BinaryOp::Ne, file.clone(), Expr::Int(0)));
            }
            if matches!(function, Function::Family | Function::SocketType | Function::Fresh) {
                into.push(not(Expr::Call(Function::IsPath, vec![file.clone()])));
            }
        }
        Expr::Load { address, size, .. } => {
            let (base, offset) = match &**address {
                Expr::Binary(BinaryOp::Add, base, offset) => match &**offset {
                    Expr::Int(offset) => (&**base, *offset),
                    _ => return,
                },
                base => (base, 0),
            };
            into.push(readable(base.clone(), Expr::Int(offset + i128::from(*size))));
            into.push(points_somewhere(base.clone()));
        }
        _ => {}
    }
}

/// What is so where a whole atom is so (`truth`), or is not.
fn settled(atom: &Expr, truth: bool, into: &mut Vec<Expr>) {
    let Expr::Call(function, list) = atom else { return };
    match (function, &list[..], truth) {
        (Function::Mapped, [at, Expr::Int(bytes), word], true) if *bytes > 0 => {
            if *word == Expr::Word(Word::Write) {
                into.push(readable(at.clone(), Expr::Int(*bytes)));
            }
            into.push(points_somewhere(at.clone()));
        }
        (Function::Mapped, [at, bytes, word], true) => {
            if *word == Expr::Word(Word::Write) {
                into.push(readable(at.clone(), bytes.clone()));
            }
            let nothing = binary(BinaryOp::Lt, bytes.clone(), Expr::Int(1));
            into.push(binary(BinaryOp::Or, nothing, points_somewhere(at.clone())));
        }
        (Function::Zeroed, [at, from @ Expr::Int(0), to], true) => {
            let nothing = binary(BinaryOp::Le, to.clone(), from.clone());
            into.push(binary(BinaryOp::Or, nothing, readable(at.clone(), to.clone())));
        }
        (Function::Zeroed, [_, from, to], false) => into.push(binary(BinaryOp::Gt, to.clone(), from.clone())),
        // Of nothing all is there.
        (Function::Mapped, [_, bytes, _], false) | (Function::VmaMapped, [_, bytes], false) => {
            into.push(binary(BinaryOp::Gt, bytes.clone(), Expr::Int(0)))
        }
        // Who is open as a path only is for neither.
        (Function::Readable | Function::Writable, [fd], true) => {
            into.push(not(Expr::Call(Function::IsPath, vec![fd.clone()])));
        }
        // The first process of a namespace lives as long as the others.
        (Function::Process, [number], false) => into.push(binary(BinaryOp::Ne, number.clone(), Expr::Int(1))),
        (Function::SameFile, [a, b], true) => {
            into.extend([a, b].map(|path| Expr::Call(Function::Exists, vec![path.clone()])));
        }
        _ => {}
    }
}

/// That a file is of a kind that answers a function.
fn answering(function: Function, file: &Expr) -> Option<Expr> {
    let kinds = kinds(function);
    let kind = Expr::Call(Function::Kind, vec![file.clone()]);
    (!kinds.is_empty()).then(|| Expr::In(Box::new(kind), kinds.iter().map(|kind| Expr::Word(*kind)).collect()))
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

fn not(expr: Expr) -> Expr {
    Expr::Unary(UnaryOp::Not, Box::new(expr))
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
        let directory = || kind(BinaryOp::Eq, Word::Directory);
        assert!(both(binary(BinaryOp::Or, sealed(), full()), directory()), "neither alternative");
        let other = Expr::Call(Function::Open, vec![Expr::Param(1)]);
        assert!(!both(binary(BinaryOp::Or, sealed(), other), directory()), "what stands beside one is not needed");
        assert!(both(not(binary(BinaryOp::Eq, of_fd(Function::Room), Expr::Int(0))), directory()), "nor is it not so");
        assert!(both(of_fd(Function::Writable), of_fd(Function::IsPath)));
        assert!(!both(not(of_fd(Function::Writable)), of_fd(Function::IsPath)));
    }

    #[test]
    fn what_two_files_have_in_common_they_have_both() {
        let of = |function, list: &[u8]| Expr::Call(function, list.iter().map(|index| Expr::Param(*index)).collect());
        for gone in [0, 1] {
            assert!(both(of(Function::SameFile, &[0, 1]), not(of(Function::Exists, &[gone]))));
            assert!(!both(not(of(Function::SameFile, &[0, 1])), not(of(Function::Exists, &[gone]))));
        }
        for number in [0, 1] {
            let is = binary(BinaryOp::Eq, Expr::Param(0), Expr::Int(number));
            assert!(both(not(of(Function::Process, &[0])), is));
        }
    }

    #[test]
    fn a_directory_that_is_gone_has_no_path() {
        let long = binary(BinaryOp::Gt, Expr::Call(Function::CwdLength, Vec::new()), Expr::Int(4096));
        let gone = || Expr::Call(Function::CwdDeleted, Vec::new());
        assert!(both(long.clone(), gone()) && both(not(long.clone()), gone()) && !both(long, not(gone())));
    }

    #[test]
    fn who_knows_more_says_so() {
        let is = |number| binary(BinaryOp::Eq, Expr::Param(0), Expr::Int(number));
        let there = |function| binary(BinaryOp::And, of_fd(function), is(0));
        let also = |part: &Expr, into: &mut Vec<Expr>| {
            if *part == of_fd(Function::Exists) {
                into.push(not(is(0)));
            }
        };
        let never = |function| contradicts_itself(&with_what_follows_of(&there(function), &also));
        assert!(never(Function::Exists) && !never(Function::Empty));
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
        let nowhere = |at| binary(BinaryOp::Eq, Expr::Param(1), Expr::Int(at));
        assert!(both(field(8), nowhere(0)) && both(field(8), nowhere(1)) && both(not(field(8)), nowhere(0)));
        assert!(!both(field(8), nowhere(8192)));
        let least = Expr::Call(Function::Min, vec![Expr::Param(0), Expr::Int(64)]);
        let missing = |bytes: &Expr| not(readable(Expr::Param(1), bytes.clone()));
        let length = |number| binary(BinaryOp::Eq, Expr::Param(0), Expr::Int(number));
        assert!(both(missing(&Expr::Param(0)), length(0)) && both(missing(&least), length(0)));
        assert!(!both(missing(&Expr::Param(0)), length(1)) && !both(missing(&least), length(1)));
        let written = Expr::Call(Function::Mapped, vec![Expr::Param(1), Expr::Int(8), Expr::Word(Word::Write)]);
        assert!(both(written, dark(8)));
        let zeroed = || Expr::Call(Function::Zeroed, vec![Expr::Param(1), Expr::Int(0), Expr::Int(8)]);
        assert!(both(zeroed(), dark(8)) && !both(not(zeroed()), dark(8)), "what is not zero may end earlier");
        let rest = || not(Expr::Call(Function::Zeroed, vec![Expr::Param(1), Expr::Int(4), Expr::Param(0)]));
        assert!(both(rest(), length(4)) && !both(rest(), length(5)), "of nothing all is zero");
        let some = || Expr::Call(Function::Mapped, vec![Expr::Param(1), Expr::Param(0), Expr::Word(Word::Read)]);
        let at_null = || binary(BinaryOp::And, nowhere(0), length(8));
        assert!(both(some(), at_null()) && !both(some(), binary(BinaryOp::And, nowhere(0), length(0))));
        let hole = || not(Expr::Call(Function::VmaMapped, vec![Expr::Param(1), Expr::Param(0)]));
        assert!(both(hole(), length(0)) && !both(hole(), length(1)), "of nothing all is there");
    }
}
