//! System calls.

use super::asks;
use super::effects;
use super::needs;
use super::reader::{Fields, Log, errno, expression, list, number, text, type_value};
use super::restriction;
use super::sets::{names, split};
use super::yaml::{Value, Yaml};
use crate::arch::Arch;
use crate::errno::Errno;
use crate::expr::{Expected, Expr, Function, Scope, Signature, Subject};
use crate::model::{Command, Contract, Ensure, ErrorRule, Origin, Param, SetKind, Spec, Syscall, Unknown};
use crate::place::{At, FileId};
use crate::resolve::{INTERRUPTED, permitted};
use crate::suggest::nearest;
use crate::types::Type;
use std::collections::BTreeMap;
use std::path::Path;

pub(super) fn load(log: &Log<'_>, files: Vec<(FileId, Yaml)>, spec: &mut Spec) {
    let mut found = Vec::new();
    let mut likened = Vec::new();
    for (file, yaml) in files {
        match one(log, spec, file, yaml) {
            Some((call, Some(like))) => likened.push((call, like)),
            Some((call, None)) => found.push(call),
            None => {}
        }
    }
    spec.syscalls.extend(found.into_iter().map(|call| (call.name.value.clone(), call)));
    let copies: Vec<Syscall> = likened.into_iter().filter_map(|(call, like)| copy(log, spec, call, &like)).collect();
    spec.syscalls.extend(copies.into_iter().map(|call| (call.name.value.clone(), call)));
}

/// A call that is another one by another name or number: what its file does not say, the other's file says.
fn copy(log: &Log<'_>, spec: &Spec, call: Syscall, like: &At<String>) -> Option<Syscall> {
    let Some(other) = spec.syscalls.get(&like.value) else {
        let message = format!("`{}` is no call that has a description of its own", like.value);
        let help = nearest(&like.value, spec.syscalls.keys().map(String::as_str));
        log.report("unknown-call", like.at, message, help.map(|found| format!("did you mean `{found}`?")));
        return None;
    };
    Some(Syscall {
        groups: if call.groups.is_empty() { other.groups.clone() } else { call.groups },
        config: call.config.or_else(|| other.config.clone()),
        scope: call.scope.or_else(|| other.scope.clone()),
        params: other.params.clone(),
        contract: other.contract.clone(),
        select: other.select,
        commands: other.commands.clone(),
        ..call
    })
}

/// What one file says, and the call whose promises it takes over, where it states none.
fn one(log: &Log<'_>, spec: &Spec, file: FileId, yaml: Yaml) -> Option<(Syscall, Option<At<String>>)> {
    let mut fields = Fields::open(log, "a system call", yaml)?;
    let name = fields.need_text("syscall");
    if let Some(name) = &name {
        let stem = Path::new(&log.files[file.0 as usize].path).file_stem().and_then(|stem| stem.to_str());
        if stem != Some(name.value.as_str()) {
            let message = format!("the file of `{}` must be called {}.yaml", name.value, name.value);
            log.report("wrong-file-name", name.at, message, None);
        }
    }
    let summary = fields.need_text("summary");
    let span = fields.span();
    let man = fields.text("man").map(|at| at.value);
    let groups = fields.take("groups").map(|yaml| names(log, "groups", yaml)).unwrap_or_default();
    let nr = fields.need("nr").map(|yaml| numbers(log, yaml)).unwrap_or_default();
    let entry = fields.text("entry").map(|at| at.value);
    let config = fields.text("config");
    let scope = fields.take("scope").and_then(|yaml| restriction::load(log, yaml));
    let like = fields.text("like");
    let (params, contract, select, commands) = match unimplemented(&mut fields, name.as_ref()) {
        Some(contract) => {
            if let Some(scope) = &scope {
                log.report("vacuous-key", scope.at, "a call that every kernel refuses needs no `scope`", None);
            }
            (Vec::new(), contract, None, Vec::new())
        }
        None if like.is_some() => (Vec::new(), Contract::default(), None, Vec::new()),
        None => promised(log, spec, &mut fields),
    };
    let orders = fields.take("orders").map(|yaml| orders(log, &params, &nr, yaml)).unwrap_or_default();
    fields.close();
    let call = Syscall {
        name: name?,
        summary: summary?.value,
        span,
        man,
        groups: groups.into_iter().map(|at| at.value).collect(),
        nr,
        entry,
        config,
        scope,
        params,
        orders,
        contract,
        select,
        commands,
    };
    Some((call, like))
}

