//! Kernel releases.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// A kernel release as `since` and `until` name it: `5.10`, `2.6.27`.
///
/// Stable-series numbers (`6.1.42`) compare after their base release.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Release {
    /// First number.
    pub major: u16,
    /// Second number.
    pub minor: u16,
    /// Third number; 0 where there is none.
    pub patch: u16,
}

impl Release {
    /// A release of two numbers.
    pub const fn new(major: u16, minor: u16) -> Self {
        Self { major, minor, patch: 0 }
    }

    /// Reads the release out of `uname -r`, which carries a vendor's suffix: `6.1.0-18-amd64` is 6.1.
    ///
    /// # Errors
    /// When the text does not begin with two numbers.
    pub fn from_uname(text: &str) -> Result<Self, NotARelease> {
        let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
        text[..end].trim_end_matches('.').parse()
    }

    /// The release without its stable-series number, for releases that have one.
    #[must_use]
    pub fn base(self) -> Self {
        if self.major >= 3 { Self { patch: 0, ..self } } else { self }
    }
}

/// A text that is no release.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotARelease(pub String);

impl fmt::Display for NotARelease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` is not a kernel release; write it like \"5.10\"", self.0)
    }
}

impl std::error::Error for NotARelease {}

impl FromStr for Release {
    type Err = NotARelease;

    fn from_str(text: &str) -> Result<Self, NotARelease> {
        let error = || NotARelease(text.to_owned());
        let mut parts = text.split('.').map(|part| part.parse::<u16>().map_err(|_| error()));
        let major = parts.next().ok_or_else(error)??;
        let minor = parts.next().ok_or_else(error)??;
        let patch = parts.next().transpose()?.unwrap_or(0);
        match parts.next() {
            Some(_) => Err(error()),
            None => Ok(Self { major, minor, patch }),
        }
    }
}

impl fmt::Display for Release {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)?;
        if self.patch != 0 {
            write!(f, ".{}", self.patch)?;
        }
        Ok(())
    }
}

/// The releases in which something exists.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span {
    /// First release that has it; `None` is "always had".
    pub since: Option<Release>,
    /// Last release that has it; `None` is "still has".
    pub until: Option<Release>,
}

impl Span {
    /// Whether `release` lies in the span. A stable release counts as its base.
    pub fn contains(&self, release: Release) -> bool {
        let release = release.base();
        self.since.is_none_or(|since| since.base() <= release) && self.until.is_none_or(|until| release <= until.base())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_order_by_number_not_by_text() {
        let parse = |text: &str| text.parse::<Release>().unwrap();
        assert!(parse("5.9") < parse("5.10"));
        assert!(parse("2.6.9") < parse("2.6.27"));
        assert_eq!(parse("6.1").to_string(), "6.1");
        assert!("6".parse::<Release>().is_err());
        assert!("6.x".parse::<Release>().is_err());
    }

    #[test]
    fn vendor_suffixes_are_cut() {
        assert_eq!(Release::from_uname("6.18.44-fc-v595"), Ok(Release { major: 6, minor: 18, patch: 44 }));
        assert_eq!(Release::from_uname("7.3-rc1"), Ok(Release::new(7, 3)));
    }

    #[test]
    fn a_stable_release_counts_as_its_base() {
        let span = Span { since: None, until: Some(Release::new(6, 1)) };
        assert!(span.contains(Release { major: 6, minor: 1, patch: 90 }));
        assert!(!span.contains(Release::new(6, 2)));
    }
}
