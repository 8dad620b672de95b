//! Known divergences: findings that are expected, each with the reason, as data (LANGUAGE.md, section 16).

use crate::arch::Arch;
use crate::finding::{Finding, Severity, SourceFile, SourcePlace};
use crate::place::{FileId, Place};
use crate::suggest::nearest;
use crate::version::Release;
use serde::Deserialize;
use serde_yaml::Spanned;
use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

/// The ids of findings about the list itself, each with its explanation.
pub const EXPLANATIONS: &[(&str, &str)] = &[
    (
        "broken-known",
        "\
A file of known divergences cannot be used as it is.

An entry has the keys `id`, `subjects` and `reason`, and may have `clause`, `actual`, `replay`, `without`, `kernels`, `pages`,
`ports`, `link` and `expires`. Every
entry names what it waives: there is none that waives everything.",
    ),
    (
        "unmatched-known",
        "\
An entry of the known divergences was compared with what it speaks of, and nothing diverged.

What was known is repaired, or the entry never fitted. It would hide the next divergence of this kind. What to do: remove
the subject from the entry, end its `kernels` or `pages` where the repair came, or name the `ports` that it holds for.",
    ),
    (
        "expired-known",
        "\
An entry of the known divergences lies beyond its `expires`, so that it waives nothing any more.

What to do: look again at what it waives. If it is still right, give it a new date; if not, remove it.",
    ),
];

/// A list of known divergences.
#[derive(Clone, Debug, Default)]
pub struct Known {
    files: Vec<SourceFile>,
    entries: Vec<Entry>,
}

/// A known divergence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The id of the findings that it is about.
    pub id: String,
    /// What these are about, word for word, each with its place in the list.
    pub subjects: Vec<(String, Place)>,
    /// The contradicted clause, where only that one is meant.
    pub clause: Option<String>,
    /// What the kernel answers, word for word, where only that answer is meant.
    pub actual: Option<String>,
    /// A replay file that shows the divergence, with its place in the list: whether it is still met can be tried.
    pub replay: Option<(String, Place)>,
    /// Options without which a kernel shows it: where one is set, or none is known, the replay file is not tried.
    pub without: Vec<String>,
    /// The kernels that it holds for; all where there is none.
    pub kernels: Option<Releases>,
    /// The editions of man pages that it holds for; all where there is none.
    pub pages: Option<Releases>,
    /// The ports that it holds for; all where there is none. It waives what these ports show and no other.
    pub ports: Vec<Arch>,
    /// Why the divergence is accepted.
    pub reason: String,
    /// Where more is said.
    pub link: Option<String>,
    /// The last day on which it holds.
    pub expires: Option<Day>,
    at: Place,
}

impl Entry {
    /// Whether it holds for what a comparison was made with.
    pub fn fits(&self, circumstances: &Circumstances) -> bool {
        self.kernels.is_none_or(|kernels| kernels.contains(circumstances.kernel))
            && self.pages.is_none_or(|pages| pages.contains(circumstances.pages))
            && (self.ports.is_empty() || circumstances.ports.iter().any(|port| self.ports.contains(port)))
    }

    /// Whether a finding about one of its subjects is of the kind that it names.
    fn is_about(&self, finding: &Finding) -> bool {
        let same = |wanted: &Option<String>, found: &Option<String>| wanted.is_none() || wanted == found;
        self.id == finding.id && same(&self.clause, &finding.clause) && same(&self.actual, &finding.actual)
    }
}

/// What a comparison was made with.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Circumstances {
    /// The kernel.
    pub kernel: Option<Release>,
    /// The edition of the man pages.
    pub pages: Option<Release>,
    /// The ports.
    pub ports: Vec<Arch>,
}

/// A range of releases, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Releases {
    first: Option<Release>,
    last: Option<Release>,
}

impl Releases {
    /// Whether a release lies in the range; one that nobody knows does not. A last release has its stable ones.
    fn contains(self, release: Option<Release>) -> bool {
        release.is_some_and(|release| {
            let until = |last: Release| release <= last || release.base() == last;
            self.first.is_none_or(|first| first <= release) && self.last.is_none_or(until)
        })
    }
}

impl FromStr for Releases {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let release = |text: &str| match text.trim() {
            "" => Ok(None),
            text => text.parse::<Release>().map(Some).map_err(|error| error.to_string()),
        };
        let range = match text.split_once("..") {
            Some((first, last)) => Self { first: release(first)?, last: release(last)? },
            None => Self { first: release(text)?, last: release(text)? },
        };
        match (range.first, range.last) {
            (None, None) => Err("it names no release; write it like \"6.1..6.6\", \"6.1..\" or \"..6.6\"".to_owned()),
            (Some(first), Some(last)) if first > last => Err(format!("{first} is later than {last}")),
            _ => Ok(range),
        }
    }
}