/// What a call takes and promises: its parameters, its contract, the parameter that selects a command, and the commands.
fn promised(log: &Log<'_>, spec: &Spec, fields: &mut Fields<'_>) -> (Vec<Param>, Contract, Option<u8>, Vec<Command>) {
    let params = params(log, spec, fields);
    let signatures = signatures(&params);
    let select = fields.text("select").and_then(|select| selector(log, spec, &params, &select));
    let own: Vec<&Type> = params.iter().map(|param| &param.ty.value).collect();
    let contract = contract(log, spec, &signatures, &own, fields, true);
    let commands = fields.take("commands").map(|yaml| commands(log, spec, &params, select, yaml)).unwrap_or_default();
    if select.is_some() && commands.is_empty() {
        log.report("missing-key", fields.at(), "a call with `select` has `commands`", None);
    }
    (params, contract, select, commands)
}

/// The contract of a call that has a number and no kernel that serves it.
fn unimplemented(fields: &mut Fields<'_>, name: Option<&At<String>>) -> Option<Contract> {
    if !fields.truth("unimplemented") {
        return None;
    }
    let at = name?.at;
    let refused = ErrorRule {
        errno: At::new(Errno::from_name("ENOSYS")?, at),
        duty: true,
        condition: At::new(Expr::Bool(true), at),
        because: Some("no supported kernel has the call".to_owned()),
        needs: None,
        origin: Origin::Config,
        span: crate::version::Span::default(),
        before: Vec::new(),
    };
    let returns = Some(At::new(Type::Zero, at));
    Some(Contract { returns, errors: vec![refused], ..Contract::default() })
}

/// The table that newer ports share: on all of them, and on those of 64 bits.
const SHARED: [&str; 2] = ["generic", "generic64"];

fn numbers(log: &Log<'_>, yaml: Yaml) -> BTreeMap<String, At<u32>> {
    let at = yaml.at;
    let mut found = BTreeMap::new();
    if let Some(mut entries) = Fields::open(log, "`nr`", yaml) {
        for (port, value) in entries.rest() {
            let known = SHARED.contains(&port.value.as_str()) || Arch::ALL.iter().any(|arch| arch.name() == port.value);
            if !known {
                let ports = Arch::ALL.iter().map(|arch| arch.name()).chain(SHARED);
                let help = nearest(&port.value, ports).map(|found| format!("did you mean `{found}`?"));
                log.report("unknown-port", port.at, format!("unknown port `{}`", port.value), help);
                continue;
            }
            if let Some(number) = number(log, &port.value, &value) {
                found.insert(port.value, number);
            }
        }
    }
    if found.is_empty() {
        log.report("missing-number", at, "a system call has a number on at least one port", None);
    }
    found
}

/// Which parameter is in which register, on ports that differ; each of them has a number.
fn orders(log: &Log<'_>, params: &[Param], nr: &BTreeMap<String, At<u32>>, yaml: Yaml) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let Some(mut entries) = Fields::open(log, "`orders`", yaml) else { return found };
    for (port, value) in entries.rest() {
        if !nr.contains_key(&port.value) {
            log.report("unknown-port", port.at, format!("`nr` has no `{}`", port.value), None);
            continue;
        }
        let position = |name: &At<String>| params.iter().position(|param| param.name.value == name.value);
        let listed = names(log, "orders", value);
        let order: Vec<u8> = listed.iter().filter_map(position).filter_map(|index| u8::try_from(index).ok()).collect();
        let distinct: std::collections::BTreeSet<u8> = order.iter().copied().collect();
        if listed.len() != params.len() || distinct.len() != params.len() {
            log.report("bad-order", port.at, "an order names each parameter once", None);
            continue;
        }
        found.insert(port.value, order);
    }
    found
}

