//! Static checks: names get their meaning, and every operand a type that fits. What passes cannot fail at run time.

use super::ast::{BinaryOp, Expr, TargetQuestion, UnaryOp, Word, WordGroup};
use super::constants::LANGUAGE_CONSTANTS;
use super::functions::{Function, Gives, Operand};
use super::parse::{Node, Syntax};
use crate::arch::Arch;
use crate::errno::Errno;
use crate::model::{Resource, Set, SetKind, Struct};
use crate::suggest::nearest;
use crate::types::Type;
use crate::version::Release;
use std::collections::BTreeMap;

/// What a condition may refer to.
#[derive(Clone, Copy, Debug)]
pub struct Scope<'a> {
    /// Flag sets and enumerations.
    pub sets: &'a BTreeMap<String, Set>,
    /// Structs.
    pub structs: &'a BTreeMap<String, Struct>,
    /// Resources.
    pub resources: &'a BTreeMap<String, Resource>,
    /// Parameters by position.
    pub params: &'a [Signature],
    /// Whether `ret` and `old()` have a meaning here.
    pub after: bool,
}

/// A parameter as conditions see it.
#[derive(Clone, Debug)]
pub struct Signature {
    /// Its name.
    pub name: String,
    /// Its type.
    pub ty: Type,
}

/// What an expression must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expected {
    /// A condition.
    Truth,
    /// A number, flags, a descriptor or a pointer.
    Number,
    /// A kind of file.
    Kind,
    /// A descriptor or a path.
    File,
}

/// A mistake in a condition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Byte offset in the condition.
    pub offset: usize,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub help: Option<String>,
}

/// The type of an expression.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Ty {
    Int,
    /// Literal zero, which is also a null pointer.
    Zero,
    Bool,
    Flags(String),
    Enum(String),
    /// OR of these named constants.
    Consts(Vec<String>),
    Pointer(Type),
    Path,
    Fd,
    Word(WordGroup),
    Aggregate(Type),
}

/// Gives the names of a condition their meaning and checks the types of all its parts.
///
/// # Errors
/// The first mistake, with its place and what to do.
pub fn check(syntax: &Syntax, scope: Scope<'_>, expected: Expected) -> Result<Expr, Problem> {
    let (expr, ty) = infer(syntax, scope)?;
    let fits = match expected {
        Expected::Truth => ty == Ty::Bool,
        Expected::Number => numeric(&ty) || matches!(ty, Ty::Pointer(_)),
        Expected::Kind => ty == Ty::Word(WordGroup::Kind) || numeric(&ty),
        Expected::File => numeric(&ty) || ty == Ty::Path,
    };
    if fits {
        return Ok(expr);
    }
    let wanted = match expected {
        Expected::Truth => "a condition",
        Expected::Number => "a number",
        Expected::Kind => "a kind of file",
        Expected::File => "a descriptor or a path",
    };
    let help = match (&ty, expected) {
        (Ty::Flags(_) | Ty::Int | Ty::Consts(_), Expected::Truth) => Some("compare it: `... != 0`".to_owned()),
        _ => None,
    };
    Err(Problem {
        offset: syntax.offset,
        message: format!("{wanted} is expected here, this is {}", describe(&ty)),
        help,
    })
}

fn problem<T>(offset: usize, message: impl Into<String>, help: Option<String>) -> Result<T, Problem> {
    Err(Problem { offset, message: message.into(), help })
}

fn did_you_mean<'a>(word: &str, among: impl IntoIterator<Item = &'a str>) -> Option<String> {
    nearest(word, among).map(|found| format!("did you mean `{found}`?"))
}

fn numeric(ty: &Ty) -> bool {
    matches!(ty, Ty::Int | Ty::Zero | Ty::Flags(_) | Ty::Enum(_) | Ty::Consts(_) | Ty::Fd)
}

