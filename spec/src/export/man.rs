//! A manual page for each call.

use super::{Document, Selection};
use crate::expr::print;
use crate::model::{Contract, ErrorRule, Param, Set, Syscall, Unknown};
use crate::types::{self, Type};
use crate::version::Span;
use std::collections::BTreeMap;
use std::fmt::Write;

/// Writes the pages, `NAME.2`.
pub fn man(selection: &Selection<'_>) -> Vec<Document> {
    let page =
        |call: &Syscall| Document { name: format!("{}.2", call.name.value), text: Page::new(selection, call).text() };
    selection.calls.iter().map(|(call, _)| page(call)).collect()
}

struct Page<'a> {
    selection: &'a Selection<'a>,
    call: &'a Syscall,
    names: Vec<&'a str>,
    out: String,
}

impl<'a> Page<'a> {
    fn new(selection: &'a Selection<'a>, call: &'a Syscall) -> Self {
        Self { selection, call, names: call.param_names(), out: String::new() }
    }

    fn text(mut self) -> String {
        let (call, title) = (self.call, self.selection.title());
        let name = &call.name.value;
        let release = self.selection.resolved.target.release;
        self.raw(&format!(".TH {} 2 \"\" \"Linux {release}\" \"abispec\"\n", escape(name)));
        self.raw(&format!(".SH NAME\n{} \\- {}\n", escape(name), escape(&call.summary)));
        self.synopsis();
        self.raw(".SH DESCRIPTION\n");
        self.raw(&format!("What\n.BR {} (2)\npromises on {}.\n", escape(name), escape(&title)));
        self.params();
        self.sets();
        for command in call.commands.iter().filter(|command| command.span.contains(release)) {
            let names: Vec<&str> = command.names.iter().map(|name| name.value.as_str()).collect();
            self.raw(&format!(".SS {}\n", escape(&names.join(", "))));
            for (_, param) in &command.params {
                self.param(param);
            }
            self.success(&command.contract);
            self.errors(&command.contract);
        }
        self.raw(".SH RETURN VALUE\n");
        self.success(&call.contract);
        self.raw("On error, a negative errno is returned; libraries return \\-1 and set\n.IR errno .\n");
        self.raw(".SH ERRORS\n");
        self.errors(&call.contract);
        self.implied();
        self.versions();
        self.raw(".SH SEE ALSO\n.BR syscall (2),\n.BR syscalls (2)\n");
        self.out
    }

    fn raw(&mut self, text: &str) {
        self.out.push_str(text);
    }

    fn synopsis(&mut self) {
        let mut headers: Vec<&str> =
            self.used_sets().filter_map(|(_, set)| Some(set.header.as_ref()?.value.as_str())).collect();
        headers.sort_unstable();
        headers.dedup();
        self.raw(".SH SYNOPSIS\n.nf\n");
        for header in headers {
            self.raw(&format!(".B #include <{}>\n", escape(header)));
        }
        self.raw(".B #include <sys/syscall.h>\n.P\n");
        let mut line = format!("\"long syscall(SYS_{}", escape(&self.call.name.value));
        for param in &self.call.params {
            let c = param.c.value.replace(" __user", "");
            let space = if c.ends_with('*') { "" } else { " " };
            let _ = write!(line, ", {}{space}\" {} \"", escape(&c), escape(&param.name.value));
        }
        self.raw(&format!(".BI {line});\"\n.fi\n"));
    }

    fn params(&mut self) {
        let call = self.call;
        for param in &call.params {
            self.param(param);
        }
    }

    fn param(&mut self, param: &Param) {
        let ty = types::print(&param.ty.value, &self.names);
        self.raw(&format!(".TP\n.I {}\n{}\n", escape(&param.name.value), escape(&ty)));
        let unknown = match param.unknown.as_ref().map(|unknown| unknown.value) {
            None => return,
            Some(Unknown::Rejected(errno)) => format!("Undefined values fail with\n.BR {} .\n", errno.name()),
            Some(Unknown::Ignored) => "Undefined values have no effect.\n".to_owned(),
            Some(Unknown::Reserved) => "Undefined values are reserved.\n".to_owned(),
        };
        self.raw(&unknown);
    }

