//! When the kernel's makefiles build a file: `obj-$(CONFIG_X) += file.o`, up to the top folder.

use super::guard::Guard;
use super::text::Text;
use crate::files::Files;
use std::collections::BTreeMap;

/// More folders or composite objects than any file of the kernel lies below.
const DEPTH: usize = 12;
/// Conditions of more parts are not told apart.
const PARTS: usize = 60;
/// More lists than any object is looked for in.
const LOOKS: usize = 500;
/// Makefiles of more bytes are not read.
const LENGTH: usize = 256 * 1024;

/// The rules of the makefiles, by folder, as far as they have been asked for.
pub(crate) struct Kbuild<'f> {
    files: &'f dyn Files,
    folders: BTreeMap<String, Vec<Rule>>,
    looks: usize,
}

/// One word in one assignment.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Rule {
    /// What is assigned to, without its suffix: `obj`, `mmu`.
    list: String,
    /// What the suffix and the enclosing conditionals demand.
    guard: Guard,
    /// An object, a folder, or another list.
    word: String,
}

impl<'f> Kbuild<'f> {
    /// The makefiles of a tree.
    pub(crate) fn new(files: &'f dyn Files) -> Self {
        Self { files, folders: BTreeMap::new(), looks: 0 }
    }

    /// When a source file is built into the kernel. Opaque where that cannot be told.
    pub(crate) fn guard_of(&mut self, path: &str) -> Guard {
        let Some((folder, file)) = path.rsplit_once('/') else { return Guard::Opaque };
        let Some(stem) = file.strip_suffix(".c") else { return Guard::Opaque };
        self.looks = 0;
        let Some(own) = self.object(folder, &format!("{stem}.o"), 0) else { return Guard::Opaque };
        own.and(self.folder(folder, 0))
    }

    /// When a folder is entered.
    fn folder(&mut self, folder: &str, depth: usize) -> Guard {
        let Some((parent, name)) = folder.rsplit_once('/') else { return self.top(folder) };
        if depth > DEPTH {
            return Guard::Opaque;
        }
        // The kernel of a port always has what the port's own folder holds.
        if parent == "arch" {
            return Guard::Number(1);
        }
        let Some(own) = self.object(parent, &format!("{name}/"), 0) else { return Guard::Opaque };
        own.and(self.folder(parent, depth + 1))
    }

    /// When a folder at the top is entered: Kbuild says so, in older trees the top Makefile.
    fn top(&mut self, folder: &str) -> Guard {
        let word = format!("{folder}/");
        let mut found: Option<Guard> = None;
        for file in ["Kbuild", "Makefile"] {
            let rules = self.files.text(file).map(|text| rules(&text)).unwrap_or_default();
            for rule in rules.iter().filter(|rule| rule.word == word) {
                if matches!(rule.list.as_str(), "obj" | "core" | "drivers" | "net" | "libs" | "virt") {
                    found = Some(found.map_or_else(|| rule.guard.clone(), |seen| seen.or(rule.guard.clone())));
                }
            }
            if found.is_some() {
                break;
            }
        }
        found.unwrap_or(Guard::Opaque)
    }

    /// When a folder's makefile lists an object; `None` where it does not, as far as can be seen.
    fn object(&mut self, folder: &str, word: &str, depth: usize) -> Option<Guard> {
        self.looks += 1;
        if depth > DEPTH || self.looks > LOOKS {
            return Some(Guard::Opaque);
        }
        if !self.folders.contains_key(folder) {
            let text = ["Kbuild", "Makefile"].iter().find_map(|name| self.files.text(&format!("{folder}/{name}")));
            self.folders.insert(folder.to_owned(), text.map(|text| rules(&text)).unwrap_or_default());
        }
        let rules: Vec<Rule> = self.folders.get(folder)?.iter().filter(|rule| rule.word == word).cloned().collect();
        let mut found: Option<Guard> = None;
        for rule in rules {
            let through = match rule.list.as_str() {
                "obj" | "lib" => Some(Guard::Number(1)),
                list => {
                    let used = self.object(folder, &format!("$({list}-y)"), depth + 1);
                    used.or_else(|| self.object(folder, &format!("{list}.o"), depth + 1))
                }
            };
            if let Some(through) = through {
                let guard = rule.guard.and(through);
                found = Some(found.map_or_else(|| guard.clone(), |seen| seen.or(guard.clone())));
            }
        }
        found
    }
}

