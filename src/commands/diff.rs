//! `abispec diff`.

use crate::args::Format;
use crate::context::Context;
use crate::engine::{self, EngineResult};
use crate::exit::Exit;
use crate::failure::Failure;
use abispec::arch::Arch;
use abispec::finding::{Finding, Severity};
use abispec::model::Spec;
use abispec::suggest::nearest;
use abispec::version::Release;
use abispec_checker::diff::sides::{Input, Problem};
use abispec_checker::diff::{self, Class, Comparison, Difference, Impact, Request};
use serde_json::{Value, json};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Options of `abispec diff`.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  abispec diff linux-6.12 linux-7.3                       two kernel trees, for the port of this machine
  abispec diff --git v6.12..v7.3 --arch all               two revisions of a repository, every port, nothing checked out
  abispec diff --git HEAD~1..HEAD --fail-on breaking      in the CI of a patch
  abispec diff old/usr/include new/usr/include            installed headers
  abispec diff vmlinux-6.12 vmlinux-7.3                   what the types of two kernels say about system calls
  abispec diff spec-old/ spec/                            two specifications
  abispec diff --kernel 6.1 --kernel 7.3                  one specification for two releases
  abispec diff linux-6.12 linux-7.3 --only compatible     what was added

Exit codes: 0 nothing that --fail-on names, 1 at least one such difference, 2 compared nothing.")]
pub(crate) struct Args {
    /// The old side and the new side: a kernel tree, installed headers, a kernel, a specification
    #[arg(value_name = "OLD NEW", num_args = 0..=2)]
    sides: Vec<PathBuf>,
    /// Compare two revisions of a repository instead
    #[arg(long, value_name = "OLD..NEW", conflicts_with = "sides")]
    git: Option<String>,
    /// The repository of --git
    #[arg(long, value_name = "DIR", default_value = ".", requires = "git")]
    repo: PathBuf,
    /// Port, or `all`
    #[arg(long, value_name = "PORT", value_parser = ports)]
    arch: Option<Ports>,
    /// Release that specifications are read for; twice, for one specification, to compare two releases
    #[arg(long, value_name = "RELEASE", value_parser = crate::args::release)]
    kernel: Vec<Release>,
    /// Also read the sources of kernel trees, for the parameters of system calls; takes seconds
    #[arg(long)]
    sources: bool,
    /// The least impact that makes the exit code 1
    #[arg(long, value_enum, default_value_t)]
    fail_on: FailOn,
    /// Report these only: breaking, risky, compatible, or ids as `abispec explain` lists them
    #[arg(long, value_name = "CLASS", value_delimiter = ',', value_parser = class)]
    only: Vec<Only>,
    /// Also list compatible differences, which are only counted otherwise
    #[arg(long)]
    all: bool,
    /// Also list what could not be compared
    #[arg(long)]
    silent: bool,
}

/// Which ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ports {
    One(Arch),
    All,
}

fn ports(text: &str) -> Result<Ports, String> {
    if text == "all" { Ok(Ports::All) } else { crate::args::arch(text).map(Ports::One) }
}

/// What makes the exit code 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
enum FailOn {
    /// Programs that were right before are wrong now
    #[default]
    Breaking,
    /// Also what somebody has to look at
    Risky,
    /// Any difference
    Any,
    /// Nothing
    Never,
}

impl FailOn {
    fn covers(self, impact: Impact) -> bool {
        match self {
            Self::Breaking => impact >= Impact::Breaking,
            Self::Risky => impact >= Impact::Risky,
            Self::Any => true,
            Self::Never => false,
        }
    }
}

/// A part of the differences.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Only {
    Impact(Impact),
    Class(&'static Class),
}

impl Only {
    fn covers(self, difference: &Difference) -> bool {
        match self {
            Self::Impact(impact) => difference.class.impact == impact,
            Self::Class(class) => difference.class == class,
        }
    }
}

fn class(text: &str) -> Result<Only, String> {
    if let Some(impact) = Impact::ALL.iter().find(|impact| impact.name() == text) {
        return Ok(Only::Impact(*impact));
    }
    diff::find(text).map(Only::Class).ok_or_else(|| {
        let names = Impact::ALL.iter().map(|impact| impact.name()).chain(diff::ALL.iter().map(|class| class.id));
        match nearest(text, names) {
            Some(found) => format!("no difference has this class; did you mean `{found}`?"),
            None => "no difference has this class; `abispec explain` lists them".to_owned(),
        }
    })
}

