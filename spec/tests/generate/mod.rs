//! Arbitrary expressions and types, and a small world in which they have a meaning.

#![allow(dead_code, reason = "each test uses a part")]

use abispec::arch::Arch;
use abispec::expr::{BinaryOp, Expr, Function, Gives, Operand, TargetQuestion, UnaryOp, Word, WordGroup};
use abispec::finding::SourceFile;
use abispec::load::load;
use abispec::model::{Resource, Set, Struct};
use abispec::types::{Count, Direction, IntType, Type};
use abispec::version::Release;
use proptest::prelude::*;
use std::collections::BTreeMap;

/// Names of the parameters.
pub(crate) const PARAMS: &[&str] = &["fd", "n", "flags", "p", "path", "buf"];

/// Sets, structs and resources that generated types name.
#[derive(Debug)]
pub(crate) struct World {
    /// Flag sets and enumerations.
    pub(crate) sets: BTreeMap<String, Set>,
    /// Structs.
    pub(crate) structs: BTreeMap<String, Struct>,
    /// Resources.
    pub(crate) resources: BTreeMap<String, Resource>,
}

impl World {
    /// Loads it.
    pub(crate) fn new() -> Self {
        let file = |path: &str, text: &str| SourceFile { path: path.to_owned(), text: text.to_owned() };
        let (spec, findings) = load(vec![
            file(
                "flags/all.yaml",
                "f:\n  kind: flags\n  members: {F_ONE: 1, F_TWO: 2}\ne:\n  kind: enum\n  members: {E_ONE: 1}\n",
            ),
            file("resources/all.yaml", "fd: {base: int32}\nfd[pipe]: {parent: fd}\npid: {base: int32}\n"),
            file("types/all.yaml", "s:\n  size: 8\n  align: 8\n  fields:\n    - {name: x, type: int64, offset: 0}\n"),
        ]);
        assert!(findings.is_empty(), "{findings:?}");
        Self { sets: spec.sets, structs: spec.structs, resources: spec.resources }
    }

    /// Types of [`PARAMS`].
    pub(crate) fn param_types(&self) -> Vec<Type> {
        let to = Box::new(Type::Struct("s".to_owned()));
        vec![
            Type::Resource("fd".to_owned()),
            Type::Int { int: IntType::Long { signed: true }, range: None },
            Type::Flags { set: "f".to_owned(), width: None },
            Type::Ptr { direction: Direction::InOut, nullable: true, to, wide: false },
            Type::Path { nullable: false },
            Type::Buffer { direction: Direction::Out, nullable: false, count: Count::Param(1) },
        ]
    }
}

fn number() -> impl Strategy<Value = i128> {
    prop_oneof![-10..10i128, Just(i128::from(u64::MAX)), Just(-i128::from(u64::MAX)), any::<u64>().prop_map(i128::from)]
}

fn op() -> impl Strategy<Value = BinaryOp> {
    use BinaryOp::{
        Add, And, BitAnd, BitOr, BitXor, Div, Eq, Ge, Gt, Implies, Le, Lt, Mul, Ne, Or, Rem, Shl, Shr, Sub,
    };
    proptest::sample::select(vec![
        Implies, Or, And, Eq, Ne, Lt, Le, Gt, Ge, BitOr, BitXor, BitAnd, Shl, Shr, Add, Sub, Mul, Div, Rem,
    ])
}

fn question() -> impl Strategy<Value = TargetQuestion> {
    prop_oneof![
        Just(TargetQuestion::Known("f".to_owned())),
        Just(TargetQuestion::Config("CONFIG_NET".to_owned())),
        (2..9u16, 0..40u16).prop_map(|(major, minor)| TargetQuestion::Kernel(Release::new(major, minor))),
        proptest::sample::select(Arch::ALL.to_vec()).prop_map(TargetQuestion::Arch),
    ]
}

/// Any expression of the language, with or without a meaning.
pub(crate) fn any_expr() -> impl Strategy<Value = Expr> {
    let leaf = prop_oneof![
        number().prop_map(Expr::Int),
        any::<bool>().prop_map(Expr::Bool),
        Just(Expr::Const("F_ONE".to_owned())),
        proptest::sample::select(Word::ALL.to_vec()).prop_map(Expr::Word),
        (0..6u8).prop_map(Expr::Param),
        Just(Expr::Ret),
        question().prop_map(Expr::Target),
    ];
    leaf.prop_recursive(6, 60, 4, |inner| {
        let boxed = || inner.clone().prop_map(Box::new);
        let unary = proptest::sample::select(vec![UnaryOp::Not, UnaryOp::Negate, UnaryOp::Complement]);
        let functions = proptest::sample::select(Function::ALL.to_vec());
        prop_oneof![
            (op(), boxed(), boxed()).prop_map(|(op, a, b)| Expr::Binary(op, a, b)),
            (unary, boxed()).prop_map(|(op, a)| Expr::Unary(op, a)),
            boxed().prop_map(|a| Expr::Field(a, "x".to_owned())),
            (boxed(), boxed()).prop_map(|(a, b)| Expr::Index(a, b)),
            boxed().prop_map(Expr::Deref),
            boxed().prop_map(Expr::Old),
            (boxed(), proptest::collection::vec(inner.clone(), 1..4)).prop_map(|(a, list)| Expr::In(a, list)),
            boxed().prop_map(|a| Expr::InSet(a, "f".to_owned())),
            (functions, proptest::collection::vec(inner.clone(), 0..4)).prop_map(|(f, list)| Expr::Call(f, list)),
        ]
    })
}

