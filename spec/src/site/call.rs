//! The page of a system call.

use super::html::{Links, escape, page as whole, span};
use super::{Source, evidence, example, names};
use crate::arch::Arch;
use crate::export::{Reach, effect_text};
use crate::expr::print;
use crate::model::{Command, Contract, ErrorRule, Param, Syscall, Unknown};
use crate::types::{self, Type};
use std::collections::BTreeMap;
use std::fmt::Write;

const ROOT: &str = "../";

/// Sets with more members than these have their members on pages of their own alone.
const SHOWN_MEMBERS: usize = 40;

pub(super) fn page(source: &Source<'_>, links: &Links, values: &BTreeMap<String, i128>, call: &Syscall) -> String {
    let names = call.param_names();
    let writer = Writer { links, names: &names };
    let name = &call.name.value;
    let mut out = format!("<h1>{name}</h1>\n<p class=\"lead\">{}</p>\n<p>", escape(&call.summary));
    let mut facts = Vec::new();
    facts.push(match (call.span.since, call.span.until) {
        (None, None) => "every supported release".to_owned(),
        (Some(since), None) => format!("since Linux {since}"),
        (None, Some(until)) => format!("until Linux {until}"),
        (Some(since), Some(until)) => format!("Linux {since} to {until}"),
    });
    facts.extend(call.config.as_ref().map(|config| format!("needs <code>{}</code>", escape(&config.value))));
    facts.extend(call.man.as_ref().map(|man| escape(man)));
    facts.extend(call.groups.iter().map(|group| format!("<a href=\"{ROOT}index.html#group={group}\">{group}</a>")));
    let place = source.spec.place(call.name.at).to_string();
    let place = place.rsplit_once(':').map_or(place.as_str(), |(line, _)| line);
    facts.push(format!("<code>{}</code>", escape(place)));
    let _ = writeln!(out, "{}</p>", facts.join(" · "));
    if let Some(scope) = call.scope.as_ref().map(|at| &at.value) {
        let _ = writeln!(out, "<p>{}: {}</p>", scope.extent.meaning(), escape(&scope.because));
    }
    let declared: Vec<String> = call.params.iter().map(declaration).collect();
    let declared = if declared.is_empty() { "void".to_owned() } else { declared.join(", ") };
    let _ = writeln!(out, "<pre class=\"signature\">long <b>{name}</b>({declared})</pre>");
    if call.is_unimplemented() {
        out.push_str("<p>No supported kernel has the call: it answers <b class=\"errno\">ENOSYS</b>.</p>\n");
    } else {
        if !call.params.is_empty() {
            out.push_str("<h2>Parameters</h2>\n");
            writer.params(&call.params.iter().collect::<Vec<_>>(), &mut out);
        }
        writer.contract(&call.contract, &mut out);
        for command in &call.commands {
            writer.command(command, &mut out);
        }
        sets(source, links, values, call, &mut out);
        structs(source, call, &mut out);
    }
    laws(source, call, &mut out);
    out.push_str(&evidence::section(&source.tried, name));
    numbers(call, &mut out);
    if let Some(text) = example::example(source.spec, call) {
        let _ = writeln!(out, "<h2>Example</h2>\n<pre class=\"example\">{}</pre>", escape(&text));
    }
    whole(ROOT, &format!("{name} · abispec"), &out)
}

fn declaration(param: &Param) -> String {
    let space = if param.c.value.ends_with('*') { "" } else { " " };
    format!("{}{space}<b>{}</b>", escape(&param.c.value), escape(&param.name.value))
}

struct Writer<'a> {
    links: &'a Links,
    names: &'a [&'a str],
}