/// Runs the command.
pub(super) fn run(args: &Args, context: &Context, out: &mut dyn Write) -> Result<Exit, Failure> {
    context.lists("--silent", args.silent)?;
    let start = Instant::now();
    let spec = context.spec()?;
    let (old, new) = inputs(args, &spec)?;
    if !old.is_like(&new) {
        let why = format!("the old side is {}, the new side {}", old.kind(), new.kind());
        return Err(Failure::new("the two sides state different things")
            .why(why)
            .help("`abispec check` holds a specification against headers and kernels"));
    }
    let releases = match args.kernel.as_slice() {
        [] => (NEWEST, NEWEST),
        [one] => (*one, *one),
        [old, new, ..] => (*old, *new),
    };
    let ports = chosen_ports(args, &old, &new)?;
    let request = Request { spec: &spec, old: &old, new: &new, ports: &ports, releases, sources: args.sources };
    let mut found = diff::run(&request).map_err(|why| Failure::new("a side could not be read").why(why))?;
    if !args.only.is_empty() {
        found.differences.retain(|difference| args.only.iter().any(|only| only.covers(difference)));
    }
    let report = Report { found: &found, ports: &ports, took: start.elapsed() };
    match (context.document, context.format) {
        (Some(_), _) => engine::write(&report.result(args), context, out)?,
        (None, Format::Human) => report.human(args, context.colour, out)?,
        (None, Format::Json) => report.json(args, out)?,
    }
    let fails = |difference: &Difference| args.fail_on.covers(difference.class.impact);
    Ok(match found.count() {
        0 => Exit::CouldNotRun,
        _ if found.differences.iter().any(fails) => Exit::Divergences,
        _ => Exit::Conforms,
    })
}

/// Specifications are compared as they stand, unless a release is named: what `until` has not ended.
const NEWEST: Release = Release::new(u16::MAX, 0);

fn inputs(args: &Args, spec: &Spec) -> Result<(Input, Input), Failure> {
    if let Some(range) = &args.git {
        let (old, new) = revisions(range)?;
        let open = |revision: &str| Input::of_revision(&args.repo, revision).map_err(|problem| failure(problem, true));
        return Ok((open(old)?, open(new)?));
    }
    let open = |path: &Path| Input::of_path(path).map_err(|problem| failure(problem, false));
    match (args.sides.as_slice(), args.kernel.len()) {
        ([old, new], 0 | 1) => Ok((open(old)?, open(new)?)),
        ([_, _], _) => Err(Failure::new("two sides and two releases are compared at once")
            .help("name two sides, or one specification and two releases: --spec DIR --kernel 6.1 --kernel 7.3")),
        ([], 2) => {
            let side = || Input::Specification { name: "spec".to_owned(), spec: Box::new(spec.clone()) };
            Ok((side(), side()))
        }
        (sides, _) => Err(Failure::new(format!("two sides are compared, not {}", sides.len()))
            .help("abispec diff OLD NEW, abispec diff --git OLD..NEW, abispec diff --kernel 6.1 --kernel 7.3")),
    }
}

/// Takes `OLD..NEW` apart; a side that is not named is HEAD.
fn revisions(range: &str) -> Result<(&str, &str), Failure> {
    let wrong = |why: &str| {
        Failure::new(format!("`{range}` is no range of revisions")).why(why).help("write it like v6.12..v7.3")
    };
    if range.contains("...") {
        return Err(wrong("three dots mean a common ancestor, which is not looked for"));
    }
    let (old, new) = range.split_once("..").ok_or_else(|| wrong("it has no `..`"))?;
    let named = |revision| if str::is_empty(revision) { "HEAD" } else { revision };
    if old.is_empty() && new.is_empty() {
        return Err(wrong("it names no revision"));
    }
    Ok((named(old), named(new)))
}

fn failure(problem: Problem, git: bool) -> Failure {
    match problem {
        Problem::Broken(findings) => Failure::Broken { what: "the specification", findings },
        Problem::Unknown { place, why } => Failure::new("a side cannot be compared").at(place).why(why).help(if git {
            "--git takes OLD..NEW, --repo the folder of the repository"
        } else {
            "a side is a kernel tree, installed headers, a kernel with its type information, or a specification"
        }),
    }
}

fn chosen_ports(args: &Args, old: &Input, new: &Input) -> Result<Vec<Arch>, Failure> {
    let (olds, news) = (old.ports(), new.ports());
    match args.arch {
        Some(Ports::One(arch)) => Ok(vec![arch]),
        None => Ok(vec![Arch::NATIVE]),
        Some(Ports::All) if olds.is_empty() || news.is_empty() => {
            let side = if olds.is_empty() { old } else { new };
            Err(Failure::new("only one port can be compared")
                .why(format!("a side is {}, which belongs to one port", side.kind()))
                .help("name the port, or compare kernel trees or revisions"))
        }
        Some(Ports::All) => Ok(olds.into_iter().filter(|port| news.contains(port)).collect()),
    }
}

/// What is written.
struct Report<'a> {
    found: &'a Comparison,
    ports: &'a [Arch],
    took: Duration,
}

impl Args {
    /// Whether a difference is listed, not only counted.
    fn lists(&self, one: &Difference) -> bool {
        self.all || !self.only.is_empty() || one.class.impact > Impact::Compatible
    }
}

