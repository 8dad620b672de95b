//! Parameters: name, C type, type, and what goes with it.

use super::expression::{Direction, negated, variations};
use super::{Making, Shows, Subject};
use crate::errno::Errno;
use crate::expr::{Expr, print};
use crate::model::{Param, Spec, Unknown};
use crate::place::{At, Place};
use crate::types::{Count, Direction as Access, Type, print as print_type};
use crate::version::Span;

/// A condition of a parameter.
type Key = fn(&mut Param) -> &mut Option<At<Expr>>;

/// The keys of a parameter that hold conditions.
const KEYS: [(&str, Key); 6] = [
    ("unknown_when", |param| &mut param.unknown_when),
    ("used", |param| &mut param.used),
    ("follow", |param| &mut param.follow),
    ("empty", |param| &mut param.empty),
    ("must_exist", |param| &mut param.must_exist),
    ("scoped", |param| &mut param.scoped),
];

pub(super) fn mutants(making: &mut Making<'_>) {
    let call = making.call;
    for (index, param) in call.params.iter().enumerate() {
        let place = Where { command: None, index };
        prototype(making, place, param);
        behaviour(making, place, param);
    }
    for (number, command) in call.commands.iter().enumerate() {
        for (index, (_, param)) in command.params.iter().enumerate() {
            behaviour(making, Where { command: Some(number), index }, param);
        }
    }
}

/// Where a parameter stands: in the call, or among those that a command states.
#[derive(Clone, Copy)]
struct Where {
    command: Option<usize>,
    index: usize,
}

impl Where {
    fn of(self, spec: &mut Spec, call: &str, change: &dyn Fn(&mut Param)) {
        let Some(call) = spec.syscalls.get_mut(call) else { return };
        let param = match self.command {
            None => call.params.get_mut(self.index),
            Some(command) => call
                .commands
                .get_mut(command)
                .and_then(|command| command.params.get_mut(self.index))
                .map(|(_, param)| param),
        };
        if let Some(param) = param {
            change(param);
        }
    }
}

fn subject(making: &Making<'_>, place: Where, param: &Param, at: Place, shows: Shows) -> Subject {
    let name = &param.name.value;
    let (prefix, span) = match place.command {
        None => (format!("params.{name}"), Span::default()),
        Some(index) => {
            let command = &making.call.commands[index];
            (format!("{}.params.{name}", command.names[0].value), command.span)
        }
    };
    Subject { prefix, at, shows, span, clause: None }
}

fn add(
    making: &mut Making<'_>,
    place: Where,
    subject: &Subject,
    what: &str,
    change: String,
    apply: impl Fn(&mut Param) + Send + Sync + 'static,
) {
    let call = making.call.name.value.clone();
    making.add(subject, what, change, move |spec| place.of(spec, &call, &apply));
}

/// Name and C type: what a prototype states.
fn prototype(making: &mut Making<'_>, place: Where, param: &Param) {
    let name = &param.name.value;
    let witnessed = subject(making, place, param, param.name.at, Shows::Witness);
    let renamed = format!("{name}_");
    add(making, place, &witnessed, "name", format!("parameter {name}: named {renamed}"), move |param| {
        param.name.value = renamed.clone();
    });
    let witnessed = subject(making, place, param, param.c.at, Shows::Both);
    let other = other_c(&param.c.value);
    add(
        making,
        place,
        &witnessed,
        "c",
        format!("parameter {name}, C type {}: {other} instead", param.c.value),
        move |param| {
            param.c.value = other.to_owned();
        },
    );
}

fn other_c(c: &str) -> &'static str {
    match c {
        "int" => "unsigned int",
        "int __user *" => "char __user *",
        pointer if pointer.contains('*') => "int __user *",
        _ => "int",
    }
}