fn describe(ty: &Ty) -> String {
    match ty {
        Ty::Int | Ty::Zero => "a number".to_owned(),
        Ty::Bool => "a condition".to_owned(),
        Ty::Flags(set) => format!("flags of {set}"),
        Ty::Enum(set) => format!("a member of {set}"),
        Ty::Consts(names) => format!("the constant {}", names.join(" | ")),
        Ty::Pointer(_) => "a pointer".to_owned(),
        Ty::Path => "a path".to_owned(),
        Ty::Fd => "a descriptor".to_owned(),
        Ty::Word(WordGroup::Kind) => "a kind of file".to_owned(),
        Ty::Word(WordGroup::Access) => "an access".to_owned(),
        Ty::Word(WordGroup::Last) => "a form of the last component".to_owned(),
        Ty::Word(WordGroup::FileSystem) => "a file system".to_owned(),
        Ty::Word(WordGroup::Mapping) => "a property of mappings".to_owned(),
        Ty::Aggregate(_) => "a struct or array".to_owned(),
    }
}

/// The type that a value of a language type has in conditions.
fn type_of(ty: &Type) -> Ty {
    match ty {
        Type::Flags { set, .. } => Ty::Flags(set.clone()),
        Type::Enum { set, .. } => Ty::Enum(set.clone()),
        Type::Resource(name) if name == "fd" || name.starts_with("fd[") => Ty::Fd,
        Type::Ptr { to, .. } => Ty::Pointer((**to).clone()),
        Type::Buffer { .. } | Type::Text { .. } => {
            Ty::Pointer(Type::Int { int: crate::types::IntType::Fixed { bits: 8, signed: false }, range: None })
        }
        Type::Path { .. } => Ty::Path,
        Type::Array { .. } | Type::Struct(_) | Type::Union(_) | Type::Extensible { .. } => Ty::Aggregate(ty.clone()),
        Type::Int { .. } | Type::Const(_) | Type::Bool | Type::Resource(_) | Type::Len(_) | Type::Bytesize(_) => {
            Ty::Int
        }
        Type::Offset | Type::Size | Type::Mode | Type::Signal | Type::Vma | Type::Addr => Ty::Int,
        Type::Unused | Type::ByCommand | Type::Zero | Type::Never => Ty::Int,
    }
}

fn infer(syntax: &Syntax, scope: Scope<'_>) -> Result<(Expr, Ty), Problem> {
    let at = syntax.offset;
    match &syntax.node {
        Node::Int(0) => Ok((Expr::Int(0), Ty::Zero)),
        Node::Int(number) => Ok((Expr::Int(*number), Ty::Int)),
        Node::Text(_) => problem(at, "a quoted text has a meaning only in kernel(\"5.8\")", None),
        Node::Name(name) => resolve_name(name, at, scope),
        Node::Call(name, list) => call(name, list, at, scope),
        Node::Named(name, _) => {
            problem(at, format!("`{name} =` names a field of a struct in a call of a law; equality is `==`"), None)
        }
        Node::Field(inner, field) => {
            let (expr, ty) = infer(inner, scope)?;
            let ty = field_type(&ty, field, at, scope)?;
            Ok((Expr::Field(Box::new(expr), field.clone()), ty))
        }
        Node::Index(inner, index) => {
            let (expr, ty) = infer(inner, scope)?;
            let (index, index_ty) = infer(index, scope)?;
            if !numeric(&index_ty) {
                return problem(at, format!("an index is a number, this is {}", describe(&index_ty)), None);
            }
            let element = match ty {
                Ty::Pointer(Type::Array { of, .. }) | Ty::Aggregate(Type::Array { of, .. }) => *of,
                Ty::Pointer(other) => other,
                other => return problem(at, format!("only arrays have elements, this is {}", describe(&other)), None),
            };
            Ok((Expr::Index(Box::new(expr), Box::new(index)), type_of(&element)))
        }
        Node::Deref(inner) => {
            let (expr, ty) = infer(inner, scope)?;
            match ty {
                Ty::Pointer(to) => match type_of(&to) {
                    Ty::Aggregate(_) => problem(at, "`*` reads an integer; use `.field` or `[i]` here", None),
                    scalar => Ok((Expr::Deref(Box::new(expr)), scalar)),
                },
                other => problem(at, format!("`*` needs a pointer, this is {}", describe(&other)), None),
            }
        }
        Node::Unary(op, inner) => unary(*op, inner, at, scope),
        Node::Binary(op, left, right) => binary(*op, left, right, scope),
        Node::In(inner, list) => {
            let (expr, ty) = infer(inner, scope)?;
            let mut items = Vec::new();
            for item in list {
                let (item_expr, item_ty) = infer_beside(item, &ty, scope)?;
                comparable(&ty, &item_ty, item.offset, scope)?;
                items.push(item_expr);
            }
            Ok((Expr::In(Box::new(expr), items), Ty::Bool))
        }
        Node::InSet(inner, set) => {
            let (expr, ty) = infer(inner, scope)?;
            set_named(set, at, scope)?;
            if !numeric(&ty) {
                return problem(at, format!("only numbers are members of a set, this is {}", describe(&ty)), None);
            }
            Ok((Expr::InSet(Box::new(expr), set.clone()), Ty::Bool))
        }
    }
}

