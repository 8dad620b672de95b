//! Reads the YAML at build time and leaves the specification in a compact form, so that a program that starts need not parse
//! it. A broken specification fails the build with all its mistakes.

#![allow(
    dead_code,
    unused_imports,
    unreachable_pub,
    unfulfilled_lint_expectations,
    reason = "the modules are the library's own; a build needs a part of them and publishes none"
)]

#[path = "src/arch.rs"]
mod arch;
#[path = "src/ctype.rs"]
mod ctype;
#[path = "src/errno.rs"]
mod errno;
#[path = "src/expr/mod.rs"]
mod expr;
#[path = "src/finding.rs"]
mod finding;
#[path = "src/law/mod.rs"]
mod law;
#[path = "src/load/mod.rs"]
mod load;
#[path = "src/model.rs"]
mod model;
#[path = "src/place.rs"]
mod place;
#[path = "src/report/mod.rs"]
mod report;
#[path = "src/resolve/mod.rs"]
mod resolve;
#[path = "src/suggest.rs"]
mod suggest;
#[path = "src/target.rs"]
mod target;
#[path = "src/trying.rs"]
mod trying;
#[path = "src/types/mod.rs"]
mod types;
#[path = "src/version.rs"]
mod version;

use resolve::resolve;
use std::collections::BTreeMap;
use std::error::Error;
use std::io::{self, Write};
use std::path::PathBuf;
use std::{env, fs};

fn main() -> Result<(), Box<dyn Error>> {
    let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").ok_or("cargo names no CARGO_MANIFEST_DIR")?);
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or("cargo names no OUT_DIR")?);
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "cargo::rerun-if-changed=build.rs")?;
    for folder in load::FOLDERS.into_iter().chain([load::FORMAT_FILE]) {
        writeln!(stdout, "cargo::rerun-if-changed={folder}")?;
    }
    let (spec, findings) = load::load(load::read_dir(&root, "spec")?);
    if !findings.is_empty() {
        let mut stderr = io::stderr().lock();
        for finding in &findings {
            report::write_human(finding, false, &mut stderr)?;
        }
        return Err(format!("the specification has {} mistake(s); they are listed above", findings.len()).into());
    }
    // Each call by itself, and where it ends: who looks one up need not wait for the others.
    let (mut calls, mut ends) = (Vec::new(), Vec::new());
    for (name, call) in &spec.syscalls {
        calls = postcard::to_extend(call, calls)?;
        ends.push((name.as_str(), calls.len()));
    }
    fs::write(out.join("calls.postcard"), &calls)?;
    fs::write(out.join("ends.postcard"), postcard::to_allocvec(&ends)?)?;
    let rest = model::Spec { syscalls: BTreeMap::new(), ..spec.clone() };
    fs::write(out.join("spec.postcard"), postcard::to_allocvec(&rest)?)?;
    Ok(())
}
