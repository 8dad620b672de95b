//! What has to be so outside a program for an error to come: `needs:`.

use super::reader::{Fields, Log, errno, text};
use super::sets::split;
use super::yaml::Yaml;
use crate::errno::Errno;
use crate::expr::Expr;
use crate::place::At;
use std::collections::BTreeMap;

/// What a rule needs that is written down.
pub(super) fn of_rule(log: &Log<'_>, duty: bool, condition: Option<&At<Expr>>, yaml: Yaml) -> Option<String> {
    let needs = said(log, yaml)?;
    if let Some(At { value: Expr::Bool(true), .. }) = condition
        && !duty
    {
        let help = "say in the condition when the error may come, or in `because` what it comes from";
        let message = "what is permitted always has no condition to exercise, whatever it needs";
        log.report("vacuous-key", needs.at, message, Some(help.to_owned()));
        return None;
    }
    Some(needs.value)
}

/// What a call needs, by what becomes of it.
#[derive(Default)]
pub(super) struct OfCall {
    /// Permissions of these errnos that follow from types and `blocks`.
    pub(super) errnos: BTreeMap<Errno, At<String>>,
    /// Success.
    pub(super) success: Option<At<String>>,
}

/// The name of what is no errno.
const SUCCESS: &str = "success";

/// What success needs, and permissions of some errnos that follow from types and `blocks`; of these there are such.
pub(super) fn of_call(log: &Log<'_>, permitted: &[&str], yaml: Yaml) -> OfCall {
    let mut found = OfCall::default();
    let Some(mut entries) = Fields::open(log, "`needs`", yaml) else { return found };
    for (names, value) in entries.rest() {
        let needs = said(log, value);
        let names = split(&names.value, names.at);
        if names.iter().any(|name| name.value == SUCCESS) {
            found.success.clone_from(&needs);
        }
        for name in names.iter().filter(|name| name.value != SUCCESS).filter_map(|name| errno(log, name)) {
            if !permitted.contains(&name.value.name()) {
                let message = format!("no permission of {} follows from a type or from `blocks` here", name.value);
                let help = "a rule that is written down says itself what it needs";
                log.report("vacuous-key", name.at, message, Some(help.to_owned()));
            } else if let Some(needs) = &needs {
                found.errnos.insert(name.value, needs.clone());
            }
        }
    }
    found
}

fn said(log: &Log<'_>, yaml: Yaml) -> Option<At<String>> {
    let needs = text(log, "needs", yaml)?;
    if needs.value.trim().is_empty() {
        log.report("vacuous-key", needs.at, "`needs` does not say what", None);
        return None;
    }
    Some(needs)
}

#[cfg(test)]
mod tests {
    use crate::finding::{Finding, SourceFile};
    use crate::load::load;
    use crate::model::Spec;

    fn read(rest: &str) -> (Spec, Vec<Finding>) {
        let text = "syscall: x\nsummary: a test\nnr: {x86_64: 1}\nreturns: zero\nblocks: n == 1\nparams:\n  \
                    - {name: n, c: int, type: int32}\n  - {name: to, c: 'void *', type: 'buffer[out, n]'}\n";
        load(vec![SourceFile { path: "syscalls/x.yaml".to_owned(), text: format!("{text}{rest}\n") }])
    }

    #[test]
    fn a_rule_says_it_and_a_call_of_what_follows() {
        let rules = "errors: {EPERM: [{may: n == 2, needs: a peer}, {when: n == 3}]}";
        let (spec, findings) =
            read(&format!("needs: {{\"EINTR, EFAULT\": a late signal, success: a second thread}}\n{rules}"));
        assert!(findings.is_empty(), "{findings:?}");
        let contract = &spec.syscalls["x"].contract;
        let said: Vec<_> = contract.needs.iter().map(|(errno, needs)| (errno.name(), needs.value.as_str())).collect();
        assert_eq!(said, [("EINTR", "a late signal"), ("EFAULT", "a late signal")]);
        assert_eq!(contract.success_needs.as_ref().map(|needs| needs.value.as_str()), Some("a second thread"));
        let rules: Vec<_> = contract.errors.iter().map(|rule| rule.needs.as_deref()).collect();
        assert_eq!(rules, [Some("a peer"), None]);
    }

    #[test]
    fn what_says_nothing_is_reported_once() {
        for (rest, id, message) in [
            ("errors: {EPERM: [{may: true, needs: a peer}]}", "vacuous-key", "no condition to exercise"),
            ("errors: {EPERM: [{may: n == 2, needs: ' '}]}", "vacuous-key", "`needs` does not say what"),
            ("errors: {EPERM: [{may: n == 2, needs: [a]}]}", "wrong-type", "`needs` is a text"),
            ("needs: {EPERM: a peer}", "vacuous-key", "no permission of EPERM follows"),
            ("needs: {EINTRR: a peer}", "bad-errno", "`EINTRR` is no errno"),
            ("needs: {EINTR: 1}", "wrong-type", "`needs` is a text"),
            ("needs: a peer", "wrong-type", "`needs` is a map"),
        ] {
            let (_, findings) = read(rest);
            let told: Vec<_> = findings.iter().map(|finding| (finding.id.as_str(), finding.message.as_str())).collect();
            assert!(matches!(&told[..], [(own, text)] if *own == id && text.contains(message)), "{rest}: {told:?}");
        }
    }
}