/// The assignments of a makefile, a rule for each word.
fn rules(file: &str) -> Vec<Rule> {
    if file.len() > LENGTH {
        return Vec::new();
    }
    let text = Text::new(file);
    let mut rules: Vec<Rule> = Vec::new();
    // Of each open conditional: the branch that is read, and the opposite of those before it.
    let mut open: Vec<(Guard, Guard)> = Vec::new();
    for line in text.as_str().lines() {
        let line = line.split('#').next().unwrap_or_default().trim();
        let word = line.split_whitespace().next().unwrap_or_default();
        let rest = line.get(word.len()..).unwrap_or_default().trim();
        match word {
            "ifeq" | "ifneq" | "ifdef" | "ifndef" => {
                let guard = if open.len() < DEPTH { condition(word, rest) } else { Guard::Opaque };
                open.push((guard.clone(), guard.negated()));
            }
            "else" => {
                if let Some((now, otherwise)) = open.last_mut() {
                    let inner = rest.split_whitespace().next().unwrap_or_default();
                    if inner.is_empty() {
                        *now = std::mem::replace(otherwise, Guard::Number(0));
                    } else {
                        let guard = condition(inner, rest.get(inner.len()..).unwrap_or_default().trim());
                        *now = otherwise.clone().and(guard.clone());
                        *otherwise = both(otherwise, guard.negated());
                    }
                }
            }
            "endif" => drop(open.pop()),
            _ => assignment(line, &open, &mut rules),
        }
    }
    rules
}

/// Both conditions, as long as they stay small enough to be looked at.
fn both(one: &Guard, other: Guard) -> Guard {
    if *one == Guard::Opaque || size(one) > PARTS { Guard::Opaque } else { one.clone().and(other) }
}

fn size(guard: &Guard) -> usize {
    let mut guard = guard;
    let mut size = 1;
    while let Guard::Pair(_, left, _) = guard {
        (guard, size) = (left, size + 1);
    }
    size
}

fn condition(word: &str, rest: &str) -> Guard {
    let option = |text: &str| {
        text.trim().strip_prefix("$(").and_then(|text| text.strip_suffix(')')).map(str::trim).map(str::to_owned)
    };
    let is_option = |name: &String| name.starts_with("CONFIG_");
    let found = match word {
        "ifdef" | "ifndef" => Some(rest.to_owned()).filter(is_option),
        _ => {
            let inner = rest.strip_prefix('(').and_then(|inner| inner.strip_suffix(')'));
            match inner.and_then(|inner| inner.split_once(',')) {
                Some((name, value)) if value.trim() == "y" => option(name).filter(is_option),
                // Compared with nothing: what is y or m is the opposite.
                Some((name, value)) if value.trim().is_empty() => {
                    return match option(name).filter(is_option) {
                        Some(name) if word == "ifneq" => Guard::Enabled(name),
                        Some(name) => Guard::Enabled(name).negated(),
                        None => Guard::Opaque,
                    };
                }
                _ => None,
            }
        }
    };
    match found {
        Some(name) if word == "ifeq" || word == "ifdef" => Guard::Enabled(name),
        Some(name) => Guard::Enabled(name).negated(),
        None => Guard::Opaque,
    }
}

