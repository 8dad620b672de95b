//! Expressions with one thing changed.

use super::granule::{larger, smaller};
use crate::expr::{BinaryOp, Expr, Function, Gives, UnaryOp, Word, points_somewhere, print, who_answers};

/// An expression with one thing changed.
pub(super) struct Variation {
    pub(super) expr: Expr,
    pub(super) change: String,
    pub(super) direction: Direction,
    /// What must be true for the variation to differ from the original, as far as that is plain.
    pub(super) difference: Expr,
}

/// What a change does to a condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Direction {
    /// True more often.
    Wider,
    /// True less often.
    Narrower,
    /// Both, or it depends.
    Other,
}

impl Direction {
    fn under(self, positive: bool) -> Self {
        match (self, positive) {
            (Self::Wider, false) => Self::Narrower,
            (Self::Narrower, false) => Self::Wider,
            (same, _) => same,
        }
    }
}

/// The negation.
pub(super) fn negated(expr: &Expr) -> Expr {
    match expr {
        Expr::Unary(UnaryOp::Not, inner) => (**inner).clone(),
        Expr::Bool(truth) => Expr::Bool(!truth),
        other => Expr::Unary(UnaryOp::Not, Box::new(other.clone())),
    }
}

/// Every variation of a condition.
pub(super) fn variations(condition: &Expr, names: &[&str]) -> Vec<Variation> {
    let mut varying = Varying { names, consequences: Vec::new(), found: Vec::new() };
    varying.condition(condition, true, &|expr| expr, &[]);
    varying.found
}

/// Every variation of a number, a word or a truth value.
pub(super) fn values(value: &Expr, names: &[&str]) -> Vec<Variation> {
    let other = |expr: Expr, change: String| Variation {
        expr,
        change,
        direction: Direction::Other,
        difference: Expr::Bool(true),
    };
    if is_condition(value) {
        let mut list = vec![other(negated(value), "negated".to_owned())];
        list.extend(variations(value, names));
        return list;
    }
    if let Expr::Word(word) = value {
        let instead = Word::ALL.iter().copied().find(|other| other.group() == word.group() && other != word);
        return instead
            .map(|instead| other(Expr::Word(instead), format!("`{}` becomes `{}`", word.name(), instead.name())))
            .into_iter()
            .collect();
    }
    let mut varying = Varying { names, consequences: Vec::new(), found: Vec::new() };
    varying.found.push(other(larger(value, value), format!("`{}` becomes one more", print(value, names))));
    varying.number(value, &|expr| expr);
    varying.found
}

/// Flags with one of them turned.
pub(super) fn toggled(value: &Expr, flag: &str, names: &[&str]) -> Variation {
    let expr = Expr::Binary(BinaryOp::BitXor, Box::new(value.clone()), Box::new(Expr::Const(flag.to_owned())));
    let change = format!("{flag} of `{}` turned", print(value, names));
    Variation { expr, change, direction: Direction::Other, difference: Expr::Bool(true) }
}

struct Varying<'a> {
    names: &'a [&'a str],
    consequences: Vec<Expr>,
    found: Vec<Variation>,
}

type Whole<'a> = &'a dyn Fn(Expr) -> Expr;