/// What stands beside something that gives a word: there a name is the word, also where a parameter has the same name.
fn infer_beside(syntax: &Syntax, other: &Ty, scope: Scope<'_>) -> Result<(Expr, Ty), Problem> {
    if let (Ty::Word(group), Node::Name(name)) = (other, &syntax.node)
        && let Some(word) = Word::ALL.iter().copied().find(|word| word.name() == name && word.group() == *group)
    {
        return Ok((Expr::Word(word), Ty::Word(*group)));
    }
    infer(syntax, scope)
}

fn resolve_name(name: &str, at: usize, scope: Scope<'_>) -> Result<(Expr, Ty), Problem> {
    if let Some(index) = scope.params.iter().position(|param| param.name == name) {
        let ty = type_of(&scope.params[index].ty);
        return Ok((Expr::Param(u8::try_from(index).unwrap_or(u8::MAX)), ty));
    }
    match name {
        "ret" if scope.after => return Ok((Expr::Ret, Ty::Int)),
        "ret" => return problem(at, "`ret` has no value before the call", None),
        "true" => return Ok((Expr::Bool(true), Ty::Bool)),
        "false" => return Ok((Expr::Bool(false), Ty::Bool)),
        "NULL" => return Ok((Expr::Int(0), Ty::Zero)),
        _ => {}
    }
    if LANGUAGE_CONSTANTS.contains(&name) || Errno::from_name(name).is_some() {
        return Ok((Expr::Const(name.to_owned()), Ty::Int));
    }
    if let Some(value) = scope.resources.values().find_map(|resource| resource.special.get(name)) {
        return Ok((Expr::Int(*value), Ty::Int));
    }
    if scope.sets.values().any(|set| set.members.iter().any(|member| member.name.value == name)) {
        return Ok((Expr::Const(name.to_owned()), Ty::Consts(vec![name.to_owned()])));
    }
    if let Some(word) = Word::from_name(name) {
        return Ok((Expr::Word(word), Ty::Word(word.group())));
    }
    let members = scope.sets.values().flat_map(|set| set.members.iter().map(|member| member.name.value.as_str()));
    let params = scope.params.iter().map(|param| param.name.as_str());
    let words = Word::ALL.iter().map(|word| word.name());
    let help = did_you_mean(name, params.chain(members).chain(words).chain(LANGUAGE_CONSTANTS.iter().copied()));
    problem(at, format!("unknown name `{name}`: no parameter, constant or word of the language"), help)
}

fn set_named<'a>(name: &str, at: usize, scope: Scope<'a>) -> Result<&'a Set, Problem> {
    match scope.sets.get(name) {
        Some(set) => Ok(set),
        None => problem(at, format!("unknown set `{name}`"), did_you_mean(name, scope.sets.keys().map(String::as_str))),
    }
}

fn field_type(ty: &Ty, field: &str, at: usize, scope: Scope<'_>) -> Result<Ty, Problem> {
    let name = match ty {
        Ty::Pointer(Type::Struct(name) | Type::Union(name) | Type::Extensible { name, .. })
        | Ty::Aggregate(Type::Struct(name) | Type::Union(name) | Type::Extensible { name, .. }) => name,
        other => return problem(at, format!("only structs have fields, this is {}", describe(other)), None),
    };
    let Some(found) = scope.structs.get(name) else { return problem(at, format!("unknown struct `{name}`"), None) };
    match found.fields.iter().find(|candidate| candidate.name.value == field) {
        Some(found) => Ok(type_of(&found.ty.value)),
        None => {
            let help = did_you_mean(field, found.fields.iter().map(|candidate| candidate.name.value.as_str()));
            problem(at, format!("struct {name} has no field `{field}`"), help)
        }
    }
}