impl Writer<'_> {
    fn linked(&self, text: &str) -> String {
        self.links.linked(text, ROOT, self.names)
    }

    fn condition(&self, expr: &crate::expr::Expr) -> String {
        format!("<code>{}</code>", self.linked(&print(expr, self.names)))
    }

    fn params(&self, list: &[&Param], out: &mut String) {
        out.push_str("<table>\n<tr><th>name<th>type<th>undefined values\n");
        for param in list {
            let unknown = match param.unknown.as_ref().map(|unknown| unknown.value) {
                None => String::new(),
                Some(Unknown::Rejected(errno)) => format!("<b class=\"errno\">{}</b>", errno.name()),
                Some(Unknown::Ignored) => "ignored".to_owned(),
                Some(Unknown::Reserved) => "reserved".to_owned(),
            };
            // A set or struct may be called like the parameter; in a type it is the set.
            let ty = self.links.linked(&types::print(&param.ty.value, self.names), ROOT, &[]);
            let name = escape(&param.name.value);
            let mut notes = String::new();
            let conditions = [
                ("undefined values matter when", &param.unknown_when),
                ("the kernel looks at it when", &param.used),
                ("a last symbolic link is followed when", &param.follow),
                ("it may be empty when", &param.empty),
                ("it must exist when", &param.must_exist),
                ("the walk stays below when", &param.scoped),
            ];
            for (words, condition) in conditions {
                if let Some(condition) = condition {
                    let _ = write!(notes, "<br><small>{words} {}</small>", self.condition(&condition.value));
                }
            }
            if !param.asks.is_empty() {
                let asked: Vec<&str> = param.asks.iter().map(|operation| operation.name()).collect();
                let _ = write!(notes, "<br><small>the file system is asked to {}</small>", asked.join(", "));
            }
            let _ = writeln!(out, "<tr><td><b>{name}</b><td><code>{ty}</code>{notes}<td>{unknown}");
        }
        out.push_str("</table>\n");
    }

    fn command(&self, command: &Command, out: &mut String) {
        let title: Vec<&str> = command.names.iter().map(|name| name.value.as_str()).collect();
        let anchor = title.first().copied().unwrap_or_default();
        let _ = writeln!(
            out,
            "<details id=\"{anchor}\"><summary><b>{}</b>{}</summary>",
            title.join(", "),
            span(command.span)
        );
        if let Some(config) = &command.config {
            let _ = writeln!(out, "<p>needs <code>{}</code></p>", escape(&config.value));
        }
        if !command.params.is_empty() {
            self.params(&command.params.iter().map(|(_, param)| param).collect::<Vec<_>>(), out);
        }
        self.contract(&command.contract, out);
        out.push_str("</details>\n");
    }

    fn contract(&self, contract: &Contract, out: &mut String) {
        if let Some(returns) = &contract.returns {
            let text = match &returns.value {
                Type::Zero => "0 on success".to_owned(),
                Type::Never => "does not return".to_owned(),
                other => {
                    format!("<code>{}</code>", self.links.linked(&types::print(other, self.names), ROOT, self.names))
                }
            };
            let _ = writeln!(out, "<h2>Result</h2>\n<p>{text}</p>");
        }
        if let Some(blocks) = &contract.blocks {
            let _ = writeln!(out, "<p>May sleep when {}</p>", self.condition(&blocks.value));
        }
        if let Some(needs) = &contract.success_needs {
            let _ = writeln!(out, "<p>Success needs {}</p>", escape(&needs.value));
        }
        for (errno, needs) in &contract.needs {
            let (errno, needs) = (errno.name(), escape(&needs.value));
            let _ = writeln!(out, "<p><b class=\"errno\">{errno}</b> needs {needs}</p>");
        }
        if !contract.ensures.is_empty() {
            out.push_str("<h2>After success</h2>\n<ul>\n");
            for ensure in &contract.ensures {
                let when = ensure.when.as_ref().map(|when| format!(" when {}", self.condition(&when.value)));
                let because = ensure.because.as_ref().map(|text| format!(" <small>{}</small>", escape(text)));
                let _ = writeln!(
                    out,
                    "<li>{}{}{}{}",
                    self.condition(&ensure.that.value),
                    when.unwrap_or_default(),
                    because.unwrap_or_default(),
                    span(ensure.span)
                );
            }
            out.push_str("</ul>\n");
        }
        if !contract.effects.is_empty() {
            out.push_str("<h2>Success changes</h2>\n<ul>\n");
            for rule in &contract.effects {
                let (name, keys) = effect_text(&rule.effect, self.names);
                let keys: Vec<String> = keys.iter().map(|(key, value)| format!("{key}: {value}")).collect();
                let when = rule.when.as_ref().map(|when| format!(" when {}", self.condition(&when.value)));
                let keys = self.linked(&keys.join(", "));
                let _ = writeln!(
                    out,
                    "<li><b>{name}</b> <code>{keys}</code>{}{}",
                    when.unwrap_or_default(),
                    span(rule.span)
                );
            }
            out.push_str("</ul>\n");
        }
        self.errors(&contract.errors, out);
    }

    fn errors(&self, rules: &[ErrorRule], out: &mut String) {
        if rules.is_empty() {
            return;
        }
        out.push_str("<h2>Errors</h2>\n<table class=\"errors\">\n");
        let mut last = "";
        for rule in rules {
            let name = rule.errno.value.name();
            let shown = if name == last { String::new() } else { format!("<b class=\"errno\">{name}</b>") };
            last = name;
            let text = print(&rule.condition.value, self.names);
            let word = match (rule.duty, text.as_str()) {
                (false, "true") => "may come at any time".to_owned(),
                (true, _) => format!("exactly when {}", self.condition(&rule.condition.value)),
                (false, _) => format!("may come when {}", self.condition(&rule.condition.value)),
            };
            let because = rule.because.as_ref().map(|text| format!("{}<br>", escape(text))).unwrap_or_default();
            let before: Vec<&str> = rule.before.iter().map(|errno| errno.name()).collect();
            let before = if before.is_empty() {
                String::new()
            } else {
                format!(" <span class=\"mark\">before {}</span>", before.join(", "))
            };
            let origin = rule.origin.name();
            let needs = rule.needs.iter().map(|needs| format!(" <span class=\"mark\">needs {}</span>", escape(needs)));
            let needs: String = needs.collect();
            let _ = writeln!(
                out,
                "<tr><td>{shown}<td>{because}{word}{}{before}{needs} <span class=\"mark {origin}\">{origin}</span>",
                span(rule.span)
            );
        }
        out.push_str("</table>\n");
    }
}

