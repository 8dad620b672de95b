//! Calls of a law: `p = lseek(fd, 0, SEEK_CUR) may fail`.

use super::laws::{scope, signatures};
use super::reader::Log;
use crate::expr::parse::{name, parse_prefix};
use crate::expr::{BinaryOp, Expected, Expr, Node, Problem, Signature, Subject, Syntax, SyntaxError, check};
use crate::law::{LawArg, Line, Variable};
use crate::model::{Command, Spec, Syscall};
use crate::place::At;
use crate::suggest::nearest;
use crate::types::{Count, IntType, Type};

/// A call whose names have no meaning yet. Offsets are bytes of the text.
pub(super) struct Raw {
    pub(super) result: Option<(String, usize)>,
    call: (String, usize),
    args: Vec<Syntax>,
    pub(super) may_fail: bool,
}

/// Reads the form of a call.
pub(super) fn raw(log: &Log<'_>, source: &At<String>) -> Option<Raw> {
    let text = source.value.as_str();
    let begin = text.len() - text.trim_start().len();
    let mut result = None;
    let mut rest = begin;
    if let Ok((after, word)) = name(&text[begin..])
        && let Some(after) = after.trim_start().strip_prefix('=')
        && !after.starts_with('=')
    {
        result = Some((word.to_owned(), begin));
        rest = text.len() - after.len();
    }
    // Blanks in place of what was read keep the offsets.
    let padded = " ".repeat(rest) + &text[rest..];
    let expected = |offset: usize, what: &str| {
        log.report_inside("law-syntax", source, offset, format!("expected {what}"), None);
        None
    };
    let (syntax, used) = match parse_prefix(&padded) {
        Ok(parsed) => parsed,
        Err(SyntaxError { offset, expected: what }) => return expected(offset, &what),
    };
    let Node::Call(call, args) = syntax.node else { return expected(syntax.offset, "a call, `name(arguments)`") };
    let may_fail = match padded[used..].split_whitespace().collect::<Vec<_>>()[..] {
        [] => false,
        ["may", "fail"] => true,
        _ => {
            let blank = padded[used..].len() - padded[used..].trim_start().len();
            return expected(used + blank, "the end of the call, or `may fail`");
        }
    };
    Some(Raw { result, call: (call, syntax.offset), args, may_fail })
}

/// Where a call is read.
pub(super) struct Reading<'a> {
    pub(super) log: &'a Log<'a>,
    pub(super) spec: &'a Spec,
    /// The variables so far.
    pub(super) known: &'a [Signature],
    /// How many of them are given; the others are results.
    pub(super) given: usize,
    pub(super) source: &'a At<String>,
}

/// The call of a line, with the command that it selects.
fn called<'a>(log: &Log<'_>, spec: &'a Spec, source: &At<String>, raw: &Raw) -> Option<(&'a Syscall, Vec<&'a Type>)> {
    let (word, offset) = &raw.call;
    let Some(call) = spec.syscalls.get(word) else {
        let help = nearest(word, spec.syscalls.keys().map(String::as_str));
        let help = help.map(|found| format!("did you mean `{found}`?"));
        log.report_inside("unknown-call", source, *offset, format!("no system call `{word}` is specified"), help);
        return None;
    };
    if call.params.len() != raw.args.len() {
        let message = format!("{word} takes {} argument(s), here are {}", call.params.len(), raw.args.len());
        let help = format!("its parameters are {}", call.param_names().join(", "));
        log.report_inside("bad-law", source, *offset, message, Some(help));
        return None;
    }
    let selected = call.select.and_then(|index| raw.args.get(usize::from(index)));
    let command = selected.and_then(|syntax| command(call, syntax));
    let own = |index: usize| {
        let stated = command.and_then(|command| command.params.iter().find(|(at, _)| usize::from(*at) == index));
        stated.map_or(&call.params[index].ty.value, |(_, param)| &param.ty.value)
    };
    Some((call, (0..call.params.len()).map(own).collect()))
}

fn command<'a>(call: &'a Syscall, selected: &Syntax) -> Option<&'a Command> {
    let Node::Name(word) = &selected.node else { return None };
    call.commands.iter().find(|command| command.names.iter().any(|name| name.value == *word))
}

