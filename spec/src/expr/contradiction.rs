//! Conditions that nothing can make true, because they ask for a thing and for its contrary.

use super::ast::{BinaryOp, Expr, UnaryOp, Word};
use super::functions::Function;
use super::interval::{ALL, Bounds, Interval};

/// Whether a condition contradicts itself, whatever its parts mean: `a && !a`, `a && b && (!a || !b)`, `x == 1 && x == 2`.
///
/// `false` says nothing: of arithmetic little is looked at, of the kernel's own logic nothing, and a condition with
/// very many alternatives is not looked through.
pub fn contradicts_itself(condition: &Expr) -> bool {
    let mut search = Search { left: ALTERNATIVES };
    !search.consistent(vec![(condition, true)], Vec::new())
}

/// How many alternatives are tried before a condition is taken for consistent.
const ALTERNATIVES: usize = 256;

/// An expression, and whether it has to be true or false.
type Demand<'a> = (&'a Expr, bool);

struct Search {
    left: usize,
}

impl Search {
    /// Whether all demands can hold, where `given` holds and contradicts nothing.
    fn consistent<'a>(&mut self, mut open: Vec<Demand<'a>>, mut given: Vec<Demand<'a>>) -> bool {
        let mut choices = Vec::new();
        while let Some((expr, truth)) = open.pop() {
            match (expr, truth) {
                (Expr::Bool(value), _) if *value == truth => {}
                (Expr::Bool(_), _) => return false,
                (Expr::Unary(UnaryOp::Not, inner), _) => open.push((inner, !truth)),
                (Expr::Binary(BinaryOp::And, a, b), true) | (Expr::Binary(BinaryOp::Or, a, b), false) => {
                    open.extend([(&**a, truth), (&**b, truth)]);
                }
                (Expr::Binary(BinaryOp::Implies, a, b), false) => open.extend([(&**a, true), (&**b, false)]),
                (Expr::Binary(BinaryOp::And | BinaryOp::Or | BinaryOp::Implies, ..), _) => choices.push((expr, truth)),
                _ if is_false_of_itself((expr, truth)) => return false,
                _ if given.iter().any(|known| exclude(*known, (expr, truth))) => return false,
                _ => given.push((expr, truth)),
            }
        }
        let Some((choice, truth)) = choices.pop() else { return has_words(&given) && can_be(&given) };
        let Expr::Binary(op, a, b) = choice else { return true };
        let first = if *op == BinaryOp::Implies { !truth } else { truth };
        [(&**a, first), (&**b, truth)].into_iter().any(|one| {
            let Some(left) = self.left.checked_sub(1) else { return true };
            self.left = left;
            self.consistent(choices.iter().copied().chain([one]).collect(), given.clone())
        })
    }
}

/// Whether a thing is to differ from itself.
fn is_false_of_itself(demand: Demand<'_>) -> bool {
    match positive(demand) {
        (Atom::Less(a, b), true) | (Atom::Equal(a, b), false) => same(a, b),
        _ => false,
    }
}

