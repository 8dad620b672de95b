//! The stock as one port sees it: a search path, and the compiler's own definitions.

use super::file::{HeaderFile, Macro};
use super::machine::Machine;
use super::stock::{Place, Stock, beside};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

/// What a port's headers are found in.
#[derive(Clone, Debug)]
pub(crate) struct Route {
    /// The port.
    pub(crate) machine: Machine,
    /// The shelves in order.
    pub(crate) path: Vec<usize>,
    /// Headers that the port does not install.
    pub(crate) hidden: BTreeSet<String>,
    /// The compiler's own definitions.
    pub(crate) predefined: Vec<Macro>,
    /// The names of the kernel's headers, and the shelf of each.
    pub(crate) headers: BTreeMap<String, usize>,
}

/// One port's view of the stock.
pub(crate) struct View<'s> {
    /// The stock.
    pub(crate) stock: &'s Stock,
    route: &'s Route,
    /// By number: a file of the kernel that is read only as a part of headers.
    parts: Vec<bool>,
    /// Headers that were asked for and were never looked for.
    missing: Mutex<BTreeSet<Place>>,
}

impl<'s> View<'s> {
    /// A view.
    pub(crate) fn new(stock: &'s Stock, route: &'s Route) -> Self {
        let parts = stock.files().iter().map(|file| file.kernel).collect();
        let mut view = Self { stock, route, parts, missing: Mutex::default() };
        for header in view.units() {
            if let Some(part) = view.parts.get_mut(usize::from(header.number)) {
                *part = false;
            }
        }
        view
    }

    /// The headers that programs include, in the order in which they are read. Generic headers are read only through
    /// those that the port adapts them with, and headers for one word size through the header that chooses among them.
    pub(crate) fn units(&self) -> Vec<&'s HeaderFile> {
        let all = &self.route.headers;
        let mut names: Vec<&str> = all.keys().map(String::as_str).collect();
        names.retain(|name| {
            let stem = name.trim_end_matches(".h");
            let chooser =
                ["_32", "_64", "_x32", "_o32", "_n32", "_n64"].iter().find_map(|suffix| stem.strip_suffix(suffix));
            let generic = name.starts_with("asm-generic/");
            let chosen = name.starts_with("asm/") && chooser.is_some_and(|stem| all.contains_key(&format!("{stem}.h")));
            !generic && !chosen
        });
        names.sort_by_key(|name| (name.starts_with("asm/"), *name));
        names.into_iter().filter_map(|name| self.find(name)).collect()
    }

    /// Whether a file is the kernel's and is read only as a part of headers.
    pub(crate) fn is_part(&self, number: u16) -> bool {
        self.parts.get(usize::from(number)).is_some_and(|part| *part)
    }

    /// The port.
    pub(crate) fn machine(&self) -> &'s Machine {
        &self.route.machine
    }

    /// The compiler's own definitions.
    pub(crate) fn predefined(&self) -> &'s [Macro] {
        &self.route.predefined
    }

    /// Finds `<name>` in the search path.
    pub(crate) fn find(&self, name: &str) -> Option<&'s HeaderFile> {
        self.find_on(name, &self.route.path)
    }

    /// Finds `<name>` in the search path behind the folder of the header that includes it.
    pub(crate) fn find_next(&self, name: &str, includer: &HeaderFile) -> Option<&'s HeaderFile> {
        let at = self.route.path.iter().position(|shelf| *shelf == includer.folder);
        self.find_on(name, self.route.path.get(at.map_or(0, |at| at + 1)..).unwrap_or_default())
    }

    /// Finds `"name"`: beside the header that includes it, then in the search path.
    pub(crate) fn find_beside(&self, name: &str, includer: &HeaderFile) -> Option<&'s HeaderFile> {
        self.find_on(&beside(&includer.name, name), &[includer.folder]).or_else(|| self.find(name))
    }

    fn find_on(&self, name: &str, shelves: &[usize]) -> Option<&'s HeaderFile> {
        if self.route.hidden.contains(name) {
            return None;
        }
        for shelf in shelves {
            match self.stock.find(*shelf, name) {
                Some(Some(file)) => return Some(file),
                Some(None) => {}
                None => {
                    let mut missing = self.missing.lock().unwrap_or_else(PoisonError::into_inner);
                    missing.insert((*shelf, name.to_owned()));
                }
            }
        }
        None
    }

    /// Headers that were asked for and were never looked for.
    pub(crate) fn missing(self) -> BTreeSet<Place> {
        self.missing.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The names of the kernel's headers in a search path, each once, and the shelf that it is found on.
pub(crate) fn kernel_headers(stock: &Stock, path: &[usize], hidden: &BTreeSet<String>) -> BTreeMap<String, usize> {
    let mut names = BTreeMap::new();
    for shelf in path {
        for name in stock.shelf(*shelf).map(|shelf| shelf.kernel_headers()).unwrap_or_default() {
            if !hidden.contains(&name) {
                names.entry(name).or_insert(*shelf);
            }
        }
    }
    names
}
