//! The command line: global options and the list of subcommands.

use crate::commands::Command;
use crate::failure::Failure;
use abispec::arch::Arch;
use abispec::report::Document;
use abispec::suggest::nearest;
use abispec::target::Target;
use abispec::version::Release;
use abispec_fuzzer::campaign::Shard;
use clap::{Args, Parser, ValueEnum};
use std::path::PathBuf;
use std::time::Duration;

/// An executable specification of the Linux kernel ABI: held against headers and the running kernel, and against what
/// real system calls answer.
#[derive(Debug, Parser)]
#[command(name = "abispec", version, max_term_width = 100, after_help = EXAMPLES)]
pub(crate) struct Cli {
    /// Options that every command takes.
    #[command(flatten)]
    pub(crate) global: Global,
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

const EXAMPLES: &str = "\
Examples:
  abispec run                          lint, check and fuzz this machine for ten seconds
  abispec show openat2 --kernel 5.10   what a call promises on one kernel
  abispec list --format json           every call with the number of its clauses
  abispec lint --spec ./spec           mistakes in a folder of specifications

Exit codes: 0 conforms, 1 divergences, 2 could not run or compared nothing.";

/// Options that every command takes.
#[derive(Args, Debug)]
pub(crate) struct Global {
    /// Read the specification from this folder instead of the embedded one
    #[arg(long, global = true, value_name = "DIR", help_heading = "Global options")]
    pub(crate) spec: Option<PathBuf>,
    /// How results are written
    #[arg(long, global = true, value_enum, default_value_t, help_heading = "Global options")]
    pub(crate) format: Written,
    /// When to use colour
    #[arg(long, global = true, value_enum, default_value_t, help_heading = "Global options")]
    pub(crate) color: Color,
}

/// How results are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Written {
    /// Text for people
    #[default]
    Human,
    /// JSON for programs, one value a line
    Json,
    /// JUnit XML, of findings
    Junit,
    /// SARIF 2.1.0, of findings
    Sarif,
    /// KTAP, of findings
    Ktap,
    /// Annotations of GitHub Actions, of findings
    Github,
    /// JSON for KernelCI's database, of findings
    Kcidb,
}

impl Written {
    /// The stream that everything but a document goes to.
    pub(crate) fn stream(self) -> Format {
        match self {
            Self::Human | Self::Junit | Self::Sarif | Self::Ktap | Self::Github | Self::Kcidb => Format::Human,
            Self::Json => Format::Json,
        }
    }

    /// The document that findings go to, where one is asked for.
    pub(crate) fn document(self) -> Option<Document> {
        match self {
            Self::Human | Self::Json => None,
            Self::Junit => Some(Document::Junit),
            Self::Sarif => Some(Document::Sarif),
            Self::Ktap => Some(Document::Ktap),
            Self::Github => Some(Document::Github),
            Self::Kcidb => Some(Document::Kcidb),
        }
    }
}

/// A stream of results.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// Text for people.
    Human,
    /// JSON for programs, one value a line.
    Json,
}

/// When to use colour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    /// On a terminal
    #[default]
    Auto,
    /// Everywhere
    Always,
    /// Nowhere
    Never,
}

impl From<Color> for anstream::ColorChoice {
    fn from(color: Color) -> Self {
        match color {
            Color::Auto => Self::Auto,
            Color::Always => Self::AlwaysAnsi,
            Color::Never => Self::Never,
        }
    }
}

/// What a specification is resolved for.
#[derive(Args, Clone, Debug)]
pub(crate) struct TargetArgs {
    /// Kernel release, such as 6.1
    #[arg(long, value_name = "RELEASE", value_parser = release)]
    pub(crate) kernel: Option<Release>,
    /// Port, such as x86_64, arm64 or mips_o32
    #[arg(long, value_name = "PORT", value_parser = arch)]
    pub(crate) arch: Option<Arch>,
}

impl TargetArgs {
    /// The port, by default this machine's.
    pub(crate) fn arch(&self) -> Arch {
        self.arch.unwrap_or(Arch::NATIVE)
    }

    /// The target, with the running kernel's release where none is named.
    pub(crate) fn target(&self) -> Result<Target, Failure> {
        let release = match self.kernel {
            Some(release) => release,
            None => running_release()?,
        };
        Ok(Target::new(self.arch(), release))
    }
}

/// The running kernel's release.
pub(crate) fn running_release() -> Result<Release, Failure> {
    let failed = |why: String| {
        Failure::new("the running kernel's release is not known").why(why).help("name one: --kernel 6.12")
    };
    let names = nix::sys::utsname::uname().map_err(|error| failed(error.to_string()))?;
    Release::from_uname(&names.release().to_string_lossy()).map_err(|error| failed(error.to_string()))
}

pub(crate) fn release(text: &str) -> Result<Release, String> {
    text.parse().or_else(|_| Release::from_uname(text)).map_err(|_| "write it like 6.1".to_owned())
}

pub(crate) fn arch(text: &str) -> Result<Arch, String> {
    Arch::from_name(text).ok_or_else(|| {
        let names: Vec<_> = Arch::ALL.iter().map(|arch| arch.name()).collect();
        match nearest(text, names.iter().copied()) {
            Some(found) => format!("no port of Linux has this name; did you mean `{found}`?"),
            None => format!("no port of Linux has this name; there are {}", names.join(", ")),
        }
    })
}

/// Reads `2/3`: the second of three.
pub(crate) fn shard(text: &str) -> Result<Shard, String> {
    let (number, of) = text.split_once('/').ok_or("write it like 2/3: the second of three")?;
    let read = |text: &str| text.parse().map_err(|_| "write it like 2/3: the second of three".to_owned());
    let shard = Shard { number: read(number)?, of: read(of)? };
    if (1..=shard.of).contains(&shard.number) {
        Ok(shard)
    } else {
        Err(format!("the first number is 1 to {}", shard.of))
    }
}

/// Reads `500ms`, `10s`, `10m`, `2h`; a bare number is seconds.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let wrong = || "write it like 10s, 5m or 2h".to_owned();
    let number: u64 = text[..digits].parse().map_err(|_| wrong())?;
    let scale = match &text[digits..] {
        "ms" => return Ok(Duration::from_millis(number)),
        "" | "s" => 1,
        "m" | "min" => 60,
        "h" => 3600,
        "d" => 86_400,
        _ => return Err(wrong()),
    };
    number.checked_mul(scale).map(Duration::from_secs).ok_or_else(|| "longer than any run".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_well_formed_and_every_subcommand_has_examples() {
        let command = Cli::command();
        command.clone().debug_assert();
        for sub in command.get_subcommands() {
            let help = sub.get_after_help().map(ToString::to_string).unwrap_or_default();
            let groups = sub.get_subcommands().next().is_some();
            assert!(groups || help.contains("Examples:"), "{} has no examples", sub.get_name());
        }
    }

    #[test]
    fn shards_are_counted_from_one() {
        assert_eq!(shard("2/3"), Ok(Shard { number: 2, of: 3 }));
        for text in ["", "2", "0/3", "4/3", "1/0", "-1/2", "1/2/3", "1/99999"] {
            assert!(shard(text).is_err(), "{text}");
        }
    }

    #[test]
    fn durations_are_read_and_nonsense_is_not() {
        assert_eq!(duration("10m"), Ok(Duration::from_secs(600)));
        assert_eq!(duration("250ms"), Ok(Duration::from_millis(250)));
        assert_eq!(duration("7"), Ok(Duration::from_secs(7)));
        for text in ["", "s", "1.5s", "10 parsecs", "99999999999999999999", "18446744073709551615d"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }
}