/// Any expression as it is after it was resolved for a target, right or wrong.
pub(crate) fn any_resolved() -> impl Strategy<Value = Expr> {
    let extreme = prop_oneof![number(), Just(i128::MAX), Just(i128::MIN), Just(0), any::<i128>()];
    let leaf = prop_oneof![
        extreme.prop_map(Expr::Int),
        any::<bool>().prop_map(Expr::Bool),
        (0..8u8).prop_map(Expr::Param),
        Just(Expr::Ret),
        Just(Expr::Unknown("no reason".to_owned())),
        Just(Expr::Const("F_ONE".to_owned())),
    ];
    leaf.prop_recursive(6, 60, 4, |inner| {
        let boxed = || inner.clone().prop_map(Box::new);
        let unary = proptest::sample::select(vec![UnaryOp::Not, UnaryOp::Negate, UnaryOp::Complement]);
        let functions = proptest::sample::select(Function::ALL.to_vec());
        let sizes = proptest::sample::select(vec![1u8, 2, 4, 8]);
        prop_oneof![
            (op(), boxed(), boxed()).prop_map(|(op, a, b)| Expr::Binary(op, a, b)),
            (unary, boxed()).prop_map(|(op, a)| Expr::Unary(op, a)),
            (boxed(), sizes, any::<bool>()).prop_map(|(address, size, signed)| Expr::Load { address, size, signed }),
            boxed().prop_map(Expr::Old),
            (boxed(), proptest::collection::vec(inner.clone(), 0..4)).prop_map(|(a, list)| Expr::In(a, list)),
            (functions, proptest::collection::vec(inner.clone(), 0..5)).prop_map(|(f, list)| Expr::Call(f, list)),
        ]
    })
}

/// Any number that means something in the small world.
fn quantity() -> BoxedStrategy<Expr> {
    let leaf = prop_oneof![
        number().prop_map(Expr::Int),
        Just(Expr::Param(1)),
        Just(Expr::Ret),
        Just(Expr::Const("PAGE_SIZE".to_owned())),
        Just(Expr::Const("EBADF".to_owned())),
        Just(Expr::Field(Box::new(Expr::Param(3)), "x".to_owned())),
        Just(Expr::Field(Box::new(Expr::Index(Box::new(Expr::Param(3)), Box::new(Expr::Param(1)))), "x".to_owned())),
        Just(Expr::Deref(Box::new(Expr::Param(5)))),
    ];
    let recursive = leaf.prop_recursive(3, 20, 3, |inner| {
        use BinaryOp::{Add, BitAnd, BitOr, BitXor, Div, Mul, Rem, Shl, Shr, Sub};
        let boxed = || inner.clone().prop_map(Box::new);
        let ops = proptest::sample::select(vec![Add, Sub, Mul, Div, Rem, Shl, Shr, BitAnd, BitOr, BitXor]);
        let functions: Vec<Function> =
            Function::ALL.iter().copied().filter(|f| f.gives() == Gives::Int && f.operands().len() < 3).collect();
        let calls = proptest::sample::select(functions).prop_flat_map({
            let inner = inner.clone();
            move |function| operands(function, &inner)
        });
        prop_oneof![
            (ops, boxed(), boxed()).prop_map(|(op, a, b)| Expr::Binary(op, a, b)),
            boxed().prop_map(|a| Expr::Unary(UnaryOp::Complement, a)),
            boxed().prop_map(Expr::Old),
            calls,
        ]
    });
    recursive.boxed()
}