/// A day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Day {
    year: u16,
    month: u8,
    day: u8,
}

impl Day {
    /// The day, in UTC, this many seconds after the start of 1970.
    pub fn from_unix(seconds: u64) -> Self {
        let mut left = seconds / 86_400;
        let mut year = 1970;
        while left >= u64::from(days_of_year(year)) && year < u16::MAX {
            left -= u64::from(days_of_year(year));
            year += 1;
        }
        let mut month = 1;
        while left >= u64::from(days_of_month(year, month)) && month < 12 {
            left -= u64::from(days_of_month(year, month));
            month += 1;
        }
        Self { year, month, day: u8::try_from(left + 1).unwrap_or(31) }
    }
}

fn is_leap(year: u16) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

fn days_of_year(year: u16) -> u16 {
    if is_leap(year) { 366 } else { 365 }
}

fn days_of_month(year: u16, month: u8) -> u8 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

impl FromStr for Day {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parts: Vec<u16> = text.split('-').map_while(|part| part.parse().ok()).collect();
        let wrong = || format!("`{text}` is no day; write it like 2027-01-31");
        let [year, month, day] = parts.as_slice() else { return Err(wrong()) };
        let (month, day) = (u8::try_from(*month).map_err(|_| wrong())?, u8::try_from(*day).map_err(|_| wrong())?);
        let valid = *year >= 1970 && (1..=12).contains(&month) && (1..=days_of_month(*year, month)).contains(&day);
        if valid { Ok(Self { year: *year, month, day }) } else { Err(wrong()) }
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawEntry {
    id: Spanned<String>,
    subjects: Vec<Spanned<String>>,
    clause: Option<String>,
    actual: Option<String>,
    replay: Option<Spanned<String>>,
    #[serde(default)]
    without: Vec<String>,
    kernels: Option<Spanned<String>>,
    pages: Option<Spanned<String>>,
    #[serde(default)]
    ports: Vec<Spanned<String>>,
    reason: Spanned<String>,
    link: Option<String>,
    expires: Option<Spanned<String>>,
}

/// What an entry says of one subject: id, subject, clause, answer, ranges of kernels and pages, ports.
type Said = (String, String, [Option<String>; 4], Vec<Arch>);

impl Known {
    /// Reads files of known divergences; `ids` are those that a finding can have. What is well-formed is kept, every mistake
    /// becomes a finding, except that a file which is no list at all shows its first one only.
    pub fn read(files: Vec<SourceFile>, ids: &[&str]) -> (Self, Vec<Finding>) {
        let mut known = Self { files, entries: Vec::new() };
        let mut findings = Vec::new();
        for file in 0..known.files.len() {
            known.read_file(file, ids, &mut findings);
        }
        (known, findings)
    }

