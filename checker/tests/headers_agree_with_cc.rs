//! C compilers judge our reading of headers: every constant, every layout, on every port that has a compiler here.
//!
//! The installed headers of the machine and of Debian's cross compilers are always judged, where they are there. A kernel's
//! source trees are judged where `ABISPEC_TREES` names a folder of them: `make headers_install` then says what is
//! installed, and each port's compiler what it means.

#![expect(clippy::print_stderr, reason = "what was compared and what was skipped is for the person who runs the test")]

#[path = "cc/compiler.rs"]
mod compiler;
#[path = "cc/elf.rs"]
mod elf;
#[path = "cc/judge.rs"]
mod judge;
#[path = "cc/names.rs"]
mod names;

use abispec::arch::Arch;
use abispec_checker::facts::Facts;
use abispec_checker::files::{Files, Folder};
use abispec_checker::headers::{read_search_path, read_tree_headers};
use compiler::{Compiler, ROWS, Row, roots};
use judge::{Judge, Tally};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError};
use std::{env, fs, process};

/// Each test keeps every processor busy by itself.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

struct Work(PathBuf);

impl Work {
    fn new(name: &str) -> Self {
        let path = env::temp_dir().join(format!("abispec-{name}-{}", process::id()));
        fs::create_dir_all(path.join("gnu")).expect("a temporary folder");
        // The C library of a second port is rarely installed; this file of it holds nothing that matters here.
        for stub in ["stubs-32.h", "stubs-x32.h", "stubs-ilp32d.h", "stubs-n32_hard.h"] {
            fs::write(path.join("gnu").join(stub), "").expect("a stub");
        }
        // xen/privcmd.h includes a header of the kernel's own; what it says without that one can be judged.
        fs::create_dir_all(path.join("xen/interface")).expect("a temporary folder");
        fs::write(path.join("xen/interface/xen.h"), "").expect("a stub");
        Self(path)
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn report(what: &str, compiler: &Compiler, facts: &Facts, tally: &Tally) {
    let Tally { headers, constants, layouts, bitfields, refused, unjudged, wrong } = tally;
    eprintln!(
        "{what}: {} agrees on {constants} constants, {layouts} layouts, {bitfields} bit-fields of {headers} headers, \
         and on {refused} macros that are no constants; {} not judged; {} wrong",
        compiler.name(),
        unjudged.len(),
        wrong.len()
    );
    for (name, reason) in unjudged {
        eprintln!("  not judged: {name}: {reason}");
    }
    for silence in &facts.silent {
        eprintln!("  not evaluated: {}: {}", silence.subject, silence.reason);
    }
}

/// Judges every `step`th installed header of a port; returns what is wrong.
fn installed(arch: Arch, step: usize) -> Vec<String> {
    let row = ROWS.iter().find(|row| row.arch == arch).expect("a row for each port");
    let work = Work::new(&format!("installed-{arch}"));
    let mut folders = vec![work.0.clone()];
    folders.extend(roots(row));
    let paths: Vec<&Path> = folders.iter().map(PathBuf::as_path).collect();
    let Some(compiler) = Compiler::of(row, &paths) else {
        eprintln!("skipped: {arch}: none of the compilers {:?} is there", row.programs);
        return Vec::new();
    };
    // A compiler may be there without a C library, which brings the headers.
    if !paths.iter().any(|path| path.join("linux/types.h").exists()) {
        eprintln!("skipped: {arch}: its headers are not installed");
        return Vec::new();
    }
    let facts = match read_search_path(&paths, arch) {
        Ok(facts) => facts,
        Err(reason) => {
            eprintln!("skipped: {arch}: {reason}");
            return Vec::new();
        }
    };
    let tally = Judge::new(&facts, &compiler, &folders, &work.0).all(step);
    report(&format!("{arch}, installed headers"), &compiler, &facts, &tally);
    let mut wrong: Vec<String> = tally.wrong.iter().map(|wrong| format!("{arch}: {wrong}")).collect();
    if tally.constants < 30_000 / step || tally.layouts < 3000 / step {
        wrong.push(format!("{arch}: the compiler judged almost nothing"));
    }
    wrong
}

fn judge_installed(ports: impl Iterator<Item = Arch>, step: usize) {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let wrong: Vec<String> = ports.flat_map(|arch| installed(arch, step)).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The ports that are judged as a whole.
const WHOLE: [Arch; 4] = [Arch::X86_64, Arch::I386, Arch::Arm64, Arch::Riscv64];

#[test]
fn on_the_main_ports() {
    judge_installed(WHOLE.into_iter(), 1);
}

/// The other ports have the same reader and differ in their data models: a sample is enough here, the trees are judged
/// as a whole.
#[test]
fn on_other_ports() {
    judge_installed(ROWS.iter().map(|row| row.arch).filter(|arch| !WHOLE.contains(arch)), 5);
}

/// The kernel's source trees that the environment names.
fn trees() -> Vec<PathBuf> {
    let Ok(folder) = env::var("ABISPEC_TREES") else {
        eprintln!("skipped: ABISPEC_TREES does not name a folder of kernel source trees");
        return Vec::new();
    };
    let entries = fs::read_dir(&folder).unwrap_or_else(|error| panic!("ABISPEC_TREES names {folder}: {error}"));
    let mut found: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    found.retain(|path| path.join("include/uapi/linux").is_dir());
    found.sort();
    found
}

/// What `make` installs of a tree for a port.
fn make_headers(tree: &Path, kernel: &str, work: &Path) -> Option<PathBuf> {
    let target = work.join(format!("{kernel}-installed"));
    if target.is_dir() {
        return Some(target.join("include"));
    }
    let output = Command::new("make")
        .arg("-s")
        .arg("-C")
        .arg(tree)
        .arg(format!("ARCH={kernel}"))
        .arg(format!("O={}", work.join(format!("{kernel}-build")).display()))
        .arg("headers_install")
        .arg(format!("INSTALL_HDR_PATH={}", target.display()))
        .output()
        .ok()?;
    if output.status.success() {
        return Some(target.join("include"));
    }
    eprintln!("skipped: {} {kernel}: make: {}", tree.display(), String::from_utf8_lossy(&output.stderr));
    None
}

fn judged(arch: Arch) -> bool {
    env::var("ABISPEC_PORTS").map_or(true, |ports| ports.split(',').any(|port| port == arch.name()))
}

/// The acceptance: for x86_64 at least 40,000 constants and 4,500 layouts. `ABISPEC_PORTS` narrows it to some ports.
#[test]
fn trees_agree_with_make_and_cc() {
    let _alone = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let mut wrong = Vec::new();
    for tree in trees() {
        let work = Work::new(&format!("tree-{}", tree.file_name().unwrap_or_default().to_string_lossy()));
        let files: Arc<dyn Files> = Arc::new(Folder(tree.clone()));
        for row in ROWS.iter().filter(|row| judged(row.arch)) {
            let what = format!("{}, {}", row.arch, tree.display());
            let facts = match read_tree_headers(&files, row.arch) {
                Ok(facts) => facts,
                Err(reason) => {
                    eprintln!("skipped: {reason}");
                    continue;
                }
            };
            let Some(made) = make_headers(&tree, row.kernel, &work.0) else { continue };
            let installed = read_search_path(&[&made], row.arch).expect("what make installed can be read");
            wrong.extend(differences(&what, &facts, &installed));
            wrong.extend(judge_tree(row, &what, &facts, made, &work.0));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn judge_tree(row: &Row, what: &str, facts: &Facts, made: PathBuf, work: &Path) -> Vec<String> {
    let mut folders = vec![made, work.to_path_buf()];
    folders.extend(roots(row));
    let paths: Vec<&Path> = folders.iter().map(PathBuf::as_path).collect();
    let Some(compiler) = Compiler::of(row, &paths) else {
        eprintln!("skipped: {what}: none of the compilers {:?} is there", row.programs);
        return Vec::new();
    };
    let tally = Judge::new(facts, &compiler, &folders, work).all(1);
    report(what, &compiler, facts, &tally);
    let mut wrong: Vec<String> = tally.wrong.iter().map(|wrong| format!("{what}: {wrong}")).collect();
    if tally.constants < 40_000 || tally.layouts < 4_500 {
        wrong.push(format!("{what}: the compiler judged almost nothing"));
    }
    wrong
}

/// Where the facts of a tree and those of what `make` installs of it differ; their places do.
fn differences(what: &str, tree: &Facts, installed: &Facts) -> Vec<String> {
    fn values<T: std::fmt::Debug>(facts: &BTreeMap<String, T>, show: impl Fn(&T) -> String) -> Vec<(&String, String)> {
        facts.iter().map(|(name, fact)| (name, show(fact))).collect()
    }
    let all = |facts: &Facts| {
        let mut all = Vec::new();
        let mut add = |kind: &str, found: Vec<(&String, String)>| {
            all.extend(found.into_iter().map(|(name, value)| format!("{kind} {name} {value}")));
        };
        add(
            "constant",
            values(&facts.constants, |found| {
                format!("{:?}", found.iter().map(|f| (f.value, &f.headers)).collect::<Vec<_>>())
            }),
        );
        add(
            "layout",
            values(&facts.layouts, |found| {
                format!("{:?}", found.iter().map(|f| (&f.value, &f.headers)).collect::<Vec<_>>())
            }),
        );
        add("number", values(&facts.numbers, |fact| fact.value.to_string()));
        add("request", values(&facts.ioctls, |fact| format!("{:?}", fact.value)));
        add("header", facts.headers.keys().map(|name| (name, String::new())).collect());
        all.sort();
        all
    };
    let (tree, installed) = (all(tree), all(installed));
    let only = |one: &[String], other: &[String], side: &str| -> Vec<String> {
        let missing = one.iter().filter(|line| other.binary_search(line).is_err());
        missing.map(|line| format!("{what}: only {side}: {line}")).collect()
    };
    let mut found = only(&tree, &installed, "in the tree");
    found.extend(only(&installed, &tree, "installed by make"));
    eprintln!("{what}: {} facts as make installs them, {} not", tree.len(), found.len());
    found
}