fn operands(function: Function, numbers: &(impl Strategy<Value = Expr> + Clone + 'static)) -> BoxedStrategy<Expr> {
    let list: Vec<BoxedStrategy<Expr>> = function
        .operands()
        .iter()
        .map(|operand| match operand {
            Operand::Fd | Operand::File => Just(Expr::Param(0)).boxed(),
            Operand::Path => Just(Expr::Param(4)).boxed(),
            Operand::Pointer => prop_oneof![Just(Expr::Param(3)), Just(Expr::Param(5))].boxed(),
            Operand::Int => numbers.clone().boxed(),
            Operand::Word(group) => {
                let words: Vec<Word> = Word::ALL.iter().copied().filter(|word| word.group() == *group).collect();
                proptest::sample::select(words).prop_map(Expr::Word).boxed()
            }
        })
        .collect();
    list.prop_map(move |list| Expr::Call(function, list)).boxed()
}

/// Any condition that means something in the small world.
pub(crate) fn condition() -> impl Strategy<Value = Expr> {
    use BinaryOp::{BitAnd, Eq, Ge, Gt, Le, Lt, Ne};
    let compare = proptest::sample::select(vec![Eq, Ne, Lt, Le, Gt, Ge]);
    let functions: Vec<Function> = Function::ALL.iter().copied().filter(|f| f.gives() == Gives::Bool).collect();
    let calls = proptest::sample::select(functions).prop_flat_map(|function| operands(function, &quantity()));
    let masked = Expr::Binary(BitAnd, Box::new(Expr::Param(2)), Box::new(Expr::Const("F_TWO".to_owned())));
    let kinds: Vec<Word> = Word::ALL.iter().copied().filter(|word| word.group() == WordGroup::Kind).collect();
    let kind = Expr::Call(Function::Kind, vec![Expr::Param(0)]);
    let leaf = prop_oneof![
        any::<bool>().prop_map(Expr::Bool),
        (compare, quantity(), quantity()).prop_map(|(op, a, b)| Expr::Binary(op, Box::new(a), Box::new(b))),
        (quantity(), proptest::collection::vec(quantity(), 1..4)).prop_map(|(a, list)| Expr::In(Box::new(a), list)),
        Just(Expr::Binary(Ne, Box::new(masked), Box::new(Expr::Int(0)))),
        Just(Expr::InSet(Box::new(Expr::Param(2)), "f".to_owned())),
        Just(Expr::Binary(Eq, Box::new(Expr::Param(3)), Box::new(Expr::Int(0)))),
        proptest::sample::select(kinds).prop_map(move |word| Expr::Binary(
            Ne,
            Box::new(kind.clone()),
            Box::new(Expr::Word(word))
        )),
        question()
            .prop_filter("a set is no condition", |q| !matches!(q, TargetQuestion::Known(_)))
            .prop_map(Expr::Target),
        calls,
    ];
    leaf.prop_recursive(4, 30, 2, |inner| {
        use BinaryOp::{And, Implies, Or};
        let boxed = || inner.clone().prop_map(Box::new);
        let joins = proptest::sample::select(vec![And, Or, Implies, Eq, Ne]);
        prop_oneof![
            (joins, boxed(), boxed()).prop_map(|(op, a, b)| Expr::Binary(op, a, b)),
            boxed().prop_map(|a| Expr::Unary(UnaryOp::Not, a)),
            boxed().prop_map(Expr::Old),
        ]
    })
}

fn int_type() -> impl Strategy<Value = IntType> {
    let fixed = (proptest::sample::select(vec![8u8, 16, 32, 64]), any::<bool>());
    prop_oneof![
        fixed.prop_map(|(bits, signed)| IntType::Fixed { bits, signed }),
        any::<bool>().prop_map(|signed| IntType::Long { signed }),
    ]
}

/// Any type that means something in the small world.
pub(crate) fn any_type() -> impl Strategy<Value = Type> {
    let direction = || proptest::sample::select(vec![Direction::In, Direction::Out, Direction::InOut]);
    let count = || prop_oneof![any::<u64>().prop_map(Count::Number), (0..6u8).prop_map(Count::Param)];
    let range = prop_oneof![
        (-100..0i128, 0..100i128).prop_map(|(low, high)| (Expr::Int(low), Expr::Int(high))),
        quantity().prop_map(|high| (Expr::Param(1), high)),
    ];
    let leaf = prop_oneof![
        (int_type(), proptest::option::of(range))
            .prop_map(|(int, range)| Type::Int { int, range: range.map(Box::new) }),
        (-1000..1000i128).prop_map(Type::Const),
        proptest::option::of(int_type()).prop_map(|width| Type::Flags { set: "f".to_owned(), width }),
        proptest::option::of(int_type()).prop_map(|width| Type::Enum { set: "e".to_owned(), width }),
        proptest::sample::select(vec!["fd", "fd[pipe]", "pid"]).prop_map(|name| Type::Resource(name.to_owned())),
        (direction(), any::<bool>(), count()).prop_map(|(direction, nullable, count)| Type::Buffer {
            direction,
            nullable,
            count
        }),
        any::<bool>().prop_map(|nullable| Type::Text { nullable }),
        any::<bool>().prop_map(|nullable| Type::Path { nullable }),
        Just(Type::Struct("s".to_owned())),
        Just(Type::Union("s".to_owned())),
        (0..6u8).prop_map(|size| Type::Extensible { name: "s".to_owned(), size }),
        (0..6u8).prop_map(Type::Len),
        (0..6u8).prop_map(Type::Bytesize),
        proptest::sample::select(vec![
            Type::Bool,
            Type::Offset,
            Type::Size,
            Type::Mode,
            Type::Signal,
            Type::Vma,
            Type::Addr,
            Type::Unused,
            Type::ByCommand,
            Type::Zero,
            Type::Never,
        ]),
    ];
    leaf.prop_recursive(4, 12, 1, move |inner| {
        prop_oneof![
            (direction(), any::<bool>(), any::<bool>(), inner.clone()).prop_map(|(direction, nullable, wide, to)| {
                Type::Ptr { direction, nullable, to: Box::new(to), wide }
            }),
            (inner, count()).prop_map(|(of, count)| Type::Array { of: Box::new(of), count }),
        ]
    })
}
