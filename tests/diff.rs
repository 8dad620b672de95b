//! `abispec diff` as its users run it.

#![expect(clippy::print_stderr, reason = "a test that is skipped says so")]

mod common;

use common::{abispec, code, scratch, stderr, stdout};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const OLD: &str = "#define DOCK_NEAR 0x1\n#define DOCK_FAR 0x2\nenum dock_side { DOCK_PORT, __DOCK_MAX };\n";
const NEW: &str =
    "#define DOCK_NEAR 0x4\n#define DOCK_FAR 0x2\nenum dock_side { DOCK_PORT, DOCK_STARBOARD, __DOCK_MAX };\n";
const ADDED: &str = "#define DOCK_NEAR 0x1\n#define DOCK_FAR 0x2\n#define DOCK_WIDE 0x8\n\
                     enum dock_side { DOCK_PORT, __DOCK_MAX };\n";

fn side(dir: &Path, name: &str, text: &str) -> String {
    let folder = dir.join(name).join("linux");
    fs::create_dir_all(&folder).expect("the build folder is writable");
    fs::write(folder.join("dock.h"), text).expect("the build folder is writable");
    dir.join(name).display().to_string()
}

#[test]
fn the_exit_code_says_what_was_asked_for() {
    let dir = scratch("diff-exit");
    let (old, new, added) = (side(&dir, "old", OLD), side(&dir, "new", NEW), side(&dir, "added", ADDED));
    for (args, expected) in [
        ([old.as_str(), new.as_str()].as_slice(), 1),
        (&[&old, &old], 0),
        (&[&old, &added], 0),
        (&[&old, &added, "--fail-on", "any"], 1),
        (&[&old, &new, "--fail-on", "never"], 0),
        (&[&old, &new, "--only", "sentinel-moved"], 0),
        (&[&old, &new, "--only", "sentinel-moved", "--fail-on", "risky"], 1),
        (&[&old, &dir.join("nothing").display().to_string()], 2),
        (&[&old], 2),
        (&[&old, &new, "--arch", "all"], 2),
        (&[&old, &new, "--kernel", "6.1", "--kernel", "6.2"], 2),
        (&["--git", "v1...v2"], 2),
        (&["--git", "v1"], 2),
        (&[&old, &new, "--only", "constant-chnged"], 2),
    ] {
        let output = abispec(&[&["diff"], args].concat());
        assert_eq!(code(&output), expected, "{args:?}: {}{}", stdout(&output), stderr(&output));
        assert_eq!(expected == 2, !stderr(&output).is_empty(), "{args:?}: {}", stderr(&output));
    }
}

#[test]
fn a_line_has_both_places_both_values_and_the_class() {
    let dir = scratch("diff-lines");
    let (old, new) = (side(&dir, "old", OLD), side(&dir, "new", NEW));
    let text = stdout(&abispec(&["diff", &old, &new]));
    let line =
        format!("  {new}/linux/dock.h:1:9: breaking[constant-changed]: DOCK_NEAR: 1 -> 4 (was {old}/linux/dock.h:1:9)");
    assert!(text.contains(&line), "no `{line}` in {text}");
    assert!(text.contains("risky[sentinel-moved]: __DOCK_MAX: 1 -> 2"), "{text}");
    assert!(!text.contains("enumerator-added]"), "compatible differences are only counted: {text}");
    assert!(text.contains("1 breaking, 1 risky, 1 compatible") && text.contains("1 enumerator-added"), "{text}");
    let all = stdout(&abispec(&["diff", &old, &new, "--all"]));
    assert!(all.contains("compatible[enumerator-added]: DOCK_STARBOARD: 1"), "{all}");
    assert!(!text.contains('\x1b'));
}

#[test]
fn programs_get_one_finding_a_line() {
    let dir = scratch("diff-json");
    let (old, new) = (side(&dir, "old", OLD), side(&dir, "new", NEW));
    let text = stdout(&abispec(&["diff", &old, &new, "--format", "json", "--arch", "arm64"]));
    let lines: Vec<serde_json::Value> = text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let (last, findings) = lines.split_last().expect("a line that sums up");
    assert_eq!(findings.len(), 3);
    let changed = findings.iter().find(|line| line["id"] == "constant-changed").expect("the changed constant");
    assert_eq!((&changed["severity"], &changed["impact"]), (&"error".into(), &"breaking".into()));
    assert_eq!((&changed["expected"], &changed["actual"]), (&"1".into(), &"4".into()));
    assert!(changed["old"].as_str().is_some_and(|place| place.ends_with("old/linux/dock.h:1:9")));
    assert!(changed["new"].as_str().is_some_and(|place| place.ends_with("new/linux/dock.h:1:9")));
    assert_eq!((&changed["header"], &changed["ports"][0]), (&"linux/dock.h".into(), &"arm64".into()));
    assert_eq!((&last["breaking"], &last["risky"], &last["compatible"]), (&1.into(), &1.into(), &1.into()));
}