/// Whether what has to be one of some words can be one of them by all demands together.
fn has_words(given: &[Demand<'_>]) -> bool {
    let all: Vec<(&Expr, Words)> = given.iter().filter_map(|demand| among(*demand)).collect();
    all.iter().all(|(subject, words)| {
        let Words::These(words) = words else { return true };
        let admits = |word: &Word| {
            all.iter().filter(|(other, _)| same(subject, other)).all(|(_, words)| match words {
                Words::These(words) => words.contains(word),
                Words::Others(words) => !words.contains(word),
            })
        };
        words.iter().any(admits)
    })
}

/// Whether numbers can compare as all demands together want them to.
fn can_be(given: &[Demand<'_>]) -> bool {
    let Some(bounds) = Bounds::of(given.iter().filter_map(|demand| range(*demand))) else { return false };
    given.iter().all(|(expr, truth)| match expr {
        Expr::Binary(op, a, b) if op.precedence() == 4 => bounds.admit(if *truth { *op } else { op.opposite() }, a, b),
        Expr::In(inner, list) if *truth => list.iter().any(|item| bounds.admit(BinaryOp::Eq, inner, item)),
        _ => true,
    })
}

/// Whether two demands cannot both hold.
fn exclude(a: Demand<'_>, b: Demand<'_>) -> bool {
    if let Some(((x, one), (y, other))) = range(a).zip(range(b))
        && same(x, y)
    {
        return one.1 < other.0 || other.1 < one.0;
    }
    if let Some(((x, ones), (y, others))) = among(a).zip(among(b))
        && same(x, y)
    {
        return match (ones, others) {
            (Words::These(ones), Words::These(others)) => !ones.iter().any(|word| others.contains(word)),
            (Words::These(ones), Words::Others(others)) | (Words::Others(others), Words::These(ones)) => {
                ones.iter().all(|word| others.contains(word))
            }
            (Words::Others(_), Words::Others(_)) => false,
        };
    }
    if let Some(((x, there), (y, lacking))) = readable(a).zip(readable(b))
        && a.1 != b.1
        && same(x, y)
    {
        // Where so many bytes can be read, so can fewer.
        return if a.1 { there >= lacking } else { lacking >= there };
    }
    let ((a, a_truth), (b, b_truth)) = (positive(a), positive(b));
    a_truth != b_truth && a.is_same(&b)
}

/// An expression and the least and the greatest number that it has to be, both included.
fn range((expr, truth): Demand<'_>) -> Option<(&Expr, Interval)> {
    let Expr::Binary(op, left, right) = expr else { return None };
    let (subject, number, swapped) = match (&**left, &**right) {
        (Expr::Int(_), Expr::Int(_)) => return None,
        (subject, Expr::Int(number)) => (subject, *number, false),
        (Expr::Int(number), subject) => (subject, *number, true),
        _ => return None,
    };
    let below = (ALL.0, number.checked_sub(1)?);
    let above = (number.checked_add(1)?, ALL.1);
    let (up_to, from) = ((ALL.0, number), (number, ALL.1));
    let range = match (op, truth) {
        (BinaryOp::Eq, true) | (BinaryOp::Ne, false) => (number, number),
        (BinaryOp::Lt, true) | (BinaryOp::Ge, false) => {
            if swapped {
                above
            } else {
                below
            }
        }
        (BinaryOp::Ge, true) | (BinaryOp::Lt, false) => {
            if swapped {
                up_to
            } else {
                from
            }
        }
        (BinaryOp::Gt, true) | (BinaryOp::Le, false) => {
            if swapped {
                below
            } else {
                above
            }
        }
        (BinaryOp::Le, true) | (BinaryOp::Gt, false) => {
            if swapped {
                from
            } else {
                up_to
            }
        }
        _ => return None,
    };
    Some((subject, range))
}

/// Words that something has to be, or must not be.
enum Words {
    These(Vec<Word>),
    Others(Vec<Word>),
}

fn among((expr, truth): Demand<'_>) -> Option<(&Expr, Words)> {
    let word = |expr: &Expr| if let Expr::Word(word) = expr { Some(*word) } else { None };
    let (subject, list, is) = match expr {
        Expr::Binary(BinaryOp::Eq, subject, other) => (subject, vec![word(other)?], truth),
        Expr::Binary(BinaryOp::Ne, subject, other) => (subject, vec![word(other)?], !truth),
        Expr::In(subject, list) => (subject, list.iter().map(word).collect::<Option<_>>()?, truth),
        _ => return None,
    };
    Some((subject, if is { Words::These(list) } else { Words::Others(list) }))
}

/// An address and how many bytes have to be readable there, or must not be.
fn readable((expr, _): Demand<'_>) -> Option<(&Expr, i128)> {
    let Expr::Call(Function::Mapped, list) = expr else { return None };
    match &list[..] {
        [at, Expr::Int(bytes), Expr::Word(Word::Read)] => Some((at, *bytes)),
        _ => None,
    }
}

/// A comparison, or anything else that is true or false.
enum Atom<'a> {
    /// The first is less than the second.
    Less(&'a Expr, &'a Expr),
    /// Both are equal.
    Equal(&'a Expr, &'a Expr),
    Other(&'a Expr),
}

impl Atom<'_> {
    fn is_same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Less(a, b), Self::Less(x, y)) => same(a, x) && same(b, y),
            (Self::Equal(a, b), Self::Equal(x, y)) => (same(a, x) && same(b, y)) || (same(a, y) && same(b, x)),
            (Self::Other(a), Self::Other(b)) => same(a, b),
            _ => false,
        }
    }
}

