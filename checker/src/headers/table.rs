//! The macros that are defined at one point of a translation unit.

use super::file::Macro;
use super::symbol::Sym;

/// Macros by name. Looking one up costs an index, emptying the table only what was in it.
#[derive(Debug, Default)]
pub(crate) struct Table<'s> {
    slots: Vec<Slot<'s>>,
    touched: Vec<Sym>,
}

#[derive(Debug, Default, Clone)]
struct Slot<'s> {
    definition: Option<&'s Macro>,
    /// It is in the list of what was touched.
    listed: bool,
    /// Being expanded: its name is not expanded again.
    busy: bool,
}

impl<'s> Table<'s> {
    /// Defines a macro, or defines it anew.
    pub(crate) fn define(&mut self, definition: &'s Macro) {
        let name = definition.name;
        if self.slots.len() <= name.index() {
            self.slots.resize(name.index() + 1, Slot::default());
        }
        let slot = &mut self.slots[name.index()];
        slot.definition = Some(definition);
        if !std::mem::replace(&mut slot.listed, true) {
            self.touched.push(name);
        }
    }

    /// Takes a definition back.
    pub(crate) fn undefine(&mut self, name: Sym) {
        if let Some(slot) = self.slots.get_mut(name.index()) {
            slot.definition = None;
        }
    }

    /// The definition of a name.
    pub(crate) fn get(&self, name: Sym) -> Option<&'s Macro> {
        self.slots.get(name.index()).and_then(|slot| slot.definition)
    }

    /// Whether a name is being expanded.
    pub(crate) fn is_busy(&self, name: Sym) -> bool {
        self.slots.get(name.index()).is_some_and(|slot| slot.busy)
    }

    /// Marks a name as being expanded, or as done.
    pub(crate) fn set_busy(&mut self, name: Sym, busy: bool) {
        if let Some(slot) = self.slots.get_mut(name.index()) {
            slot.busy = busy;
        }
    }

    /// Forgets everything.
    pub(crate) fn clear(&mut self) {
        for name in self.touched.drain(..) {
            if let Some(slot) = self.slots.get_mut(name.index()) {
                *slot = Slot::default();
            }
        }
    }

    /// Every definition, in the order of first definition.
    pub(crate) fn definitions(&self) -> impl Iterator<Item = &'s Macro> {
        self.touched.iter().filter_map(|name| self.get(*name))
    }
}
