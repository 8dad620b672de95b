//! Why a command could not do its work: what, where, why, and what to do.

use crate::args::Format;
use abispec::finding::Finding;
use abispec::report;
use std::io::{self, Write};

/// What ends a command with exit code 2.
#[derive(Debug)]
pub(crate) enum Failure {
    /// One thing went wrong.
    Message(Box<Message>),
    /// Files that someone wrote are broken.
    Broken {
        /// What they are together: the specification.
        what: &'static str,
        /// Every mistake of every file.
        findings: Vec<Finding>,
    },
}

/// One thing that went wrong.
#[derive(Debug, Default)]
pub(crate) struct Message {
    what: String,
    place: Option<String>,
    why: Option<String>,
    help: Option<String>,
}

impl Failure {
    /// What could not be done.
    pub(crate) fn new(what: impl Into<String>) -> Self {
        Self::Message(Box::new(Message { what: what.into(), ..Message::default() }))
    }

    /// The same with a file or folder.
    #[must_use]
    pub(crate) fn at(self, place: impl Into<String>) -> Self {
        self.with(|message| message.place = Some(place.into()))
    }

    /// The same with the cause.
    #[must_use]
    pub(crate) fn why(self, why: impl Into<String>) -> Self {
        self.with(|message| message.why = Some(why.into()))
    }

    /// The same with advice.
    #[must_use]
    pub(crate) fn help(self, help: impl Into<String>) -> Self {
        self.with(|message| message.help = Some(help.into()))
    }

    fn with(mut self, change: impl FnOnce(&mut Message)) -> Self {
        if let Self::Message(message) = &mut self {
            change(message);
        }
        self
    }

    /// Writes the failure for people or for programs; `colour` adds ANSI sequences.
    pub(crate) fn write(&self, format: Format, colour: bool, out: &mut dyn Write) -> io::Result<()> {
        match (self, format) {
            (Self::Broken { what, findings }, Format::Human) => {
                findings.iter().try_for_each(|finding| report::write_human(finding, colour, out))?;
                writeln!(out, "error: {what} has {} mistake(s); nothing was done with it", findings.len())
            }
            (Self::Broken { findings, .. }, Format::Json) => {
                findings.iter().try_for_each(|finding| report::write_json(finding, out))
            }
            (Self::Message(message), Format::Human) => message.write(colour, out),
            (Self::Message(message), Format::Json) => {
                let Message { what, place, why, help } = &**message;
                writeln!(out, "{}", serde_json::json!({"error": what, "place": place, "why": why, "help": help}))
            }
        }
    }
}

impl Message {
    fn write(&self, colour: bool, out: &mut dyn Write) -> io::Result<()> {
        let paint =
            |code: &str, text: &str| if colour { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() };
        writeln!(out, "{}: {}", paint("1;31", "error"), self.what)?;
        if let Some(place) = &self.place {
            writeln!(out, "  {} {place}", paint("1;34", "-->"))?;
        }
        if let Some(why) = &self.why {
            writeln!(out, "  because: {why}")?;
        }
        if let Some(help) = &self.help {
            writeln!(out, "  {}: {help}", paint("1;32", "help"))?;
        }
        Ok(())
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::new("the output could not be written").why(error.to_string())
    }
}
