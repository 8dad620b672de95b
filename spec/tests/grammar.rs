//! Printing and parsing again gives the same condition and the same type.

mod generate;

use abispec::expr::{Expected, Expr, Node, Scope, Signature, Syntax, TargetQuestion, UnaryOp, check, parse, print};
use abispec::types::{self, Type};
use generate::{PARAMS, World};
use proptest::prelude::*;

/// What an expression looks like before names have a meaning.
fn shape(expr: &Expr) -> Node {
    let of = |expr: &Expr| Box::new(bare(expr));
    let all = |list: &[Expr]| list.iter().map(bare).collect();
    let name = |name: &str| Node::Name(name.to_owned());
    match expr {
        Expr::Int(number) if *number < 0 => Node::Unary(UnaryOp::Negate, of(&Expr::Int(-number))),
        Expr::Int(number) => Node::Int(*number),
        Expr::Bool(truth) => name(if *truth { "true" } else { "false" }),
        Expr::Const(constant) => name(constant),
        Expr::Word(word) => name(word.name()),
        Expr::Param(index) => name(PARAMS[usize::from(*index)]),
        Expr::Ret => name("ret"),
        Expr::Field(a, field) => Node::Field(of(a), field.clone()),
        Expr::Index(a, b) => Node::Index(of(a), of(b)),
        Expr::Deref(a) => Node::Deref(of(a)),
        Expr::Unary(op, a) => Node::Unary(*op, of(a)),
        Expr::Binary(op, a, b) => Node::Binary(*op, of(a), of(b)),
        Expr::In(a, list) => Node::In(of(a), all(list)),
        Expr::InSet(a, set) => Node::InSet(of(a), set.clone()),
        Expr::Call(function, list) => Node::Call(function.name().to_owned(), all(list)),
        Expr::Old(a) => Node::Call("old".to_owned(), vec![bare(a)]),
        Expr::Target(question) => {
            let (function, argument) = match question {
                TargetQuestion::Compat => return Node::Call("compat".to_owned(), Vec::new()),
                TargetQuestion::Known(set) => ("known", name(set)),
                TargetQuestion::Config(option) => ("config", name(option)),
                TargetQuestion::Kernel(release) => ("kernel", Node::Text(release.to_string())),
                TargetQuestion::Arch(arch) => ("arch", name(arch.name())),
            };
            Node::Call(function.to_owned(), vec![Syntax { node: argument, offset: 0 }])
        }
        Expr::Load { .. } | Expr::Unknown(_) => unreachable!("not part of the language"),
    }
}

fn bare(expr: &Expr) -> Syntax {
    Syntax { node: shape(expr), offset: 0 }
}

fn without_offsets(syntax: Syntax) -> Syntax {
    let one = |inner: Box<Syntax>| Box::new(without_offsets(*inner));
    let all = |list: Vec<Syntax>| list.into_iter().map(without_offsets).collect();
    let node = match syntax.node {
        Node::Call(name, list) => Node::Call(name, all(list)),
        Node::Named(name, a) => Node::Named(name, one(a)),
        Node::Field(a, field) => Node::Field(one(a), field),
        Node::Index(a, b) => Node::Index(one(a), one(b)),
        Node::Deref(a) => Node::Deref(one(a)),
        Node::Unary(op, a) => Node::Unary(op, one(a)),
        Node::Binary(op, a, b) => Node::Binary(op, one(a), one(b)),
        Node::In(a, list) => Node::In(one(a), all(list)),
        Node::InSet(a, set) => Node::InSet(one(a), set),
        Node::Int(_) | Node::Text(_) | Node::Name(_) => syntax.node,
    };
    Syntax { node, offset: 0 }
}

fn signatures(world: &World) -> Vec<Signature> {
    let types = PARAMS.iter().zip(world.param_types());
    types.map(|(name, ty)| Signature { name: (*name).to_owned(), ty }).collect()
}

fn scope<'a>(world: &'a World, params: &'a [Signature]) -> Scope<'a> {
    Scope { sets: &world.sets, structs: &world.structs, resources: &world.resources, params, after: true }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, ..ProptestConfig::default() })]

    #[test]
    fn any_expression_survives_printing(expr in generate::any_expr()) {
        let text = print(&expr, PARAMS);
        let parsed = parse(&text).map_err(|error| TestCaseError::fail(format!("{text}: {error:?}")))?;
        prop_assert_eq!(without_offsets(parsed), bare(&expr), "{}", text);
    }

    #[test]
    fn a_checked_condition_is_the_one_that_was_printed(condition in generate::condition()) {
        let world = World::new();
        let text = print(&condition, PARAMS);
        let syntax = parse(&text).map_err(|error| TestCaseError::fail(format!("{text}: {error:?}")))?;
        let signatures = signatures(&world);
        let checked = check(&syntax, scope(&world, &signatures), Expected::Truth);
        let checked = checked.map_err(|problem| TestCaseError::fail(format!("{text}: {problem:?}")))?;
        prop_assert_eq!(checked, condition);
    }

    #[test]
    fn any_type_survives_printing(ty in generate::any_type()) {
        let world = World::new();
        let text = types::print(&ty, PARAMS);
        let term = types::parse(&text).map_err(|error| TestCaseError::fail(format!("{text}: {error:?}")))?;
        let signatures = signatures(&world);
        let resolved = types::resolve(&term, scope(&world, &signatures));
        prop_assert_eq!(resolved.map_err(|problem| TestCaseError::fail(format!("{text}: {problem:?}")))?, ty);
    }
}

#[test]
fn blanks_do_not_matter() {
    for (a, b) in [
        ("a&b!=0", " a & b  != 0 "),
        ("f(x,y)", "f( x , y )"),
        ("p.x[0]", "p . x [ 0 ]"),
        ("!a||-b==c", "! a || - b == c"),
    ] {
        assert_eq!(parse(a).map(without_offsets), parse(b).map(without_offsets), "{a}");
    }
    assert_eq!(types::print(&Type::Bool, &[]), "bool");
}

#[test]
fn precedence_is_the_one_of_the_reference() {
    for (text, grouped) in [
        ("a & b != 0", "(a & b) != 0"),
        ("a | b == c", "(a | b) == c"),
        ("a || b && c", "a || (b && c)"),
        ("a => b => c", "a => (b => c)"),
        ("a => b || c", "a => (b || c)"),
        ("a - b - c", "(a - b) - c"),
        ("a | b ^ c & d << e + f * g", "a | (b ^ (c & (d << (e + (f * g)))))"),
        ("!a == b", "(!a) == b"),
        ("*p.x", "*(p.x)"),
        ("-a.b", "-(a.b)"),
        ("a | b in [c]", "(a | b) in [c]"),
    ] {
        assert_eq!(parse(text).map(without_offsets), parse(grouped).map(without_offsets), "{text}");
    }
    for chained in ["a < b < c", "a == b == c", "a in [b] in [c]", "a == b in [c]"] {
        assert!(parse(chained).is_err(), "{chained}");
    }
}
