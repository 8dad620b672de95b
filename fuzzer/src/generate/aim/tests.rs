//! Conditions of the specification are solved, and hold then.

use super::*;
use crate::generate::{Generator, Making};
use crate::program::Invocation;
use abispec::arch::Arch;
use abispec::target::Target;
use abispec::version::Release;
use proptest::test_runner::{RngAlgorithm, TestRng};
use std::sync::Arc;

fn generator(name: &str) -> Generator {
    let resolved: Arc<Resolved> =
        abispec::resolve(abispec::embedded(), &Target::new(Arch::X86_64, Release::new(6, 18))).into();
    Generator::new(resolved, &|call| call.name == name, &|_| true)
}

fn asks(expr: &Expr, function: Function) -> bool {
    let mut found = false;
    expr.walk(&mut |expr| found |= matches!(expr, Expr::Call(own, _) if *own == function));
    found
}

/// Of a hundred tries to solve a condition of a call, how many make it true: all of it, or the parts that ask a function while no
/// other is false as far as is known.
fn solved(generator: &Generator, name: &str, condition: &Expr, function: Option<Function>) -> usize {
    let resolved = generator.resolved();
    let call = resolved.calls.iter().find(|call| call.name == name).expect(name);
    let variant = &call.variants[0];
    let mut random = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut holds = 0;
    for _ in 0..100 {
        let mut dice = Dice::new(&mut random);
        let draft = Draft {
            args: variant.params.iter().map(|_| Argument::Number(0)).collect(),
            paths: variant.params.iter().map(|_| PathWish::default()).collect(),
            objects: variant.params.iter().map(|_| ObjectWish::default()).collect(),
            caller: CallerWish::default(),
            ranges: Vec::new(),
            settled: 0,
        };
        let (selector, word) = (call.select, 8);
        let dice = &mut dice;
        let (reads, served, fails) = (Vec::new(), None, false);
        let mut aiming = Aiming { dice, variant, resolved, word, selector, reads, draft, served, fails };
        aiming.look(condition);
        aiming.solve(condition, true);
        aiming.mend(condition);
        let right = |part: &&Expr| match (aiming.planned().truth(part), function) {
            (truth, Some(function)) if !asks(part, function) => truth != Truth::False,
            (truth, _) => truth == Truth::True,
        };
        holds += usize::from(condition.joined(BinaryOp::And).iter().all(right));
    }
    holds
}

#[test]
fn rules_about_states_and_sums_are_solved() {
    // A call, an errno, a function that the rule asks, and how many of a hundred tries make no part false and what it asks true.
    let table = [
        ("write", "EPERM", Function::Seals, 70),
        ("write", "EAGAIN", Function::Room, 60),
        ("write", "EFBIG", Function::Rlimit, 60),
        ("sched_setattr", "EPERM", Function::Nice, 60),
        ("getpriority", "ESRCH", Function::Process, 60),
        ("ftruncate", "EPERM", Function::Seals, 70),
    ];
    for (name, errno, function, least) in table {
        let generator = generator(name);
        let call = generator.resolved().calls.iter().find(|call| call.name == name).expect(name);
        let speaks = |rule: &&abispec::target::Rule| rule.errno.name() == errno && asks(&rule.condition, function);
        let rules: Vec<_> = call.variants[0].rules.iter().filter(speaks).collect();
        assert!(!rules.is_empty(), "{name} {errno}");
        for rule in rules {
            let holds = solved(&generator, name, &rule.condition, Some(function));
            assert!(holds >= least, "{name} {errno}: {holds} hold: {:?}", rule.condition);
        }
    }
}

