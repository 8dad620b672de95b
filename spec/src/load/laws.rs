//! Laws.

use super::law_line::{self as line, Reading, raw};
use super::reader::{Fields, Log, expression, list, text, type_value};
use super::yaml::Yaml;
use crate::expr::{Expected, Expr, Function, Scope, Signature, Subject};
use crate::law::{Form, Law, LawArg, Line, Variable};
use crate::model::Spec;
use crate::place::{At, FileId};
use crate::types::Type;

/// Names that a law has at most; they are numbered in a byte, and more than these nobody reads.
const MOST_VARIABLES: usize = 40;
/// Calls of a relation.
const MOST_CALLS: usize = 12;

pub(super) fn load(log: &Log<'_>, files: Vec<(FileId, Yaml)>, spec: &mut Spec) {
    let mut found: Vec<Law> = Vec::new();
    for (_, yaml) in files {
        let Some(mut names) = Fields::open(log, "a file of laws", yaml) else { continue };
        for (name, body) in names.rest() {
            if let Some(other) = found.iter().find(|law| law.name.value == name.value) {
                let first = &log.files[other.name.at.file.0 as usize].path;
                let message = format!("the law `{}` is already stated in {first}:{}", name.value, other.name.at.line);
                log.report("duplicate-name", name.at, message, None);
                continue;
            }
            let taken = spec.syscalls.contains_key(&name.value)
                || spec.sets.contains_key(&name.value)
                || spec.structs.contains_key(&name.value)
                || spec.resources.contains_key(&name.value);
            if taken {
                let message = format!("`{}` is the name of a call, set, struct or resource already", name.value);
                log.report("reserved-name", name.at, message, None);
                continue;
            }
            found.extend(one(log, spec, name, body));
        }
    }
    spec.laws.extend(found.into_iter().map(|law| (law.name.value.clone(), law)));
}

fn one(log: &Log<'_>, spec: &Spec, name: At<String>, body: Yaml) -> Option<Law> {
    let mut fields = Fields::open(log, format!("the law `{}`", name.value), body)?;
    let summary = fields.need_text("summary");
    let span = fields.span();
    let because = fields.text("because").map(|at| at.value);
    let stated = fields.at();
    let same = fields.take("same");
    let calls = fields.take("calls");
    let head = Head { name, summary, span, because };
    let law = match (same, calls) {
        (Some(same), None) => equivalence(log, spec, head, same, &mut fields),
        (None, Some(calls)) => relation(log, spec, head, calls, &mut fields),
        (Some(_), Some(calls)) => {
            log.report("bad-law", calls.at, "a law has `same` or `calls`, not both", None);
            let _ = (fields.take("given"), fields.take("that"), fields.take("when"));
            None
        }
        (None, None) => {
            log.report("missing-key", stated, "a law has `same` or `calls`", None);
            let _ = (fields.take("given"), fields.take("that"), fields.take("when"));
            None
        }
    };
    fields.close();
    law
}

struct Head {
    name: At<String>,
    summary: Option<At<String>>,
    span: crate::version::Span,
    because: Option<String>,
}

impl Head {
    fn law(self, variables: Vec<Variable>, when: Option<At<Expr>>, form: Form) -> Option<Law> {
        let Self { name, summary, span, because } = self;
        Some(Law { name, summary: summary?.value, span, because, variables, when, form })
    }
}

pub(super) fn scope<'a>(spec: &'a Spec, params: &'a [Signature]) -> Scope<'a> {
    Scope { sets: &spec.sets, structs: &spec.structs, resources: &spec.resources, params, after: false }
}

pub(super) fn signatures(variables: &[Variable]) -> Vec<Signature> {
    let of = |variable: &Variable| Signature { name: variable.name.value.clone(), ty: variable.ty.value.clone() };
    variables.iter().map(of).collect()
}