impl Varying<'_> {
    fn push(&mut self, whole: Whole<'_>, expr: Expr, change: String, direction: Direction) {
        self.differ(whole, expr, change, direction, &[]);
    }

    fn differ(&mut self, whole: Whole<'_>, expr: Expr, change: String, direction: Direction, there: &[Expr]) {
        let difference = join(BinaryOp::And, there.to_vec());
        self.found.push(Variation { expr: whole(expr), change, direction, difference });
    }

    fn text(&self, expr: &Expr) -> String {
        print(expr, self.names)
    }

    /// `whole` puts what stands here back into what is around it; `positive` says whether it is wider where this is, and
    /// `around` is what must be true for this to matter.
    fn condition(&mut self, expr: &Expr, positive: bool, whole: Whole<'_>, around: &[Expr]) {
        match expr {
            Expr::Binary(op @ (BinaryOp::And | BinaryOp::Or), ..) => self.chain(*op, expr, positive, whole, around),
            Expr::Binary(BinaryOp::Implies, when, then) => {
                let implies = |a: Expr, b: Expr| Expr::Binary(BinaryOp::Implies, Box::new(a), Box::new(b));
                // What the consequence says nothing without, the condition need not say.
                self.consequences.push((**then).clone());
                let known = extended(around, pointers(then).into_iter().chain(who_answers(then)));
                self.condition(when, !positive, &|new| whole(implies(new, (**then).clone())), &known);
                self.consequences.pop();
                let around = extended(around, [(**when).clone()]);
                self.condition(then, positive, &|new| whole(implies((**when).clone(), new)), &around);
            }
            Expr::Unary(UnaryOp::Not, inner) => {
                self.condition(inner, !positive, &|new| whole(Expr::Unary(UnaryOp::Not, Box::new(new))), around);
            }
            Expr::Binary(op, left, right) if op.precedence() == 4 => {
                self.comparison(*op, left, right, positive, whole, around)
            }
            Expr::In(inner, list) if list.len() > 1 => {
                for (index, item) in list.iter().enumerate() {
                    let mut rest = list.clone();
                    rest.remove(index);
                    let change = format!("`{}` without `{}`", self.text(expr), self.text(item));
                    let is = Expr::Binary(BinaryOp::Eq, inner.clone(), Box::new(item.clone()));
                    let expr = Expr::In(inner.clone(), rest);
                    let only = [is, negated(&expr)];
                    self.differ(whole, expr, change, Direction::Narrower.under(positive), &extended(around, only));
                }
            }
            _ => {}
        }
    }

    fn chain(&mut self, op: BinaryOp, expr: &Expr, positive: bool, whole: Whole<'_>, around: &[Expr]) {
        let parts = expr.joined(op);
        for (index, part) in parts.iter().enumerate() {
            let without = |instead: Option<Expr>| {
                let mut list: Vec<Expr> = parts.iter().map(|part| (*part).clone()).collect();
                match instead {
                    Some(instead) => list[index] = instead,
                    None => drop(list.remove(index)),
                }
                join(op, list)
            };
            let others: Vec<&Expr> =
                parts.iter().enumerate().filter(|(at, _)| *at != index).map(|(_, part)| *part).collect();
            let direction = if op == BinaryOp::And { Direction::Wider } else { Direction::Narrower };
            // Where the others say nothing without it, the condition becomes unknown instead of false: it demands no more.
            let is_and = op == BinaryOp::And;
            let siblings = others.iter().map(|other| if is_and { (*other).clone() } else { denied(other) });
            let around = extended(around, siblings);
            let needed = if is_and {
                let all = self.consequences.iter().chain(others.iter().copied()).collect::<Vec<_>>();
                guards(part, &all)
            } else {
                shields(part, &others)
            };
            if !needed {
                let change = format!("without `{}`", self.text(part));
                let this = if is_and { denied(part) } else { (*part).clone() };
                self.differ(whole, without(None), change, direction.under(positive), &extended(&around, [this]));
            }
            self.condition(part, positive, &|new| whole(without(Some(new))), &around);
        }
    }

    fn comparison(
        &mut self,
        op: BinaryOp,
        left: &Expr,
        right: &Expr,
        positive: bool,
        whole: Whole<'_>,
        around: &[Expr],
    ) {
        let now = |op, right: Expr| Expr::Binary(op, Box::new(left.clone()), Box::new(right));
        let old = self.text(&now(op, right.clone()));
        // Both comparisons say the same but for these numbers on the left.
        let mut push = |new: Expr, direction: Direction, numbers: &[Expr]| {
            let change = format!("`{old}` becomes `{}`", self.text(&new));
            let is = |number: &Expr| now(BinaryOp::Eq, number.clone());
            let only = numbers.iter().map(is).reduce(|a, b| Expr::Binary(BinaryOp::Or, Box::new(a), Box::new(b)));
            self.differ(whole, new, change, direction.under(positive), &extended(around, only));
        };
        let (same, more, less) = (right.clone(), larger(left, right), smaller(left, right));
        match op {
            BinaryOp::Lt => {
                push(now(BinaryOp::Le, same.clone()), Direction::Wider, &[same]);
                push(now(op, less.clone()), Direction::Narrower, &[less]);
            }
            BinaryOp::Le => {
                push(now(BinaryOp::Lt, same.clone()), Direction::Narrower, &[same]);
                push(now(op, more.clone()), Direction::Wider, &[more]);
            }
            BinaryOp::Gt => {
                push(now(BinaryOp::Ge, same.clone()), Direction::Wider, &[same]);
                push(now(op, more.clone()), Direction::Narrower, &[more]);
            }
            BinaryOp::Ge => {
                push(now(BinaryOp::Gt, same.clone()), Direction::Narrower, &[same]);
                push(now(op, less.clone()), Direction::Wider, &[less]);
            }
            BinaryOp::Eq if is_number(left) && is_number(right) => {
                // No masked value equals what has another bit.
                let masked = matches!(left, Expr::Binary(BinaryOp::BitAnd, ..));
                let direction = if masked { Direction::Narrower } else { Direction::Other };
                push(now(op, more.clone()), direction, &[same, more]);
            }
            BinaryOp::Ne if is_number(left) && is_number(right) => {
                push(now(op, more.clone()), Direction::Wider, &[same, more]);
            }
            BinaryOp::Eq => push(now(BinaryOp::Ne, same), Direction::Other, &[]),
            BinaryOp::Ne => push(now(BinaryOp::Eq, same), Direction::Other, &[]),
            _ => {}
        }
    }

    /// Operands of `|` and `&` that go.
    fn number(&mut self, expr: &Expr, whole: Whole<'_>) {
        let Expr::Binary(op, left, right) = expr else { return };
        if matches!(op, BinaryOp::BitOr | BinaryOp::BitAnd) {
            for (kept, gone) in [(right, left), (left, right)] {
                let change = format!("`{}` without `{}`", self.text(expr), self.text(gone));
                self.push(whole, (**kept).clone(), change, Direction::Other);
            }
        }
        let binary = |a: Expr, b: Expr| Expr::Binary(*op, Box::new(a), Box::new(b));
        self.number(left, &|new| whole(binary(new, (**right).clone())));
        self.number(right, &|new| whole(binary((**left).clone(), new)));
    }
}

