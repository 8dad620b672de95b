//! Only what a series of commits brings about.

use crate::engine::EngineResult;
use crate::failure::Failure;
use abispec::finding::Finding;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;
use std::path::Path;
use std::process::Command;

/// Reads `BASE..HEAD`.
pub(super) fn revisions(range: &str) -> Result<(&str, &str), Failure> {
    match range.split_once("..") {
        Some((base, head)) if !base.is_empty() && !head.starts_with('.') => {
            Ok((base, if head.is_empty() { "HEAD" } else { head }))
        }
        _ => Err(Failure::new("this is no range of commits")
            .at(range)
            .help("--git takes BASE..HEAD, such as v7.2..HEAD")),
    }
}

/// The lines of each file that a series wrote, as its end has them.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Touched(BTreeMap<String, Vec<RangeInclusive<u32>>>);

impl Touched {
    /// Asks git.
    ///
    /// # Errors
    /// When git does not answer.
    pub(super) fn between(repository: &Path, base: &str, head: &str) -> Result<Self, Failure> {
        let failed = |why: String| {
            Failure::new("the series could not be read")
                .at(format!("{}: {base}..{head}", repository.display()))
                .why(why)
                .help("--git takes BASE..HEAD, --repo the folder of the repository")
        };
        let ran = Command::new("git")
            .arg("-C")
            .arg(repository)
            .args([
                "-c",
                "core.quotePath=false",
                "diff",
                "--unified=0",
                "--no-color",
                "--no-ext-diff",
                "--no-renames",
                "--end-of-options",
            ])
            .args([base, head])
            .arg("--")
            .output()
            .map_err(|error| failed(error.to_string()))?;
        if !ran.status.success() {
            return Err(failed(String::from_utf8_lossy(&ran.stderr).trim().to_owned()));
        }
        Ok(Self::read(&String::from_utf8_lossy(&ran.stdout)))
    }

    /// Reads a diff without context.
    fn read(diff: &str) -> Self {
        let mut files: BTreeMap<String, Vec<RangeInclusive<u32>>> = BTreeMap::new();
        let mut file: Option<String> = None;
        // Lines of a hunk that are still to come: they may look like headers.
        let (mut removed, mut added) = (0_u32, 0_u32);
        for line in diff.lines() {
            if removed > 0 && line.starts_with('-') {
                removed -= 1;
            } else if added > 0 && line.starts_with('+') {
                added -= 1;
            } else if let Some(path) = line.strip_prefix("+++ ") {
                file = path.strip_prefix("b/").map(str::to_owned);
            } else if let Some(hunk) = line.strip_prefix("@@ -") {
                let Some((old, new)) =
                    hunk.split_once(" +").map(|(old, new)| (old, new.split(' ').next().unwrap_or("")))
                else {
                    continue;
                };
                let numbers = |text: &str| {
                    let (at, count) = text.split_once(',').unwrap_or((text, "1"));
                    Some((at.parse::<u32>().ok()?, count.parse::<u32>().ok()?))
                };
                let (Some((_, fewer)), Some((at, more))) = (numbers(old), numbers(new)) else { continue };
                (removed, added) = (fewer, more);
                if let Some(file) = file.as_ref().filter(|_| more > 0) {
                    files.entry(file.clone()).or_default().push(at..=at.saturating_add(more - 1));
                }
            }
        }
        Self(files)
    }

    /// Whether a place such as `HEAD:include/uapi/linux/a.h:12:9` lies in the series.
    fn holds(&self, place: &str) -> bool {
        self.0.iter().any(|(path, lines)| {
            let Some(at) = place.find(path.as_str()) else { return false };
            let whole = at == 0 || place[..at].ends_with([':', '/', ' ']);
            let line = place[at + path.len()..].strip_prefix(':').and_then(|rest| {
                let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
                rest[..digits].parse::<u32>().ok()
            });
            whole && line.is_some_and(|line| lines.iter().any(|range| range.contains(&line)))
        })
    }
}

/// Leaves what is new since the base, and what lies in lines that the series wrote.
pub(super) fn narrow(result: &mut EngineResult, before: &[Finding], touched: &Touched) {
    let key = |finding: &Finding| {
        (
            finding.id.clone(),
            finding.subject.clone(),
            finding.expected.clone(),
            finding.actual.clone(),
            finding.ports.clone(),
        )
    };
    let known: BTreeSet<_> = before.iter().map(key).collect();
    let all = result.findings.len();
    result.findings.retain(|finding| {
        !known.contains(&key(finding)) || finding.other.as_deref().is_some_and(|place| touched.holds(place))
    });
    let left = all - result.findings.len();
    if left > 0 {
        result
            .summary
            .push(format!("{left} finding(s) were there before and lie elsewhere: the series does not touch them"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIFF: &str = "\
diff --git a/fs/open.c b/fs/open.c
--- a/fs/open.c
+++ b/fs/open.c
@@ -10,2 +10,3 @@ int f(void)
-old
--- a/no/header
+new
+++ b/no/header
+more
@@ -40 +42,0 @@
-gone
diff --git a/gone.c b/gone.c
--- a/gone.c
+++ /dev/null
@@ -1 +0,0 @@
-x
diff --git a/a b.h b/a b.h
--- /dev/null
+++ b/a b.h
@@ -0,0 +1 @@
+x
";

    #[test]
    fn lines_that_a_series_wrote_are_its_own() {
        let touched = Touched::read(DIFF);
        let expected = BTreeMap::from([("fs/open.c".to_owned(), vec![10..=12]), ("a b.h".to_owned(), vec![1..=1])]);
        assert_eq!(touched.0, expected);
        for place in ["fs/open.c:10", "HEAD:fs/open.c:12:3", "v7.3:a b.h:1", "/tmp/linux/fs/open.c:11"] {
            assert!(touched.holds(place), "{place}");
        }
        for place in ["fs/open.c:13", "fs/open.c", "xfs/open.c:11", "fs/open.c:110", "gone.c:1", ""] {
            assert!(!touched.holds(place), "{place}");
        }
    }

    #[test]
    fn ranges_have_two_ends() {
        assert_eq!(revisions("v7.2..HEAD").ok(), Some(("v7.2", "HEAD")));
        assert_eq!(revisions("v7.2..").ok(), Some(("v7.2", "HEAD")));
        for text in ["", "HEAD", "..HEAD", "a...b"] {
            assert!(revisions(text).is_err(), "{text}");
        }
    }
}