    fn read_file(&mut self, index: usize, ids: &[&str], findings: &mut Vec<Finding>) {
        let file = &self.files[index];
        let id = FileId(u32::try_from(index).unwrap_or(u32::MAX));
        let place = |line: u64, column: u64| Place {
            file: id,
            line: u32::try_from(line).unwrap_or(u32::MAX),
            column: u32::try_from(column).unwrap_or(u32::MAX),
        };
        let of = |text: &Spanned<String>| place(text.referenced.line(), text.referenced.column());
        let mut broken = |at: Place, message: String, help: &str| {
            let finding = Finding::error("broken-known", file.path.clone(), message).at(file.place(at));
            findings.push(if help.is_empty() { finding } else { finding.help(help) });
        };
        let only_comments = file.text.lines().all(|line| line.trim().is_empty() || line.trim_start().starts_with('#'));
        if only_comments {
            return;
        }
        let raw: Vec<RawEntry> = match serde_yaml::from_str(&file.text) {
            Ok(raw) => raw,
            Err(error) => {
                let (line, column) = error.location().map_or((1, 1), |at| (at.line(), at.column()));
                let help = "the file is a list; an entry has `id`, `subjects`, `reason`, and may have `clause`, `actual`, `replay`, `without`, `kernels`, `pages`, `ports`, `link`, `expires`";
                return broken(place(line, column), error.without_snippet().to_string(), help);
            }
        };
        let mut seen: BTreeSet<Said> = BTreeSet::new();
        for entry in raw {
            let at = of(&entry.id);
            if !ids.contains(&entry.id.value.as_str()) {
                let help = nearest(&entry.id.value, ids.iter().copied()).map_or_else(
                    || "`abispec explain` lists every id".to_owned(),
                    |near| format!("did you mean `{near}`?"),
                );
                broken(at, format!("no finding has the id `{}`", entry.id.value), &help);
            }
            if entry.reason.value.trim().is_empty() {
                broken(of(&entry.reason), "the reason is missing".to_owned(), "say why the divergence is accepted");
            }
            if entry.subjects.is_empty() {
                broken(
                    at,
                    "the entry has no subject".to_owned(),
                    "name what it waives, word for word as findings show it",
                );
            }
            let mut range = |text: &Option<Spanned<String>>| {
                let text = text.as_ref()?;
                text.value.parse::<Releases>().map_err(|why| broken(of(text), why, "")).ok()
            };
            let (kernels, pages) = (range(&entry.kernels), range(&entry.pages));
            let mut ports = Vec::new();
            for port in &entry.ports {
                match Arch::ALL.iter().find(|arch| arch.name() == port.value) {
                    Some(arch) => ports.push(*arch),
                    None => {
                        let names = Arch::ALL.iter().map(|arch| arch.name());
                        let help = nearest(&port.value, names).map(|near| format!("did you mean `{near}`?"));
                        broken(of(port), format!("no port is called `{}`", port.value), &help.unwrap_or_default());
                    }
                }
            }
            let expires = entry
                .expires
                .as_ref()
                .and_then(|text| text.value.parse::<Day>().map_err(|why| broken(of(text), why, "")).ok());
            for subject in &entry.subjects {
                let [kernels, pages] =
                    [&entry.kernels, &entry.pages].map(|text| text.as_ref().map(|text| text.value.clone()));
                let limits = [entry.clause.clone(), entry.actual.clone(), kernels, pages];
                if !seen.insert((entry.id.value.clone(), subject.value.clone(), limits, ports.clone())) {
                    broken(of(subject), format!("{} {} is listed twice", entry.id.value, subject.value), "");
                }
            }
            self.entries.push(Entry {
                id: entry.id.value,
                subjects: entry.subjects.iter().map(|subject| (subject.value.clone(), of(subject))).collect(),
                clause: entry.clause,
                actual: entry.actual,
                replay: entry.replay.map(|text| {
                    let at = of(&text);
                    (text.value, at)
                }),
                without: entry.without,
                kernels,
                pages,
                ports,
                reason: entry.reason.value,
                link: entry.link,
                expires,
                at,
            });
        }
    }

    /// The entries.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// A place in the list as reports show it.
    pub fn place(&self, at: Place) -> SourcePlace {
        match self.files.get(at.file.0 as usize) {
            Some(file) => file.place(at),
            None => SourcePlace { file: "?".to_owned(), line: at.line, column: at.column, text: None },
        }
    }
}

/// The use of a list in one run.
#[derive(Debug)]
pub struct Waivers<'k> {
    known: &'k Known,
    today: Day,
    /// Entry and subject of each waiver that was looked for.
    tried: BTreeSet<(usize, usize)>,
    /// Those that something was found for.
    used: BTreeSet<(usize, usize)>,
}

impl<'k> Waivers<'k> {
    /// A run on a day.
    pub fn new(known: &'k Known, today: Day) -> Self {
        Self { known, today, tried: BTreeSet::new(), used: BTreeSet::new() }
    }

    /// Takes the findings out that are known, and returns these with their entries. `compared` says whether what an entry
    /// says of a subject could have been found at all.
    pub fn take(
        &mut self,
        findings: &mut Vec<Finding>,
        circumstances: &Circumstances,
        compared: &dyn Fn(&Entry, &str) -> bool,
    ) -> Vec<(Finding, &'k Entry)> {
        let fits = |entry: &Entry| entry.fits(circumstances);
        // What other ports show too is not known.
        let covers = |entry: &Entry, finding: &Finding| {
            let held = |port: &String| entry.ports.iter().any(|arch| arch.name() == port);
            entry.ports.is_empty() || finding.ports.iter().all(held)
        };
        let mut taken = Vec::new();
        for (index, entry) in self.known.entries.iter().enumerate().filter(|(_, entry)| fits(entry)) {
            for (number, (subject, _)) in entry.subjects.iter().enumerate() {
                if compared(entry, subject) {
                    self.tried.insert((index, number));
                }
            }
        }
        findings.retain(|finding| {
            for (index, entry) in self.known.entries.iter().enumerate() {
                let number = entry.subjects.iter().position(|(subject, _)| *subject == finding.subject);
                let Some(number) = number.filter(|_| entry.is_about(finding) && fits(entry) && covers(entry, finding))
                else {
                    continue;
                };
                self.used.insert((index, number));
                if entry.expires.is_some_and(|expires| expires < self.today) {
                    continue;
                }
                taken.push((finding.clone(), entry));
                return false;
            }
            true
        });
        taken
    }

