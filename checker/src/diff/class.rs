//! The classes of differences, one file each.

use serde::Serialize;
use std::fmt;

/// What a difference does to programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Impact {
    /// Nothing that exists notices.
    Compatible,
    /// Some programs may notice; somebody has to look.
    Risky,
    /// Programs that were right before are wrong now.
    Breaking,
}

impl Impact {
    /// Every impact, the worst first.
    pub const ALL: &[Self] = &[Self::Breaking, Self::Risky, Self::Compatible];

    /// The word that reports use.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Compatible => "compatible",
            Self::Risky => "risky",
            Self::Breaking => "breaking",
        }
    }
}

impl fmt::Display for Impact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A class of differences.
#[derive(Debug, PartialEq, Eq)]
pub struct Class {
    /// Its stable id: the file's name with dashes.
    pub id: &'static str,
    /// What it does to programs.
    pub impact: Impact,
    /// It in a few words, `field moved`.
    pub title: &'static str,
    /// What it means, who notices, and what to do.
    pub explanation: &'static str,
}

macro_rules! classes {
    ($($file:ident)*) => {
        $(pub(super) mod $file;)*
        /// Every class.
        pub const ALL: &[&Class] = &[$(&$file::CLASS),*];
        #[cfg(test)]
        const FILES: &[&str] = &[$(stringify!($file)),*];
    };
}

classes! {
    header_removed
    header_added
    constant_removed
    constant_changed
    constant_retyped
    constant_renamed
    constant_added
    constant_moved
    moved_away
    enumerator_changed
    enumerator_added
    sentinel_moved
    mask_changed
    version_raised
    ioctl_changed
    ioctl_added
    ioctl_extended
    struct_removed
    struct_added
    struct_resized
    struct_extended
    struct_realigned
    field_moved
    field_removed
    field_resized
    field_retyped
    field_renamed
    field_added
    padding_reused
    syscall_removed
    syscall_renumbered
    syscall_added
    prototype_changed
    prototype_adjusted
    rule_added
    rule_removed
}

/// The class of this id.
pub fn find(id: &str) -> Option<&'static Class> {
    ALL.iter().copied().find(|class| class.id == id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use std::fs;
    use std::path::Path;

    #[test]
    fn every_file_is_listed_and_named_like_its_class() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/diff/class");
        let files = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let stems: BTreeSet<String> = files.map(|file| file.trim_end_matches(".rs").to_owned()).collect();
        assert_eq!(stems, FILES.iter().map(|file| (*file).to_owned()).collect());
        for (file, class) in FILES.iter().zip(ALL) {
            assert_eq!(class.id, file.replace('_', "-"));
            assert!(class.explanation.len() > 200, "{} explains too little", class.id);
            assert!(class.explanation.contains("\n\nWhat to do: "), "{} gives no advice", class.id);
        }
    }
}
