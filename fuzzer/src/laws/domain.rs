//! Whether what a law is given is of the types that it names: what is made simpler must stay so, and so must what a person
//! writes into a replay file.

use crate::program::Argument;
use abispec::expr::Expr;
use abispec::target::{Resolved, ResolvedParam};
use abispec::types::Type;

/// The first variable whose argument is not of its type.
pub fn stranger<'a>(resolved: &Resolved, params: &'a [ResolvedParam], args: &[Argument]) -> Option<&'a ResolvedParam> {
    params.iter().zip(args).find(|(param, arg)| !fits(resolved, param, arg)).map(|(param, _)| param)
}

fn fits(resolved: &Resolved, param: &ResolvedParam, arg: &Argument) -> bool {
    if let Some((_, nullable)) = param.ty.pointer() {
        return matches!(arg, Argument::Block(_)) || nullable && matches!(arg, Argument::Number(0));
    }
    let number = match arg {
        Argument::Number(number) => param.int.value_of(*number, resolved.target.arch.data_model().word()),
        Argument::Result { .. } => return matches!(param.ty, Type::Resource(_)),
        Argument::Block(_) => return false,
    };
    let set = |name: &String| resolved.sets.get(name);
    match &param.ty {
        Type::Int { range: Some(range), .. } => match &**range {
            (Expr::Int(low), Expr::Int(high)) => (*low..=*high).contains(&number),
            _ => true,
        },
        Type::Bool => matches!(number, 0 | 1),
        Type::Const(only) => number == *only,
        Type::Enum { set: name, .. } => set(name).is_some_and(|set| set.members.iter().any(|one| one.value == number)),
        Type::Flags { set: name, .. } => set(name).is_some_and(|set| number & !set.known == 0),
        Type::Mode => (0..=0o7777).contains(&number),
        // Of a number nobody knows what it refers to; only where any descriptor will do is that no matter.
        Type::Resource(name) if name == "fd[directory]" => number == i128::from(libc::AT_FDCWD),
        Type::Resource(name) => !name.contains('['),
        _ => true,
    }
}