fn call(name: &str, list: &[Syntax], at: usize, scope: Scope<'_>) -> Result<(Expr, Ty), Problem> {
    if let Some(found) = target_question(name, list, at, scope) {
        return found;
    }
    if name == "old" {
        if !scope.after {
            return problem(at, "old() has a meaning only after the call", None);
        }
        let [inner] = list else { return problem(at, "old() takes one expression", None) };
        let (expr, ty) = infer(inner, scope)?;
        return Ok((Expr::Old(Box::new(expr)), ty));
    }
    let Some(function) = Function::from_name(name) else {
        let names = Function::ALL.iter().map(|function| function.name());
        let help = did_you_mean(name, names.chain(["old", "known", "config", "kernel", "arch", "compat"]));
        return problem(at, format!("unknown function `{name}`"), help);
    };
    let operands = function.operands();
    if operands.len() != list.len() {
        let message = format!("{name}() takes {} operand(s), {} given", operands.len(), list.len());
        return problem(at, message, Some(function.meaning().to_owned()));
    }
    let mut args = Vec::with_capacity(list.len());
    for (operand, syntax) in operands.iter().zip(list) {
        args.push(argument(function, *operand, syntax, scope)?);
    }
    let ty = match function.gives() {
        Gives::Bool => Ty::Bool,
        Gives::Int => Ty::Int,
        Gives::Word(group) => Ty::Word(group),
    };
    Ok((Expr::Call(function, args), ty))
}

fn argument(function: Function, operand: Operand, syntax: &Syntax, scope: Scope<'_>) -> Result<Expr, Problem> {
    if let (Operand::Word(group), Node::Name(name)) = (operand, &syntax.node)
        && let Some(word) = Word::ALL.iter().copied().find(|word| word.name() == name && word.group() == group)
    {
        return Ok(Expr::Word(word));
    }
    let (expr, ty) = infer(syntax, scope)?;
    let fits = match operand {
        Operand::Fd => matches!(ty, Ty::Fd | Ty::Int | Ty::Zero),
        Operand::File => matches!(ty, Ty::Fd | Ty::Int | Ty::Zero | Ty::Path),
        Operand::Path => ty == Ty::Path,
        Operand::Pointer => matches!(ty, Ty::Pointer(_) | Ty::Path | Ty::Int | Ty::Zero),
        Operand::Int => numeric(&ty),
        Operand::Word(group) => ty == Ty::Word(group),
    };
    if fits {
        return Ok(expr);
    }
    let wanted = match operand {
        Operand::Fd => "a descriptor".to_owned(),
        Operand::File => "a descriptor or a path".to_owned(),
        Operand::Path => "a path parameter".to_owned(),
        Operand::Pointer => "a pointer".to_owned(),
        Operand::Int => "a number".to_owned(),
        Operand::Word(group) => {
            let words: Vec<_> = Word::ALL.iter().filter(|word| word.group() == group).map(|word| word.name()).collect();
            format!("one of {}", words.join(", "))
        }
    };
    problem(syntax.offset, format!("{}() wants {wanted} here, this is {}", function.name(), describe(&ty)), None)
}

