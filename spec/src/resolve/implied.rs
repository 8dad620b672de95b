//! The rules that follow from the types of parameters (LANGUAGE.md, section 9).

use super::call::register;
use super::size_of;
use crate::errno::Errno;
use crate::expr::{BinaryOp, Expr, Function, TargetQuestion, UnaryOp, Word};
use crate::model::{Origin, Param, SetKind, Spec, Unknown};
use crate::target::Resolved;
use crate::types::{Count, Direction, Type};

/// A rule before it has a clause.
pub(super) struct Implied {
    pub(super) errno: &'static str,
    pub(super) rejects: Option<Errno>,
    pub(super) duty: bool,
    pub(super) condition: Expr,
    pub(super) origin: Origin,
}

impl Implied {
    fn when(errno: &'static str, condition: Expr) -> Self {
        Self { errno, rejects: None, duty: true, condition, origin: Origin::Args }
    }

    fn may(errno: &'static str, condition: Expr, origin: Origin) -> Self {
        Self { errno, rejects: None, duty: false, condition, origin }
    }

    fn from(mut self, origin: Origin) -> Self {
        self.origin = origin;
        self
    }

    fn rejected(errno: Errno, condition: Expr) -> Self {
        Self { errno: "", rejects: Some(errno), duty: true, condition, origin: Origin::Args }
    }

    /// The errno; names in this file are known to exist.
    pub(super) fn number(&self) -> Option<Errno> {
        self.rejects.or_else(|| Errno::from_name(self.errno))
    }
}

fn and(list: impl IntoIterator<Item = Expr>) -> Expr {
    list.into_iter().reduce(|a, b| Expr::Binary(BinaryOp::And, Box::new(a), Box::new(b))).unwrap_or(Expr::Bool(true))
}

fn or(a: Expr, b: Expr) -> Expr {
    Expr::Binary(BinaryOp::Or, Box::new(a), Box::new(b))
}

fn not(expr: Expr) -> Expr {
    Expr::Unary(UnaryOp::Not, Box::new(expr))
}

fn compare(op: BinaryOp, a: Expr, b: Expr) -> Expr {
    Expr::Binary(op, Box::new(a), Box::new(b))
}

fn call<const N: usize>(function: Function, operands: [Expr; N]) -> Expr {
    Expr::Call(function, operands.into())
}

/// The value that stands for the working directory where a directory descriptor is passed.
const AT_FDCWD: i128 = -100;

/// The rules of one parameter.
pub(super) fn of_param(spec: &Spec, resolved: &Resolved, index: u8, param: &Param) -> Vec<Implied> {
    let mut rules = Vec::new();
    let x = || Expr::Param(index);
    let used = || param.used.as_ref().map_or(Expr::Bool(true), |used| used.value.clone());
    if let (Some(unknown), Type::Flags { set, .. } | Type::Enum { set, .. }) = (&param.unknown, &param.ty.value)
        && let Unknown::Rejected(errno) = unknown.value
    {
        let when = param.unknown_when.as_ref().map_or(Expr::Bool(true), |when| when.value.clone());
        rules.push(Implied::rejected(errno, and([when, strange(spec, without_sign(resolved, param, x(), set), set)])));
    }
    let Some((_, nullable)) = param.ty.value.pointer() else { return rules };
    let present = || {
        let given = if nullable { compare(BinaryOp::Ne, x(), Expr::Int(0)) } else { Expr::Bool(true) };
        and([used(), given])
    };
    match &param.ty.value {
        Type::Ptr { direction, to, .. } => {
            if let Type::Extensible { name, size } = &**to {
                extensible(resolved, &mut rules, x(), Expr::Param(*size), name, &present());
            } else if let Some(bytes) = bytes_behind(spec, resolved, to) {
                rules.push(Implied::when("EFAULT", and([present(), not_mapped(x(), &bytes, *direction)])));
            }
            if direction.reads()
                && let Type::Struct(name) | Type::Extensible { name, .. } = &**to
            {
                let passed = if let Type::Extensible { size, .. } = &**to { Some(Expr::Param(*size)) } else { None };
                fields(spec, resolved, &mut rules, (&x(), passed), name, &present());
            }
        }
        Type::Buffer { direction, count, .. } => {
            let fault = and([present(), not_mapped(x(), &counted(*count), *direction)]);
            rules.push(Implied::may("EFAULT", fault, Origin::Args));
        }
        Type::Text { .. } => rules.push(Implied::when("EFAULT", and([present(), call(Function::Unreadable, [x()])]))),
        Type::Path { .. } => path(&mut rules, index, param, &present()),
        _ => {}
    }
    rules
}

