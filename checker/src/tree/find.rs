//! Finds the definitions of system calls among the files of a tree.

use super::define::{Aliases, Definition, definitions as read_definitions};
use super::doc::{Promises, promises};
use super::guard::Guard;
use super::kbuild::Kbuild;
use super::lex::{Kind, Source, lex};
use super::text::Text;
use crate::files::Files;
use memchr::memmem;
use rayon::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Folders that hold system calls, besides those below `arch`.
const FOLDERS: &[&str] = &["block", "fs", "init", "io_uring", "ipc", "kernel", "mm", "net", "security", "drivers/char"];
/// Folders below `arch/*` without system calls of Linux as a program sees it.
const SKIPPED: &[&str] = &["boot", "configs", "crypto", "dts", "include", "kvm", "lib", "net", "tools", "um", "vdso"];

/// A definition where it was found.
#[derive(Clone, Debug)]
pub(crate) struct Defined {
    /// The file's path in the tree.
    pub(crate) path: Arc<str>,
    /// What it defines.
    pub(crate) definition: Definition,
    /// When it is built: the file's rule and the conditionals around it.
    pub(crate) built: Guard,
    /// What the comment above it promises.
    pub(crate) promises: Promises,
    /// Whether it does nothing but answer ENOSYS.
    pub(crate) absent: bool,
}

/// Every definition by the function's whole name, and the functions that answer ENOSYS where nothing defines them.
pub(crate) type Found = (BTreeMap<String, Vec<Defined>>, BTreeSet<String>);

/// Finds every definition in a tree with these folders below `arch`.
pub(crate) fn definitions(files: &dyn Files, folders: &[&str]) -> Found {
    let paths = sources(files, folders);
    let shared = files.text("include/linux/syscalls.h").map(|file| {
        let text = Text::new(&file);
        Aliases::of(&lex(&text))
    });
    let shared = shared.unwrap_or_default();
    let needles =
        [memmem::Finder::new("SYSCALL"), memmem::Finder::new("SYS_NI("), memmem::Finder::new("cond_syscall(")];
    let read: Vec<Inside> = paths
        .par_iter()
        .filter_map(|path| {
            let bytes = files.read(path)?;
            if !needles.iter().any(|needle| needle.find(&bytes).is_some()) {
                return None;
            }
            let file = String::from_utf8_lossy(&bytes);
            let inside = inside(path, &file, &shared);
            (!inside.defined.is_empty() || !inside.weak.is_empty()).then_some(inside)
        })
        .collect();
    let mut kbuild = Kbuild::new(files);
    let mut all: BTreeMap<String, Vec<Defined>> = BTreeMap::new();
    let mut weak = BTreeSet::new();
    for inside in read {
        weak.extend(inside.weak);
        let rule = inside.defined.first().map(|one| kbuild.guard_of(&one.path));
        for mut defined in inside.defined {
            if let Some(rule) = &rule {
                defined.built = rule.clone().and((*defined.definition.guard).clone());
            }
            let prefix = if defined.definition.compat { "compat_sys_" } else { "sys_" };
            all.entry(format!("{prefix}{}", defined.definition.name)).or_default().push(defined);
        }
    }
    (all, weak)
}

struct Inside {
    defined: Vec<Defined>,
    weak: Vec<String>,
}

fn inside(path: &str, file: &str, shared: &Aliases) -> Inside {
    let text = Text::new(file);
    let source = lex(&text);
    let found = read_definitions(&text, &source, &shared.and(Aliases::of(&source)));
    let path: Arc<str> = Arc::from(path);
    let mut own: BTreeMap<&str, Guard> = BTreeMap::new();
    for define in &source.defines {
        let guard = (*define.guard).clone();
        let guard = match own.remove(define.name) {
            Some(seen) => seen.or(guard),
            None => guard,
        };
        own.insert(define.name, guard);
    }
    let defined = found.into_iter().map(|mut definition| {
        definition.guard = Arc::new(definition.guard.written_out(&own));
        let comment = source.comments.iter().rev().find(|comment| comment.next == definition.start);
        Defined {
            path: Arc::clone(&path),
            promises: comment.map(|comment| promises(&text, comment)).unwrap_or_default(),
            absent: is_absent(&source, &definition),
            built: Guard::Opaque,
            definition,
        }
    });
    Inside { defined: defined.collect(), weak: weak(&source) }
}

/// Whether the body is `{ return -ENOSYS; }`.
fn is_absent(source: &Source<'_>, definition: &Definition) -> bool {
    let body = source.tokens.get(definition.body.clone()).unwrap_or_default();
    body.iter().map(|token| token.text).eq(["{", "return", "-", "ENOSYS", ";", "}"])
}

/// The functions that a file says may be missing.
fn weak(source: &Source<'_>) -> Vec<String> {
    let mut found = Vec::new();
    for window in source.tokens.windows(4) {
        let [macro_name, open, name, close] = window else { continue };
        if !open.is("(") || !close.is(")") || name.kind != Kind::Name {
            continue;
        }
        match macro_name.text {
            "COND_SYSCALL" | "SYS_NI" => found.push(format!("sys_{}", name.text)),
            "COND_SYSCALL_COMPAT" | "COMPAT_SYS_NI" => found.push(format!("compat_sys_{}", name.text)),
            "cond_syscall" => found.push(name.text.to_owned()),
            _ => {}
        }
    }
    found
}

/// The C files that may define system calls.
fn sources(files: &dyn Files, folders: &[&str]) -> Vec<String> {
    let mut roots: Vec<String> = FOLDERS.iter().map(|folder| (*folder).to_owned()).collect();
    for folder in folders.iter().filter(|folder| **folder != "um") {
        for name in files.list(&format!("arch/{folder}")) {
            let Some(name) = name.strip_suffix('/') else { continue };
            let machine = name.starts_with("mach-") || name.starts_with("plat-");
            if !machine && !SKIPPED.contains(&name) {
                roots.push(format!("arch/{folder}/{name}"));
            }
        }
    }
    let mut found: Vec<String> = roots.par_iter().flat_map(|root| files.below(root, ".c")).collect();
    found.sort();
    found
}
