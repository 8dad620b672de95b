//! What a crate states: every constant that is an integer, every struct and union that is laid out as C does.

use super::evaluate::{Evaluator, NO_INTEGER};
use super::krate::{Crate, Record, What};
use super::layout::Scope;
use super::names::Space;
use super::own::owned;
use crate::facts::{Claim, Constant, Fact, Facts, Layout, Silence, WitnessKind};
use abispec::version::Release;
use std::collections::BTreeSet;

/// Evaluates everything public.
pub(super) fn collect(mut krate: Crate, name: &str) -> Facts {
    let mut silent: Vec<Silence> = std::mem::take(&mut krate.silent);
    let witness = format!("{} ({})", krate.witness, krate.target.library);
    let mut facts = Facts::new(WitnessKind::Rust, witness, krate.target.arch);
    let evaluator = Evaluator::new(&krate);
    for (space, item, entry) in evaluator.names.public() {
        evaluator.restart();
        let reason = match (space, &entry.what) {
            (Space::Values, What::Const { ty, value }) => {
                if let Some(reason) = owned(name, &item, &krate.target) {
                    silent.push(Silence { subject: item, reason: reason.to_owned() });
                    continue;
                }
                match evaluator.constant(ty, value, &Scope::of(entry.module)) {
                    Ok(found) => {
                        let call = item.strip_prefix("SYS_").or(item.strip_prefix("__NR_"));
                        if let (Some(call), Ok(number)) = (call, u32::try_from(found.number)) {
                            facts
                                .numbers
                                .entry(call.to_owned())
                                .or_insert_with(|| Fact::new(number, entry.source.clone()));
                            continue;
                        }
                        let int = found.int.unwrap_or(evaluator.usize());
                        let constant = Constant { value: found.number, bits: int.bits, signed: int.signed };
                        add(facts.constants.entry(item).or_default(), Fact::new(constant, entry.source.clone()));
                        continue;
                    }
                    Err(reason) => reason,
                }
            }
            (Space::Types, What::Record(record)) if record.generics.params.is_empty() => {
                if let Some(reason) = owned(name, &item, &krate.target) {
                    silent.push(Silence { subject: item, reason: reason.to_owned() });
                    continue;
                }
                if is_forward(record) {
                    continue;
                }
                match evaluator.layout(record, entry.module) {
                    Ok(layout) => {
                        // A struct under another name is that name's layout.
                        let word = if layout.union { "union" } else { "struct" };
                        let layout = Layout { c_name: format!("{word} {item}"), ..layout };
                        add(facts.layouts.entry(item).or_default(), Fact::new(layout, entry.source.clone()));
                        continue;
                    }
                    Err(reason) => reason,
                }
            }
            _ => continue,
        };
        if reason != NO_INTEGER {
            silent.push(Silence { subject: item, reason: format!("{}: {reason}", entry.source) });
        }
    }
    if let Claim::Says { value, source } = facts.constant("LINUX_VERSION_CODE", None) {
        let part = |shift: u32, mask: i128| u16::try_from(value.value.value >> shift & mask).unwrap_or(0);
        let release = Release { major: part(16, 0xffff), minor: part(8, 0xff), patch: part(0, 0xff) };
        facts.release = Claim::Says { value: release, source };
    }
    let mut said = BTreeSet::new();
    silent.retain(|one| said.insert((one.subject.clone(), one.reason.clone())));
    silent.sort();
    facts.silent = silent;
    facts
}

/// Whether a struct only stands for one that is declared and not described, as generated bindings write it.
fn is_forward(record: &Record) -> bool {
    let mut names = record.fields.iter().map(|field| field.ident.as_ref().map(ToString::to_string));
    let only = names.next().flatten();
    names.next().is_none() && only.is_none_or(|name| matches!(name.as_str(), "_address" | "_unused" | "_data"))
}

fn add<T: PartialEq>(facts: &mut Vec<Fact<T>>, fact: Fact<T>) {
    // Modules that repeat a declaration say nothing new.
    if facts.iter().all(|known| known.value != fact.value) {
        facts.push(fact);
    }
}