/// The type of what a call gives.
pub(super) fn returns(spec: &Spec, line: &Line) -> Type {
    let Some(call) = spec.syscalls.get(&line.call) else { return Type::Unused };
    let selected = call.select.and_then(|index| match line.args.get(usize::from(index)) {
        Some(LawArg::Value(Expr::Const(word))) => {
            call.commands.iter().find(|command| command.names.iter().any(|name| name.value == *word))
        }
        _ => None,
    });
    let own = selected.and_then(|command| command.contract.returns.as_ref());
    match own.or(call.contract.returns.as_ref()).map(|at| &at.value) {
        // Bounds name the call's parameters, which mean nothing here.
        Some(Type::Int { int, .. }) => Type::Int { int: *int, range: None },
        Some(own @ (Type::Resource(_) | Type::Addr)) => own.clone(),
        _ => Type::Int { int: IntType::Long { signed: true }, range: None },
    }
}

/// The left call of an equivalence: what is no constant is a variable.
pub(super) fn pattern(log: &Log<'_>, spec: &Spec, source: &At<String>, raw: Raw) -> Option<(Vec<Variable>, Line)> {
    let (call, types) = called(log, spec, source, &raw)?;
    let mut variables: Vec<Variable> = Vec::new();
    let mut args = Vec::new();
    for (syntax, ty) in raw.args.iter().zip(types) {
        let constant = check(syntax, scope(spec, &[]), Expected::Number);
        if let (Node::Name(word), Err(_)) = (&syntax.node, &constant) {
            if variables.iter().any(|variable| variable.name.value == *word) {
                let message = format!("`{word}` stands twice; equal arguments are a matter for `when`");
                log.report_inside("bad-law", source, syntax.offset, message, None);
                return None;
            }
            args.push(LawArg::Variable(u8::try_from(variables.len()).ok()?));
            let mut at = source.at;
            at.column += u32::try_from(syntax.offset).unwrap_or(0);
            variables.push(Variable { name: At::new(word.clone(), at), ty: At::new(ty.clone(), source.at) });
            continue;
        }
        let known = signatures(&variables);
        let reading = Reading { log, spec, known: &known, given: 0, source };
        match constant.and_then(|_| reading.arg(syntax, ty)) {
            Ok(arg @ LawArg::Value(_)) => args.push(arg),
            Ok(_) => {
                let message = "an argument of the left call is a name or a constant".to_owned();
                log.report_inside("bad-law", source, syntax.offset, message, None);
                return None;
            }
            Err(problem) => {
                log.report_inside("condition-type", source, problem.offset, problem.message, problem.help);
                return None;
            }
        }
    }
    let line = Line {
        at: source.at,
        text: source.value.trim().to_owned(),
        result: None,
        call: call.name.value.clone(),
        args,
        may_fail: false,
    };
    Some((variables, line))
}

