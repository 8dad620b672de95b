//! What is read from the sources of `libc` and `linux-raw-sys` is what the compiler makes of them: each constant, and size,
//! alignment and field offsets of each struct, asserted in a program that the compiler checks.
#![expect(clippy::print_stderr, reason = "says what was compared and what was skipped")]

use abispec::arch::Arch;
use abispec_checker::bindings::{CLibrary, RustTarget, find_bindings, read_bindings};
use abispec_checker::facts::{Position, Source};
use abispec_checker::files::Folder;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;
use std::{env, fs, process};

/// The lines of a crate, for the paths of what it declares.
#[derive(Default)]
struct Lines(BTreeMap<String, Vec<String>>);

impl Lines {
    fn at(&mut self, source: &Source) -> Option<String> {
        let Position::Line { line, .. } = source.at else { return None };
        let lines = self.0.entry(source.file.to_string()).or_insert_with(|| {
            fs::read_to_string(&*source.file).unwrap_or_default().lines().map(str::to_owned).collect()
        });
        lines.get(line as usize - 1).map(|line| line.trim().to_owned())
    }
}

fn rustc(args: &[&str], folder: &Path) -> Result<(), String> {
    let done = Command::new(env::var_os("RUSTC").unwrap_or("rustc".into()))
        .args(["--edition", "2021", "--crate-type", "lib", "--emit", "metadata", "--cap-lints", "allow"])
        .args(args)
        .arg("--out-dir")
        .arg(folder)
        .output()
        .map_err(|error| format!("rustc does not run: {error}"))?;
    let text = String::from_utf8_lossy(&done.stderr);
    if done.status.success() { Ok(()) } else { Err(text.lines().take(60).collect::<Vec<_>>().join("\n")) }
}

fn compare(name: &str, cfg: &[&str]) {
    let Ok(root) = find_bindings(name) else {
        eprintln!("skipped: no sources of the crate `{name}` on this machine");
        return;
    };
    let target = RustTarget::new(Arch::NATIVE, CLibrary::Gnu).expect("this machine is a target of Rust");
    let facts = read_bindings(&Folder(root.clone()), name, &target).expect("the crate is read");
    let folder = env::temp_dir().join(format!("abispec-rustc-{name}-{}", process::id()));
    fs::create_dir_all(&folder).expect("a scratch folder");
    let identifier = name.replace('-', "_");
    let library = root.join("src/lib.rs").display().to_string();
    rustc(&[&["--crate-name", &identifier, &library], cfg].concat(), &folder).expect("the crate compiles");

    let mut lines = Lines::default();
    let mut path = |source: &Source, name: &str, word: &str| -> Option<String> {
        // Variants of enumerations are no items of their own.
        let line = lines.at(source)?;
        if identifier == "libc" {
            return (!line.starts_with(char::is_uppercase)).then(|| format!("libc::{name}"));
        }
        let module = Path::new(&*source.file).file_stem()?.to_str()?;
        line.starts_with(&format!("pub {word}")).then(|| format!("{identifier}::{module}::{name}"))
    };
    let mut program = "#![allow(warnings)]\nuse core::mem::{size_of, align_of, offset_of};\n".to_owned();
    let (mut constants, mut layouts, mut offsets) = (0, 0, 0);
    for (name, facts) in &facts.constants {
        for fact in facts {
            let Some(path) = path(&fact.source, name, "const") else { continue };
            constants += 1;
            let _ = writeln!(program, "const _: () = assert!({path} as i128 == {});", fact.value.value);
        }
    }
    for (name, facts) in &facts.layouts {
        for fact in facts {
            let layout = &fact.value;
            let Some(path) = path(&fact.source, name, if layout.union { "union" } else { "struct" }) else { continue };
            layouts += 1;
            let (size, align) = (layout.size, layout.align.expect("an alignment"));
            let _ = writeln!(
                program,
                "const _: () = assert!(size_of::<{path}>() == {size} && align_of::<{path}>() == {align});"
            );
            // Private fields cannot be named; they are called so that nobody wants to.
            let named = |name: &str| !name.starts_with('_') && !name.starts_with(|c: char| c.is_ascii_digit());
            for field in layout.fields.iter().filter(|field| identifier != "libc" && named(&field.name)) {
                offsets += 1;
                let _ = writeln!(
                    program,
                    "const _: () = assert!(offset_of!({path}, r#{}) == {});",
                    field.name,
                    field.offset_bits / 8
                );
            }
        }
    }
    let file = folder.join("claims.rs");
    fs::write(&file, program).expect("the scratch folder takes a file");
    let metadata = format!("{identifier}={}", folder.join(format!("lib{identifier}.rmeta")).display());
    let file = file.display().to_string();
    let result = rustc(&["--crate-name", "claims", "--extern", &metadata, &file], &folder);
    let _ = fs::remove_dir_all(&folder);
    eprintln!(
        "{name}: {constants} constants, {layouts} layouts, {offsets} offsets; silent about {}",
        facts.silent.len()
    );
    assert_eq!(result, Ok(()), "the compiler disagrees");
    assert!(constants > 4000 && layouts > 200, "too little was compared");
}

#[test]
fn libc() {
    let wide = cfg!(target_pointer_width = "64");
    compare("libc", if wide { &["--cfg", "linux_time_bits64", "--cfg", "feature=\"extra_traits\""] } else { &[] });
}

#[test]
fn linux_raw_sys() {
    let Ok(root) = find_bindings("linux-raw-sys") else {
        eprintln!("skipped: no sources of the crate `linux-raw-sys` on this machine");
        return;
    };
    let lib = fs::read_to_string(root.join("src/lib.rs")).expect("the crate's first file");
    let mut features: Vec<String> = lib
        .split("feature = \"")
        .skip(1)
        .filter_map(|rest| rest.split('"').next())
        .filter(|name| !matches!(*name, "std" | "rustc-dep-of-std" | "core" | "compiler_builtins"))
        .map(|name| format!("feature=\"{name}\""))
        .collect();
    features.sort();
    features.dedup();
    let cfg: Vec<&str> = features.iter().flat_map(|feature| ["--cfg", feature]).collect();
    compare("linux-raw-sys", &cfg);
}