    /// The sets that the call's own parameters and the structs behind them name.
    fn used_sets(&self) -> impl Iterator<Item = (&'a str, &'a Set)> + use<'a> {
        let mut reach = super::Reach::default();
        reach.call(self.selection.spec, self.call);
        let spec = self.selection.spec;
        reach.sets.into_iter().filter_map(move |name| Some((name, spec.sets.get(name)?)))
    }

    fn sets(&mut self) {
        let release = self.selection.resolved.target.release;
        for (name, set) in self.used_sets() {
            let Some(resolved) = self.selection.resolved.sets.get(name) else { continue };
            self.raw(&format!(".SS {}\n", escape(name)));
            for member in set.members.iter().filter(|member| member.span.contains(release)) {
                let value =
                    resolved.members.iter().find(|found| found.name == member.name.value).map(|found| found.value);
                let value =
                    value.map_or_else(
                        String::new,
                        |value| {
                            if value < 0 { value.to_string() } else { format!("{value:#x}") }
                        },
                    );
                self.raw(&format!(
                    ".TP\n.B {}\n{}{}\n",
                    escape(&member.name.value),
                    escape(&value),
                    escape(&since(member.span))
                ));
            }
        }
    }

    fn success(&mut self, contract: &Contract) {
        if let Some(returns) = &contract.returns {
            let text = match &returns.value {
                Type::Zero => "On success, 0 is returned.\n".to_owned(),
                Type::Never => "On success, the call does not return.\n".to_owned(),
                Type::Resource(name) => {
                    format!("On success, a new or given resource is returned:\n.IR {} .\n", escape(name))
                }
                other => format!(
                    "On success, the result is of type\n.IR {} .\n",
                    escape(&types::print(other, &self.names)).replace(' ', "\\~")
                ),
            };
            self.raw(&text);
        }
        if let Some(blocks) = &contract.blocks {
            let text = print(&blocks.value, &self.names);
            self.raw(&format!(".P\nThe call may sleep when\n.IR {} .\n", argument(&text)));
        }
        let release = self.selection.resolved.target.release;
        let ensures: Vec<String> = contract
            .ensures
            .iter()
            .filter(|ensure| ensure.span.contains(release))
            .map(|ensure| {
                let that = print(&ensure.that.value, &self.names);
                match &ensure.when {
                    Some(when) => format!("{that}, when {}", print(&when.value, &self.names)),
                    None => that,
                }
            })
            .collect();
        if !ensures.is_empty() {
            self.raw(".P\nAfter success holds:\n");
            for text in ensures {
                self.raw(&format!(".IP \\(bu 2\n{}\n", escape(&text)));
            }
            self.raw(".P\n");
        }
    }

    fn errors(&mut self, contract: &Contract) {
        let release = self.selection.resolved.target.release;
        let mut by_errno: BTreeMap<&str, Vec<&ErrorRule>> = BTreeMap::new();
        for rule in contract.errors.iter().filter(|rule| rule.span.contains(release)) {
            by_errno.entry(rule.errno.value.name()).or_default().push(rule);
        }
        for (errno, rules) in by_errno {
            for rule in rules {
                let condition = print(&rule.condition.value, &self.names);
                let mut because = rule.because.clone().unwrap_or_default();
                if let Some(first) = because.get(..1) {
                    because = format!("{}{}.", first.to_uppercase(), &because[1..]);
                }
                let word = if rule.duty { "When" } else { "May be given when" };
                let condition = if condition == "true" {
                    "May be given at any time.".to_owned()
                } else {
                    format!("{word} {condition}.")
                };
                let text = if because.is_empty() { condition } else { format!("{because} {condition}") };
                self.raw(&format!(".TP\n.B {errno}\n{}\n", escape(&text)));
            }
        }
    }

    /// Errors that types imply and that are written nowhere.
    fn implied(&mut self) {
        let mut lines: Vec<(String, String)> = Vec::new();
        for (_, call) in self.selection.calls.iter().filter(|(call, _)| call.name.value == self.call.name.value) {
            for rule in call.variants.iter().flat_map(|variant| &variant.rules) {
                let clause = self.selection.resolved.clause(rule.clause);
                let line = (rule.errno.name().to_owned(), clause.text.clone());
                if clause.implied && !lines.contains(&line) {
                    lines.push(line);
                }
            }
        }
        for (errno, text) in lines {
            self.raw(&format!(".TP\n.B {errno}\n{}\n", escape(&format!("When {text}."))));
        }
    }

    fn versions(&mut self) {
        let call = self.call;
        self.raw(".SH VERSIONS\n");
        let text = match (call.span.since, call.span.until) {
            (None, None) => "Every supported release has the call.".to_owned(),
            (Some(since), None) => format!("Linux {since} was the first release with the call."),
            (None, Some(until)) => format!("Linux {until} was the last release with the call."),
            (Some(since), Some(until)) => format!("Releases from Linux {since} to {until} have the call."),
        };
        self.raw(&format!("{}\n", escape(&text)));
        if let Some(config) = &call.config {
            self.raw(&format!("It needs\n.BR {} .\n", escape(&config.value)));
        }
        let numbers: Vec<String> = call.nr.iter().map(|(port, number)| format!("{port} {}", number.value)).collect();
        self.raw(&format!(".P\nNumbers: {}.\n", escape(&numbers.join(", "))));
    }
}

fn since(span: Span) -> String {
    match (span.since, span.until) {
        (None, None) => String::new(),
        (Some(since), None) => format!(" (since Linux {since})"),
        (None, Some(until)) => format!(" (until Linux {until})"),
        (Some(since), Some(until)) => format!(" (Linux {since} to {until})"),
    }
}

/// A text as roff prints it.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    // A line that begins with these is a request.
    if text.starts_with(['.', '\'']) {
        out.push_str("\\&");
    }
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\e"),
            '-' => out.push_str("\\-"),
            '"' => out.push_str("\\(dq"),
            '~' => out.push_str("\\(ti"),
            '^' => out.push_str("\\(ha"),
            '`' => out.push_str("\\(ga"),
            '\'' => out.push_str("\\(aq"),
            '\n' => out.push(' '),
            c => out.push(c),
        }
    }
    out
}

/// A text as one argument of a request.
fn argument(text: &str) -> String {
    format!("\"{}\"", escape(text))
}
