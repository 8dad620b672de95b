//! Versions of a contract that hear the calls of a run: who judges otherwise is told apart, who agrees is not.
#![expect(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a helper of a test fails the test, and says what it skips"
)]

use abispec::target::Resolved;
use abispec_fuzzer::campaign::{self, Options, Progress};
use abispec_fuzzer::environment::Environment;
use abispec_fuzzer::generate::Aim;
use abispec_fuzzer::jury::{HIDDEN, Jury, Version};
use std::sync::Arc;
use std::time::Duration;

abispec_fuzzer::sandbox_before_main!();

/// A call with one text of its file changed.
fn version(call: &str, of: &str, by: &str) -> Resolved {
    let mut files = abispec::embedded().files.clone();
    let file = files.iter_mut().find(|file| file.path.ends_with(&format!("syscalls/{call}.yaml"))).unwrap();
    assert!(file.text.contains(of), "{of}");
    file.text = file.text.replacen(of, by, 1);
    let (spec, findings) = abispec::load::load(files);
    assert!(findings.is_empty(), "{findings:?}");
    resolved(&spec)
}

/// Lets a jury hear so many calls of a name; `None` where no sandbox can be made, which it says.
fn heard(resolved: &Arc<Resolved>, name: &str, calls: u64, jury: &Arc<Jury>) -> Option<campaign::Outcome> {
    let options =
        Options { calls: Some(calls), workers: 1, jury: Some(jury.clone()), laws: false, ..Options::default() };
    let outcome = campaign::run(resolved, &|call| call.name == name, options, &Arc::new(Progress::default()));
    if outcome.is_err() {
        eprintln!("skipped: no sandbox can be made here");
    }
    outcome.ok()
}

fn resolved(spec: &abispec::model::Spec) -> Resolved {
    abispec::resolve(spec, &Environment::of_this_machine().unwrap().target())
}

#[test]
fn what_judges_otherwise_is_told_apart_and_what_agrees_is_not() {
    let resolved = Arc::new(resolved(abispec::embedded()));
    let call = resolved.calls.iter().position(|call| call.name == "dup").unwrap();
    let mut jury = Jury::new(Duration::from_secs(60));
    let versions = [
        ("!open(fildes)", "open(fildes)", true, false),
        // Nothing can tell them apart.
        ("!open(fildes)", "!open(fildes) && free_fds(0) >= 0", false, false),
        ("\"false\"", "\"true\"", true, false),
        ("same_description(ret, fildes)", "ret != fildes", false, false),
        ("same_description(ret, fildes)", "ret < fildes", true, false),
        // It promises more, and that is so.
        ("same_description(ret, fildes)", "fildes >= 0 => ret != fildes", false, true),
        ("same_description(ret, fildes)", "fildes == 1000000 => ret != fildes", false, false),
    ];
    for (of, by, ..) in versions {
        jury.admit(Version::of("dup", call, &resolved, &version("dup", of, by), Vec::new()).unwrap());
    }
    assert!(Version::of("dup", call, &resolved, &resolved, Vec::new()).is_none());
    assert_eq!(jury.sitting(), versions.len());
    let jury = Arc::new(jury);
    let Some(outcome) = heard(&resolved, "dup", 6_000, &jury) else { return };
    assert!(outcome.confirmed.is_empty());
    for (juror, (_, by, differs, hidden)) in versions.into_iter().enumerate() {
        assert_eq!(jury.told_apart(juror).is_some(), differs, "{by}");
        assert!(differs || (jury.agreed(juror) >= HIDDEN) == hidden, "{by}");
    }
    assert_eq!(jury.sitting(), 4);
}

#[test]
fn a_model_that_says_more_agrees_where_all_of_it_is_so() {
    let resolved = Arc::new(resolved(abispec::embedded()));
    let call = resolved.calls.iter().position(|call| call.name == "chown").unwrap();
    // Whether the bit goes is unknown by the specification; of files of the caller's own group it stays.
    let unknown = |effect: &&abispec::target::ResolvedEffect| {
        matches!(&effect.effect.effect, abispec::model::Effect::SetsPermissions { to: None, .. })
    };
    let effect = resolved.calls[call].variants[0].effects.iter().find(unknown).unwrap();
    let condition = Arc::new(effect.effect.when.as_ref().unwrap().value.clone());
    let mut jury = Jury::new(Duration::from_secs(60));
    let (of, by) = ("== S_ISGID && !ns_capable(CAP_FSETID)", "== S_ISGID && user == 12345");
    let aims = vec![Aim { call, variant: 0, condition }];
    jury.admit(Version::of("chown", call, &resolved, &version("chown", of, by), aims).unwrap());
    let jury = Arc::new(jury);
    let Some(outcome) = heard(&resolved, "chown", 20_000, &jury) else { return };
    assert!(outcome.confirmed.is_empty());
    assert_eq!(jury.told_apart(0), None);
    assert!(jury.agreed(0) > 0, "no call told that the bit stays");
}
