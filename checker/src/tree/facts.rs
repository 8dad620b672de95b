//! What a tree states about one port.

use super::Tree;
use super::find::Defined;
use super::generic;
use super::guard::Guard;
use super::kernel::{Generous, Port};
use super::ports::{entries, numbering, user_bits};
use super::renamed::rename;
use super::table::{BadRow, Row};
use crate::ctype::canonical;
use crate::facts::{Attribution, Entry, Fact, Facts, Parameter, Prototype, Source, WitnessKind};
use abispec::arch::Arch;
use std::sync::Arc;

/// What kind of silence is about a call's option, beside the call itself.
pub(crate) fn option_of(entry: &str) -> String {
    format!("option of {entry}")
}

/// The whole name of a function that a table names.
pub(super) fn function(entry: &str) -> String {
    if entry.starts_with("compat_sys_") { entry.to_owned() } else { format!("sys_{entry}") }
}

/// Everything that the tree states about a port.
pub(super) fn facts(tree: &Tree<'_>, arch: Arch) -> Facts {
    let mut facts = Facts::new(WitnessKind::Tree, tree.files.show(""), arch);
    facts.release = tree.release.clone();
    let port = Port::new(tree.files, &tree.options, arch);
    table(tree, &port, &mut facts);
    let calls: Vec<(String, String)> =
        facts.entries.iter().filter_map(|(name, fact)| Some((name.clone(), fact.value.entry.clone()?))).collect();
    for (name, entry) in calls {
        call(tree, &port, &name, &entry, &mut facts);
    }
    facts
}

/// The numbers and the functions behind them.
fn table(tree: &Tree<'_>, port: &Port<'_>, facts: &mut Facts) {
    let arch = facts.arch;
    let home = port.home;
    if let Some(numbering) = numbering(tree.files, home.folder, home.header)
        && let Some((path, table)) = entries(tree.files, &numbering)
    {
        let file: Arc<str> = Arc::from(tree.files.show(&path));
        for BadRow { line, reason } in &table.bad {
            facts.silence(path.clone(), format!("{file}:{line}: {reason}"));
        }
        for row in table.of(&numbering.abis) {
            match row.number.checked_add(numbering.offset) {
                Some(number) => insert(facts, row, number, &file),
                None => facts.silence(row.name.clone(), format!("{file}:{}: the number is too large", row.line)),
            }
        }
        rename(tree.files, home.folder, facts);
    } else if let Some(rows) = generic::entries(tree.files, home.folder, user_bits(arch)) {
        for (path, row) in rows {
            let file: Arc<str> = Arc::from(tree.files.show(&path));
            insert(facts, &row, row.number, &file);
        }
    } else {
        let why = format!("the tree has no table of system calls for {arch}");
        facts.silence("system calls", why);
    }
}

fn insert(facts: &mut Facts, row: &Row, number: u32, file: &Arc<str>) {
    let source = Source::line(Arc::clone(file), row.line, 1);
    if let Some(seen) = facts.numbers.get(&row.name).filter(|seen| seen.value != number) {
        let reason = format!("it has two numbers: {} at {} and {number} at {source}", seen.value, seen.source);
        facts.silence(row.name.clone(), reason);
        return;
    }
    let short = |function: &String| function.strip_prefix("sys_").unwrap_or(function).to_owned();
    let entry =
        Entry { abi: row.abi.clone(), entry: row.native.as_ref().map(short), compat: row.compat.as_ref().map(short) };
    facts.numbers.insert(row.name.clone(), Fact::new(number, source.clone()));
    facts.entries.insert(row.name.clone(), Fact::new(entry, source));
}

/// What the definitions of one call state.
fn call(tree: &Tree<'_>, port: &Port<'_>, name: &str, entry: &str, facts: &mut Facts) {
    let function = function(entry);
    let all = tree.definitions.get(&function).map(Vec::as_slice).unwrap_or_default();
    let own = format!("arch/{}/", port.home.folder);
    let here: Vec<&Defined> =
        all.iter().filter(|defined| !defined.path.starts_with("arch/") || defined.path.starts_with(&own)).collect();
    let possible: Vec<&Defined> =
        here.iter().copied().filter(|defined| defined.built.settled(port) != Some(false)).collect();
    let mut real: Vec<&Defined> = possible.iter().copied().filter(|defined| !defined.absent).collect();
    real.sort_by_key(|defined| defined.built.holds(&Generous(port)) != Some(true));
    prototype(tree, entry, all, &real, facts);
    // Without a stand-in, a kernel that lacks the function does not link: then whatever the port's table names is there.
    if possible.len() > real.len() || tree.weak.contains(&function) {
        option(tree, port, entry, &here, &real, facts);
    }
    for defined in &real {
        let file: Arc<str> = Arc::from(tree.files.show(&defined.path));
        for (errno, (line, column)) in &defined.promises.errnos {
            let fact = Fact::new(Attribution::Single, Source::line(Arc::clone(&file), *line, *column));
            facts.errnos.entry(name.to_owned()).or_default().entry(errno.clone()).or_insert(fact);
        }
    }
}