/// Puts comparisons in two forms, so that `a >= b` is seen to be the contrary of `a < b`.
fn positive((expr, truth): Demand<'_>) -> (Atom<'_>, bool) {
    let Expr::Binary(op, a, b) = expr else { return (Atom::Other(expr), truth) };
    match op {
        BinaryOp::Eq => (Atom::Equal(a, b), truth),
        BinaryOp::Ne => (Atom::Equal(a, b), !truth),
        BinaryOp::Lt => (Atom::Less(a, b), truth),
        BinaryOp::Ge => (Atom::Less(a, b), !truth),
        BinaryOp::Gt => (Atom::Less(b, a), truth),
        BinaryOp::Le => (Atom::Less(b, a), !truth),
        _ => (Atom::Other(expr), truth),
    }
}

/// Whether two expressions have the same value for the same reasons: equal but for the order of operands.
pub(super) fn same(a: &Expr, b: &Expr) -> bool {
    match (a, b) {
        (Expr::Binary(op, a1, a2), Expr::Binary(other, b1, b2)) if op == other => {
            let swapped = matches!(op, BinaryOp::Add | BinaryOp::Mul | BinaryOp::BitAnd | BinaryOp::BitOr);
            (same(a1, b1) && same(a2, b2)) || (swapped && same(a1, b2) && same(a2, b1))
        }
        (Expr::Unary(op, a), Expr::Unary(other, b)) => op == other && same(a, b),
        (Expr::Call(function, a), Expr::Call(other, b)) => {
            function == other && a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
        }
        (Expr::Load { address: a, size, signed }, Expr::Load { address: b, size: other, signed: other_sign }) => {
            size == other && signed == other_sign && same(a, b)
        }
        (Expr::Old(a), Expr::Old(b)) => same(a, b),
        _ => a == b,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ATOMS: u8 = 4;

    fn not(a: Expr) -> Expr {
        Expr::Unary(UnaryOp::Not, Box::new(a))
    }

    fn binary(op: BinaryOp, a: Expr, b: Expr) -> Expr {
        Expr::Binary(op, Box::new(a), Box::new(b))
    }

    fn propositions() -> impl Strategy<Value = Expr> {
        let leaf = prop_oneof![(0..ATOMS).prop_map(Expr::Param), any::<bool>().prop_map(Expr::Bool)];
        leaf.prop_recursive(5, 24, 2, |inner| {
            let op = prop_oneof![Just(BinaryOp::And), Just(BinaryOp::Or), Just(BinaryOp::Implies)];
            prop_oneof![inner.clone().prop_map(not), (op, inner.clone(), inner).prop_map(|(op, a, b)| binary(op, a, b))]
        })
    }

    /// The value where parameter N is true if bit N is set.
    fn value(expr: &Expr, bits: u32) -> bool {
        match expr {
            Expr::Bool(truth) => *truth,
            Expr::Param(index) => bits >> index & 1 == 1,
            Expr::Unary(_, a) => !value(a, bits),
            Expr::Binary(BinaryOp::And, a, b) => value(a, bits) && value(b, bits),
            Expr::Binary(BinaryOp::Or, a, b) => value(a, bits) || value(b, bits),
            Expr::Binary(_, a, b) => !value(a, bits) || value(b, bits),
            other => unreachable!("{other:?} is no proposition"),
        }
    }

    proptest! {
        #[test]
        fn propositions_contradict_themselves_where_no_values_satisfy_them(expr in propositions()) {
            let satisfiable = (0..1 << ATOMS).any(|bits| value(&expr, bits));
            prop_assert_eq!(contradicts_itself(&expr), !satisfiable);
        }
    }

    #[test]
    fn comparisons_are_known_by_their_contraries() {
        let (x, y) = (|| Expr::Param(0), || Expr::Param(1));
        let both = |a, b| contradicts_itself(&binary(BinaryOp::And, a, b));
        assert!(both(binary(BinaryOp::Lt, x(), y()), binary(BinaryOp::Le, y(), x())));
        assert!(both(binary(BinaryOp::Eq, x(), Expr::Int(1)), binary(BinaryOp::Eq, x(), Expr::Int(2))));
        assert!(both(
            binary(BinaryOp::Gt, binary(BinaryOp::Mul, x(), y()), Expr::Int(8)),
            not(binary(BinaryOp::Lt, Expr::Int(8), binary(BinaryOp::Mul, y(), x()))),
        ));
        assert!(!both(binary(BinaryOp::Lt, x(), y()), binary(BinaryOp::Lt, y(), Expr::Int(5))));
        assert!(!both(binary(BinaryOp::Eq, x(), Expr::Int(1)), binary(BinaryOp::Eq, y(), Expr::Int(2))));
        assert!(!both(binary(BinaryOp::Le, x(), y()), binary(BinaryOp::Le, y(), x())));
    }

    #[test]
    fn numbers_and_words_that_nothing_can_be_at_once_are_seen() {
        let both = |a, b| contradicts_itself(&binary(BinaryOp::And, a, b));
        let x = |op, number| binary(op, Expr::Param(0), Expr::Int(number));
        assert!(both(x(BinaryOp::Gt, 4), x(BinaryOp::Lt, 5)));
        assert!(both(x(BinaryOp::Eq, 4), not(x(BinaryOp::Lt, 5))));
        assert!(both(x(BinaryOp::Le, 4), binary(BinaryOp::Lt, Expr::Int(4), Expr::Param(0))));
        assert!(!both(x(BinaryOp::Ge, 4), x(BinaryOp::Le, 4)));
        assert!(!both(x(BinaryOp::Ne, 4), x(BinaryOp::Ge, 4)));
        let kind = || Expr::Call(Function::Kind, vec![Expr::Param(0)]);
        let among = |words: &[Word]| Expr::In(Box::new(kind()), words.iter().map(|word| Expr::Word(*word)).collect());
        let is = |word| binary(BinaryOp::Eq, kind(), Expr::Word(word));
        assert!(both(is(Word::Pipe), is(Word::Socket)));
        assert!(both(among(&[Word::Pipe, Word::Epoll]), is(Word::Socket)));
        assert!(both(among(&[Word::Pipe, Word::Epoll]), among(&[Word::Regular])));
        assert!(both(not(among(&[Word::Pipe, Word::Epoll])), is(Word::Epoll)));
        assert!(!both(among(&[Word::Pipe, Word::Epoll]), not(is(Word::Pipe))));
        assert!(!both(not(is(Word::Epoll)), not(is(Word::Pipe))));
    }

    #[test]
    fn nothing_differs_from_itself() {
        use BinaryOp::{Eq, Ge, Gt, Le, Lt, Ne};
        let with = |op, other: u8| binary(op, Expr::Param(0), Expr::Param(other));
        assert!([Ne, Lt, Gt].into_iter().all(|op| contradicts_itself(&with(op, 0))));
        assert!([Eq, Le, Ge].into_iter().all(|op| contradicts_itself(&not(with(op, 0)))));
        assert!([Eq, Le, Ge].into_iter().all(|op| !contradicts_itself(&with(op, 0))));
        assert!([Ne, Lt, Gt].into_iter().all(|op| !contradicts_itself(&with(op, 1))));
    }

    #[test]
    fn what_is_one_of_some_words_is_one_that_is_left() {
        let kind = |words: &[Word]| {
            let kind = Expr::Call(Function::Kind, vec![Expr::Param(0)]);
            Expr::In(Box::new(kind), words.iter().copied().map(Expr::Word).collect())
        };
        let one = || kind(&[Word::Regular, Word::Directory]);
        let without = |a: &[Word], b: &[Word]| {
            let neither = binary(BinaryOp::And, not(kind(a)), not(kind(b)));
            contradicts_itself(&binary(BinaryOp::And, one(), neither))
        };
        assert!(without(&[Word::Regular], &[Word::Directory, Word::Pipe]));
        assert!(!without(&[Word::Regular], &[Word::Pipe]));
    }
}
