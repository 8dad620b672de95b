//! What a name means in a module: its own items first, then what it imports by name, then what it imports as a whole.

use super::krate::{Crate, Entry, Import, Level, What};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::rc::Rc;

/// Types and modules, or constants and functions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Space {
    /// Types and modules.
    Types,
    /// Constants and functions.
    Values,
}

type Key = (usize, Space, String, bool);

/// Looks names up; what was found is remembered.
pub(super) struct Names<'a> {
    krate: &'a Crate,
    known: RefCell<HashMap<Key, Option<Rc<Entry>>>>,
    /// What is being looked up, since imports may go in circles.
    running: RefCell<BTreeSet<Key>>,
}

impl<'a> Names<'a> {
    /// For a crate.
    pub(super) fn new(krate: &'a Crate) -> Self {
        Self { krate, known: RefCell::default(), running: RefCell::default() }
    }

    /// What a path means in a module.
    pub(super) fn path(&self, module: usize, space: Space, path: &[String]) -> Option<Rc<Entry>> {
        let (last, before) = path.split_last()?;
        match self.module(module, before) {
            Some((inside, own)) => self.name(inside, space, last, !own),
            None => None,
        }
    }

    /// The module that the parts before a path's last lead to, and whether it is the one they stand in.
    fn module(&self, from: usize, path: &[String]) -> Option<(usize, bool)> {
        let mut at = from;
        for (index, part) in path.iter().enumerate() {
            at = match part.as_str() {
                "crate" if index == 0 => 0,
                "self" if index == 0 => from,
                "super" => self.krate.modules.get(at)?.parent?,
                name => {
                    // Modules of enumerations hold their variants.
                    match self.name(at, Space::Types, name, index > 0 && at != from)?.what {
                        What::Module(inside) | What::Enum { module: inside, .. } => inside,
                        _ => return None,
                    }
                }
            };
        }
        Some((at, at == from || self.is_around(at, from)))
    }

    /// Whether the module `outer` lies around `inner`, whose private things are then seen.
    fn is_around(&self, outer: usize, inner: usize) -> bool {
        let mut at = Some(inner);
        while let Some(module) = at {
            if module == outer {
                return true;
            }
            at = self.krate.modules.get(module).and_then(|module| module.parent);
        }
        false
    }

    /// What a name means in a module; seen from `outside`, private things are not there.
    pub(super) fn name(&self, module: usize, space: Space, name: &str, outside: bool) -> Option<Rc<Entry>> {
        let key: Key = (module, space, name.to_owned(), outside);
        if let Some(known) = self.known.borrow().get(&key) {
            return known.clone();
        }
        if !self.running.borrow_mut().insert(key.clone()) {
            return None;
        }
        let found = self.look_up(module, space, name, outside);
        self.running.borrow_mut().remove(&key);
        // Inside of a circle a miss may only mean that the circle was met.
        if found.is_some() || self.running.borrow().is_empty() {
            self.known.borrow_mut().insert(key, found.clone());
        }
        found
    }

    fn look_up(&self, number: usize, space: Space, name: &str, outside: bool) -> Option<Rc<Entry>> {
        let module = self.krate.modules.get(number)?;
        let seen = |level: Level| !outside || level > Level::Private;
        let own = match space {
            Space::Types => &module.types,
            Space::Values => &module.values,
        };
        if let Some(entry) = own.get(name).filter(|entry| seen(entry.level)) {
            return Some(Rc::clone(entry));
        }
        let imports = || module.imports.iter().filter(|import| seen(import.level));
        let named = imports().filter(|import| import.name.as_deref() == Some(name));
        for import in named {
            if import.path.as_slice() != [name]
                && let Some(found) = self.path(number, space, &import.path)
            {
                return Some(found);
            }
        }
        for import in imports().filter(|import| import.name.is_none()) {
            if let Some((inside, own)) = self.module(number, &import.path)
                && inside != number
                && let Some(found) = self.name(inside, space, name, !own)
            {
                return Some(found);
            }
        }
        None
    }

    /// Everything that users of the crate can name, with the modules flattened.
    pub(super) fn public(&self) -> Vec<(Space, String, Rc<Entry>)> {
        let mut found = BTreeMap::new();
        let mut visited = BTreeSet::new();
        self.visit(0, &mut visited, &mut found);
        found
            .into_iter()
            .flat_map(|((space, name, _), entries)| entries.into_iter().map(move |entry| (space, name.clone(), entry)))
            .collect()
    }

    fn visit(
        &self,
        number: usize,
        visited: &mut BTreeSet<usize>,
        found: &mut BTreeMap<(Space, String, usize), Vec<Rc<Entry>>>,
    ) {
        if !visited.insert(number) {
            return;
        }
        let mut names = BTreeSet::new();
        self.public_names(number, &mut BTreeSet::new(), &mut names);
        for (space, name) in names {
            let Some(entry) = self.name(number, space, &name, true) else { continue };
            match entry.what {
                What::Module(inside) => self.visit(inside, visited, found),
                What::Enum { module: inside, .. } => {
                    self.visit(inside, visited, found);
                    found.entry((space, name, number)).or_default().push(entry);
                }
                _ => found.entry((space, name, number)).or_default().push(entry),
            }
        }
    }

    fn public_names(&self, number: usize, visited: &mut BTreeSet<usize>, names: &mut BTreeSet<(Space, String)>) {
        let Some(module) = self.krate.modules.get(number).filter(|_| visited.insert(number)) else { return };
        for (space, own) in [(Space::Types, &module.types), (Space::Values, &module.values)] {
            names.extend(
                own.iter().filter(|(_, entry)| entry.level == Level::Public).map(|(name, _)| (space, name.clone())),
            );
        }
        for Import { path, name, .. } in module.imports.iter().filter(|import| import.level == Level::Public) {
            match name {
                Some(name) => names.extend([(Space::Types, name.clone()), (Space::Values, name.clone())]),
                None => {
                    if let Some((inside, _)) = self.module(number, path) {
                        self.public_names(inside, visited, names);
                    }
                }
            }
        }
    }
}
