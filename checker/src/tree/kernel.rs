//! What is certain about the kernel of one port when its source is read.

use super::guard::Known;
use super::kconfig::{Certain, Options};
use super::lex::lex;
use super::ports::{Home, home, predefined};
use super::text::Text;
use crate::files::Files;
use abispec::arch::Arch;
use std::collections::BTreeMap;

/// The kernel of one port.
pub(crate) struct Port<'a> {
    /// Where the tree keeps it.
    pub(crate) home: Home,
    options: Certain<'a>,
    /// Macros of the port's own `asm/unistd.h`, and whether they are defined for certain.
    wants: BTreeMap<String, Option<bool>>,
}

impl<'a> Port<'a> {
    /// The kernel of a port, as far as the tree settles it.
    pub(crate) fn new(files: &dyn Files, options: &'a Options, arch: Arch) -> Self {
        let home = home(arch);
        let given = home.options.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect();
        let mut port = Self { home, options: options.of(home.folder, given), wants: BTreeMap::new() };
        for folder in ["uapi/asm", "asm"] {
            let Some(file) = files.text(&format!("arch/{}/include/{folder}/unistd.h", home.folder)) else { continue };
            let text = Text::new(&file);
            for define in lex(&text).defines {
                // A file's own guard is not defined when the file is read; it may be read a second time.
                if define.guard.asks_for(define.name) {
                    continue;
                }
                let holds = define.guard.settled(&port);
                let seen = port.wants.get(define.name).copied().flatten();
                port.wants.insert(define.name.to_owned(), if seen == Some(true) { seen } else { holds });
            }
        }
        port
    }
}

impl Known for Port<'_> {
    fn defined(&self, name: &str) -> Option<bool> {
        if name.starts_with("CONFIG_") {
            return self.options.defined(name);
        }
        if let Some(known) = self.wants.get(name) {
            return *known;
        }
        match name {
            "BITS_PER_LONG" | "__BITS_PER_LONG" | "__KERNEL__" => Some(true),
            // Header guards of files that are read once.
            _ if name.ends_with("_UNISTD_H") || name.starts_with("__ARCH_WANT_") => Some(false),
            _ => predefined(self.home.folder, name),
        }
    }

    fn value(&self, name: &str) -> Option<i128> {
        matches!(name, "BITS_PER_LONG" | "__BITS_PER_LONG").then_some(i128::from(self.home.bits))
    }
}

/// The same, where every option that is open is on: the kernel that people look at first.
pub(crate) struct Generous<'a>(pub(crate) &'a Port<'a>);

impl Known for Generous<'_> {
    fn defined(&self, name: &str) -> Option<bool> {
        self.0.defined(name).or_else(|| name.starts_with("CONFIG_").then_some(true))
    }

    fn value(&self, name: &str) -> Option<i128> {
        self.0.value(name)
    }
}

/// The same, with some options decided.
pub(crate) struct Deciding<'a> {
    port: &'a Port<'a>,
    options: Certain<'a>,
}

impl<'a> Port<'a> {
    /// The kernel with one more option decided, and with what follows from that.
    pub(crate) fn with(&'a self, option: &str, value: bool) -> Deciding<'a> {
        Deciding { port: self, options: self.options.with(option.strip_prefix("CONFIG_").unwrap_or(option), value) }
    }
}

impl Known for Deciding<'_> {
    fn defined(&self, name: &str) -> Option<bool> {
        if name.starts_with("CONFIG_") { self.options.defined(name) } else { self.port.defined(name) }
    }

    fn value(&self, name: &str) -> Option<i128> {
        self.port.value(name)
    }
}
