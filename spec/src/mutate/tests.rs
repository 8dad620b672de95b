use super::{Mutant, Shows, mutants};
use crate::arch::Arch;
use crate::expr::{contradicts_itself, with_what_follows};
use crate::model::Spec;
use crate::target::Target;
use crate::version::Release;
use std::collections::BTreeSet;

fn all(call: &str) -> Vec<Mutant> {
    mutants(crate::embedded(), call, Arch::X86_64)
}

fn of(call: &str, id: &str) -> (Mutant, Spec) {
    let list = all(call);
    let ids: Vec<String> = list.iter().map(|mutant| mutant.id.clone()).collect();
    let mutant = list.into_iter().find(|mutant| mutant.id == id).unwrap_or_else(|| panic!("no {id} among {ids:#?}"));
    let mut spec = crate::embedded().clone();
    mutant.apply(&mut spec);
    (mutant, spec)
}

#[test]
fn every_mutant_of_every_call_differs_resolves_and_has_a_name_of_its_own() {
    let original = crate::embedded();
    let target = Target::new(Arch::X86_64, Release::new(6, 18));
    for call in ["pipe2", "lseek", "dup3", "fcntl", "prlimit64"] {
        let list = all(call);
        let ids: BTreeSet<&str> = list.iter().map(|mutant| mutant.id.as_str()).collect();
        assert_eq!(ids.len(), list.len(), "{call}: two mutants of one name");
        for mutant in &list {
            let mut spec = original.clone();
            mutant.apply(&mut spec);
            assert_ne!(&spec, original, "{call} {}: {} changes nothing", mutant.id, mutant.change);
            assert!(crate::resolve(&spec, &target).call(call).is_some(), "{call} {}", mutant.id);
        }
    }
}

#[test]
fn a_mutant_knows_its_clause() {
    let resolved = crate::resolve(crate::embedded(), &Target::new(Arch::X86_64, Release::new(6, 18)));
    let (mutant, _) = of("pipe2", "EMFILE.0.negated");
    let clause = resolved.clause(mutant.clause(&resolved).unwrap());
    assert_eq!((clause.syscall.as_str(), clause.text.as_str()), ("pipe2", "free_fds(0) < 2"));
    let (mutant, _) = of("lseek", "ESPIPE.1.removed");
    assert!(mutant.changes_clause() && mutant.clause(&resolved).is_none(), "6.18 does not have the rule");
}

#[test]
fn error_rules_change_in_every_way() {
    let text = |id| of("pipe2", id).0.change;
    assert_eq!(text("EMFILE.0.removed"), "EMFILE, when `free_fds(0) < 2`: removed");
    assert_eq!(text("EMFILE.0.errno"), "EMFILE, when `free_fds(0) < 2`: EDOM instead");
    assert_eq!(text("EMFILE.0.negated"), "EMFILE, when `free_fds(0) < 2`: negated");
    assert_eq!(
        text("EMFILE.0.condition.0"),
        "EMFILE, when `free_fds(0) < 2`: `free_fds(0) < 2` becomes `free_fds(0) <= 2`"
    );
    assert_eq!(
        text("EMFILE.0.condition.1"),
        "EMFILE, when `free_fds(0) < 2`: `free_fds(0) < 2` becomes `free_fds(0) < 1`"
    );
    let dropped = all("pipe2")
        .iter()
        .filter(|mutant| mutant.id.starts_with("ENOPKG") && mutant.change.contains("without"))
        .count();
    assert_eq!(dropped, 2, "each conjunct of ENOPKG goes once");
    let (_, spec) = of("pipe2", "EMFILE.0.errno");
    assert!(spec.syscalls["pipe2"].contract.errors.iter().any(|rule| rule.errno.value.name() == "EDOM"));
}

#[test]
fn a_permission_is_never_made_wider() {
    // Of alternatives each one less is narrower; only what is joined by `&&` grows when a part goes.
    let joined = |change: &str| change.contains(", may `") && !change.contains("||");
    for mutant in all("openat2").iter().filter(|mutant| joined(&mutant.change)) {
        assert!(!mutant.change.contains(": without `exists"), "{}", mutant.change);
        assert!(!mutant.change.contains("!= 0` becomes"), "{}", mutant.change);
    }
}