fn prototype(tree: &Tree<'_>, entry: &str, all: &[Defined], real: &[&Defined], facts: &mut Facts) {
    let place = |defined: &Defined| {
        let (line, column) = defined.definition.place;
        Source::line(Arc::from(tree.files.show(&defined.path)), line, column)
    };
    let Some(first) = real.first() else {
        let reason = match all.first() {
            None => "no macro of the kind SYSCALL_DEFINE defines it".to_owned(),
            Some(other) => format!("its definition at {} is not built for {}", place(other), facts.arch),
        };
        facts.silence(entry, reason);
        return;
    };
    for defined in real {
        if let Err(reason) = &defined.definition.params {
            facts.silence(entry, format!("{}: {reason}", place(defined)));
            return;
        }
    }
    if let Some(other) = real.iter().find(|other| shape(other) != shape(first)) {
        let reason =
            format!("the kernel's options choose between the definitions at {} and {}", place(first), place(other));
        facts.silence(entry, reason);
        return;
    }
    let params = first.definition.params.iter().flatten();
    let params = params.map(|(c_type, name)| Parameter { name: name.clone(), c_type: Ok(c_type.clone()) }).collect();
    let mut folders: Vec<&str> =
        all.iter().filter_map(|one| one.path.strip_prefix("arch/")?.split('/').next()).collect();
    folders.dedup();
    if first.path.starts_with("arch/") && folders.len() > 1 {
        facts.own.insert(entry.to_owned());
    }
    facts.prototypes.insert(entry.to_owned(), Fact::new(Prototype { params }, place(first)));
}

/// What makes two definitions the same to a caller.
fn shape(defined: &Defined) -> Vec<(String, &str)> {
    defined.definition.params.iter().flatten().map(|(c_type, name)| (canonical(c_type), name.as_str())).collect()
}

/// The option without which the call answers ENOSYS.
fn option(tree: &Tree<'_>, port: &Port<'_>, entry: &str, here: &[&Defined], real: &[&Defined], facts: &mut Facts) {
    let Some(first) = real.first() else { return };
    let present = any_of(real);
    if present.settled(port) == Some(true) {
        // Another definition may serve kernels without the option, if not those of this port.
        let everywhere: Vec<&Defined> = here.iter().copied().filter(|defined| !defined.absent).collect();
        let everywhere = any_of(&everywhere);
        let mut named = Vec::new();
        present.names(&mut named);
        let needed = named.into_iter().find(|option| everywhere.settled(&port.with(option, false)) == Some(false));
        facts.settled.extend(needed.map(|option| (entry.to_owned(), option)));
        return;
    }
    match deciding(&present, port) {
        Ok(option) => {
            let (line, column) = first.definition.place;
            let source = Source::line(Arc::from(tree.files.show(&first.path)), line, column);
            facts.options.insert(entry.to_owned(), Fact::new(option, source));
        }
        Err(reason) => facts.silence(option_of(entry), reason),
    }
}

/// When one of several definitions is built.
fn any_of(definitions: &[&Defined]) -> Guard {
    let guards = definitions.iter().map(|one| one.built.clone());
    guards.reduce(Guard::or).unwrap_or(Guard::Number(0))
}

/// The one option that decides.
fn deciding(present: &Guard, port: &Port<'_>) -> Result<String, String> {
    let Some(options) = present.unknown_options(port) else {
        return Err("when it is built cannot be told".to_owned());
    };
    let decides = |option: &&String| {
        present.settled(&port.with(option, true)) == Some(true)
            && present.settled(&port.with(option, false)) == Some(false)
    };
    match options.iter().find(decides) {
        Some(option) => Ok(option.clone()),
        None => Err(format!("whether it is built depends on {}", options.into_iter().collect::<Vec<_>>().join(", "))),
    }
}