fn equivalence(log: &Log<'_>, spec: &Spec, head: Head, same: Yaml, fields: &mut Fields<'_>) -> Option<Law> {
    let at = same.at;
    let mut sides: Vec<At<String>> =
        list(log, "same", same).into_iter().filter_map(|item| text(log, "same", item)).collect();
    if sides.len() != 2 {
        log.report("bad-law", at, "`same` is a list of two calls", None);
        let _ = fields.take("when");
        return None;
    }
    let (right, left) = (sides.pop()?, sides.pop()?);
    let sides = raw(log, &left).zip(raw(log, &right));
    let read = sides.and_then(|(first, second)| {
        for (side, source) in [(&first, &left), (&second, &right)] {
            if side.result.is_some() || side.may_fail {
                let message = "a call of `same` has neither a result's name nor `may fail`: all answers are compared";
                log.report("bad-law", source.at, message, None);
                return None;
            }
        }
        let (variables, first) = line::pattern(log, spec, &left, first)?;
        let known = signatures(&variables);
        let reading = Reading { log, spec, known: &known, given: known.len(), source: &right };
        let second = reading.line(second)?;
        Some((variables, first, second))
    });
    let Some((variables, first, second)) = read else {
        let _ = fields.take("when");
        return None;
    };
    let known = signatures(&variables);
    let when = fields.expr("when", scope(spec, &known), Expected::Truth);
    let conditions: Vec<&At<Expr>> = when.iter().collect();
    conditions.iter().for_each(|condition| functions(log, condition));
    let mut used = vec![false; variables.len()];
    mentions(&second.args, &mut used);
    conditions.iter().for_each(|condition| mentions_in(&condition.value, &mut used));
    unused(log, &variables, &used, "neither the right call nor `when` mentions");
    head.law(variables, when, Form::Same { left: first, right: second })
}

fn relation(log: &Log<'_>, spec: &Spec, head: Head, calls: Yaml, fields: &mut Fields<'_>) -> Option<Law> {
    let mut variables = fields.take("given").map(|yaml| given(log, spec, yaml)).unwrap_or_default();
    let given = variables.len();
    let at = calls.at;
    let sources: Vec<At<String>> =
        list(log, "calls", calls).into_iter().filter_map(|item| text(log, "calls", item)).collect();
    if sources.is_empty() || sources.len() > MOST_CALLS {
        log.report("bad-law", at, format!("`calls` is a list of 1 to {MOST_CALLS} calls"), None);
    }
    let mut lines: Vec<Line> = Vec::new();
    let mut whole = true;
    for source in &sources {
        let known = signatures(&variables);
        let reading = Reading { log, spec, known: &known, given, source };
        let Some(raw) = raw(log, source) else {
            whole = false;
            continue;
        };
        let result = raw.result.clone();
        let taken = result.as_ref().is_some_and(|(name, _)| known.iter().any(|one| one.name == *name));
        let Some(mut line) = reading.line(raw) else {
            whole = false;
            // What comes after may name the result all the same.
            if let Some((name, _)) = result.filter(|_| !taken) {
                variables.push(Variable { name: At::new(name, source.at), ty: At::new(Type::Unused, source.at) });
            }
            continue;
        };
        if let Some((name, offset)) = result {
            if taken {
                log.report_inside("bad-law", source, offset, format!("`{name}` is a name of this law already"), None);
                whole = false;
                continue;
            }
            line.result = u8::try_from(variables.len()).ok();
            let ty = At::new(line::returns(spec, &line), source.at);
            variables.push(Variable { name: At::new(name, source.at), ty });
        }
        lines.push(line);
    }
    if variables.len() > MOST_VARIABLES {
        log.report("bad-law", at, format!("a law has at most {MOST_VARIABLES} names"), None);
        whole = false;
    }
    let known = signatures(&variables);
    let when = fields.expr("when", scope(spec, &known), Expected::Truth);
    let that = fields.need("that").and_then(|yaml| expression(log, "that", yaml, scope(spec, &known), Expected::Truth));
    let that = that.filter(|_| whole && !lines.is_empty())?;
    let mut used = vec![false; variables.len()];
    lines.iter().for_each(|line| mentions(&line.args, &mut used));
    unused(log, &variables[..given], &used[..given], "no call takes");
    if let Some(when) = &when {
        functions(log, when);
        mentions_in(&when.value, &mut used);
    }
    functions(log, &that);
    let mut related = vec![false; variables.len()];
    mentions_in(&that.value, &mut related);
    let observed = variables
        .iter()
        .zip(&related)
        .enumerate()
        .any(|(index, (variable, named))| *named && (index >= given || variable.ty.value.pointer().is_some()));
    if !observed {
        log.report("vacuous-rule", that.at, "`that` mentions no result and no memory, so no call can break it", None);
    }
    used.iter_mut().zip(&related).for_each(|(used, related)| *used |= related);
    unused(log, &variables[given..], &used[given..], "nothing mentions");
    head.law(variables, when, Form::Relation { given: u8::try_from(given).ok()?, calls: lines, that })
}