fn signatures(params: &[Param]) -> Vec<Signature> {
    params.iter().map(|param| Signature { name: param.name.value.clone(), ty: param.ty.value.clone() }).collect()
}

fn scope<'a>(spec: &'a Spec, params: &'a [Signature], after: bool) -> Scope<'a> {
    Scope { sets: &spec.sets, structs: &spec.structs, resources: &spec.resources, params, after }
}

fn params(log: &Log<'_>, spec: &Spec, fields: &mut Fields<'_>) -> Vec<Param> {
    let Some(yaml) = fields.take("params") else { return Vec::new() };
    let at = yaml.at;
    let items = list(log, "params", yaml);
    if items.len() > 6 {
        log.report(
            "too-many-params",
            at,
            format!("a system call has at most 6 parameters, here are {}", items.len()),
            None,
        );
    }
    // Types and conditions may name any parameter, so the names come first.
    let mut waiting: Vec<(At<String>, Fields<'_>)> = Vec::new();
    for item in items {
        let Some(mut inside) = Fields::open(log, "a parameter", item) else { continue };
        let Some(name) = inside.need_text("name") else { continue };
        if waiting.iter().any(|(other, _)| other.value == name.value) {
            log.report("duplicate-param", name.at, format!("the parameter `{}` stands twice", name.value), None);
            continue;
        }
        waiting.push((name, inside));
    }
    let mut known: Vec<Signature> =
        waiting.iter().map(|(name, _)| Signature { name: name.value.clone(), ty: Type::Unused }).collect();
    let mut typed = Vec::new();
    for (index, (name, mut inside)) in waiting.into_iter().enumerate() {
        let c = inside.need_text("c").unwrap_or_else(|| At::new(String::new(), name.at));
        let source = inside.need_text("type");
        let ty = source.and_then(|ty| type_value(log, &ty, scope(spec, &known, false)));
        let ty = ty.unwrap_or_else(|| At::new(Type::Unused, name.at));
        known[index].ty = ty.value.clone();
        typed.push((name, c, ty, inside));
    }
    typed
        .into_iter()
        .map(|(name, c, ty, mut inside)| {
            let param = param(log, spec, &known, (name, c, ty), &mut inside);
            inside.close();
            param
        })
        .collect()
}

type Typed = (At<String>, At<String>, At<Type>);

fn param(log: &Log<'_>, spec: &Spec, known: &[Signature], typed: Typed, fields: &mut Fields<'_>) -> Param {
    let (name, c, ty) = typed;
    let before = scope(spec, known, false);
    let unknown_at = fields.text("unknown");
    let unknown = unknown_at.as_ref().and_then(|value| unknown(log, value));
    let has_set = matches!(ty.value, Type::Flags { .. } | Type::Enum { .. });
    match (&unknown_at, has_set) {
        (None, true) => {
            let message = format!("`{}` must say what an undefined value does", name.value);
            log.report(
                "missing-key",
                name.at,
                message,
                Some("add `unknown: EINVAL`, `ignored` or `reserved`".to_owned()),
            );
        }
        (Some(at), false) => {
            log.report("vacuous-key", at.at, "`unknown` has a meaning for flags and enumerations only", None);
        }
        _ => {}
    }
    let unknown_when = fields.expr("unknown_when", before, Expected::Truth);
    let used = fields.expr("used", before, Expected::Truth);
    if let Some(used) = &used
        && ty.value.pointer().is_none()
        && !matches!(ty.value, Type::ByCommand)
    {
        log.report("vacuous-key", used.at, "`used` has a meaning for pointers only", None);
    }
    let base = fields.text("base").and_then(|base| {
        let index = known.iter().position(|param| param.name == base.value);
        if index.is_none() {
            log.report("unknown-param", base.at, format!("unknown parameter `{}`", base.value), None);
        }
        index.and_then(|index| u8::try_from(index).ok())
    });
    let follow = fields.expr("follow", before, Expected::Truth);
    let empty = fields.expr("empty", before, Expected::Truth);
    let must_exist = fields.expr("must_exist", before, Expected::Truth);
    let scoped = fields.expr("scoped", before, Expected::Truth);
    if !matches!(ty.value, Type::Path { .. }) {
        for given in [&follow, &empty, &must_exist, &scoped].into_iter().flatten() {
            log.report(
                "vacuous-key",
                given.at,
                "follow, empty, must_exist and scoped have a meaning for paths only",
                None,
            );
        }
    }
    let asks = fields.take("asks").map(|yaml| asks::load(log, &ty.value, yaml)).unwrap_or_default();
    Param { name, c, ty, unknown, unknown_when, used, base, follow, empty, must_exist, scoped, asks }
}

/// What `unknown:` says.
pub(super) fn unknown(log: &Log<'_>, value: &At<String>) -> Option<At<Unknown>> {
    match value.value.as_str() {
        "ignored" => Some(At::new(Unknown::Ignored, value.at)),
        "reserved" => Some(At::new(Unknown::Reserved, value.at)),
        _ => errno(log, value).map(|errno| errno.map(Unknown::Rejected)),
    }
}

/// The contract of a call or command that states parameters of these types itself.
fn contract(
    log: &Log<'_>,
    spec: &Spec,
    known: &[Signature],
    own: &[&Type],
    fields: &mut Fields<'_>,
    whole: bool,
) -> Contract {
    let returns = if whole { fields.need_text("returns") } else { fields.text("returns") };
    let returns = returns.and_then(|ty| type_value(log, &ty, scope(spec, known, false)));
    let blocks = fields.expr("blocks", scope(spec, known, false), Expected::Truth);
    let after = scope(spec, known, true);
    let mut ensures = Vec::new();
    for item in fields.take("ensures").map(|yaml| list(log, "ensures", yaml)).unwrap_or_default() {
        ensures.extend(ensure(log, after, item));
    }
    let mut found = Vec::new();
    for item in fields.take("effects").map(|yaml| list(log, "effects", yaml)).unwrap_or_default() {
        found.extend(effects::load(log, after, item));
    }
    let errors = fields.take("errors").map(|yaml| errors(log, scope(spec, known, false), yaml)).unwrap_or_default();
    let sleeps = blocks.as_ref().map(|_| INTERRUPTED);
    let permitted: Vec<&str> = own.iter().copied().flat_map(permitted).copied().chain(sleeps).collect();
    let needs = fields.take("needs").map(|yaml| needs::of_call(log, &permitted, yaml)).unwrap_or_default();
    let needs::OfCall { errnos: needs, success: success_needs } = needs;
    Contract { returns, blocks, ensures, effects: found, needs, success_needs, errors }
}

fn ensure(log: &Log<'_>, after: Scope<'_>, yaml: Yaml) -> Option<Ensure> {
    if !matches!(yaml.value, Value::Map(_)) {
        let that = expression(log, "ensures", yaml, after, Expected::Truth)?;
        return Some(Ensure { that, when: None, span: crate::version::Span::default(), because: None });
    }
    let mut fields = Fields::open(log, "a condition after success", yaml)?;
    let that = fields.need("that").and_then(|yaml| expression(log, "that", yaml, after, Expected::Truth));
    let when = fields.expr("when", after, Expected::Truth);
    let span = fields.span();
    let because = fields.text("because").map(|at| at.value);
    fields.close();
    Some(Ensure { that: that?, when, span, because })
}

fn errors(log: &Log<'_>, before: Scope<'_>, yaml: Yaml) -> Vec<ErrorRule> {
    let Some(mut entries) = Fields::open(log, "`errors`", yaml) else { return Vec::new() };
    let mut rules = Vec::new();
    for (name, body) in entries.rest() {
        let errnos: Vec<At<Errno>> = split(&name.value, name.at).iter().filter_map(|name| errno(log, name)).collect();
        let items = list(log, &name.value, body);
        if items.is_empty() {
            log.report("empty-rules", name.at, format!("{} has no rule", name.value), None);
        }
        // What is said of several is read once, so that a mistake in it is reported once.
        let said: Vec<ErrorRule> =
            items.into_iter().filter_map(|item| rule(log, before, errnos.first(), item)).collect();
        for errno in &errnos {
            let of = |rule: &ErrorRule| ErrorRule { errno: At::new(errno.value, rule.errno.at), ..rule.clone() };
            rules.extend(said.iter().map(of));
        }
    }
    rules
}

fn rule(log: &Log<'_>, before: Scope<'_>, name: Option<&At<Errno>>, yaml: Yaml) -> Option<ErrorRule> {
    let at = yaml.at;
    let mut fields = Fields::open(log, "an error rule", yaml)?;
    let when = fields.take("when");
    let may = fields.take("may");
    let (duty, condition) = match (when, may) {
        (Some(when), None) => (true, expression(log, "when", when, before, Expected::Truth)),
        (None, Some(may)) => (false, expression(log, "may", may, before, Expected::Truth)),
        (Some(_), Some(may)) => {
            log.report("when-and-may", may.at, "a rule has `when` or `may`, not both", None);
            (false, None)
        }
        (None, None) => {
            log.report("missing-key", at, "an error rule has `when` or `may`", None);
            (false, None)
        }
    };
    if let Some(condition) = &condition
        && duty
        && matches!(condition.value, Expr::Bool(_))
    {
        let message = "a rule with this condition says that the call always or never fails";
        log.report("vacuous-rule", condition.at, message, Some("write `may`, or remove the rule".to_owned()));
    }
    let because = fields.text("because").map(|at| at.value);
    let needs = fields.take("needs").and_then(|yaml| needs::of_rule(log, duty, condition.as_ref(), yaml));
    let origin = fields.text("from").and_then(|from| {
        let origin = Origin::ALL.iter().copied().find(|origin| origin.name() == from.value);
        if origin.is_none() {
            let names: Vec<_> = Origin::ALL.iter().map(|origin| origin.name()).collect();
            let help = Some(format!("write one of {}", names.join(", ")));
            log.report("bad-origin", from.at, format!("`{}` is no origin of errors", from.value), help);
        }
        origin
    });
    let span = fields.span();
    let precedes = fields.take("before").map(|yaml| names(log, "before", yaml)).unwrap_or_default();
    let precedes = precedes.iter().filter_map(|name| errno(log, name)).map(|at| at.value).collect();
    fields.close();
    let condition = condition?;
    let origin = origin.unwrap_or_else(|| default_origin(&condition.value));
    let errno = At::new(name?.value, at);
    Some(ErrorRule { errno, duty, condition, because, needs, origin, span, before: precedes })
}

/// `args` where the condition reads arguments and memory alone, `state` otherwise.
fn default_origin(condition: &Expr) -> Origin {
    let mut origin = Origin::Args;
    condition.walk(&mut |expr| {
        if let Expr::Call(function, _) = expr {
            match function.subject() {
                Subject::Memory | Subject::Numbers => {}
                Subject::Files => origin = Origin::Filesystem,
                Subject::Descriptors | Subject::Mappings | Subject::Process => {
                    if origin == Origin::Args {
                        origin = Origin::State;
                    }
                }
            }
            if matches!(function, Function::Rlimit | Function::RlimitMax | Function::FreeFds) {
                origin = Origin::Limits;
            }
        }
    });
    origin
}

fn selector(log: &Log<'_>, spec: &Spec, params: &[Param], select: &At<String>) -> Option<u8> {
    let Some(index) = params.iter().position(|param| param.name.value == select.value) else {
        log.report("unknown-param", select.at, format!("unknown parameter `{}`", select.value), None);
        return None;
    };
    let is_enum = match &params[index].ty.value {
        Type::Enum { set, .. } => spec.sets.get(set).is_some_and(|set| set.kind == SetKind::Enum),
        _ => false,
    };
    if !is_enum {
        log.report(
            "bad-selector",
            select.at,
            format!("`{}` selects commands, so its type is an enum", select.value),
            None,
        );
        return None;
    }
    u8::try_from(index).ok()
}

fn commands(log: &Log<'_>, spec: &Spec, params: &[Param], select: Option<u8>, yaml: Yaml) -> Vec<Command> {
    let at = yaml.at;
    let Some(select) = select else {
        log.report("missing-key", at, "a call with `commands` names the selecting parameter in `select`", None);
        return Vec::new();
    };
    let Type::Enum { set, .. } = &params[usize::from(select)].ty.value else { return Vec::new() };
    let members: Vec<&str> =
        spec.sets.get(set).map(|set| set.members.iter().map(|m| m.name.value.as_str()).collect()).unwrap_or_default();
    let Some(mut entries) = Fields::open(log, "`commands`", yaml) else { return Vec::new() };
    let mut found: Vec<Command> = Vec::new();
    for (name, body) in entries.rest() {
        let names = split(&name.value, name.at);
        for name in &names {
            if !members.contains(&name.value.as_str()) {
                let help =
                    nearest(&name.value, members.iter().copied()).map(|found| format!("did you mean `{found}`?"));
                log.report("unknown-command", name.at, format!("`{}` is not a member of {set}", name.value), help);
            }
            if found.iter().any(|other| other.names.iter().any(|seen| seen.value == name.value)) {
                log.report(
                    "duplicate-command",
                    name.at,
                    format!("the command `{}` is described twice", name.value),
                    None,
                );
            }
        }
        found.extend(command(log, spec, params, select, names, body));
    }
    for member in &members {
        if !found.iter().any(|command| command.names.iter().any(|name| name.value == *member)) {
            log.report("missing-command", at, format!("{member} of {set} has no block"), None);
        }
    }
    found
}

fn command(
    log: &Log<'_>,
    spec: &Spec,
    params: &[Param],
    select: u8,
    names: Vec<At<String>>,
    yaml: Yaml,
) -> Option<Command> {
    let title = names.iter().map(|name| name.value.as_str()).collect::<Vec<_>>().join(", ");
    let mut fields = Fields::open(log, format!("the command `{title}`"), yaml)?;
    let span = fields.span();
    let config = fields.text("config");
    let mut known = signatures(params);
    let on = fields.text("on").and_then(|ty| type_value(log, &ty, scope(spec, &known, false)));
    let mut stated = Vec::new();
    for (index, param) in params.iter().enumerate().filter(|(index, _)| *index != usize::from(select)) {
        // Parameter names are the file's own; the key list of a command is closed once they are known.
        let Some(yaml) = fields.take_any(&param.name.value) else {
            if param.ty.value == Type::ByCommand {
                log.report(
                    "missing-key",
                    fields.at(),
                    format!("`{title}` does not state `{}`", param.name.value),
                    None,
                );
            }
            continue;
        };
        stated.push((index, yaml));
    }
    let mut overrides = Vec::new();
    let mut waiting = Vec::new();
    for (index, yaml) in stated {
        let name = params[index].name.clone();
        let (source, mut inside) = match yaml.value {
            Value::Map(_) => {
                let Some(mut inside) = Fields::open(log, format!("`{}`", name.value), yaml) else { continue };
                (inside.need_text("type"), Some(inside))
            }
            _ => (text(log, &name.value, yaml), None),
        };
        let ty = source.and_then(|ty| type_value(log, &ty, scope(spec, &known, false)));
        let ty = ty.unwrap_or_else(|| At::new(Type::Unused, name.at));
        known[index].ty = ty.value.clone();
        let c = inside.as_mut().and_then(|inside| inside.text("c")).unwrap_or_else(|| params[index].c.clone());
        waiting.push((index, (name, c, ty), inside));
    }
    for (index, typed, inside) in waiting {
        let position = u8::try_from(index).unwrap_or(u8::MAX);
        let empty = Yaml { value: Value::Map(Vec::new()), at: typed.0.at };
        let Some(mut inside) = inside.or_else(|| Fields::open(log, "a parameter", empty)) else { continue };
        overrides.push((position, param(log, spec, &known, typed, &mut inside)));
        inside.close();
    }
    let own: Vec<&Type> = overrides.iter().map(|(_, param)| &param.ty.value).collect();
    let contract = contract(log, spec, &known, &own, &mut fields, false);
    fields.close();
    Some(Command { names, span, on, config, params: overrides, contract })
}