fn assignment(line: &str, open: &[(Guard, Guard)], rules: &mut Vec<Rule>) {
    let Some(sign) = line.find('=') else { return };
    let (target, words) = (&line[..sign], &line[sign + 1..]);
    let target = target.trim_end_matches([':', '+', '?']).trim();
    let replaces = !line[..sign].ends_with('+');
    let (list, own) = if let Some((list, option)) = target.split_once("-$(").filter(|(_, rest)| rest.ends_with(')')) {
        let option = &option[..option.len() - 1];
        (list, if option.starts_with("CONFIG_") { Guard::Enabled(option.to_owned()) } else { Guard::Opaque })
    } else if let Some(list) = target.strip_suffix("-y") {
        (list, Guard::Number(1))
    } else if let Some(list) = target.strip_suffix("-objs") {
        (list, Guard::Number(1))
    } else {
        return;
    };
    if list.is_empty() || list.contains(char::is_whitespace) {
        return;
    }
    let guard = open.iter().take(DEPTH + 1).fold(own, |all, (now, _)| all.and(now.clone()));
    if replaces {
        // Whatever the list held is gone where this assignment is made.
        for rule in rules.iter_mut().filter(|rule| rule.list == list) {
            rule.guard = both(&rule.guard, guard.clone().negated());
        }
    }
    // A list is written out where it is named whole.
    rules.extend(words.split_whitespace().map(|word| Rule {
        list: list.to_owned(),
        guard: guard.clone(),
        word: word.to_owned(),
    }));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::Memory;
    use crate::tree::guard::Known;
    use proptest::prelude::*;

    struct On<'a>(&'a [&'a str]);

    impl Known for On<'_> {
        fn defined(&self, name: &str) -> Option<bool> {
            Some(self.0.contains(&name))
        }

        fn value(&self, _: &str) -> Option<i128> {
            None
        }
    }

    fn built(path: &str, on: &[&str]) -> Option<bool> {
        let texts = [
            ("Kbuild", "obj-y += quay/\nobj-$(CONFIG_BLOCK) += block/ # not this: crane/\n"),
            (
                "quay/Makefile",
                "obj-y := moor.o \\\n\tcast.o $(rope-y)\nrope-y := hemp.o\nrope-$(CONFIG_STEEL) := wire.o\n\
                ifeq ($(CONFIG_TIDE),y)\nobj-y += high.o\nelse\nobj-y += low.o\nendif\n\
                obj-$(CONFIG_CRANE) += crane.o\ncrane-y := hook.o\nobj-y += pier/\nCFLAGS_odd.o = -O\n\
                ifdef CONFIG_A\nobj-$(CONFIG_B) += both.o\nendif\nobj-$(call f) += odd.o\n",
            ),
            ("quay/pier/Makefile", "obj-$(CONFIG_PIER) += plank.o\n"),
            ("block/Makefile", "obj-y += tackle.o\n"),
            ("arch/own/Kbuild", "obj-y += kernel/\n"),
            ("arch/own/kernel/Makefile", "obj-y += sys.o\n"),
        ];
        let files = texts.iter().map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec())).collect();
        let memory = Memory { name: "tree".to_owned(), files };
        Kbuild::new(&memory).guard_of(path).holds(&On(on))
    }

    #[test]
    fn a_file_is_built_where_makefiles_say_so() {
        for (path, on, expected) in [
            ("quay/moor.c", &[][..], Some(true)),
            ("quay/cast.c", &[], Some(true)),
            ("quay/hemp.c", &[], Some(true)),
            ("quay/hemp.c", &["CONFIG_STEEL"], Some(false)),
            ("quay/wire.c", &["CONFIG_STEEL"], Some(true)),
            ("quay/low.c", &[], Some(true)),
            ("quay/high.c", &[], Some(false)),
            ("quay/hook.c", &["CONFIG_CRANE"], Some(true)),
            ("quay/hook.c", &[], Some(false)),
            ("quay/both.c", &["CONFIG_A"], Some(false)),
            ("quay/both.c", &["CONFIG_A", "CONFIG_B"], Some(true)),
            ("quay/pier/plank.c", &["CONFIG_PIER"], Some(true)),
            ("block/tackle.c", &[], Some(false)),
            ("arch/own/kernel/sys.c", &[], Some(true)),
            ("quay/odd.c", &[], None),
            ("quay/nowhere.c", &[], None),
            ("elsewhere/file.c", &[], None),
        ] {
            assert_eq!(built(path, on), expected, "{path} {on:?}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read(text in "(obj-y \\+= |obj-\\$\\(CONFIG_A\\) := |a.o|ifeq \\(\\$\\(CONFIG_A\\),y\\)\n|else\n|else if|endif\n|[ \n\\\\=:$()])|\\PC{0,60}") {
            let files = [("fs/Makefile".to_owned(), text.into_bytes())].into_iter().collect();
            let memory = Memory { name: "tree".to_owned(), files };
            let _ = Kbuild::new(&memory).guard_of("fs/a.c").holds(&On(&[]));
        }
    }
}
