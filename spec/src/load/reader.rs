//! Reading YAML maps strictly: every key is asked for or reported.

use super::yaml::{Value, Yaml};
use crate::errno::Errno;
use crate::expr::{Expected, Expr, Problem, Scope, SyntaxError, check};
use crate::finding::{Finding, SourceFile};
use crate::place::{At, Place};
use crate::suggest::nearest;
use crate::types::{self, Type};
use crate::version::{Release, Span};
use std::cell::RefCell;

/// Where mistakes go, and the texts they point into.
pub(super) struct Log<'a> {
    pub(super) files: &'a [SourceFile],
    pub(super) findings: RefCell<Vec<Finding>>,
}

impl Log<'_> {
    /// Records a mistake.
    pub(super) fn report(&self, id: &str, at: Place, message: impl Into<String>, help: Option<String>) {
        let Some(file) = self.files.get(at.file.0 as usize) else { return };
        let mut finding = Finding::error(id, file.path.clone(), message).at(file.place(at));
        finding.help = help;
        self.findings.borrow_mut().push(finding);
    }

    /// Records a mistake inside a text value; `offset` counts bytes of the value.
    pub(super) fn report_inside(
        &self,
        id: &str,
        value: &At<String>,
        offset: usize,
        message: String,
        help: Option<String>,
    ) {
        let mut at = value.at;
        let line = self.files.get(at.file.0 as usize).and_then(|file| file.text.lines().nth(at.line as usize - 1));
        let first = line.and_then(|line| line.chars().nth(at.column as usize - 1));
        let quote = u32::from(matches!(first, Some('"' | '\'')));
        let within = value.value.get(..offset).map_or(offset, |before| before.chars().count());
        at.column += quote + u32::try_from(within).unwrap_or(0);
        self.report(id, at, message, help);
    }
}

/// One map of a file, whose keys are taken out one by one.
pub(super) struct Fields<'a> {
    log: &'a Log<'a>,
    what: String,
    at: Place,
    entries: Vec<(At<String>, Yaml)>,
    asked: Vec<&'static str>,
}

impl<'a> Fields<'a> {
    /// Opens a map; `what` names it in messages.
    pub(super) fn open(log: &'a Log<'a>, what: impl Into<String>, yaml: Yaml) -> Option<Self> {
        let what = what.into();
        let Value::Map(map) = yaml.value else {
            log.report("wrong-type", yaml.at, format!("{what} is a map, this is {}", yaml.value.describe()), None);
            return None;
        };
        let mut entries: Vec<(At<String>, Yaml)> = Vec::with_capacity(map.len());
        for (key, value) in map {
            let Some(key) = key_text(log, &key) else { continue };
            if entries.iter().any(|(seen, _)| seen.value == key.value) {
                log.report("duplicate-key", key.at, format!("{what} has the key `{}` twice", key.value), None);
                continue;
            }
            entries.push((key, value));
        }
        Some(Self { log, what, at: yaml.at, entries, asked: Vec::new() })
    }

    /// Where the map begins.
    pub(super) fn at(&self) -> Place {
        self.at
    }

    /// Takes a value out.
    pub(super) fn take(&mut self, key: &'static str) -> Option<Yaml> {
        self.asked.push(key);
        let index = self.entries.iter().position(|(seen, _)| seen.value == key)?;
        Some(self.entries.remove(index).1)
    }

    /// Takes a value out whose key comes from the file itself.
    pub(super) fn take_any(&mut self, key: &str) -> Option<Yaml> {
        let index = self.entries.iter().position(|(seen, _)| seen.value == key)?;
        Some(self.entries.remove(index).1)
    }

    /// Takes a value out that must be there.
    pub(super) fn need(&mut self, key: &'static str) -> Option<Yaml> {
        let found = self.take(key);
        if found.is_none() {
            // A misspelt key is reported as such; saying that the right one is missing would repeat it.
            let misspelt = self.entries.iter().any(|(seen, _)| nearest(&seen.value, [key]).is_some());
            if !misspelt {
                self.log.report("missing-key", self.at, format!("{} lacks the key `{key}`", self.what), None);
            }
        }
        found
    }

    /// Takes every entry that is left, for maps whose keys are names.
    pub(super) fn rest(&mut self) -> Vec<(At<String>, Yaml)> {
        std::mem::take(&mut self.entries)
    }

    /// Takes a text.
    pub(super) fn text(&mut self, key: &'static str) -> Option<At<String>> {
        let yaml = self.take(key)?;
        text(self.log, key, yaml)
    }

    /// Takes a text that must be there.
    pub(super) fn need_text(&mut self, key: &'static str) -> Option<At<String>> {
        let yaml = self.need(key)?;
        text(self.log, key, yaml)
    }

    /// Takes a list of texts.
    pub(super) fn texts(&mut self, key: &'static str) -> Vec<At<String>> {
        let Some(yaml) = self.take(key) else { return Vec::new() };
        list(self.log, key, yaml).into_iter().filter_map(|item| text(self.log, key, item)).collect()
    }

    /// Takes a truth value; absent is false.
    pub(super) fn truth(&mut self, key: &'static str) -> bool {
        match self.take(key) {
            None => false,
            Some(Yaml { value: Value::Bool(truth), .. }) => truth,
            Some(other) => {
                let message = format!("`{key}` is true or false, this is {}", other.value.describe());
                self.log.report("wrong-type", other.at, message, None);
                false
            }
        }
    }