impl Reading<'_> {
    /// Gives the names of a call their meaning.
    pub(super) fn line(&self, raw: Raw) -> Option<Line> {
        let (call, types) = called(self.log, self.spec, self.source, &raw)?;
        let mut args = Vec::new();
        let mut whole = true;
        for ((syntax, ty), param) in raw.args.iter().zip(types).zip(&call.params) {
            match self.arg(syntax, ty) {
                Ok(arg) => args.push(arg),
                Err(problem) => {
                    let message = format!("`{}` of {}: {}", param.name.value, call.name.value, problem.message);
                    self.log.report_inside("condition-type", self.source, problem.offset, message, problem.help);
                    whole = false;
                }
            }
        }
        let text = self.source.value.trim().to_owned();
        let may_fail = raw.may_fail;
        whole.then(|| Line { at: self.source.at, text, result: None, call: call.name.value.clone(), args, may_fail })
    }

    pub(super) fn variable(&self, syntax: &Syntax) -> Option<u8> {
        let Node::Name(word) = &syntax.node else { return None };
        self.known.iter().position(|one| one.name == *word).and_then(|index| u8::try_from(index).ok())
    }

    /// An argument for a parameter or field of this type.
    pub(super) fn arg(&self, syntax: &Syntax, ty: &Type) -> Result<LawArg, Problem> {
        if let Node::Call(word, list) = &syntax.node {
            if self.spec.structs.contains_key(word) {
                return self.literal(syntax, word, list, ty);
            }
            if let Some(int) = IntType::from_name(word) {
                return self.numbers(syntax, int, list, ty);
            }
        }
        match &syntax.node {
            Node::Text(text) => match ty {
                Type::Path { .. } | Type::Text { .. } => Ok(LawArg::Text(text.clone())),
                _ => wrong(syntax, "a quoted text is for paths and strings"),
            },
            _ => {
                self.fits(syntax, ty)?;
                if let Some(index) = self.variable(syntax) {
                    self.same_struct(syntax, index, ty)?;
                    return Ok(LawArg::Variable(index));
                }
                if let Node::Index(array, index) = &syntax.node {
                    return self.element(syntax, array, index);
                }
                let number = check(syntax, scope(self.spec, self.known), Expected::Number)?;
                self.computable(syntax, &number)?;
                Ok(LawArg::Value(number))
            }
        }
    }

    /// Whether a value may be passed for a type: where it could be compared with one of it.
    fn fits(&self, syntax: &Syntax, ty: &Type) -> Result<(), Problem> {
        // The address of mapped pages may be passed as a number or as a pointer.
        let held = self.variable(syntax).and_then(|index| self.known.get(usize::from(index)));
        if held.is_some_and(|one| one.ty == Type::Addr) && ty.pointer().is_some() {
            return Ok(());
        }
        // No name of a file holds a blank.
        let slot = "the parameter".to_owned();
        let mut known = self.known.to_vec();
        known.push(Signature { name: slot.clone(), ty: ty.clone() });
        let side = Box::new(Syntax { node: Node::Name(slot), offset: syntax.offset });
        let node = Node::Binary(BinaryOp::Eq, side, Box::new(syntax.clone()));
        let both = Syntax { node, offset: syntax.offset };
        check(&both, scope(self.spec, &known), Expected::Truth).map(|_| ()).map_err(|problem| {
            // The comparison is ours, not the author's.
            if problem.message.contains("compared") {
                let message = format!("this cannot be passed as `{}`", crate::types::print(ty, &[]));
                return Problem { message, ..problem };
            }
            problem
        })
    }

    fn same_struct(&self, syntax: &Syntax, index: u8, ty: &Type) -> Result<(), Problem> {
        let held = self.known.get(usize::from(index)).map(|one| &one.ty);
        match (held.and_then(pointee), pointee(ty)) {
            (Some(held), Some(wanted)) if held != wanted => {
                wrong(syntax, format!("it points to struct {wanted}, this to struct {held}"))
            }
            _ => Ok(()),
        }
    }

    /// `ends[0]`: a descriptor that an earlier call wrote.
    fn element(&self, syntax: &Syntax, array: &Syntax, index: &Syntax) -> Result<LawArg, Problem> {
        let Some(variable) = self.variable(array) else { return wrong(syntax, "an element is of a given array") };
        let of = match &self.known[usize::from(variable)].ty {
            Type::Ptr { to, .. } => match &**to {
                Type::Array { of, count: Count::Number(_) } => Some(&**of),
                _ => None,
            },
            _ => None,
        };
        let narrow = match of {
            Some(Type::Resource(_)) => true,
            Some(Type::Int { int, .. }) => int.bytes(8) == 4 && int.signed(),
            _ => false,
        };
        match index.node {
            Node::Int(at) if narrow => match u32::try_from(at) {
                Ok(index) if at < 64 => Ok(LawArg::Element { variable, index }),
                _ => wrong(index, "there is no such element"),
            },
            _ => wrong(syntax, "an element that is passed on is a descriptor or an int32 of a given array"),
        }
    }

    /// What is computed before the calls are made knows constants and given numbers only.
    fn computable(&self, syntax: &Syntax, expr: &Expr) -> Result<(), Problem> {
        let mut problem: Option<String> = None;
        expr.walk(&mut |expr| {
            let found = match expr {
                Expr::Field(..) | Expr::Index(..) | Expr::Deref(_) => {
                    Some("it is computed before the calls are made, so it cannot read memory".to_owned())
                }
                Expr::Call(function, _) if function.subject() != Subject::Numbers => {
                    Some(format!("{}() has no value before the calls are made", function.name()))
                }
                Expr::Param(index) => self.unknown_before(usize::from(*index)),
                _ => None,
            };
            problem = problem.take().or(found);
        });
        problem.map_or(Ok(()), |message| wrong(syntax, message))
    }
}

impl Reading<'_> {
    /// Why a variable has no number before the calls are made, if it has none.
    fn unknown_before(&self, index: usize) -> Option<String> {
        let held = self.known.get(index)?;
        let number = held.ty.pointer().is_none() && !matches!(held.ty, Type::Resource(_));
        let known = number && index < self.given;
        (!known).then(|| format!("`{}` is not known before the calls are made; pass it as it is", held.name))
    }
}

/// The struct that a pointer type leads to.
pub(super) fn pointee(ty: &Type) -> Option<&str> {
    let Type::Ptr { to, .. } = ty else { return None };
    match &**to {
        Type::Struct(name) | Type::Extensible { name, .. } => Some(name),
        Type::Array { of, .. } => match &**of {
            Type::Struct(name) => Some(name),
            _ => None,
        },
        _ => None,
    }
}

pub(super) fn wrong<T>(syntax: &Syntax, message: impl Into<String>) -> Result<T, Problem> {
    Err(Problem { offset: syntax.offset, message: message.into(), help: None })
}