fn target_question(name: &str, list: &[Syntax], at: usize, scope: Scope<'_>) -> Option<Result<(Expr, Ty), Problem>> {
    let (question, ty) = match (name, list) {
        ("known", [Syntax { node: Node::Name(set), offset }]) => match set_named(set, *offset, scope) {
            Ok(found) if found.kind == SetKind::Enum => {
                return Some(problem(at, format!("{set} is an enumeration; write `x in {set}`"), None));
            }
            Ok(_) => (TargetQuestion::Known(set.clone()), Ty::Flags(set.clone())),
            Err(error) => return Some(Err(error)),
        },
        ("config", [Syntax { node: Node::Name(option), offset }]) => {
            if !option.starts_with("CONFIG_") {
                return Some(problem(*offset, "a kernel option begins with CONFIG_", None));
            }
            (TargetQuestion::Config(option.clone()), Ty::Bool)
        }
        ("kernel", [Syntax { node: Node::Text(text), offset }]) => match text.parse::<Release>() {
            Ok(release) => (TargetQuestion::Kernel(release), Ty::Bool),
            Err(error) => return Some(problem(*offset, error.to_string(), None)),
        },
        ("arch", [Syntax { node: Node::Name(port), offset }]) => match Arch::from_name(port) {
            Some(arch) => (TargetQuestion::Arch(arch), Ty::Bool),
            None => {
                let help = did_you_mean(port, Arch::ALL.iter().map(|arch| arch.name()));
                return Some(problem(*offset, format!("unknown port `{port}`"), help));
            }
        },
        ("compat", []) => (TargetQuestion::Compat, Ty::Bool),
        ("compat", _) => return Some(problem(at, "compat() takes nothing", None)),
        ("known", _) => return Some(problem(at, "known() takes the name of one set", None)),
        ("config", _) => return Some(problem(at, "config() takes the name of one kernel option", None)),
        ("kernel", _) => return Some(problem(at, "kernel() takes a release in quotes: kernel(\"5.8\")", None)),
        ("arch", _) => return Some(problem(at, "arch() takes the name of one port", None)),
        _ => return None,
    };
    Some(Ok((Expr::Target(question), ty)))
}

fn unary(op: UnaryOp, inner: &Syntax, at: usize, scope: Scope<'_>) -> Result<(Expr, Ty), Problem> {
    let (expr, ty) = infer(inner, scope)?;
    let result = match op {
        UnaryOp::Not if ty == Ty::Bool => Ty::Bool,
        UnaryOp::Not => {
            let help = numeric(&ty).then(|| "compare it: `... == 0`".to_owned());
            return problem(at, format!("`!` needs a condition, this is {}", describe(&ty)), help);
        }
        UnaryOp::Negate if matches!(ty, Ty::Int | Ty::Zero | Ty::Fd | Ty::Consts(_) | Ty::Enum(_)) => {
            return Ok(match expr {
                Expr::Int(number) => (Expr::Int(-number), Ty::Int),
                other => (Expr::Unary(op, Box::new(other)), Ty::Int),
            });
        }
        UnaryOp::Complement if numeric(&ty) => ty,
        UnaryOp::Negate | UnaryOp::Complement => {
            let sign = if op == UnaryOp::Negate { '-' } else { '~' };
            return problem(at, format!("`{sign}` needs a number, this is {}", describe(&ty)), None);
        }
    };
    Ok((Expr::Unary(op, Box::new(expr)), result))
}

fn binary(op: BinaryOp, left: &Syntax, right: &Syntax, scope: Scope<'_>) -> Result<(Expr, Ty), Problem> {
    let (left_expr, left_ty) = infer(left, scope)?;
    let (right_expr, right_ty) = infer_beside(right, &left_ty, scope)?;
    let symbol = op.symbol();
    let ty = match op {
        BinaryOp::Implies | BinaryOp::Or | BinaryOp::And => {
            for (ty, side) in [(&left_ty, left), (&right_ty, right)] {
                if *ty != Ty::Bool {
                    let help = numeric(ty).then(|| "compare it: `... != 0`".to_owned());
                    return problem(
                        side.offset,
                        format!("`{symbol}` joins conditions, this is {}", describe(ty)),
                        help,
                    );
                }
            }
            Ty::Bool
        }
        BinaryOp::Eq | BinaryOp::Ne | BinaryOp::Lt | BinaryOp::Le | BinaryOp::Gt | BinaryOp::Ge => {
            comparable(&left_ty, &right_ty, right.offset, scope)?;
            let ordered = !matches!(op, BinaryOp::Eq | BinaryOp::Ne);
            if ordered && (matches!(left_ty, Ty::Bool | Ty::Word(_))) {
                return problem(left.offset, format!("{} has no order", describe(&left_ty)), None);
            }
            Ty::Bool
        }
        BinaryOp::BitOr | BinaryOp::BitXor | BinaryOp::BitAnd => bits(op, &left_ty, &right_ty, left, right, scope)?,
        BinaryOp::Shl
        | BinaryOp::Shr
        | BinaryOp::Add
        | BinaryOp::Sub
        | BinaryOp::Mul
        | BinaryOp::Div
        | BinaryOp::Rem => {
            for (ty, side) in [(&left_ty, left), (&right_ty, right)] {
                let address = matches!(op, BinaryOp::Add | BinaryOp::Sub) && matches!(ty, Ty::Pointer(_));
                let number = matches!(ty, Ty::Int | Ty::Zero | Ty::Fd | Ty::Consts(_) | Ty::Enum(_));
                let shifted = matches!(op, BinaryOp::Shl | BinaryOp::Shr) && matches!(ty, Ty::Flags(_));
                if !number && !address && !shifted {
                    return problem(side.offset, format!("`{symbol}` needs numbers, this is {}", describe(ty)), None);
                }
            }
            Ty::Int
        }
    };
    Ok((Expr::Binary(op, Box::new(left_expr), Box::new(right_expr)), ty))
}