/// A parameter as its bits alone, where one of the set's members is what C takes for the sign of it.
fn without_sign(resolved: &Resolved, param: &Param, x: Expr, set: &str) -> Expr {
    let int = register(param);
    let bits = int.bytes(resolved.target.arch.data_model().word()) * 8;
    let known = resolved.sets.get(set).map_or(0, |set| if set.exclusive { 0 } else { set.known });
    if bits == 0 || !int.signed() || known >> (bits - 1) & 1 == 0 {
        return x;
    }
    compare(BinaryOp::BitAnd, x, Expr::Int((1 << bits) - 1))
}

/// A value that is not what the set permits.
fn strange(spec: &Spec, x: Expr, set: &str) -> Expr {
    if spec.sets.get(set).is_some_and(|set| set.kind == SetKind::Enum) {
        return not(Expr::InSet(Box::new(x), set.to_owned()));
    }
    let known = Expr::Target(TargetQuestion::Known(set.to_owned()));
    let rest = compare(BinaryOp::BitAnd, x, Expr::Unary(UnaryOp::Complement, Box::new(known)));
    compare(BinaryOp::Ne, rest, Expr::Int(0))
}

fn not_mapped(x: Expr, bytes: &Expr, direction: Direction) -> Expr {
    let fails = |word| not(call(Function::Mapped, [x.clone(), bytes.clone(), Expr::Word(word)]));
    match direction {
        Direction::In => fails(Word::Read),
        Direction::Out => fails(Word::Write),
        Direction::InOut => or(fails(Word::Read), fails(Word::Write)),
    }
}

fn counted(count: Count) -> Expr {
    match count {
        Count::Number(number) => Expr::Int(number.into()),
        Count::Param(index) => Expr::Param(index),
    }
}

/// Bytes of what a pointer leads to.
pub(super) fn bytes_behind(spec: &Spec, resolved: &Resolved, to: &Type) -> Option<Expr> {
    let model = resolved.target.arch.data_model();
    match to {
        Type::Array { of, count } => {
            let each = size_of(spec, of, model)?;
            Some(compare(BinaryOp::Mul, counted(*count), Expr::Int(each.into())))
        }
        Type::Extensible { size, .. } => Some(Expr::Param(*size)),
        other => Some(Expr::Int(size_of(spec, other, model)?.into())),
    }
}

/// The same where the kernel writes, too: of a struct whose size is passed it answers wherever that has room, little as
/// may have been passed.
pub(super) fn with_answers(spec: &Spec, resolved: &Resolved, bytes: Expr, to: &Type, direction: Direction) -> Expr {
    let Type::Extensible { .. } = to else { return bytes };
    match size_of(spec, to, resolved.target.arch.data_model()) {
        Some(whole) if direction.writes() => call(Function::Max, [bytes, Expr::Int(whole.into())]),
        _ => bytes,
    }
}