/// The sets that the parameters name themselves.
fn sets(source: &Source<'_>, links: &Links, values: &BTreeMap<String, i128>, call: &Syscall, out: &mut String) {
    let mut reach = Reach::default();
    reach.call(source.spec, call);
    for set in reach.sets.iter().filter_map(|name| source.spec.sets.get(*name)) {
        let name = &set.name.value;
        let _ = writeln!(out, "<h2><a href=\"{ROOT}flags/{name}.html\">{name}</a></h2>");
        if set.members.len() > SHOWN_MEMBERS {
            let _ = writeln!(out, "<p>{} members, on their own page</p>", set.members.len());
        } else {
            names::members(links, values, set, false, out);
        }
    }
}

fn structs(source: &Source<'_>, call: &Syscall, out: &mut String) {
    let mut reach = Reach::default();
    reach.call(source.spec, call);
    let mut views = Vec::new();
    for found in reach.structs.iter().filter_map(|name| source.spec.structs.get(*name)) {
        let name = &found.name.value;
        if found.view.is_some() {
            // What each command sees of a union would be more than all else on the page.
            views.push(format!("<a href=\"{ROOT}types/{name}.html\">{name}</a>"));
            continue;
        }
        let _ = writeln!(out, "<h2><a href=\"{ROOT}types/{name}.html\">struct {}</a></h2>", escape(&found.c));
        names::byte_map(source, found, crate::arch::DataModel::Lp64, out);
    }
    if !views.is_empty() {
        let _ = writeln!(out, "<h2>Views</h2>\n<p>{}, each on its own page</p>", views.join(", "));
    }
}

fn laws(source: &Source<'_>, call: &Syscall, out: &mut String) {
    let of_call = |law: &&crate::law::Law| law.lines().iter().any(|line| line.call == call.name.value);
    let list: Vec<_> = source.spec.laws.values().filter(of_call).collect();
    if list.is_empty() {
        return;
    }
    out.push_str("<h2>Laws</h2>\n<ul>\n");
    for law in list {
        let name = &law.name.value;
        let _ = writeln!(out, "<li><a href=\"{ROOT}laws.html#{name}\">{name}</a>: {}", escape(&law.summary));
    }
    out.push_str("</ul>\n");
}

fn numbers(call: &Syscall, out: &mut String) {
    out.push_str("<h2>Numbers</h2>\n<div class=\"numbers\">\n");
    for arch in Arch::ALL {
        let number = call.number(*arch).map_or_else(|| "–".to_owned(), |number| number.value.to_string());
        let _ = writeln!(out, "<span><small>{arch}</small> {number}</span>");
    }
    out.push_str("</div>\n");
}
