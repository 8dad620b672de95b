//! What every command needs: the specification, the format, and how to fail.

use crate::args::{Format, Global};
use crate::failure::Failure;
use abispec::finding::Finding;
use abispec::load;
use abispec::model::Spec;
use abispec::report::Document;
use std::borrow::Cow;
use std::path::PathBuf;

/// What every command needs.
#[derive(Debug)]
pub(crate) struct Context {
    spec: Option<PathBuf>,
    /// How results are written.
    pub(crate) format: Format,
    /// The document that findings are written as instead, where one is asked for.
    pub(crate) document: Option<Document>,
    /// Whether standard output takes colour.
    pub(crate) colour: bool,
    /// Whether standard error takes colour.
    pub(crate) colour_errors: bool,
}

impl Context {
    /// From the global options.
    pub(crate) fn new(global: &Global, colour: bool, colour_errors: bool) -> Self {
        let (format, document) = (global.format.stream(), global.format.document());
        Self { spec: global.spec.clone(), format, document, colour, colour_errors }
    }

    /// The same for a report that goes to standard error, or to a file without colour.
    pub(crate) fn for_report(&self, to_a_file: bool) -> Self {
        let colour = self.colour_errors && !to_a_file;
        Self { spec: self.spec.clone(), colour, ..*self }
    }

    /// Refuses an option whose lists are no findings where only findings are written.
    pub(crate) fn lists(&self, option: &str, given: bool) -> Result<(), Failure> {
        if given && self.document.is_some() {
            return Err(Failure::new(format!(
                "`{option}` lists what is no finding, and this format holds findings only"
            ))
            .help("--format human and --format json hold both"));
        }
        Ok(())
    }

    /// The folder that `--spec` names.
    pub(crate) fn spec_dir(&self) -> Option<&std::path::Path> {
        self.spec.as_deref()
    }

    /// The specification, free of mistakes.
    pub(crate) fn spec(&self) -> Result<Cow<'static, Spec>, Failure> {
        if self.spec.is_none() {
            return Ok(Cow::Borrowed(abispec::embedded()));
        }
        let (spec, findings) = self.load()?;
        if findings.is_empty() {
            Ok(Cow::Owned(spec))
        } else {
            Err(Failure::Broken { what: "the specification", findings })
        }
    }

    /// The same with at least the call of this name, where there is one: what is asked about one call need not wait for all.
    pub(crate) fn spec_of(&self, call: &str) -> Result<Cow<'static, Spec>, Failure> {
        let alone = if self.spec.is_none() { abispec::embedded_call(call) } else { None };
        alone.map_or_else(|| self.spec(), |spec| Ok(Cow::Owned(spec)))
    }

    /// The specification as far as it could be loaded, and every mistake in it.
    pub(crate) fn load(&self) -> Result<(Spec, Vec<Finding>), Failure> {
        let Some(dir) = &self.spec else { return Ok(load::load(abispec::embedded().files.clone())) };
        load::load_dir(dir).map_err(|error| {
            Failure::new("the specification could not be read")
                .at(dir.display().to_string())
                .why(error.to_string())
                .help("--spec takes a folder that holds flags/, resources/, types/ and syscalls/")
        })
    }
}