fn git(dir: &Path, args: &[&str]) -> bool {
    let identity = ["-c", "user.name=test", "-c", "user.email=test@localhost", "-c", "commit.gpgsign=false"];
    let status = Command::new("git").arg("-C").arg(dir).args(identity).args(args).output();
    status.is_ok_and(|output| output.status.success())
}

#[test]
fn revisions_are_read_without_a_checkout() {
    let dir = scratch("diff-git");
    if !git(&dir, &["init", "-q"]) {
        eprintln!("SKIPPED: there is no git");
        return;
    }
    for (text, tag) in [(OLD, "v1"), (NEW, "v2")] {
        side(&dir, "include", text);
        assert!(git(&dir, &["add", "-A"]) && git(&dir, &["commit", "-qm", tag]) && git(&dir, &["tag", tag]), "{tag}");
    }
    // What lies in the work tree does not matter.
    fs::remove_dir_all(dir.join("include")).expect("writable");
    let repo = dir.display().to_string();
    let output = abispec(&["diff", "--git", "v1..v2", "--repo", &repo]);
    assert_eq!(code(&output), 1, "{}", stderr(&output));
    let line =
        "v2:include/linux/dock.h:1:9: breaking[constant-changed]: DOCK_NEAR: 1 -> 4 (was v1:include/linux/dock.h:1:9)";
    assert!(stdout(&output).contains(line), "{}", stdout(&output));
    assert_eq!(code(&abispec(&["diff", "--git", "v1..v1", "--repo", &repo])), 0);
    assert_eq!(code(&abispec(&["diff", "--git", "v1..", "--repo", &repo])), 1, "the other side is HEAD");
    for (range, repo, why) in [
        ("v1..v3", repo.as_str(), "no revision `v3`"),
        ("v1..--help", &repo, "no revision `--help`"),
        ("v1..v2", "/", "git"),
        ("v1..v2", "/nonexistent", "no folder"),
    ] {
        let output = abispec(&["diff", "--git", range, "--repo", repo]);
        assert_eq!(code(&output), 2, "{range} {repo}");
        assert!(stderr(&output).contains(why), "{range} {repo}: {}", stderr(&output));
    }
}

#[test]
fn two_releases_of_the_specification_differ_by_what_came() {
    let output = abispec(&["diff", "--kernel", "6.1", "--kernel", "6.12", "--only", "syscall-added,syscall-removed"]);
    let text = stdout(&output);
    assert_eq!(code(&output), 0, "{text}{}", stderr(&output));
    assert!(text.contains("syscall-added") && !text.contains("syscall-removed"), "{text}");
    let same = abispec(&["diff", "--kernel", "6.1", "--kernel", "6.1", "--fail-on", "any"]);
    assert_eq!(code(&same), 0, "{}", stdout(&same));
}

#[test]
fn two_folders_of_a_specification_differ_by_what_was_edited() {
    let dir = scratch("diff-spec");
    let source: PathBuf = [env!("CARGO_MANIFEST_DIR"), "spec"].iter().collect();
    for folder in ["flags", "resources", "types", "syscalls"] {
        fs::create_dir_all(dir.join(folder)).expect("writable");
        for entry in fs::read_dir(source.join(folder)).expect("readable") {
            let path = entry.expect("readable").path();
            fs::copy(&path, dir.join(folder).join(path.file_name().expect("a file"))).expect("writable");
        }
    }
    let file = dir.join("syscalls/dup.yaml");
    let text = fs::read_to_string(&file).expect("readable");
    fs::write(&file, text.replace("EBADF:", "EINVAL:")).expect("writable");
    let (old, new) = (source.display().to_string(), dir.display().to_string());
    let output = abispec(&["diff", &old, &new, "--fail-on", "risky"]);
    let text = stdout(&output);
    assert_eq!(code(&output), 1, "{text}{}", stderr(&output));
    assert!(text.contains("rule-removed]: dup: was EBADF") && text.contains("rule-added]: dup: EINVAL"), "{text}");
    assert!(text.contains("0 breaking, 2 risky, 0 compatible"), "{text}");
}

#[test]
fn what_cannot_be_compared_is_refused() {
    let dir = scratch("diff-refused");
    let old = side(&dir, "old", OLD);
    let spec: PathBuf = [env!("CARGO_MANIFEST_DIR"), "spec"].iter().collect();
    let file = dir.join("old/linux/dock.h").display().to_string();
    for (sides, why) in [
        ([old.as_str(), spec.to_str().expect("text")], "different things"),
        ([&old, &file], "different things"),
        ([&file, &file], "could not be read"),
        ([&old, dir.to_str().expect("text")], "no kernel tree"),
    ] {
        let output = abispec(&["diff", sides[0], sides[1]]);
        assert_eq!(code(&output), 2, "{sides:?}");
        assert!(stderr(&output).contains(why), "{sides:?}: {}", stderr(&output));
    }
}
