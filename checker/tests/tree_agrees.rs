//! The specification against kernel source trees of every supported age, and what is extracted from the newest one
//! against the specification.
//!
//! `ABISPEC_TREES` names a folder with linux-7.3 and, where at hand, linux-6.12 and linux-6.1. Without it this is skipped.

#![expect(
    clippy::print_stderr,
    clippy::print_stdout,
    reason = "a test that is skipped says so, and one that compares says how much"
)]

use abispec::arch::Arch;
use abispec::errno::Errno;
use abispec::finding::SourceFile;
use abispec::load::load;
use abispec::model::{Spec, Syscall};
use abispec::types::Type;
use abispec_checker::check;
use abispec_checker::extract::Extractor;
use abispec_checker::files::{Files, Folder};
use abispec_checker::tree::{Parts, witnesses_of_tree};
use std::collections::BTreeSet;
use std::env;
use std::path::PathBuf;
use std::sync::Arc;

fn trees() -> Option<PathBuf> {
    let found = env::var_os("ABISPEC_TREES").map(PathBuf::from).filter(|path| path.join("linux-7.3/arch").is_dir());
    if found.is_none() {
        eprintln!("SKIPPED: ABISPEC_TREES names no folder with linux-7.3");
    }
    found
}

fn open(path: PathBuf) -> Arc<dyn Files> {
    Arc::new(Folder(path))
}

#[test]
fn no_tree_disagrees_on_any_port() {
    let Some(trees) = trees() else { return };
    for name in ["linux-6.1", "linux-6.12", "linux-7.3"] {
        let path = trees.join(name);
        if !path.join("arch").is_dir() {
            eprintln!("SKIPPED: {} is no kernel tree", path.display());
            continue;
        }
        let parts = Parts { source: true, headers: false };
        let witnesses = witnesses_of_tree(&open(path), None, Arch::ALL, parts).expect("a kernel tree");
        let facts: Vec<_> = witnesses.into_iter().map(|facts| facts.expect("facts")).collect();
        assert_eq!(facts.len(), Arch::ALL.len(), "{name} has every port");
        let report = check(abispec::embedded(), &facts);
        let wrong: Vec<_> = report.findings.iter().filter(|finding| finding.id != "missing-syscall").collect();
        assert!(wrong.is_empty(), "{name}: {wrong:#?}");
        let sum =
            |id: &str| report.compared.iter().filter(|entry| entry.check == id).map(|entry| entry.count).sum::<usize>();
        let counts = ["syscall-number", "argument-type", "syscall-option"].map(|id| format!("{} {id}", sum(id)));
        println!("{name}: {}; 0 disagree", counts.join(", "));
        // What is silent is silent for a reason; most is not.
        assert!(
            sum("syscall-number") > 1_600 && sum("argument-type") > 4_500 && sum("syscall-option") > 1_500,
            "{name}"
        );
    }
}

/// Whether a proposed type is the stated one, as far as names and code can tell it: not the direction of a pointer, not
/// whether it may be NULL, not a resource's kind.
fn same_kind(one: &Type, other: &Type) -> bool {
    match (one, other) {
        (Type::Ptr { to: one, .. }, Type::Ptr { to: other, .. }) => same_kind(one, other),
        (Type::Resource(one), Type::Resource(other)) => one.split('[').next() == other.split('[').next(),
        (Type::Array { of: one, .. }, Type::Array { of: other, .. }) => same_kind(one, other),
        (Type::Buffer { .. }, Type::Buffer { .. }) => true,
        (Type::Flags { set: one, .. }, Type::Flags { set: other, .. }) => one == other,
        (Type::Path { .. }, Type::Path { .. }) | (Type::Text { .. }, Type::Text { .. }) => true,
        (Type::Int { int: one, .. }, Type::Int { int: other, .. }) => one == other,
        (one, other) => one == other,
    }
}

/// The specification without calls and without laws: a law holds of the stated types, which proposals only come near.
fn beside_calls(spec: &Spec) -> Vec<SourceFile> {
    let beside = |file: &&SourceFile| !file.path.contains("syscalls/") && !file.path.contains("laws/");
    spec.files.iter().filter(beside).cloned().collect()
}