#[test]
fn two_quantities_meet_at_their_edge() {
    let generator = generator("write");
    let on = |function| Expr::Call(function, vec![Expr::Param(0)]);
    let binary = |op, a: Expr, b: Expr| Expr::Binary(op, Box::new(a), Box::new(b));
    // offset(fd) + count == size(fd) + 1, as the difference of > and >= has it.
    let end = binary(BinaryOp::Add, on(Function::Offset), Expr::Param(2));
    let beyond = binary(BinaryOp::Add, on(Function::Size), Expr::Int(1));
    let edge = binary(BinaryOp::Eq, end, beyond);
    assert!(solved(&generator, "write", &edge, None) > 90);
    let room = binary(BinaryOp::Eq, on(Function::Room), binary(BinaryOp::Sub, Expr::Param(2), Expr::Int(1)));
    let page = binary(BinaryOp::Eq, Expr::Param(2), Expr::Int(4096));
    assert!(solved(&generator, "write", &binary(BinaryOp::And, page, room), None) > 90);
}

/// The names of the calls of programs that are aimed at a condition of a call; of fcntl with the command.
fn aimed(name: &str, variant: usize, condition: impl Fn(&Variant) -> Option<Expr>) -> Vec<Vec<String>> {
    let generator = generator(name);
    let resolved = generator.resolved();
    let index = resolved.calls.iter().position(|call| call.name == name).expect(name);
    let condition = Arc::new(condition(&resolved.calls[index].variants[variant]).expect("a condition"));
    let mut wishes = generator.even();
    wishes.aims = Arc::new([crate::generate::Aim { call: index, variant, condition }].into_iter().collect());
    for (at, wish) in wishes.calls[index].iter_mut().enumerate() {
        *wish = u32::from(at == variant);
    }
    let mut random = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let names = |program: &Program| -> Vec<String> {
        let name = |call: &Invocation| match (resolved.calls[call.call].name.as_str(), &call.args[..]) {
            ("fcntl", [_, Argument::Number(command), ..]) => format!("fcntl {command}"),
            (name, _) => name.to_owned(),
        };
        program.calls.iter().map(name).collect()
    };
    let made = (0..200).map(|_| {
        let mut making = Making::new(&generator);
        making.call(&mut Dice::new(&mut random), index, Some(&wishes), false);
        names(&making.program)
    });
    made.collect()
}

fn rule(variant: &Variant, function: Function) -> Option<Expr> {
    let asked = variant.rules.iter().find(|rule| asks(&rule.condition, function));
    asked.map(|rule| rule.condition.clone())
}

#[test]
fn what_is_aimed_at_is_made_before_the_call() {
    // Of two hundred programs, how many begin so, and end with this right before the call.
    let ends = |call: &str, variant: usize, function: Function, begin: &str, end: &str| {
        let all = aimed(call, variant, |variant| rule(variant, function));
        let is = |names: &&Vec<String>| {
            names.iter().any(|name| name == begin)
                && matches!(&names[..], [.., last, own] if last == end && own == call)
        };
        all.iter().filter(is).count()
    };
    let sealed = ends("write", 0, Function::Seals, "memfd_create", &format!("fcntl {}", libc::F_ADD_SEALS));
    assert!(sealed > 50, "{sealed}");
    let gone = ends("open", 0, Function::Links, "chdir", "unlinkat");
    assert!(gone > 60, "{gone}");
    let permitted = ends("chown", 0, Function::Permissions, "chmod", "chmod");
    assert!(permitted > 50, "{permitted}");
    let ioctl = generator("ioctl");
    let mut variants = ioctl.resolved().call("ioctl").expect("ioctl").variants.iter();
    let told = variants.position(|variant| variant.command.as_deref() == Some("FIOASYNC")).expect("FIOASYNC");
    let set = format!("fcntl {}", libc::F_SETFL);
    // The second of its rules about them wants one that no descriptor has by itself.
    let second = |variant: &Variant| {
        let asked = variant.rules.iter().filter(|rule| asks(&rule.condition, Function::StatusFlags));
        asked.map(|rule| rule.condition.clone()).nth(1)
    };
    let all = aimed("ioctl", told, second);
    let flagged =
        all.iter().filter(|names| matches!(&names[..], [.., last, own] if *last == set && own == "ioctl")).count();
    assert!(flagged > 50, "{flagged}");
}