fn extensible(resolved: &Resolved, rules: &mut Vec<Implied>, x: Expr, n: Expr, name: &str, present: &Expr) {
    let Some(found) = resolved.structs.get(name) else { return };
    let first = found.versions.first().copied().unwrap_or(found.size);
    let known = found.versions.last().copied().unwrap_or(found.size);
    let page = Expr::Int(resolved.target.page_size.into());
    let few = compare(BinaryOp::Lt, n.clone(), Expr::Int(first.into()));
    let many = compare(BinaryOp::Gt, n.clone(), page);
    let readable = call(Function::Mapped, [x.clone(), n.clone(), Expr::Word(Word::Read)]);
    let size = n.clone();
    let tail = call(Function::Zeroed, [x, Expr::Int(known.into()), n]);
    if first > 0 {
        rules.push(Implied::when("EINVAL", and([present.clone(), few.clone()])));
    }
    let beyond = and([not(many.clone()), readable.clone(), not(tail)]);
    // What comes before the end of memory may say so first.
    let long = compare(BinaryOp::Gt, size, Expr::Int(known.into()));
    let cut = and([present.clone(), long, not(many.clone()), not(readable.clone())]);
    rules.push(Implied::may("E2BIG", cut, Origin::Args));
    rules.push(Implied::when("E2BIG", and([present.clone(), not(few.clone()), or(many.clone(), beyond)])));
    rules.push(Implied::when("EFAULT", and([present.clone(), not(few), not(many), not(readable)])));
}

/// Rules of the fields of a struct that the kernel reads: all of it, or as many bytes as were passed, behind which all is zero.
fn fields(
    spec: &Spec,
    resolved: &Resolved,
    rules: &mut Vec<Implied>,
    (x, passed): (&Expr, Option<Expr>),
    name: &str,
    present: &Expr,
) {
    let Some(found) = spec.structs.get(name) else { return };
    let model = resolved.target.arch.data_model();
    for field in found.fields.iter().filter(|field| field.span.contains(resolved.target.release)) {
        let (Some(unknown), Type::Flags { set, .. } | Type::Enum { set, .. }) = (&field.unknown, &field.ty.value)
        else {
            continue;
        };
        let Unknown::Rejected(errno) = unknown.value else { continue };
        let mapped = |bytes| call(Function::Mapped, [x.clone(), bytes, Expr::Word(Word::Read)]);
        let readable = match &passed {
            Some(passed) => {
                let end = i128::from(field.offset.value.on(model))
                    + size_of(spec, &field.ty.value, model).map_or(0, i128::from);
                and([compare(BinaryOp::Ge, passed.clone(), Expr::Int(end)), mapped(passed.clone())])
            }
            None => mapped(Expr::Int(found.size.on(model).into())),
        };
        let value = Expr::Field(Box::new(x.clone()), field.name.value.clone());
        rules.push(Implied::rejected(errno, and([present.clone(), readable, strange(spec, value, set)])));
    }
}

fn path(rules: &mut Vec<Implied>, index: u8, param: &Param, present: &Expr) {
    let x = || Expr::Param(index);
    let of = |function| call(function, [x()]);
    let stated = |given: &Option<crate::place::At<Expr>>, default| {
        given.as_ref().map_or(Expr::Bool(default), |at| at.value.clone())
    };
    let empty_names_base = stated(&param.empty, false);
    let when = |errno, condition| Implied::when(errno, and([present.clone(), condition])).from(Origin::Filesystem);
    rules.push(Implied::when("EFAULT", and([present.clone(), of(Function::Unreadable)])));
    rules.push(Implied::when("ENAMETOOLONG", and([present.clone(), of(Function::Overlong)])));
    rules.push(when("ENOENT", and([of(Function::Empty), not(empty_names_base.clone())])));
    if let Some(base) = param.base {
        let relative = || not(of(Function::Absolute));
        let elsewhere = || compare(BinaryOp::Ne, Expr::Param(base), Expr::Int(AT_FDCWD));
        let open = || call(Function::Open, [Expr::Param(base)]);
        let walked = or(not(of(Function::Empty)), empty_names_base);
        rules.push(when("EBADF", and([relative(), walked, elsewhere(), not(open())])));
        let is_directory =
            compare(BinaryOp::Eq, call(Function::Kind, [Expr::Param(base)]), Expr::Word(Word::Directory));
        let not_empty = not(of(Function::Empty));
        rules.push(when("ENOTDIR", and([relative(), not_empty, elsewhere(), open(), not(is_directory)])));
    }
    // Inside a root of its own a walk meets other files; path functions are unknown there, and so are these rules.
    for errno in ["ENOENT", "ENOTDIR", "ELOOP", "EACCES", "ENAMETOOLONG"] {
        rules.push(when(errno, compare(BinaryOp::Eq, of(Function::Walk), Expr::Const(errno.to_owned()))));
    }
    rules.push(Implied::may(
        "EIO",
        compare(BinaryOp::Ne, of(Function::Fs), Expr::Word(Word::Tmpfs)),
        Origin::Filesystem,
    ));
    let walks = compare(BinaryOp::Eq, of(Function::Walk), Expr::Int(0));
    let missing = and([not(of(Function::Empty)), walks, not(of(Function::Exists))]);
    rules.push(when("ENOENT", and([stated(&param.must_exist, true), missing])));
    rules.push(Implied::may("ENOMEM", Expr::Bool(true), Origin::Memory));
}

