//! Pieces of pages.

use crate::model::Spec;
use crate::report::escaped;
use crate::version::Span;
use std::collections::BTreeMap;

/// A text inside a page.
pub(super) fn escape(text: &str) -> String {
    escaped(text, |_| true)
}

/// A whole page; `root` leads from it to the site's folder.
pub(super) fn page(root: &str, title: &str, body: &str) -> String {
    let title = escape(title);
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" \
         content=\"width=device-width, initial-scale=1\">\n<title>{title}</title>\n<link rel=\"icon\" href=\"data:,\">\n<link \
         rel=\"stylesheet\" href=\"{root}style.css\">\n</head>\n<body data-root=\"{root}\">\n<header>\n<a class=\"home\" \
         href=\"{root}index.html\">abispec</a>\n<nav>\n<a href=\"{root}index.html\">calls</a>\n<a \
         href=\"{root}compare.html\">compare kernels</a>\n<a href=\"{root}laws.html\">laws</a>\n<a \
         href=\"{root}resources.html\">resources</a>\n</nav>\n<label class=\"search\"><span class=\"hidden\">search</span><input \
         id=\"search\" type=\"search\" placeholder=\"search: / \" autocomplete=\"off\" spellcheck=\"false\"></label>\n</header>\n<div \
         id=\"found\" hidden></div>\n<main>\n{body}</main>\n<script src=\"{root}search.js\" defer></script>\n<script \
         src=\"{root}site.js\" defer></script>\n</body>\n</html>\n"
    )
}

/// `since 5.6` as a mark; nothing where every supported release has it.
pub(super) fn span(span: Span) -> String {
    let text = match (span.since, span.until) {
        (None, None) => return String::new(),
        (Some(since), None) => format!("since {since}"),
        (None, Some(until)) => format!("until {until}"),
        (Some(since), Some(until)) => format!("{since} to {until}"),
    };
    format!(" <span class=\"mark\">{text}</span>")
}

/// Where each name of the specification has its page.
pub(super) struct Links {
    places: BTreeMap<String, String>,
}

impl Links {
    pub(super) fn new(spec: &Spec) -> Self {
        let mut places = BTreeMap::new();
        for set in spec.sets.values() {
            for member in &set.members {
                let place = format!("flags/{}.html#{}", set.name.value, member.name.value);
                places.entry(member.name.value.clone()).or_insert(place);
            }
        }
        places.extend(spec.resources.keys().map(|name| (name.clone(), format!("resources.html#{name}"))));
        places.extend(spec.structs.keys().map(|name| (name.clone(), format!("types/{name}.html"))));
        places.extend(spec.sets.keys().map(|name| (name.clone(), format!("flags/{name}.html"))));
        Self { places }
    }

    /// A type or a condition whose names lead to their pages, but for those that mean something else there.
    pub(super) fn linked(&self, text: &str, root: &str, but: &[&str]) -> String {
        let mut out = String::new();
        let mut rest = text;
        while !rest.is_empty() {
            let word = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
            if word == 0 {
                let c = rest.chars().next().map_or(1, char::len_utf8);
                out.push_str(&escape(&rest[..c]));
                rest = &rest[c..];
                continue;
            }
            let (name, after) = rest.split_at(word);
            // Before a parenthesis stands a function, whatever else is called so.
            match self.places.get(name).filter(|_| !but.contains(&name) && !after.starts_with('(')) {
                Some(place) => out.push_str(&format!("<a href=\"{root}{place}\">{name}</a>")),
                None => out.push_str(&escape(name)),
            }
            rest = after;
        }
        out
    }
}
