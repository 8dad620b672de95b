//! What CI systems call: the matrix of kernels, the templates, and a night that meets bad cases.

#![expect(clippy::print_stderr, reason = "a test that is skipped says so")]

mod common;

use common::{abispec, code, scratch, stderr};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

fn script(name: &str, args: &[&str]) -> Output {
    let mut command = Command::new(Path::new(ROOT).join("ci").join(name));
    command.args(args).current_dir(env!("CARGO_TARGET_TMPDIR")).output().expect("bash is here")
}

/// Files of ci/ that hold commands.
fn templates() -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut waiting = ["github", "gitlab", "tmt", "autopkgtest", "lava", "kubernetes"]
        .map(|name| Path::new(ROOT).join("ci").join(name))
        .to_vec();
    while let Some(path) = waiting.pop() {
        if path.is_dir() {
            waiting.extend(fs::read_dir(path).expect("readable").map(|entry| entry.expect("listed").path()));
        } else {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// The words behind `abispec` in a line of shell, as far as they are this command's.
fn words(line: &str) -> Option<Vec<String>> {
    let at = line.rfind("abispec ").filter(|at| *at == 0 || line[..*at].ends_with([' ', ';', '"']))?;
    let rest = &line[at + "abispec ".len()..];
    let own = rest.split(" || ").next()?.split(" > ").next()?.split(" 2>").next()?.trim_end_matches('\\');
    let words: Vec<String> = own.split_whitespace().map(|word| word.trim_matches('"').to_owned()).collect();
    let subcommand = words.first()?;
    subcommand.chars().all(|c| c.is_ascii_lowercase()).then_some(words)
}

#[test]
fn every_command_of_a_template_is_one_of_the_program() {
    let mut tried = 0;
    for file in templates() {
        let text = fs::read_to_string(&file).expect("text").replace("\\\n", " ");
        for line in text.lines().filter(|line| !line.trim_start().starts_with('#')) {
            let Some(words) = words(line.trim()) else { continue };
            if !["check", "diff", "fuzz", "run", "merge"].contains(&words[0].as_str()) {
                continue;
            }
            // With --help nothing is done, but an option that does not exist is refused all the same.
            let options: Vec<String> = words
                .iter()
                .map(|word| {
                    word.replace("$shard/8", "1/8")
                        .replace("\"$SEED\"", "1")
                        .replace("$SEED", "1")
                        .replace("${TIME:-10m}", "10m")
                })
                .collect();
            let args: Vec<&str> = options.iter().map(String::as_str).chain(["--help"]).collect();
            let ran = abispec(&args);
            assert_eq!(code(&ran), 0, "{}: {args:?}: {}", file.display(), stderr(&ran));
            tried += 1;
        }
    }
    assert!(tried >= 8, "{tried} commands were found");
}

#[test]
fn the_matrix_is_told_where_it_is_wrong() {
    let dir = scratch("ci-matrix");
    let state = dir.join("state").display().to_string();
    let night = |matrix: &str| {
        let file = dir.join("kernels.yaml");
        fs::write(&file, matrix).expect("writable");
        let file = file.display().to_string();
        let program = env!("CARGO_BIN_EXE_abispec");
        let ran = script(
            "nightly",
            &["--matrix", &file, "--state", &state, "--abispec", program, "--offline", "--time", "1s"],
        );
        (code(&ran), stderr(&ran))
    };
    for (matrix, expected) in [
        ("- {name: x}\n", ":1: a kernel begins with its name"),
        ("- name: x\n  sweet: y\n", ":2: a kernel is written as"),
        ("  file: /x\n", ":1: no kernel has begun here"),
        ("- name: x\n- name: x\n", ":2: x is there twice"),
        ("- name: x\n  file: /a b\n", ":2: `file` is one word"),
        ("- name: x\n  file: /x\n", "--time 1s is too short"),
    ] {
        let (exit, said) = night(matrix);
        assert_eq!(exit, 2, "{matrix}: {said}");
        assert!(
            said.contains(expected) || expected.starts_with(":1: a kernel begins") && said.contains(":1:"),
            "{matrix}: {said}"
        );
    }
    for (args, expected) in [
        (&["--frobnicate"][..], "there is no option `--frobnicate`"),
        (&["--time", "soon"], "is no time"),
        (&["--time"], "takes a value"),
        (&["--abispec", "/no/such/program"], "abispec does not run"),
        (&["--kernels", "2.4", "--abispec", env!("CARGO_BIN_EXE_abispec")], "the matrix has no kernel `2.4`"),
        (
            &["--known", "/no/such/folder", "--abispec", env!("CARGO_BIN_EXE_abispec")],
            "the known divergences could not be read",
        ),
    ] {
        let ran = script("nightly", args);
        assert_eq!(code(&ran), 2, "{args:?}: {}", stderr(&ran));
        assert!(stderr(&ran).contains(expected), "{args:?}: {}", stderr(&ran));
    }
}

/// An emulator that is none, a vmlinuz that is none, one that is not there, and the running kernel: each has its own answer, and the
/// last one's results stay.
#[test]
fn a_night_with_kernels_that_cannot_be_run_keeps_the_others() {
    let dir = scratch("ci-night");
    let image = dir.join("vmlinuz-none");
    fs::write(&image, "no kernel").expect("writable");
    let matrix = dir.join("kernels.yaml");
    let text = format!(
        "- name: none\n  file: {}\n- name: absent\n  file: /no/such/vmlinuz\n- name: host\n  host: true\n",
        image.display()
    );
    fs::write(&matrix, text).expect("writable");
    let state = dir.join("state");
    let args = |time: &'static str| {
        [
            "--matrix",
            &matrix.display().to_string(),
            "--state",
            &state.display().to_string(),
            "--abispec",
            env!("CARGO_BIN_EXE_abispec"),
        ]
        .map(str::to_owned)
        .into_iter()
        .chain(["--offline", "--jobs", "3", "--time", time].map(str::to_owned))
        .collect::<Vec<_>>()
    };
    let run = |time| {
        let args = args(time);
        script("nightly", &args.iter().map(String::as_str).collect::<Vec<_>>())
    };
    let first = run("28s");
    let text = String::from_utf8_lossy(&first.stdout).into_owned();
    if text.contains("user namespaces") {
        eprintln!("SKIPPED: {text}");
        return;
    }
    assert!(code(&first) < 2, "{text}{}", stderr(&first));
    assert!(text.contains("kernel absent: could not be run: error: there is no kernel to boot"), "{text}");
    assert!(text.contains("kernel none: could not be run: error: the machine could not be started"), "{text}");
    let folder = state.join("nights/latest");
    for file in [
        "report.txt",
        "report.html",
        "report.junit.xml",
        "report.sarif",
        "report.ktap",
        "report.github",
        "report.kcidb.json",
        "night.json",
    ] {
        assert!(fs::metadata(folder.join(file)).is_ok_and(|file| file.len() > 0), "{file}");
    }
    let page = fs::read_to_string(folder.join("report.html")).expect("text");
    assert!(page.contains("This is the first night") && page.contains("vmlinuz-none"), "both are told");
    let joined = fs::read_to_string(folder.join("night.json")).expect("text");
    assert!(joined.contains("\"engine\":\"fuzz\"") && joined.contains("\"engine\":\"vm\""));
    // The next night knows the first.
    let second = run("28s");
    assert!(code(&second) < 2, "{}{}", String::from_utf8_lossy(&second.stdout), stderr(&second));
    let page = fs::read_to_string(state.join("nights/latest/report.html")).expect("text");
    assert!(page.contains("2 nights"), "{}", &page[..200]);
}
