//! `abispec check` with witnesses that are named on the command line.

mod common;

use common::{abispec, code, scratch, stderr, stdout};
use std::fs;
use std::path::Path;

fn text(path: &Path) -> &str {
    path.to_str().expect("scratch folders have plain names")
}

#[test]
fn bindings_are_compared_with_headers() {
    let folder = scratch("bindings");
    let (headers, pier) = (folder.join("include"), folder.join("pier-0.1.0"));
    for (file, content) in [
        (headers.join("linux/pier.h"), "#define PIER_RED 0x0001U\n#define PIER_BLUE 0x0002U\n"),
        (
            pier.join("src/lib.rs"),
            "pub const PIER_RED: u32 = 1;\npub const PIER_BLUE: u32 = 4;\npub const MFD_CLOEXEC: u32 = 8;\n",
        ),
    ] {
        fs::create_dir_all(file.parent().expect("a folder")).expect("the scratch folder takes folders");
        fs::write(file, content).expect("the scratch folder takes files");
    }
    let args = ["check", "--only", "headers,rust", "--headers", text(&headers), "--rust", text(&pier)];
    let quiet = abispec(&args);
    let out = stdout(&quiet);
    assert!(!out.contains("binding-constant") && !out.contains("between"), "{out}");
    // Bindings may be wrong themselves: what they say against the specification is a warning.
    assert!(out.contains("warning[constant-value]: memfd_flags.MFD_CLOEXEC"), "{out}");
    assert_eq!(code(&quiet), 0, "{out}");
    let loud = abispec(&[&args[..], &["--between"]].concat());
    assert_eq!(code(&loud), 0, "{}", stdout(&loud));
    let loud = stdout(&loud);
    assert!(loud.contains("between witnesses: 2 comparisons, 1 differ"), "{loud}");
    assert!(loud.contains("warning[binding-constant]: PIER_BLUE: headers says 2, rust says 4"), "{loud}");
    assert!(loud.contains("pier.h:2:9") && loud.contains("src/lib.rs:2:11"), "{loud}");
    let explained = stdout(&abispec(&["explain", "binding-constant"]));
    assert!(explained.contains("binding-constant (check)"), "{explained}");
    fs::remove_dir_all(folder).expect("scratch folders can be removed");
}

#[test]
fn witnesses_that_are_none_are_named() {
    let folder = scratch("images");
    let image = folder.join("vmlinuz");
    fs::write(&image, "this is no kernel").expect("the scratch folder takes files");
    let output = abispec(&["check", "--only", "btf", "--kernel", text(&image)]);
    assert_eq!(code(&output), 2);
    let out = stdout(&output);
    assert!(
        out.contains("skipped btf: ") && out.contains("it is neither a kernel image nor type information"),
        "{out}"
    );
    let output = abispec(&["check", "--only", "rust", "--rust", text(&folder)]);
    assert_eq!(code(&output), 2);
    assert!(stdout(&output).contains("it cannot be read; name the folder of a crate"), "{}", stdout(&output));
    // What Debian leaves in the place of a list.
    let map = folder.join("System.map-6.1.0");
    fs::write(&map, "ffffffffffffffff B The real System.map is elsewhere\n").expect("the scratch folder takes files");
    let output = abispec(&["check", "--only", "symbols", "--symbols", text(&map)]);
    assert_eq!(code(&output), 2);
    assert!(stdout(&output).contains("lists no function of a system call"), "{}", stdout(&output));
    // The name says the release, so that every call of it is missed but the one that is there.
    fs::write(&map, "ffffffff81000000 T __x64_sys_read\n").expect("the scratch folder takes files");
    let output = abispec(&["check", "--only", "symbols", "--symbols", text(&map), "--arch", "x86_64"]);
    let out = stdout(&output);
    assert_eq!(code(&output), 1, "{out}");
    assert!(out.contains("error[syscall-served]: write: ") && !out.contains("]: read: "), "{out}");
    assert!(!out.contains("]: file_getattr: "), "it came with a later release: {out}");
    let output = abispec(&["check", "--kernel", text(&image), "--btf", text(&image)]);
    assert_eq!(code(&output), 2);
    assert!(stderr(&output).contains("cannot be used with"), "{}", stderr(&output));
    fs::remove_dir_all(folder).expect("scratch folders can be removed");
}
