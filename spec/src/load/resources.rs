//! Resources.

use super::reader::{Fields, Log};
use super::yaml::{Value, Yaml};
use crate::expr::{Word, WordGroup};
use crate::model::{Resource, Spec};
use crate::place::FileId;
use crate::suggest::nearest;
use crate::types::IntType;
use std::collections::BTreeMap;

pub(super) fn load(log: &Log<'_>, files: Vec<(FileId, Yaml)>, spec: &mut Spec) {
    let mut parents = Vec::new();
    for (_, yaml) in files {
        let Some(mut names) = Fields::open(log, "a file of resources", yaml) else { continue };
        for (name, body) in names.rest() {
            if spec.resources.contains_key(&name.value) {
                log.report("duplicate-name", name.at, format!("the resource `{}` is defined twice", name.value), None);
                continue;
            }
            let Some(mut fields) = Fields::open(log, format!("the resource `{}`", name.value), body) else { continue };
            let parent = fields.text("parent");
            let base = fields.text("base").and_then(|base| {
                let int = IntType::from_name(&base.value);
                if int.is_none() {
                    log.report("bad-type", base.at, format!("`{}` is no integer type", base.value), None);
                }
                int
            });
            let kind = fields.text("kind").and_then(|kind| {
                let word = Word::ALL.iter().copied().find(|w| w.group() == WordGroup::Kind && w.name() == kind.value);
                if word.is_none() {
                    let kinds = Word::ALL.iter().filter(|w| w.group() == WordGroup::Kind).map(|w| w.name());
                    let help = nearest(&kind.value, kinds).map(|found| format!("did you mean `{found}`?"));
                    log.report("bad-kind", kind.at, format!("`{}` is no kind of file", kind.value), help);
                }
                word
            });
            let mut special = BTreeMap::new();
            if let Some(yaml) = fields.take("special")
                && let Some(mut entries) = Fields::open(log, "`special`", yaml)
            {
                for (name, value) in entries.rest() {
                    match value.value {
                        Value::Int(number) => {
                            special.insert(name.value, number);
                        }
                        other => {
                            let message = format!("a special value is a number, this is {}", other.describe());
                            log.report("wrong-type", value.at, message, None);
                        }
                    }
                }
            }
            if parent.is_none() && base.is_none() {
                let message = format!("the resource `{}` needs a `parent` or a `base` type", name.value);
                log.report("missing-key", name.at, message, None);
            }
            fields.close();
            parents.extend(parent.clone());
            let parent = parent.map(|at| at.value);
            spec.resources.insert(name.value.clone(), Resource { name, parent, base, kind, special });
        }
    }
    for parent in parents {
        if !spec.resources.contains_key(&parent.value) {
            let help = nearest(&parent.value, spec.resources.keys().map(String::as_str));
            let help = help.map(|found| format!("did you mean `{found}`?"));
            log.report("unknown-resource", parent.at, format!("unknown resource `{}`", parent.value), help);
        }
    }
}