/// `given: {fd: "fd[memfd]", n: "int64[0:100]", src: "buffer[in, n]"}`.
fn given(log: &Log<'_>, spec: &Spec, yaml: Yaml) -> Vec<Variable> {
    let Some(mut entries) = Fields::open(log, "`given`", yaml) else { return Vec::new() };
    let entries = entries.rest();
    // A buffer's length may come after it, so the names come first.
    let mut known: Vec<Signature> =
        entries.iter().map(|(name, _)| Signature { name: name.value.clone(), ty: Type::Unused }).collect();
    let mut found = Vec::new();
    for (index, (name, body)) in entries.into_iter().enumerate() {
        let ty = text(log, &name.value, body).and_then(|source| type_value(log, &source, scope(spec, &known)));
        let mut ty = ty.unwrap_or_else(|| At::new(Type::Unused, name.at));
        if matches!(ty.value, Type::Zero | Type::Never | Type::ByCommand | Type::Struct(_) | Type::Union(_)) {
            log.report("bad-type", ty.at, "nothing of this type can be passed to a call", None);
            ty.value = Type::Unused;
        }
        known[index].ty = ty.value.clone();
        found.push(Variable { name, ty });
    }
    found
}

/// A law is judged from results and memory alone: of the functions, those that look at nothing else.
fn functions(log: &Log<'_>, condition: &At<Expr>) {
    let mut wrong: Option<Function> = None;
    condition.value.walk(&mut |expr| {
        if let Expr::Call(function, _) = expr
            && !matches!(function.subject(), Subject::Numbers)
            && !matches!(
                function,
                Function::U64 | Function::Zeroed | Function::Length | Function::SameBytes | Function::UserRange
            )
        {
            wrong = wrong.or(Some(*function));
        }
    });
    if let Some(function) = wrong {
        let message = format!("{}() looks at the world, which a law does not follow", function.name());
        let help = "a law compares results and memory; let a call of it ask for the state".to_owned();
        log.report("bad-law", condition.at, message, Some(help));
    }
}

fn unused(log: &Log<'_>, variables: &[Variable], used: &[bool], why: &str) {
    // What has no type was reported already.
    let idle = |(variable, used): &(&Variable, &bool)| !**used && variable.ty.value != Type::Unused;
    for (variable, _) in variables.iter().zip(used).filter(idle) {
        log.report("bad-law", variable.name.at, format!("{why} `{}`", variable.name.value), None);
    }
}

fn mentions(args: &[LawArg], used: &mut [bool]) {
    args.iter().for_each(|arg| mentioned(arg, used));
}

fn mentioned(arg: &LawArg, used: &mut [bool]) {
    match arg {
        LawArg::Variable(index) | LawArg::Element { variable: index, .. } => mark(*index, used),
        LawArg::Value(expr) => mentions_in(expr, used),
        LawArg::Text(_) => {}
        LawArg::Struct { fields, .. } => fields.iter().for_each(|(_, arg)| mentioned(arg, used)),
        LawArg::Numbers { values, .. } => mentions(values, used),
    }
}

fn mentions_in(expr: &Expr, used: &mut [bool]) {
    expr.walk(&mut |expr| {
        if let Expr::Param(index) = expr {
            mark(*index, used);
        }
    });
}

fn mark(index: u8, used: &mut [bool]) {
    if let Some(used) = used.get_mut(usize::from(index)) {
        *used = true;
    }
}