    /// Takes `since` and `until`.
    pub(super) fn span(&mut self) -> Span {
        let since = self.release("since");
        let until = self.release("until");
        if let (Some(since), Some(until)) = (&since, &until)
            && since.value > until.value
        {
            let message = format!("since {} lies after until {}: no kernel would have it", since.value, until.value);
            self.log.report("empty-span", since.at, message, None);
        }
        Span { since: since.map(|at| at.value), until: until.map(|at| at.value) }
    }

    fn release(&mut self, key: &'static str) -> Option<At<Release>> {
        let yaml = self.take(key)?;
        let at = yaml.at;
        if matches!(yaml.value, Value::Float | Value::Int(_)) {
            let help = Some("put it in quotes: 5.10 as a number is 5.1".to_owned());
            self.log.report("wrong-type", at, format!("`{key}` is a release, this is a number"), help);
            return None;
        }
        match text(self.log, key, yaml)?.value.parse() {
            Ok(release) => Some(At::new(release, at)),
            Err(error) => {
                self.log.report("bad-release", at, error.to_string(), None);
                None
            }
        }
    }

    /// Takes a condition or an expression.
    pub(super) fn expr(&mut self, key: &'static str, scope: Scope<'_>, expected: Expected) -> Option<At<Expr>> {
        let yaml = self.take(key)?;
        expression(self.log, key, yaml, scope, expected)
    }

    /// Reports every key that nobody asked for.
    pub(super) fn close(self) {
        for (key, _) in &self.entries {
            let help = nearest(&key.value, self.asked.iter().copied())
                .map(|found| format!("did you mean `{found}`?"))
                .or_else(|| Some(format!("{} takes {}", self.what, self.asked.join(", "))));
            self.log.report("unknown-key", key.at, format!("{} has no key `{}`", self.what, key.value), help);
        }
    }
}

fn key_text(log: &Log<'_>, key: &Yaml) -> Option<At<String>> {
    match &key.value {
        Value::Text(text) => Some(At::new(text.clone(), key.at)),
        Value::Int(number) => Some(At::new(number.to_string(), key.at)),
        other => {
            log.report("wrong-type", key.at, format!("a key is a text, this is {}", other.describe()), None);
            None
        }
    }
}

/// A text value.
pub(super) fn text(log: &Log<'_>, what: &str, yaml: Yaml) -> Option<At<String>> {
    match yaml.value {
        Value::Text(text) => Some(At::new(text, yaml.at)),
        other => {
            log.report("wrong-type", yaml.at, format!("`{what}` is a text, this is {}", other.describe()), None);
            None
        }
    }
}

/// A list.
pub(super) fn list(log: &Log<'_>, what: &str, yaml: Yaml) -> Vec<Yaml> {
    match yaml.value {
        Value::List(list) => list,
        other => {
            log.report("wrong-type", yaml.at, format!("`{what}` is a list, this is {}", other.describe()), None);
            Vec::new()
        }
    }
}

/// A number of at most 32 bits.
pub(super) fn number(log: &Log<'_>, what: &str, yaml: &Yaml) -> Option<At<u32>> {
    match &yaml.value {
        Value::Int(number) => match u32::try_from(*number) {
            Ok(number) => return Some(At::new(number, yaml.at)),
            Err(_) => log.report("bad-number", yaml.at, format!("`{what}` is out of range: {number}"), None),
        },
        other => log.report("wrong-type", yaml.at, format!("`{what}` is a number, this is {}", other.describe()), None),
    }
    None
}

/// A condition or an expression; numbers and booleans may stand without quotes.
pub(super) fn expression(
    log: &Log<'_>,
    what: &str,
    yaml: Yaml,
    scope: Scope<'_>,
    expected: Expected,
) -> Option<At<Expr>> {
    let source = match yaml.value {
        Value::Text(text) => At::new(text, yaml.at),
        Value::Int(number) => At::new(number.to_string(), yaml.at),
        Value::Bool(truth) => At::new(truth.to_string(), yaml.at),
        other => {
            let wanted = if expected == Expected::Truth { "a condition" } else { "an expression" };
            log.report("wrong-type", yaml.at, format!("`{what}` is {wanted}, this is {}", other.describe()), None);
            return None;
        }
    };
    let syntax = match crate::expr::parse(&source.value) {
        Ok(syntax) => syntax,
        Err(SyntaxError { offset, expected }) => {
            log.report_inside("condition-syntax", &source, offset, format!("expected {expected}"), None);
            return None;
        }
    };
    match check(&syntax, scope, expected) {
        Ok(expr) => Some(At::new(expr, source.at)),
        Err(Problem { offset, message, help }) => {
            log.report_inside("condition-type", &source, offset, message, help);
            None
        }
    }
}

/// A type.
pub(super) fn type_value(log: &Log<'_>, source: &At<String>, scope: Scope<'_>) -> Option<At<Type>> {
    let term = match types::parse(&source.value) {
        Ok(term) => term,
        Err(SyntaxError { offset, expected }) => {
            log.report_inside("type-syntax", source, offset, format!("expected {expected}"), None);
            return None;
        }
    };
    match types::resolve(&term, scope) {
        Ok(ty) => Some(At::new(ty, source.at)),
        Err(Problem { offset, message, help }) => {
            log.report_inside("bad-type", source, offset, message, help);
            None
        }
    }
}

/// An errno name.
pub(super) fn errno(log: &Log<'_>, name: &At<String>) -> Option<At<Errno>> {
    if let Some(errno) = Errno::from_name(&name.value) {
        return Some(At::new(errno, name.at));
    }
    let help = Errno::why_not(&name.value).map(str::to_owned).or_else(|| {
        nearest(&name.value, Errno::all().map(Errno::name)).map(|found| format!("did you mean `{found}`?"))
    });
    log.report("bad-errno", name.at, format!("`{}` is no errno that a call can answer", name.value), help);
    None
}
