//! What a run needed of the ABI, as a seccomp profile: which calls, and with which flags and values where the
//! specification knows them.

use super::book::Book;
use super::names::Names;
use crate::exec::ArgCondition;
use crate::exec::tracer::Allowed;
use abispec::arch::Arch;
use abispec::target::ResolvedParam;
use abispec::types::Type;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Values of enumerations that were passed together, by position.
type Together = Vec<(u8, u64)>;
/// Bits that were ever set in flags, by position.
type Bits = BTreeMap<u8, u64>;

/// No more combinations of one call are told apart: it is then allowed whatever its arguments.
const COMBINATIONS_MAX: usize = 64;
/// What a call gets that the profile does not allow. Libraries try another way where a call does not exist.
pub const REFUSED: u16 = libc::ENOSYS as u16;

/// What a run needed.
#[derive(Clone, Debug, Default)]
pub struct Profile {
    calls: BTreeMap<u32, BTreeMap<Together, Bits>>,
}

/// The bits of a register that a parameter's type has.
fn width(param: &ResolvedParam, word: u32) -> u64 {
    match param.int.bytes(word) * 8 {
        bits @ 0..64 => (1 << bits) - 1,
        _ => u64::MAX,
    }
}

impl Profile {
    /// Notes a call.
    pub(super) fn needs(&mut self, book: &Book<'_>, nr: u32, args: &[u64; 6]) {
        let mut together = Together::new();
        let mut bits = Bits::new();
        let word = book.numbers.word;
        if let Some((call, variant)) = book.entry(nr.into()).and_then(|entry| book.variant(entry, args)) {
            for (position, param) in (0..).zip(&call.variants[variant].params) {
                let value = param.int.value_of(args[usize::from(position)], word) as u64 & width(param, word);
                match param.ty {
                    Type::Enum { .. } => together.push((position, value)),
                    Type::Flags { .. } => {
                        bits.insert(position, value);
                    }
                    _ => {}
                }
            }
        }
        let known = self.calls.entry(nr).or_default();
        if known.len() > COMBINATIONS_MAX {
            return;
        }
        let seen = known.entry(together).or_default();
        for (position, value) in bits {
            *seen.entry(position).or_default() |= value;
        }
    }

    /// The rules: which calls are allowed, with which conditions.
    pub fn rules(&self, book: &Book<'_>, names: &Names) -> Vec<Allowed> {
        let mut rules = Vec::new();
        for (nr, combinations) in &self.calls {
            if combinations.len() > COMBINATIONS_MAX {
                rules.push(Allowed { nr: *nr, conditions: Vec::new() });
                continue;
            }
            for (together, bits) in combinations {
                let params = self.params(book, *nr, together);
                let mask = |position: u8| {
                    params
                        .and_then(|params| params.get(usize::from(position)))
                        .map_or(u64::MAX, |param| width(param, book.numbers.word))
                };
                let values =
                    together.iter().map(|(arg, value)| ArgCondition { arg: *arg, mask: mask(*arg), value: *value });
                let unset = bits.iter().map(|(arg, set)| ArgCondition { arg: *arg, mask: mask(*arg) & !set, value: 0 });
                let conditions = values.chain(unset).filter(|condition| condition.mask != 0).collect();
                rules.push(Allowed { nr: *nr, conditions });
            }
        }
        // Whoever loads the profile executes the program with it.
        if let Some(nr) = names.number("execve")
            && !self.calls.contains_key(&nr)
        {
            rules.push(Allowed { nr, conditions: Vec::new() });
        }
        rules.sort_by_key(|rule| rule.nr);
        rules
    }

    /// The parameters of the variant that a combination belongs to.
    fn params<'a>(&self, book: &'a Book<'_>, nr: u32, together: &Together) -> Option<&'a [ResolvedParam]> {
        let mut args = [0; 6];
        together.iter().for_each(|(position, value)| args[usize::from(*position)] = *value);
        let (call, variant) = book.variant(book.entry(nr.into())?, &args)?;
        Some(&call.variants[variant].params)
    }

    /// The profile as container runtimes read it.
    pub fn oci(&self, book: &Book<'_>, names: &Names) -> Value {
        let arch = match book.resolved.target.arch {
            Arch::X86_64 => "SCMP_ARCH_X86_64",
            Arch::Arm64 => "SCMP_ARCH_AARCH64",
            _ => "SCMP_ARCH_NATIVE",
        };
        let rules = self.rules(book, names);
        let (plain, conditional): (Vec<&Allowed>, Vec<&Allowed>) =
            rules.iter().partition(|rule| rule.conditions.is_empty());
        let mut names_of_plain: Vec<String> = plain.iter().map(|rule| names.name(rule.nr)).collect();
        names_of_plain.sort();
        let mut syscalls = vec![json!({"names": names_of_plain, "action": "SCMP_ACT_ALLOW"})];
        for rule in conditional {
            let args: Vec<Value> = rule
                .conditions
                .iter()
                .map(|condition| {
                    json!({"index": condition.arg, "value": condition.mask, "valueTwo": condition.value, "op": "SCMP_CMP_MASKED_EQ"})
                })
                .collect();
            syscalls.push(json!({"names": [names.name(rule.nr)], "action": "SCMP_ACT_ALLOW", "args": args}));
        }
        json!({
            "defaultAction": "SCMP_ACT_ERRNO",
            "defaultErrnoRet": REFUSED,
            "architectures": [arch],
            "syscalls": syscalls,
        })
    }
}
