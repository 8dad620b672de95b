//! Comparisons between two witnesses, one file each. They say nothing about the specification: they find mistakes of
//! headers, kernels and bindings, so all of them are warnings.

mod pair;

use crate::checks::Report;
use crate::facts::Facts;
use pair::Pair;

/// A comparison of two witnesses.
pub struct Between {
    /// Its stable id: the file's name with dashes.
    pub id: &'static str,
    /// What it compares, why that matters, and what to do about a finding.
    pub explanation: &'static str,
    run: fn(&mut Pair<'_>),
}

macro_rules! comparisons {
    ($($file:ident)*) => {
        $(mod $file;)*
        /// Every comparison, in the order in which they run.
        pub const ALL: &[&Between] = &[$(&$file::BETWEEN),*];
        #[cfg(test)]
        const FILES: &[&str] = &[$(stringify!($file)),*];
    };
}

comparisons! {
    call_number
    binding_constant
    binding_layout
    kernel_enumerator
    kernel_layout
}

/// Holds every two witnesses of one port against each other, the first of them as the one to go by.
pub fn between(witnesses: &[Facts]) -> Report {
    let mut report = Report::default();
    for first in witnesses {
        for second in witnesses.iter().filter(|second| second.arch == first.arch) {
            let mut pair = Pair::new(first, second);
            for comparison in ALL {
                pair.start(comparison);
                (comparison.run)(&mut pair);
                pair.finish(&mut report);
            }
        }
    }
    report
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::Path;

    #[test]
    fn every_file_is_listed_and_named_like_its_comparison() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/between");
        let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let stems: BTreeSet<String> =
            files.map(|file| file.trim_end_matches(".rs").to_owned()).filter(|stem| stem != "pair").collect();
        assert_eq!(stems, FILES.iter().map(|file| (*file).to_owned()).collect());
        for (file, comparison) in FILES.iter().zip(ALL) {
            assert_eq!(comparison.id, file.replace('_', "-"));
            assert!(comparison.explanation.len() > 200, "{} explains too little", comparison.id);
        }
    }
}