#[test]
fn a_guard_without_which_nothing_is_known_is_no_mutant() {
    let list = all("openat2");
    let eftype: Vec<&str> =
        list.iter().filter(|mutant| mutant.id.starts_with("EFTYPE")).map(|mutant| mutant.change.as_str()).collect();
    assert!(!eftype.iter().any(|change| change.ends_with("without `exists(filename)`")), "{eftype:#?}");
    assert!(eftype.iter().any(|change| change.contains("without `kind(filename) != regular`")), "{eftype:#?}");
}

#[test]
fn where_nothing_points_nothing_tells_mutants_apart() {
    let target = Target::new(Arch::X86_64, Release::new(6, 18));
    // A call, a mutant of what it promises of memory behind a pointer, and whether a null pointer is all that tells it apart.
    for (call, change, is) in [
        ("splice", "`off_in != 0` becomes `off_in != 1`", true),
        ("sendfile", "`offset != 0` becomes `offset != 1`", true),
        ("clock_getres", "`tp != 0` becomes `tp != 1`", true),
        ("splice", "without `len > 0`", false),
    ] {
        let list = all(call);
        let of = |mutant: &&Mutant| mutant.change.ends_with(change);
        let mutant = list.iter().filter(of).find(|mutant| !mutant.id.starts_with('E')).expect(change);
        let mut spec = crate::embedded().clone();
        assert!(mutant.apply_difference(&mut spec), "{call} {change}");
        let original = crate::resolve(crate::embedded(), &target);
        let (clause, changed) = (mutant.clause(&original).unwrap(), crate::resolve(&spec, &target));
        let variant = &changed.call(call).unwrap().variants[0];
        let promised = variant.ensures.iter().find(|ensure| ensure.clause == clause).map(|one| &one.condition);
        let effect = variant.effects.iter().find(|effect| effect.clause == clause);
        let condition = promised.or_else(|| Some(&effect?.effect.when.as_ref()?.value)).expect(change);
        assert_eq!(contradicts_itself(&with_what_follows(condition)), is, "{call} {change}: {condition:?}");
    }
}

#[test]
fn ensures_effects_and_results_change() {
    assert_eq!(of("dup3", "ensures.0.negated.0").0.change, "ensures `ret == newfd`: `ret == newfd` negated");
    let (mutant, spec) = of("dup3", "effects.0.duplicates.removed");
    assert_eq!(mutant.change, "effect duplicates: removed");
    assert_eq!(
        spec.syscalls["dup3"].contract.effects.len() + 1,
        crate::embedded().syscalls["dup3"].contract.effects.len()
    );
    let changes = all("dup3").into_iter().find(|mutant| mutant.id == "effects.1.changes.removed").unwrap();
    assert!(matches!(changes.shows, Shows::Nobody(_)));
    let cloexec =
        all("dup3").into_iter().any(|mutant| mutant.change == "effect duplicates, `flags & O_CLOEXEC != 0`: negated");
    assert!(cloexec);
    let status =
        all("pipe2").into_iter().any(|mutant| mutant.change.contains("`O_NONBLOCK | O_DIRECT` without `O_DIRECT`"));
    assert!(status);
    assert_eq!(of("pipe2", "returns.0").0.change, "returns zero: const[1] instead");
}

#[test]
fn numbers_prototypes_types_sets_and_structs_change() {
    assert_eq!(of("pipe2", "nr.number").1.syscalls["pipe2"].nr["x86_64"].value, 294);
    assert_eq!(of("pipe2", "params.flags.c").1.syscalls["pipe2"].params[1].c.value, "unsigned int");
    assert_eq!(of("pipe2", "params.flags.name").0.shows, Shows::Witness);
    assert!(of("pipe2", "params.fildes.type.0").0.change.ends_with("ptr[in, array[fd[pipe], 2]] instead"));
    assert!(of("pipe2", "params.fildes.type.1").0.change.ends_with("ptr[out, array[fd[pipe], 2]]? instead"));
    assert!(of("pipe2", "params.flags.unknown.ignored").0.change.ends_with("ignored instead of EINVAL"));
    let target = Target::new(Arch::X86_64, Release::new(6, 18));
    let known = |spec: &Spec| crate::resolve(spec, &target).sets["pipe2_flags"].known;
    let (_, spec) = of("pipe2", "pipe2_flags.O_DIRECT.dropped");
    assert_eq!(known(&spec), known(crate::embedded()) & !0x4000);
    let how = |id| of("openat2", id).1.structs["open_how"].clone();
    assert_eq!(how("open_how.size").size.value.lp64, 32);
    assert_eq!(how("open_how.mode.offset").fields[1].offset.value.lp64, 12);
    assert_eq!(how("open_how.versions.0").versions[0].0, 32);
}