fn errnos(call: &Syscall) -> BTreeSet<Errno> {
    let commands = call.commands.iter().flat_map(|command| &command.contract.errors);
    call.contract.errors.iter().chain(commands).map(|rule| rule.errno.value).collect()
}

#[test]
fn what_is_extracted_agrees_with_the_specification() {
    let Some(trees) = trees() else { return };
    let tree = open(trees.join("linux-7.3"));
    let extractor = Extractor::read(&tree).expect("a kernel tree");
    let spec = abispec::embedded();
    let mut texts = beside_calls(spec);
    let mut missing = Vec::new();
    for name in spec.syscalls.keys() {
        match extractor.extract(name, spec) {
            Ok(extract) => texts.extend(
                extract.files.into_iter().map(|(path, text)| SourceFile { path: format!("spec/{path}"), text }),
            ),
            Err(reason) => missing.push(reason),
        }
    }
    // Packages of kernel sources without drivers lack what defines getrandom.
    assert!(missing.len() <= 1 && missing.iter().all(|reason| reason.contains("getrandom")), "{missing:?}");
    let (extracted, findings) = load(texts);
    assert!(findings.is_empty(), "{findings:#?}");
    let (mut params, mut agreeing, mut named, mut known, mut both) = (0, 0, 0, 0, 0);
    for (name, found) in &extracted.syscalls {
        let stated = &spec.syscalls[name];
        compare(name, found, stated);
        for (one, other) in found.params.iter().zip(&stated.params) {
            params += 1;
            agreeing += usize::from(same_kind(&one.ty.value, &other.ty.value));
        }
        let (one, other) = (errnos(found), errnos(stated));
        named += one.len();
        known += other.len();
        both += one.intersection(&other).count();
    }
    println!(
        "{} calls: numbers, names and C types equal; of {params} parameters {agreeing} have the stated type ({} %); of {known} \
         errnos {both} were seen in the call's own file ({} %), of {named} seen {} % are stated",
        extracted.syscalls.len(),
        agreeing * 100 / params,
        both * 100 / known,
        both * 100 / named,
    );
    assert!(agreeing * 100 >= params * 70, "{agreeing} of {params}");
}

fn compare(name: &str, found: &Syscall, stated: &Syscall) {
    for arch in Arch::ALL {
        let number = |call: &Syscall| call.number(*arch).map(|number| number.value);
        assert_eq!(number(found), number(stated), "{name} on {arch}");
    }
    let shape = |call: &Syscall| -> Vec<(String, String)> {
        call.params
            .iter()
            .map(|param| (param.name.value.clone(), abispec::ctype::normal_form(&param.c.value)))
            .collect()
    };
    assert_eq!(shape(found), shape(stated), "{name}");
    assert_eq!(found.entry, stated.entry, "{name}");
    let option = |call: &Syscall| call.config.as_ref().map(|config| config.value.clone());
    assert_eq!(option(found), option(stated), "{name}");
}

#[test]
fn every_call_of_a_tree_can_be_extracted_and_loads() {
    let Some(trees) = trees() else { return };
    let tree = open(trees.join("linux-7.3"));
    let extractor = Extractor::read(&tree).expect("a kernel tree");
    let spec: &Spec = abispec::embedded();
    let (mut written, mut unknown) = (0, 0);
    for name in extractor.names() {
        match extractor.extract(name, spec) {
            Ok(extract) => {
                written += 1;
                let new =
                    extract.files.into_iter().map(|(path, text)| SourceFile { path: format!("spec/{path}"), text });
                let (_, findings) = load(beside_calls(spec).into_iter().chain(new).collect());
                assert!(findings.is_empty(), "{name}: {findings:#?}");
            }
            Err(reason) => {
                unknown += 1;
                assert!(reason.contains("its parameters are not known"), "{reason}");
            }
        }
    }
    println!("{written} calls were written and load, {unknown} are not defined by macros of the kind SYSCALL_DEFINE");
    assert!(written > 400, "{written}");
}