/// The errnos of the permissions that follow from a parameter of a type, on some port or other.
pub(crate) fn permitted(ty: &Type) -> &'static [&'static str] {
    match ty {
        Type::Buffer { .. } => &["EFAULT"],
        Type::Ptr { to, .. } if matches!(**to, Type::Extensible { .. }) => &["E2BIG"],
        Type::Path { .. } => &["EIO", "ENOMEM"],
        _ => &[],
    }
}

/// The errno of the permission that follows from a call's sleeping.
pub(crate) const INTERRUPTED: &str = "EINTR";

/// The rules of a call as a whole.
pub(super) fn of_call(blocks: Option<&Expr>, config: Option<&str>) -> Vec<Implied> {
    let mut rules = Vec::new();
    if let Some(blocks) = blocks {
        rules.push(Implied::may(INTERRUPTED, blocks.clone(), Origin::Signal));
    }
    if let Some(option) = config {
        let built = Expr::Target(TargetQuestion::Config(option.to_owned()));
        rules.push(Implied::when("ENOSYS", not(built)).from(Origin::Config));
    }
    rules
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arch::Arch;
    use crate::target::{ClauseKind, Target};
    use crate::version::Release;

    #[test]
    fn what_is_permitted_follows_from_a_type_that_says_so() {
        let spec = crate::embedded();
        let resolved = crate::resolve(spec, &Target::new(Arch::X86_64, Release::new(7, 3)));
        let mut count = 0;
        for clause in resolved.clauses.iter().filter(|clause| clause.implied && clause.kind == ClauseKind::May) {
            let call = &spec.syscalls[&clause.syscall];
            let own = call.commands.iter().flat_map(|command| command.params.iter().map(|(_, param)| param));
            let errno = clause.errno.map_or("", Errno::name);
            let follows = call.params.iter().chain(own).any(|param| permitted(&param.ty.value).contains(&errno));
            assert!(follows || errno == INTERRUPTED, "{}: {errno} `{}`", clause.syscall, clause.text);
            count += 1;
        }
        assert!(count > 100);
    }
    #[test]
    fn fields_are_looked_at_as_far_as_a_struct_was_passed() {
        let spec = crate::embedded();
        let resolved = crate::resolve(spec, &Target::new(Arch::X86_64, Release::new(7, 3)));
        let has = |call: &str, errno: &str, text: &str| {
            let mut implied = resolved.clauses.iter().filter(|clause| clause.implied && clause.syscall == call);
            implied.any(|clause| clause.errno.is_some_and(|own| own.name() == errno) && clause.text.contains(text))
        };
        assert!(has("clone3", "EINVAL", "size >= 8 && mapped(uargs, size, read)"));
        assert!(!has("clone3", "EINVAL", "mapped(uargs, 88, read)"));
        // Where nobody says how much there is, the kernel reads it all.
        assert!(has("io_uring_setup", "EINVAL", "mapped(params, 120, read)"));
    }
}
