//! The file of constants.

use super::{Selection, values};
use crate::arch::Arch;
use crate::model::Syscall;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

/// The ports that syzkaller knows, by its names.
const PORTS: [(&str, Arch); 9] = [
    ("386", Arch::I386),
    ("amd64", Arch::X86_64),
    ("arm", Arch::Arm),
    ("arm64", Arch::Arm64),
    ("loong64", Arch::Loongarch64),
    ("mips64le", Arch::MipsN64),
    ("ppc64le", Arch::Powerpc64),
    ("riscv64", Arch::Riscv64),
    ("s390x", Arch::S390x),
];

/// Constants that descriptions name, with their values on each port.
pub(super) struct Constants {
    ports: Vec<(&'static str, Arch, BTreeMap<String, i128>)>,
    /// What each is on each port; `None` where the port lacks it.
    rows: BTreeMap<String, Vec<Option<u64>>>,
    wanted: BTreeSet<String>,
}

impl Constants {
    pub(super) fn new(selection: &Selection<'_>, all: bool) -> Result<Self, String> {
        let own = selection.resolved.target.arch;
        let ports: Vec<_> = PORTS
            .iter()
            .filter(|(_, arch)| all || *arch == own)
            .map(|(name, arch)| (*name, *arch, values(selection, *arch)))
            .collect();
        if !ports.iter().any(|(_, arch, _)| *arch == own) {
            return Err(format!("syzkaller does not know the port {own}"));
        }
        Ok(Self { ports, rows: BTreeMap::new(), wanted: BTreeSet::new() })
    }

    /// Adds the number of a call.
    pub(super) fn call(&mut self, call: &Syscall) {
        let row = self.ports.iter().map(|(_, arch, _)| call.number(*arch).map(|number| u64::from(number.value)));
        self.rows.insert(format!("__NR_{}", call.name.value), row.collect());
    }

    /// Adds a constant of a set, or a special value of a resource.
    pub(super) fn name(&mut self, name: &str) {
        if self.wanted.insert(name.to_owned()) {
            let row = self.ports.iter().map(|(_, _, values)| values.get(name).map(|value| twos_complement(*value)));
            let mut row: Vec<Option<u64>> = row.collect();
            // A flag that is nothing on some ports and something on others is one that the former lack.
            if row.iter().flatten().any(|value| *value != 0) {
                row.iter_mut().filter(|value| **value == Some(0)).for_each(|value| *value = None);
            }
            self.rows.insert(name.to_owned(), row);
        }
    }

    /// Adds a constant whose value is the same everywhere.
    pub(super) fn value(&mut self, name: &str, value: i128) {
        self.wanted.insert(name.to_owned());
        self.rows.insert(name.to_owned(), vec![Some(twos_complement(value)); self.ports.len()]);
    }

    /// The file: the value that most ports have, and the others behind it.
    pub(super) fn text(&self) -> String {
        let ports: Vec<&str> = self.ports.iter().map(|(name, ..)| *name).collect();
        let mut out = format!(
            "# Made by abispec; the descriptions that belong to it say for which kernel.\narches = {}\n",
            ports.join(", ")
        );
        for (name, row) in &self.rows {
            let mut counts: BTreeMap<Option<u64>, usize> = BTreeMap::new();
            row.iter().filter(|value| value.is_some()).for_each(|value| *counts.entry(*value).or_default() += 1);
            let most = counts
                .iter()
                .max_by_key(|(value, count)| (**count, std::cmp::Reverse(**value)))
                .and_then(|(value, _)| *value);
            let Some(most) = most else { continue };
            let _ = write!(out, "{name} = {most}");
            for (value, (port, ..)) in row.iter().zip(&self.ports) {
                match value {
                    Some(value) if *value == most => {}
                    Some(value) => {
                        let _ = write!(out, ", {port}:{value}");
                    }
                    None => {
                        let _ = write!(out, ", {port}:???");
                    }
                }
            }
            out.push('\n');
        }
        out
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "two's complement is what is meant")]
fn twos_complement(value: i128) -> u64 {
    value as u64
}