    /// What the list itself is to be reported for: entries that nothing matched although it could have, expired ones.
    pub fn findings(&self) -> Vec<Finding> {
        let mut found = Vec::new();
        let mut report = |id: &str, entry: &Entry, at: Place, subject: &str, message: String, help: &str| {
            let mut finding = Finding::error(id, subject, message).at(self.known.place(at)).help(help);
            finding.severity = Severity::Warning;
            finding.expected = Some(format!("{}: {}", entry.id, entry.reason));
            found.push(finding);
        };
        for (index, entry) in self.known.entries.iter().enumerate() {
            for (number, (subject, at)) in entry.subjects.iter().enumerate() {
                if self.tried.contains(&(index, number)) && !self.used.contains(&(index, number)) {
                    let message = format!("the known divergence {} was not met", entry.id);
                    let help = "remove the subject, or limit the entry to the releases or ports that it holds for";
                    report("unmatched-known", entry, *at, subject, message, help);
                }
            }
            let expired = entry.expires.filter(|expires| *expires < self.today);
            if let Some(day) = expired.filter(|_| self.used.iter().any(|(used, _)| *used == index)) {
                let message = format!("the known divergence {} expired on {day}", entry.id);
                let subject = entry.subjects.first().map_or("", |(subject, _)| subject);
                report(
                    "expired-known",
                    entry,
                    entry.at,
                    subject,
                    message,
                    "look at it again, then give it a new date or remove it",
                );
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIST: &str = "\
- id: wrong-order
  subjects: [dup.EBADF, dup2.EBADF]
  reason: the page says so
  pages: \"..6.9\"
- id: stray-write
  subjects: [read]
  reason: vendor kernels do
  kernels: \"6.1..6.6\"
  expires: 2026-05-31
";

    fn read(text: &str) -> (Known, Vec<Finding>) {
        let file = SourceFile { path: "known.yaml".to_owned(), text: text.to_owned() };
        Known::read(vec![file], &["wrong-order", "stray-write"])
    }

    fn day(text: &str) -> Day {
        text.parse().unwrap()
    }

    fn findings() -> Vec<Finding> {
        [("wrong-order", "dup.EBADF"), ("wrong-order", "dup3.EBADF"), ("stray-write", "read")]
            .map(|(id, subject)| Finding::error(id, subject, ""))
            .to_vec()
    }

    /// What stays, and what the list is reported for.
    fn run(circumstances: &Circumstances, today: &str) -> (Vec<String>, Vec<String>) {
        let (known, broken) = read(LIST);
        assert_eq!(broken, []);
        let mut waivers = Waivers::new(&known, day(today));
        let mut left = findings();
        waivers.take(&mut left, circumstances, &|_, _| true);
        let shown = |findings: &[Finding]| findings.iter().map(|one| format!("{} {}", one.id, one.subject)).collect();
        (shown(&left), shown(&waivers.findings()))
    }

    #[test]
    fn what_is_known_is_taken_and_what_is_not_met_is_reported() {
        let here = Circumstances { kernel: Some(Release::new(6, 3)), pages: Some(Release::new(6, 9)), ports: vec![] };
        let (left, list) = run(&here, "2026-05-31");
        assert_eq!(left, ["wrong-order dup3.EBADF"]);
        assert_eq!(list, ["unmatched-known dup2.EBADF"]);
    }

    #[test]
    fn what_lies_outside_a_range_or_is_expired_is_not_taken() {
        let elsewhere = Circumstances { kernel: Some(Release::new(6, 12)), pages: None, ports: vec![] };
        let (left, list) = run(&elsewhere, "2026-05-31");
        assert_eq!(left.len(), 3);
        assert!(list.is_empty(), "{list:?}");
        let stable = Release { patch: 117, ..Release::new(6, 6) };
        let here = Circumstances { kernel: Some(stable), pages: None, ports: vec![] };
        let (left, list) = run(&here, "2026-06-01");
        assert!(left.contains(&"stray-write read".to_owned()));
        assert_eq!(list, ["expired-known read"]);
    }

    #[test]
    fn an_answer_that_is_named_waives_no_other() {
        let text = "- id: stray-write\n  subjects: [read]\n  actual: errno 524\n  clause: c\n  reason: r\n  replay: |\n    format: 1\n";
        let (known, broken) = read(text);
        assert_eq!(broken, []);
        assert_eq!(
            known.entries()[0].replay.as_ref().map(|(text, at)| (text.as_str(), at.line)),
            Some(("format: 1\n", 7))
        );
        let mut waivers = Waivers::new(&known, day("2026-05-31"));
        let of = |clause: &str, actual: &str| {
            let clause = Some(clause.to_owned());
            Finding { clause, ..Finding::error("stray-write", "read", "").values("success", actual) }
        };
        let mut left = vec![of("c", "errno 524"), of("c", "EPERM"), of("d", "errno 524")];
        waivers.take(&mut left, &Circumstances::default(), &|_, _| true);
        assert_eq!(left.len(), 2);
        assert_eq!(waivers.findings(), []);
    }

    #[test]
    fn an_entry_of_some_ports_speaks_of_these_alone() {
        let text = "- id: stray-write\n  subjects: [read]\n  ports: [arm, sh]\n  reason: r\n";
        let tried = |looked_at: &[Arch], shown_on: &[Arch]| {
            let (known, broken) = read(text);
            assert_eq!(broken, []);
            let mut waivers = Waivers::new(&known, day("2026-05-31"));
            let mut finding = Finding::error("stray-write", "read", "");
            finding.ports = shown_on.iter().map(|port| port.name().to_owned()).collect();
            let mut left = if shown_on.is_empty() { Vec::new() } else { vec![finding] };
            let circumstances = Circumstances { ports: looked_at.to_vec(), ..Circumstances::default() };
            waivers.take(&mut left, &circumstances, &|_, _| true);
            (left.len(), waivers.findings().len())
        };
        assert_eq!(tried(&[Arch::Arm], &[Arch::Arm]), (0, 0), "it is known");
        assert_eq!(tried(&[Arch::Arm, Arch::Sh, Arch::Arc], &[Arch::Arm, Arch::Sh]), (0, 0), "it is known of both");
        assert_eq!(tried(&[Arch::Arm, Arch::Arc], &[Arch::Arm, Arch::Arc]), (1, 1), "it is new on arc");
        assert_eq!(tried(&[Arch::Arc], &[Arch::Arc]), (1, 0), "nothing was said of arc");
        assert_eq!(tried(&[Arch::Arc], &[]), (0, 0), "neither port was looked at");
        assert_eq!(tried(&[Arch::Sh, Arch::Arc], &[]), (0, 1), "it was not met where it was looked for");
    }

    #[test]
    fn every_mistake_of_a_list_is_reported_with_its_place() {
        let text = "\
- id: wrong-ordr
  subjects: []
  reason: ''
- id: wrong-order
  subjects: [a, a]
  reason: r
  kernels: six
  pages: '6.9..6.3'
  ports: [arm, amr]
  expires: 2027-02-29
";
        let (_, broken) = read(text);
        let shown: Vec<_> = broken.iter().map(|one| (one.spec.as_ref().unwrap().line, one.message.clone())).collect();
        let expected = [
            (1, "no finding has the id `wrong-ordr`"),
            (3, "the reason is missing"),
            (1, "the entry has no subject"),
            (7, "`six` is not a kernel release; write it like \"5.10\""),
            (8, "6.9 is later than 6.3"),
            (9, "no port is called `amr`"),
            (10, "`2027-02-29` is no day; write it like 2027-01-31"),
            (5, "wrong-order a is listed twice"),
        ];
        assert_eq!(shown, expected.map(|(line, text)| (line, text.to_owned())));
        assert_eq!(broken[0].help.as_deref(), Some("did you mean `wrong-order`?"));
        for text in ["- id: wrong-order\n  subjects: [a]\n", "- id: wrong-order\n  subject: a\n  reason: r\n", "{", "7"]
        {
            assert_eq!(read(text).1.len(), 1, "{text}");
        }
        assert_eq!(read("# nothing\n").1, []);
    }

    #[test]
    fn days_are_counted_from_1970() {
        for (seconds, expected) in
            [(0, "1970-01-01"), (951_782_399, "2000-02-28"), (951_782_400, "2000-02-29"), (1_798_761_599, "2026-12-31")]
        {
            assert_eq!(Day::from_unix(seconds).to_string(), expected);
        }
    }
}