/// What must be true for a consequence to be known that looks behind pointers: they point to something.
fn pointers(then: &Expr) -> Vec<Expr> {
    let mut found: Vec<Expr> = Vec::new();
    then.walk(&mut |part| {
        if let Expr::Deref(base) | Expr::Field(base, _) | Expr::Index(base, _) = part
            && matches!(**base, Expr::Param(_))
        {
            found.push(points_somewhere((**base).clone()));
        }
    });
    found.dedup();
    found
}

fn extended(around: &[Expr], more: impl IntoIterator<Item = Expr>) -> Vec<Expr> {
    around.iter().cloned().chain(more).collect()
}

/// The negation, as an equality where there is one.
fn denied(expr: &Expr) -> Expr {
    let with = |op, a: &Expr, b: &Expr| Expr::Binary(op, Box::new(a.clone()), Box::new(b.clone()));
    match expr {
        Expr::Binary(BinaryOp::Eq, a, b) => with(BinaryOp::Ne, a, b),
        Expr::Binary(BinaryOp::Ne, a, b) => with(BinaryOp::Eq, a, b),
        Expr::Binary(BinaryOp::And, a, b) => Expr::Binary(BinaryOp::Or, Box::new(denied(a)), Box::new(denied(b))),
        Expr::Binary(BinaryOp::Or, a, b) => Expr::Binary(BinaryOp::And, Box::new(denied(a)), Box::new(denied(b))),
        other => negated(other),
    }
}

fn join(op: BinaryOp, list: Vec<Expr>) -> Expr {
    let joined = list.into_iter().reduce(|a, b| Expr::Binary(op, Box::new(a), Box::new(b)));
    joined.unwrap_or(Expr::Bool(op == BinaryOp::And))
}

/// The conjuncts of a condition.
pub(super) fn conjuncts(expr: &Expr) -> Vec<&Expr> {
    expr.joined(BinaryOp::And)
}