/// What types and keys imply.
fn behaviour(making: &mut Making<'_>, place: Where, param: &Param) {
    let name = param.name.value.clone();
    let names = making.call.param_names();
    if let Some(unknown) = &param.unknown {
        let called = subject(making, place, param, unknown.at, Shows::Calls);
        for (id, other, text) in policies(unknown.value) {
            add(making, place, &called, id, format!("parameter {name}, unknown: {text}"), move |param| {
                if let Some(unknown) = &mut param.unknown {
                    unknown.value = other;
                }
            });
        }
    }
    let called = subject(making, place, param, param.ty.at, Shows::Calls);
    let old = print_type(&param.ty.value, &names);
    for (number, ty) in types(&param.ty.value).into_iter().enumerate() {
        let change = format!("parameter {name}, type {old}: {} instead", print_type(&ty, &names));
        add(making, place, &called, &format!("type.{number}"), change, move |param| param.ty.value = ty.clone());
    }
    if matches!(param.ty.value, Type::Path { .. }) && param.base.is_some() {
        add(making, place, &called, "base", format!("parameter {name}, base: removed"), |param| param.base = None);
    }
    for (key, of) in KEYS {
        let mut scratch = param.clone();
        let Some(condition) = of(&mut scratch).take() else { continue };
        let called = subject(making, place, param, condition.at, Shows::Calls);
        let text = print(&condition.value, &names);
        let mut list = vec![(negated(&condition.value), "negated".to_owned(), Direction::Other)];
        list.extend(
            variations(&condition.value, &names).into_iter().map(|found| (found.expr, found.change, found.direction)),
        );
        for (number, (expr, change, direction)) in list.into_iter().enumerate() {
            // Where path functions are unknown there is nothing to contradict.
            if key == "scoped" && direction == Direction::Wider {
                continue;
            }
            let change = format!("parameter {name}, {key} `{text}`: {change}");
            add(making, place, &called, &format!("{key}.{number}"), change, move |param| {
                if let Some(condition) = of(param) {
                    condition.value = expr.clone();
                }
            });
        }
    }
}

/// Other answers to an undefined bit.
pub(super) fn policies(unknown: Unknown) -> Vec<(&'static str, Unknown, String)> {
    let rejected = |name: &str| Errno::from_name(name).map(Unknown::Rejected);
    match unknown {
        Unknown::Rejected(errno) => {
            let other = if errno.name() == "EDOM" { "ENOTTY" } else { "EDOM" };
            let mut list = vec![("unknown.ignored", Unknown::Ignored, format!("ignored instead of {}", errno.name()))];
            list.extend(
                rejected(other)
                    .map(|instead| ("unknown.errno", instead, format!("{other} instead of {}", errno.name()))),
            );
            list
        }
        Unknown::Ignored => rejected("EINVAL")
            .map(|instead| ("unknown.rejected", instead, "EINVAL instead of ignored".to_owned()))
            .into_iter()
            .collect(),
        // Undefined bits without a promise are not generated.
        Unknown::Reserved => Vec::new(),
    }
}

/// Types that imply other rules.
fn types(ty: &Type) -> Vec<Type> {
    let turned = |direction: Access| match direction {
        Access::In => Access::Out,
        Access::Out | Access::InOut => Access::In,
    };
    match ty {
        Type::Ptr { direction, nullable, to, wide } => {
            let with = |direction, nullable, to: Type| Type::Ptr { direction, nullable, to: Box::new(to), wide: *wide };
            let mut list =
                vec![with(turned(*direction), *nullable, (**to).clone()), with(*direction, !nullable, (**to).clone())];
            if let Type::Array { of, count: Count::Number(n) } = &**to {
                list.push(with(*direction, *nullable, Type::Array { of: of.clone(), count: Count::Number(n + 1) }));
            }
            list
        }
        Type::Buffer { direction, nullable, count } => vec![
            Type::Buffer { direction: turned(*direction), nullable: *nullable, count: *count },
            Type::Buffer { direction: *direction, nullable: !nullable, count: *count },
        ],
        Type::Text { nullable } => vec![Type::Text { nullable: !nullable }],
        Type::Path { nullable } => vec![Type::Path { nullable: !nullable }],
        _ => Vec::new(),
    }
}