impl Report<'_> {
    /// What is listed as findings: an error is what makes the exit code 1.
    fn result(&self, args: &Args) -> EngineResult {
        let finding = |one: &Difference| {
            let fails = args.fail_on.covers(one.class.impact);
            Finding { severity: if fails { Severity::Error } else { Severity::Warning }, ..one.finding() }
        };
        let listed = |one: &&Difference| args.lists(one) || args.fail_on.covers(one.class.impact);
        EngineResult {
            name: "diff".into(),
            compared: self.found.count() as u64,
            findings: self.found.differences.iter().filter(listed).map(finding).collect(),
            took: self.took,
            ..EngineResult::default()
        }
    }

    fn human(&self, args: &Args, colour: bool, out: &mut dyn Write) -> io::Result<()> {
        let paint =
            |code: &str, text: &str| if colour { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() };
        let mut header = None;
        for one in self.found.differences.iter().filter(|one| args.lists(one)) {
            if header != Some(&one.header) {
                writeln!(out, "{}", paint("1", &one.header))?;
                header = Some(&one.header);
            }
            let code = match one.class.impact {
                Impact::Breaking => "1;31",
                Impact::Risky => "1;33",
                Impact::Compatible => "1;32",
            };
            let place = one.place().map(|place| format!("{place}: ")).unwrap_or_default();
            let title = paint(code, &format!("{}[{}]", one.class.impact, one.class.id));
            let before = match (&one.old, &one.new) {
                (Some(old), Some(_)) => format!(" (was {})", old.source),
                _ => String::new(),
            };
            writeln!(out, "  {place}{title}: {}: {}{before}{}", one.subject, one.message(), self.ports_of(one))?;
        }
        if args.silent {
            for silence in &self.found.silent {
                writeln!(out, "silent about {}: {}", silence.subject, silence.reason)?;
            }
        }
        self.summary(args, out)
    }

    fn ports_of(&self, one: &Difference) -> String {
        if self.ports.len() < 2 {
            return String::new();
        }
        if one.ports.len() == self.ports.len() {
            return " [all ports]".to_owned();
        }
        let names: Vec<_> = one.ports.iter().map(|port| port.name()).collect();
        format!(" [{}]", names.join(", "))
    }

    fn summary(&self, args: &Args, out: &mut dyn Write) -> io::Result<()> {
        let counts: Vec<_> = Impact::ALL.iter().map(|impact| format!("{} {impact}", self.count(*impact))).collect();
        let bold = anstyle::Style::new().bold();
        writeln!(out, "{bold}diff{bold:#}   {}  ({:.1} s)", counts.join(", "), self.took.as_secs_f64())?;
        for impact in Impact::ALL {
            let classes: Vec<_> = self.classes(*impact).map(|(class, count)| format!("{count} {}", class.id)).collect();
            if !classes.is_empty() {
                writeln!(out, "       {impact}: {}", classes.join(", "))?;
            }
        }
        let compared: Vec<_> = self.found.compared.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
        match compared.as_slice() {
            [] => writeln!(out, "       compared nothing")?,
            compared => {
                writeln!(out, "       compared {}; silent about {}", compared.join(", "), self.found.silent.len())?
            }
        }
        let hidden = args.only.is_empty() && !args.all && self.count(Impact::Compatible) > 0;
        if hidden {
            writeln!(
                out,
                "       compatible differences are not listed; --all lists them, `abispec explain ID` explains each"
            )?;
        }
        Ok(())
    }

    fn count(&self, impact: Impact) -> usize {
        self.found.differences.iter().filter(|one| one.class.impact == impact).count()
    }

    fn classes(&self, impact: Impact) -> impl Iterator<Item = (&'static Class, usize)> {
        let classes = diff::ALL.iter().filter(move |class| class.impact == impact);
        let count = |class: &Class| self.found.differences.iter().filter(|one| one.class == class).count();
        classes.map(move |class| (*class, count(class))).filter(|(_, count)| *count > 0)
    }

    /// Each difference as a finding, with what only differences have beside it; then one line that sums up.
    fn json(&self, args: &Args, out: &mut dyn Write) -> io::Result<()> {
        for one in &self.found.differences {
            let mut line = serde_json::to_value(one.finding())?;
            if let Value::Object(line) = &mut line {
                line.insert("impact".to_owned(), json!(one.class.impact));
                line.insert("header".to_owned(), json!(one.header));
                let place = |stated: &Option<diff::Stated>| stated.as_ref().map(|stated| stated.source.to_string());
                line.insert("old".to_owned(), json!(place(&one.old)));
                line.insert("new".to_owned(), json!(place(&one.new)));
            }
            writeln!(out, "{line}")?;
        }
        if args.silent {
            for silence in &self.found.silent {
                writeln!(out, "{}", json!({"silent": silence.subject, "reason": silence.reason}))?;
            }
        }
        let classes: serde_json::Map<_, _> = Impact::ALL
            .iter()
            .flat_map(|impact| self.classes(*impact))
            .map(|(class, count)| (class.id.to_owned(), json!(count)))
            .collect();
        let line = json!({
            "engine": "diff", "compared": self.found.compared, "silent": self.found.silent.len(), "classes": classes,
            "breaking": self.count(Impact::Breaking), "risky": self.count(Impact::Risky),
            "compatible": self.count(Impact::Compatible), "seconds": self.took.as_secs_f64(),
        });
        writeln!(out, "{line}")
    }
}
