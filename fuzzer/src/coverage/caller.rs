//! The caller as every sandbox has it: by all its ids one user and one group, and one thread. Programs may change that, but then the
//! model does not know the caller any more.

use abispec::expr::{BinaryOp, Expr, Function};

/// Why nothing is seen that tells one id of the caller from another.
pub(super) const ONE_USER: &str = "needs a caller whose real, effective and saved ids differ; the sandbox's are one";

/// Why nothing is seen that tells a thread from its process.
pub(super) const ONE_THREAD: &str = "needs a caller with several threads; the sandbox's has one";

/// A condition of a caller whose ids are one.
pub(super) fn of_one_user(condition: &Expr) -> Expr {
    replaced(condition, &|function| match function {
        Function::Euid | Function::Suid => Some(Function::Uid),
        Function::Egid | Function::Sgid => Some(Function::Gid),
        Function::Uid | Function::Gid => Some(function),
        _ => None,
    })
}

/// A condition of a caller that has one thread.
pub(super) fn of_one_thread(condition: &Expr) -> Expr {
    replaced(condition, &|function| matches!(function, Function::Pid | Function::Tid).then_some(Function::Pid))
}

/// Puts one number in place of those that are the same; a list with some of them becomes the comparisons that it stands for.
fn replaced(expr: &Expr, same: &dyn Fn(Function) -> Option<Function>) -> Expr {
    let new = |expr: &Expr| replaced(expr, same);
    let boxed = |expr: &Expr| Box::new(new(expr));
    match expr {
        Expr::Binary(op, a, b) => Expr::Binary(*op, boxed(a), boxed(b)),
        Expr::Unary(op, inner) => Expr::Unary(*op, boxed(inner)),
        Expr::Old(inner) => Expr::Old(boxed(inner)),
        Expr::In(inner, list) if list.iter().any(|item| is_one_of(item, same)) => {
            let mut items: Vec<Expr> = Vec::new();
            for item in list.iter().map(new) {
                if !items.contains(&item) {
                    items.push(item);
                }
            }
            let is = |item| Expr::Binary(BinaryOp::Eq, boxed(inner), Box::new(item));
            let either = |a, b| Expr::Binary(BinaryOp::Or, Box::new(a), Box::new(b));
            items.into_iter().map(is).reduce(either).unwrap_or(Expr::Bool(false))
        }
        Expr::Call(function, list) => match same(*function) {
            Some(function) => Expr::Call(function, list.clone()),
            None => expr.clone(),
        },
        other => other.clone(),
    }
}

fn is_one_of(expr: &Expr, same: &dyn Fn(Function) -> Option<Function>) -> bool {
    matches!(expr, Expr::Call(function, _) if same(*function).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;
    use abispec::expr::{UnaryOp, contradicts_itself};

    #[test]
    fn one_id_is_as_good_as_another() {
        let own = |function| Expr::Call(function, Vec::new());
        let and = |a, b| Expr::Binary(BinaryOp::And, Box::new(a), Box::new(b));
        let is = |b| Expr::Binary(BinaryOp::Eq, Box::new(Expr::Param(0)), Box::new(b));
        let none = |list: &[Function]| {
            let list = list.iter().map(|function| own(*function)).collect();
            Expr::Unary(UnaryOp::Not, Box::new(Expr::In(Box::new(Expr::Param(0)), list)))
        };
        let real = and(is(own(Function::Uid)), none(&[Function::Euid, Function::Suid]));
        assert!(!contradicts_itself(&real) && contradicts_itself(&of_one_user(&real)));
        let group = and(is(own(Function::Gid)), none(&[Function::Euid, Function::Suid]));
        assert!(!contradicts_itself(&of_one_user(&group)), "a group is no user");
        let other = none(&[Function::Uid, Function::Euid]);
        assert!(!contradicts_itself(&of_one_user(&other)), "others there are");
        let thread = and(is(own(Function::Tid)), none(&[Function::Pid]));
        assert!(!contradicts_itself(&of_one_user(&thread)) && contradicts_itself(&of_one_thread(&thread)));
    }
}