/// The same conjuncts with one of them replaced.
pub(super) fn with_conjunct(expr: &Expr, index: usize, instead: Expr) -> Expr {
    let mut list: Vec<Expr> = conjuncts(expr).into_iter().cloned().collect();
    list[index] = instead;
    join(BinaryOp::And, list)
}

/// Whether an expression is a truth value.
fn is_condition(expr: &Expr) -> bool {
    match expr {
        Expr::Bool(_) | Expr::Unary(UnaryOp::Not, _) | Expr::In(..) | Expr::InSet(..) => true,
        Expr::Binary(op, ..) => op.precedence() <= 4,
        Expr::Call(function, _) => function.gives() == Gives::Bool,
        Expr::Old(inner) => is_condition(inner),
        _ => false,
    }
}

/// Whether an expression is a number that has a successor.
fn is_number(expr: &Expr) -> bool {
    match expr {
        Expr::Int(_)
        | Expr::Const(_)
        | Expr::Param(_)
        | Expr::Ret
        | Expr::Field(..)
        | Expr::Index(..)
        | Expr::Deref(_) => true,
        Expr::Unary(op, _) => *op != UnaryOp::Not,
        Expr::Binary(op, ..) => op.precedence() > 4,
        Expr::Call(function, _) => function.gives() == Gives::Int,
        Expr::Target(question) => matches!(question, crate::expr::TargetQuestion::Known(_)),
        Expr::Old(inner) => is_number(inner),
        _ => false,
    }
}

/// Whether the other conjuncts cannot all be true where `part` is false, because one of them is unknown there.
fn guards(part: &Expr, others: &[&Expr]) -> bool {
    let Expr::Call(guard @ (Function::Exists | Function::Open | Function::Seekable), list) = part else { return false };
    let Some(subject) = list.first() else { return false };
    others.iter().any(|other| never_true(other, *guard, subject))
}

/// Whether the other alternatives are all unknown where `part` is true, so that without it nothing is denied.
fn shields(part: &Expr, others: &[&Expr]) -> bool {
    let Expr::Unary(UnaryOp::Not, inner) = part else { return false };
    let Expr::Call(guard @ (Function::Exists | Function::Open), list) = &**inner else { return false };
    let Some(subject) = list.first() else { return false };
    others.iter().any(|other| needs(other, *guard, subject))
}

/// Whether a condition is unknown or false wherever `subject` is not there.
fn never_true(expr: &Expr, guard: Function, subject: &Expr) -> bool {
    match expr {
        Expr::Binary(BinaryOp::And, a, b) => never_true(a, guard, subject) || never_true(b, guard, subject),
        Expr::Binary(BinaryOp::Or, a, b) => never_true(a, guard, subject) && never_true(b, guard, subject),
        Expr::Unary(UnaryOp::Not, inner) => needs(inner, guard, subject),
        other => needs(other, guard, subject),
    }
}

/// Whether an atom has no value where `subject` is not there.
fn needs(atom: &Expr, guard: Function, subject: &Expr) -> bool {
    match atom {
        Expr::Binary(op, ..) if op.precedence() < 4 => false,
        Expr::Unary(UnaryOp::Not, _) => false,
        _ => {
            let mut found = false;
            atom.walk(&mut |expr| {
                if let Expr::Call(function, list) = expr
                    && list.first() == Some(subject)
                {
                    found |= is_unknown_without(*function, guard);
                }
            });
            found
        }
    }
}

fn is_unknown_without(function: Function, guard: Function) -> bool {
    use Function::{
        Append, Cloexec, EmptyDirectory, IsPath, Kind, Links, May, Nonblock, Offset, Owns, Permissions, Readable,
        Seekable, Size, StatusFlags, Writable,
    };
    let of_file = matches!(function, Kind | Size | Links | May | Owns | Permissions | EmptyDirectory);
    let of_descriptor = matches!(
        function,
        Kind | Readable | Writable | IsPath | Nonblock | Append | Cloexec | StatusFlags | Seekable | Offset
    );
    match guard {
        Function::Exists => of_file,
        Function::Seekable => function == Function::Offset,
        _ => of_descriptor,
    }
}
