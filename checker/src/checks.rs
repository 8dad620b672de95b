//! The checks, one file each. A check is a pure function over the specification and one witness's facts.

mod bench;

use crate::facts::Facts;
use crate::merge::merged;
use abispec::finding::{Finding, Severity};
use abispec::model::Spec;
use bench::Bench;
use rayon::prelude::*;
use serde::Serialize;

/// A check.
pub struct Check {
    /// Its stable id: the file's name with dashes.
    pub id: &'static str,
    /// How much its findings matter.
    pub severity: Severity,
    /// What it compares, why that matters, and what to do about a finding.
    pub explanation: &'static str,
    run: fn(&mut Bench<'_>),
}

macro_rules! checks {
    ($($file:ident)*) => {
        $(mod $file;)*
        /// Every check, in the order in which they run.
        pub const ALL: &[&Check] = &[$(&$file::CHECK),*];
        #[cfg(test)]
        const FILES: &[&str] = &[$(stringify!($file)),*];
    };
}

checks! {
    constant_value
    missing_constant
    extra_constant
    struct_size
    struct_alignment
    field_offset
    field_size
    field_type
    field_missing
    field_extra
    syscall_number
    missing_syscall
    extra_syscall
    syscall_option
    syscall_served
    argument_count
    argument_name
    argument_type
    errno_undocumented
    errno_unspecified
    man_since
    man_argument_count
    flags_tried
    argument_mask
}

/// The check of this id.
pub fn find(id: &str) -> Option<&'static Check> {
    ALL.iter().copied().find(|check| check.id == id)
}

/// What all checks found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Where the specification and a witness disagree.
    pub findings: Vec<Finding>,
    /// How much was compared.
    pub compared: Vec<Compared>,
    /// What could not be compared.
    pub silent: Vec<Silent>,
}

impl Report {
    /// The number of single comparisons.
    pub fn comparisons(&self) -> usize {
        self.compared.iter().map(|entry| entry.count).sum()
    }
}

/// How much one check compared with one witness.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Compared {
    /// The check.
    pub check: &'static str,
    /// The witness.
    pub witness: String,
    /// Comparisons.
    pub count: usize,
    /// Comparisons that failed.
    pub findings: usize,
    /// What the witness was silent about.
    pub silent: usize,
}

/// What one check could not compare with one witness, for one reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Silent {
    /// The check.
    pub check: &'static str,
    /// The witness.
    pub witness: String,
    /// Why.
    pub reason: String,
    /// What.
    pub subjects: Vec<String>,
}

/// Holds the specification against every witness.
pub fn check(spec: &Spec, witnesses: &[Facts]) -> Report {
    let examine = |(index, facts): (usize, &Facts)| {
        let mut report = Report::default();
        let mut bench = Bench::new(spec, facts);
        for check in ALL {
            bench.start(check);
            (check.run)(&mut bench);
            bench.finish(&mut report);
        }
        (index, report)
    };
    let parts: Vec<(usize, Report)> = witnesses.par_iter().enumerate().map(examine).collect();
    let mut whole = Report::default();
    let mut findings = Vec::new();
    for (index, part) in parts {
        findings.extend(part.findings.into_iter().map(|finding| (index, finding)));
        whole.compared.extend(part.compared);
        whole.silent.extend(part.silent);
    }
    whole.findings = merged(findings, witnesses);
    whole
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::Path;

    #[test]
    fn every_file_is_listed_and_named_like_its_check() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/checks");
        let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let stems: BTreeSet<String> =
            files.map(|file| file.trim_end_matches(".rs").to_owned()).filter(|stem| stem != "bench").collect();
        assert_eq!(stems, FILES.iter().map(|file| (*file).to_owned()).collect());
        for (file, check) in FILES.iter().zip(ALL) {
            assert_eq!(check.id, file.replace('_', "-"));
            assert!(check.explanation.len() > 200, "{} explains too little", check.id);
        }
    }
}