fn bits(op: BinaryOp, l: &Ty, r: &Ty, left: &Syntax, right: &Syntax, scope: Scope<'_>) -> Result<Ty, Problem> {
    for (ty, side) in [(l, left), (r, right)] {
        if !numeric(ty) {
            return problem(
                side.offset,
                format!("`{}` needs numbers or flags, this is {}", op.symbol(), describe(ty)),
                None,
            );
        }
    }
    match (l, r) {
        (Ty::Consts(a), Ty::Consts(b)) => Ok(Ty::Consts(a.iter().chain(b).cloned().collect())),
        (Ty::Flags(_), _) | (_, Ty::Flags(_)) => {
            comparable(l, r, right.offset, scope)?;
            Ok(if matches!(l, Ty::Flags(_)) { l.clone() } else { r.clone() })
        }
        _ => Ok(Ty::Int),
    }
}

/// Whether two values may be held against each other.
fn comparable(left: &Ty, right: &Ty, at: usize, scope: Scope<'_>) -> Result<(), Problem> {
    let mismatch = || problem(at, format!("{} cannot be compared with {}", describe(left), describe(right)), None);
    match (left, right) {
        (Ty::Flags(set) | Ty::Enum(set), Ty::Consts(names)) | (Ty::Consts(names), Ty::Flags(set) | Ty::Enum(set)) => {
            for name in names {
                if !is_member(set, name, scope) {
                    let members = scope.sets.get(set).into_iter().flat_map(|set| set.members.iter());
                    let help = did_you_mean(name, members.map(|member| member.name.value.as_str()));
                    return problem(at, format!("{name} is not a member of {set}"), help);
                }
            }
            Ok(())
        }
        (Ty::Flags(a) | Ty::Enum(a), Ty::Flags(b) | Ty::Enum(b)) if a != b && !related(a, b, scope) => mismatch(),
        (Ty::Pointer(_) | Ty::Path, Ty::Zero) | (Ty::Zero, Ty::Pointer(_) | Ty::Path) => Ok(()),
        (Ty::Pointer(_) | Ty::Path, Ty::Pointer(_) | Ty::Path) => Ok(()),
        (Ty::Pointer(_), Ty::Int) | (Ty::Int, Ty::Pointer(_)) => {
            problem(at, "a pointer can be compared with NULL or another pointer only", None)
        }
        (a, b) if numeric(a) && numeric(b) => Ok(()),
        (Ty::Bool, Ty::Bool) => Ok(()),
        (Ty::Word(a), Ty::Word(b)) if a == b => Ok(()),
        _ => mismatch(),
    }
}

fn related(a: &str, b: &str, scope: Scope<'_>) -> bool {
    let includes = |outer: &str, inner: &str| {
        scope.sets.get(outer).is_some_and(|set| set.includes.iter().any(|included| included.value == inner))
    };
    includes(a, b) || includes(b, a)
}

fn is_member(set: &str, name: &str, scope: Scope<'_>) -> bool {
    let Some(set) = scope.sets.get(set) else { return false };
    set.members.iter().any(|member| member.name.value == name)
        || set.includes.iter().any(|included| {
            included.value != set.name.value
                && scope
                    .sets
                    .get(&included.value)
                    .is_some_and(|inner| inner.members.iter().any(|m| m.name.value == name))
        })
}
