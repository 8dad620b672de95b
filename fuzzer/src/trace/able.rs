//! Which conditions a tracer can ever decide: what it never knows of a foreign process makes them unknown beforehand.

use abispec::expr::{BinaryOp, Expr, Function, Moment, Subject, UnaryOp};
use abispec::target::Variant;

/// What a condition can come out as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Able {
    /// It can be known to hold.
    pub(super) hold: bool,
    /// It can be known not to hold.
    pub(super) fail: bool,
}

const NEVER: Able = Able { hold: false, fail: false };
const EITHER: Able = Able { hold: true, fail: true };

impl Able {
    fn known(self) -> bool {
        self.hold || self.fail
    }
}

/// What a condition of a variant can come out as.
pub(super) fn able(expr: &Expr, variant: &Variant, moment: Moment) -> Able {
    let of = |expr: &Expr| able(expr, variant, moment);
    let all_known = |known: bool| if known { EITHER } else { NEVER };
    match expr {
        Expr::Bool(truth) => Able { hold: *truth, fail: !truth },
        Expr::Int(number) => Able { hold: *number != 0, fail: *number == 0 },
        Expr::Word(_) | Expr::Param(_) | Expr::Ret => EITHER,
        Expr::Load { address, .. } => all_known(of(address).known()),
        Expr::Unary(UnaryOp::Not, inner) => {
            let inner = of(inner);
            Able { hold: inner.fail, fail: inner.hold }
        }
        Expr::Unary(_, inner) => all_known(of(inner).known()),
        Expr::Binary(op, a, b) => {
            let (a, b) = (of(a), of(b));
            match op {
                BinaryOp::And => Able { hold: a.hold && b.hold, fail: a.fail || b.fail },
                BinaryOp::Or => Able { hold: a.hold || b.hold, fail: a.fail && b.fail },
                BinaryOp::Implies => Able { hold: a.fail || b.hold, fail: a.hold && b.fail },
                _ => all_known(a.known() && b.known()),
            }
        }
        Expr::In(inner, list) => {
            let items = || list.iter().map(of);
            match of(inner).known() {
                false => NEVER,
                true => Able { hold: items().any(Able::known), fail: items().all(Able::known) },
            }
        }
        Expr::Call(function, operands) => {
            let path = operands.first().is_some_and(|operand| is_path(operand, variant));
            let known = operands.iter().all(|operand| matches!(operand, Expr::Param(_)) || of(operand).known());
            all_known(known && answers(*function, path, moment))
        }
        Expr::Old(inner) => able(inner, variant, Moment::Before),
        Expr::Const(_) | Expr::Field(..) | Expr::Index(..) | Expr::Deref(_) | Expr::InSet(..) | Expr::Target(_) => {
            NEVER
        }
        Expr::Unknown(_) => NEVER,
    }
}

fn is_path(operand: &Expr, variant: &Variant) -> bool {
    let index = match operand {
        Expr::Param(index) => index,
        Expr::Old(inner) => return is_path(inner, variant),
        _ => return false,
    };
    variant.params.get(usize::from(*index)).is_some_and(|param| param.path.is_some())
}

/// Whether a tracer can answer a function at all.
pub(super) fn answers(function: Function, of_a_path: bool, moment: Moment) -> bool {
    match function.subject() {
        Subject::Numbers | Subject::Memory => true,
        Subject::Mappings => false,
        Subject::Descriptors => match function {
            // Others fill, empty, move and seal what they share.
            Function::Available | Function::Room | Function::PeerClosed | Function::Seals => false,
            Function::SameDescription => false,
            // Only who saw a socket made and used knows.
            Function::Family | Function::SocketType | Function::Fresh => false,
            Function::Offset => moment == Moment::After,
            Function::FreeFds => moment == Moment::Before,
            Function::Kind => !of_a_path,
            _ => true,
        },
        Subject::Files => matches!(
            function,
            Function::Empty | Function::Absolute | Function::TrailingSlash | Function::Last | Function::Leaves
        ),
        Subject::Process => match function {
            Function::Pid | Function::Tid | Function::Uid | Function::Euid | Function::Gid | Function::Process => true,
            Function::Rlimit | Function::RlimitMax | Function::Sigmask => moment == Moment::Before,
            _ => false,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use abispec::target::ClauseId;
    use abispec::types::Type;

    fn variant() -> Variant {
        Variant {
            command: None,
            selector: None,
            params: Vec::new(),
            returns: Type::Zero,
            returns_clause: ClauseId(0),
            blocks: None,
            rules: Vec::new(),
            ensures: Vec::new(),
            effects: Vec::new(),
            success_needs: None,
        }
    }

    #[test]
    fn what_is_never_known_decides_nothing_and_what_stands_beside_it_may() {
        let never = || Expr::Call(Function::Available, vec![Expr::Param(0)]);
        let known = || Expr::Call(Function::Open, vec![Expr::Param(0)]);
        let binary = |op, a, b| Expr::Binary(op, Box::new(a), Box::new(b));
        let table = [
            (never(), NEVER),
            (known(), EITHER),
            (binary(BinaryOp::And, known(), never()), Able { hold: false, fail: true }),
            (binary(BinaryOp::Or, known(), never()), Able { hold: true, fail: false }),
            (binary(BinaryOp::Implies, never(), known()), Able { hold: true, fail: false }),
            (binary(BinaryOp::Implies, known(), never()), Able { hold: true, fail: false }),
            (binary(BinaryOp::Eq, known(), never()), NEVER),
            (Expr::Unary(UnaryOp::Not, Box::new(Expr::Bool(true))), Able { hold: false, fail: true }),
        ];
        for (expr, expected) in table {
            assert_eq!(able(&expr, &variant(), Moment::Before), expected, "{expr:?}");
        }
    }
}
