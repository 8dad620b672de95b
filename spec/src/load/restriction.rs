//! Where alone a call is tried: `scope:`.

use super::reader::{Fields, Log, text};
use super::yaml::{Value, Yaml};
use crate::model::{Extent, Restriction};
use crate::place::At;

/// Reads it: one of the two extents, with its reason.
pub(super) fn load(log: &Log<'_>, yaml: Yaml) -> Option<At<Restriction>> {
    let at = yaml.at;
    let help = || Some("write `scope: {system: \"why it needs a machine of its own\"}`, or `never`".to_owned());
    if let Value::Text(word) = &yaml.value {
        log.report("bad-scope", at, format!("`scope: {word}` does not say why"), help());
        return None;
    }
    let empty = matches!(&yaml.value, Value::Map(map) if map.is_empty());
    let mut fields = Fields::open(log, "`scope`", yaml)?;
    let system = fields.take("system").map(|reason| (Extent::System, reason));
    let never = fields.take("never").map(|reason| (Extent::Never, reason));
    fields.close();
    let (extent, reason) = match (system, never) {
        (Some(one), None) | (None, Some(one)) => one,
        (Some(_), Some(_)) => {
            log.report("bad-scope", at, "`scope` has `system` or `never`, not both", help());
            return None;
        }
        (None, None) => {
            // A key that is neither has been reported as such.
            if empty {
                log.report("bad-scope", at, "`scope` has `system` or `never`", help());
            }
            return None;
        }
    };
    let because = text(log, extent.name(), reason)?;
    if because.value.trim().is_empty() {
        log.report("bad-scope", because.at, format!("`{}` does not say why", extent.name()), help());
        return None;
    }
    Some(At::new(Restriction { extent, because: because.value }, at))
}

#[cfg(test)]
mod tests {
    use crate::finding::{Finding, SourceFile};
    use crate::load::load;
    use crate::model::Extent;

    /// What a call with this scope, and another one like it, are restricted to, and what was wrong.
    fn read(scope: &str) -> (Vec<Option<(Extent, String)>>, Vec<Finding>) {
        let file = |name: &str, nr: u32, rest: &str| SourceFile {
            path: format!("syscalls/{name}.yaml"),
            text: format!("syscall: {name}\nsummary: a test\nnr: {{x86_64: {nr}}}\n{rest}\n"),
        };
        let promise = format!("params: []\nreturns: zero\nscope: {scope}");
        let (spec, findings) = load(vec![file("x", 1, &promise), file("y", 2, "like: x")]);
        let scopes = spec.syscalls.values().map(|call| call.scope.as_ref().map(|at| &at.value));
        (scopes.map(|scope| scope.map(|own| (own.extent, own.because.clone()))).collect(), findings)
    }

    #[test]
    fn a_call_like_another_reaches_as_far() {
        let (scopes, findings) = read("{system: halts it}");
        assert!(findings.is_empty(), "{findings:?}");
        assert_eq!(scopes, vec![Some((Extent::System, "halts it".to_owned())); 2]);
    }

    #[test]
    fn what_says_nothing_is_reported_once() {
        for (scope, id, message) in [
            ("system", "bad-scope", "`scope: system` does not say why"),
            ("{}", "bad-scope", "`scope` has `system` or `never`"),
            ("{system: a, never: b}", "bad-scope", "not both"),
            ("{never: \" \"}", "bad-scope", "`never` does not say why"),
            ("{never: 1}", "wrong-type", "`never` is a text"),
            ("[system]", "wrong-type", "`scope` is a map"),
            ("{sytem: a}", "unknown-key", "`scope` has no key `sytem`"),
        ] {
            let (scopes, findings) = read(scope);
            let told: Vec<_> = findings.iter().map(|finding| (finding.id.as_str(), finding.message.as_str())).collect();
            assert!(matches!(&told[..], [(own, text)] if *own == id && text.contains(message)), "{scope}: {told:?}");
            assert_eq!(scopes, [None, None], "{scope}");
        }
    }
}
