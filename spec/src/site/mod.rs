//! The specification as a folder of web pages: one for each call, set and struct, an index, and two kernels beside each other.
//!
//! Pages need nothing from elsewhere and work from a disk. Without scripts everything can be read; scripts search, filter and
//! compare.

mod call;
mod compare;
mod evidence;
mod example;
mod html;
mod index;
mod names;

pub use evidence::Tried;

use crate::export::Document;
use crate::model::Spec;
use crate::version::Release;
use html::Links;

/// What a site is made of.
#[derive(Clone, Debug)]
pub struct Source<'a> {
    /// The specification.
    pub spec: &'a Spec,
    /// The newest release: values and layouts are shown for it.
    pub newest: Release,
    /// What runs of the fuzzer have exercised, each on one kernel.
    pub tried: Vec<Tried>,
}

/// Makes the pages, with their names below the site's folder.
pub fn site(source: &Source<'_>) -> Vec<Document> {
    let links = Links::new(source.spec);
    let values = crate::resolve::constant_values(
        source.spec,
        &crate::target::Target::new(crate::arch::Arch::X86_64, source.newest),
    );
    let document = |name: String, text: String| Document { name, text };
    let [changes, contracts] = compare::data(source);
    let mut documents = vec![
        document("index.html".to_owned(), index::page(source)),
        document("compare.html".to_owned(), compare::page(source)),
        document("laws.html".to_owned(), names::laws(source, &links)),
        document("resources.html".to_owned(), names::resources(source)),
        document("search.js".to_owned(), index::data(source)),
        document("changes.js".to_owned(), changes),
        document("contracts.js".to_owned(), contracts),
        document("site.js".to_owned(), include_str!("site.js").to_owned()),
        document("style.css".to_owned(), include_str!("style.css").to_owned()),
    ];
    for call in source.spec.syscalls.values() {
        documents.push(document(format!("calls/{}.html", call.name.value), call::page(source, &links, &values, call)));
    }
    for set in source.spec.sets.values() {
        documents.push(document(format!("flags/{}.html", set.name.value), names::set(source, &links, &values, set)));
    }
    for found in source.spec.structs.values() {
        documents.push(document(format!("types/{}.html", found.name.value), names::structure(source, &links, found)));
    }
    documents
}
