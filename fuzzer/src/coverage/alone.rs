//! What is not seen where a sandbox has no user and no group but its own: an ordinary user may map no other.

use super::Executable;
use abispec::expr::{BinaryOp, Expr, Function, UnaryOp};
use abispec::model::{Changed, Effect};
use abispec::target::{Clause, Resolved};

const USER: &str = "needs another user or group; an ordinary user's sandbox has one";
const PROCESS: &str = "needs another user's process; an ordinary user's sandbox has none";
const OBJECT: &str = "needs another user's object; an ordinary user's sandbox has none";
const GROUPS: &str = "needs groups to choose from; an ordinary user's sandbox has none and may set none";

/// Calls that ask nothing of a process but whose it is.
const OF_A_USER: [&str; 6] = ["kill", "tkill", "tgkill", "prlimit64", "rt_sigqueueinfo", "rt_tgsigqueueinfo"];

/// Strikes out what needs another user or group.
pub fn strike_out_others(resolved: &Resolved, verdicts: &mut [Executable]) {
    let mut strike = |clause: abispec::target::ClauseId, why: &str| {
        if let Some(verdict @ Executable::Yes) = verdicts.get_mut(clause.0 as usize) {
            *verdict = Executable::No(why.to_owned());
        }
    };
    for variant in resolved.calls.iter().flat_map(|call| &call.variants) {
        for rule in &variant.rules {
            let clause = resolved.clause(rule.clause);
            if let Some(why) = needed(clause, rule.errno.name(), rule.duty, &rule.condition) {
                strike(rule.clause, why);
            }
        }
        for rule in &variant.effects {
            let changes = matches!(rule.effect.effect, Effect::Changes { what: Changed::Credentials | Changed::Owner });
            if changes && rule.effect.when.as_ref().is_some_and(|when| other(&when.value)) {
                strike(rule.clause, USER);
            }
        }
    }
}

fn needed(clause: &Clause, errno: &str, duty: bool, condition: &Expr) -> Option<&'static str> {
    match (clause.syscall.as_str(), errno) {
        ("setgroups" | "setgroups32", "EINVAL" | "EFAULT") => Some(GROUPS),
        ("getgroups" | "getgroups32", "EINVAL" | "EFAULT") if !duty => Some(GROUPS),
        (_, "EPERM") if other(condition) => Some(USER),
        ("shmctl" | "semctl" | "msgctl", "EPERM") if !duty && !speaks_of(condition, &[Function::Capable]) => {
            Some(OBJECT)
        }
        (call, "EPERM")
            if !duty && OF_A_USER.contains(&call) && speaks_of(condition, &[Function::Pid, Function::Tid]) =>
        {
            Some(PROCESS)
        }
        _ => None,
    }
}

/// Whether a condition asks for a user or group that is not the caller's.
fn other(condition: &Expr) -> bool {
    match condition {
        Expr::Binary(BinaryOp::And, a, b) => other(a) || other(b),
        Expr::Binary(BinaryOp::Or, a, b) => other(a) && other(b),
        Expr::Binary(BinaryOp::Ne, _, own) => is_own_id(own),
        Expr::Unary(UnaryOp::Not, inner) => match &**inner {
            Expr::In(_, list) => list.iter().any(is_own_id),
            // The caller is one user by all his ids.
            Expr::Binary(BinaryOp::And, a, b) => {
                other(&Expr::Unary(UnaryOp::Not, a.clone())) && other(&Expr::Unary(UnaryOp::Not, b.clone()))
            }
            Expr::Binary(BinaryOp::Or, a, b) => {
                other(&Expr::Unary(UnaryOp::Not, a.clone())) || other(&Expr::Unary(UnaryOp::Not, b.clone()))
            }
            Expr::Binary(BinaryOp::Eq, _, own) => is_own_id(own),
            _ => false,
        },
        _ => false,
    }
}

fn is_own_id(expr: &Expr) -> bool {
    let own = [Function::Uid, Function::Euid, Function::Suid, Function::Gid, Function::Egid, Function::Sgid];
    matches!(expr, Expr::Call(function, _) if own.contains(function))
}

fn speaks_of(condition: &Expr, functions: &[Function]) -> bool {
    let mut found = false;
    condition.walk(&mut |expr| found |= matches!(expr, Expr::Call(own, _) if functions.contains(own)));
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::coverage::executable;
    use crate::habitat::Habitat;
    use abispec::arch::Arch;
    use abispec::target::Target;
    use abispec::version::Release;

    #[test]
    fn who_is_alone_gives_nothing_away() {
        let resolved = abispec::resolve(abispec::embedded(), &Target::new(Arch::X86_64, Release::new(7, 3)));
        let mut verdicts = executable(&resolved, &[Habitat::default()]);
        let before = verdicts.clone();
        strike_out_others(&resolved, &mut verdicts);
        let struck: Vec<&Clause> = (before.iter().zip(&verdicts).zip(&resolved.clauses))
            .filter(|((before, after), _)| before != after)
            .map(|(_, clause)| clause)
            .collect();
        let of = |call: &str, errno: &str| {
            struck
                .iter()
                .filter(|clause| clause.syscall == call && clause.errno.is_some_and(|own| own.name() == errno))
                .count()
        };
        assert_eq!((of("setuid", "EPERM"), of("setresgid", "EPERM"), of("chown", "EPERM")), (1, 3, 1));
        assert_eq!((of("kill", "EPERM"), of("getgroups", "EINVAL"), of("setgroups", "EFAULT")), (1, 1, 1));
        // A number that stands for nobody is refused for all that.
        assert_eq!((of("setuid", "EINVAL"), of("chown", "EINVAL"), of("getgroups", "EPERM")), (0, 0, 0));
    }
}
