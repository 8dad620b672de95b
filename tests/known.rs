//! Known divergences of the fuzzer: added from what it saved, not reported again, and reported when they are gone.

#![expect(clippy::print_stderr, reason = "a test that is skipped says so")]

mod common;

use common::{abispec, code, copy_of_the_specification, scratch, stderr, stdout};
use std::fs;
use std::path::Path;

fn fuzz(spec: &Path, known: &Path, out: &Path, more: &[&str]) -> std::process::Output {
    let text = |path: &Path| path.display().to_string();
    let (spec, known, out) = (text(spec), text(known), text(out));
    let args = ["fuzz", "--spec", &spec, "--known", &known, "--out", &out, "--seed", "1"];
    let calls: &[&str] = if more.contains(&"--syscalls") { &[] } else { &["--syscalls", "dup"] };
    abispec(&[&args[..], calls, &["--time", "2m", "--calls", "600", "--workers", "1", "--entry", "64"], more].concat())
}

#[test]
fn what_is_known_is_quiet_until_it_is_gone_or_expires() {
    let wrong = copy_of_the_specification("known-spec");
    let file = wrong.join("syscalls/dup.yaml");
    let text = fs::read_to_string(&file).expect("readable");
    fs::write(&file, text.replace("EBADF:", "EINVAL:")).expect("writable");
    let dir = scratch("known");
    let known = dir.join("known");
    fs::create_dir_all(&known).expect("writable");
    let list = known.join("fuzz.yaml");
    let found = dir.join("found");
    let ran = fuzz(&wrong, &known, &found, &[]);
    if code(&ran) == 2 {
        assert!(stdout(&ran).contains("skipped"), "{}{}", stdout(&ran), stderr(&ran));
        eprintln!("SKIPPED: {}", stdout(&ran));
        return;
    }
    assert_eq!(code(&ran), 1, "{}{}", stdout(&ran), stderr(&ran));

    let mut saved: Vec<_> = fs::read_dir(&found).expect("saved").map(|entry| entry.expect("listed").path()).collect();
    saved.retain(|path| path.extension().is_some_and(|extension| extension == "yaml"));
    let list_text = list.display().to_string();
    let add = |file: &Path, more: &[&str]| {
        let file = file.display().to_string();
        abispec(&[&["known", "add", &file, "--list", &list_text, "--reason", "planted"], more].concat())
    };
    for file in &saved {
        let added = add(file, &[]);
        assert_eq!(code(&added), 0, "{}", stderr(&added));
    }
    let twice = add(&saved[0], &[]);
    assert_eq!(code(&twice), 2);
    assert!(stderr(&twice).contains("is listed twice"), "{}", stderr(&twice));

    let journal = dir.join("quiet.jsonl");
    let quiet = fuzz(&wrong, &known, &dir.join("none"), &["--journal", &journal.display().to_string()]);
    assert_eq!(code(&quiet), 0, "{}{}", stdout(&quiet), stderr(&quiet));
    assert!(stdout(&quiet).contains("known (dup)"), "{}", stdout(&quiet));
    assert!(!dir.join("none").exists(), "what is known is not saved again");
    assert!(fs::read_to_string(&journal).expect("written").contains("\"reason\":\"planted\""));

    // The right specification has no such divergence.
    let right = copy_of_the_specification("known-right");
    let gone = fuzz(&right, &known, &dir.join("gone"), &[]);
    assert_eq!(code(&gone), 0, "{}", stderr(&gone));
    assert_eq!(stdout(&gone).matches("warning[unmatched-known]: dup").count(), saved.len(), "{}", stdout(&gone));
    let other = fuzz(&right, &known, &dir.join("gone"), &["--syscalls", "lseek"]);
    assert!(!stdout(&other).contains("unmatched-known"), "it was not looked for: {}", stdout(&other));

    fs::remove_file(&list).expect("there");
    for file in &saved {
        assert_eq!(code(&add(file, &["--expires", "2020-01-01", "--kernels", "5.10.."])), 0);
    }
    let expired = fuzz(&wrong, &known, &dir.join("expired"), &[]);
    assert_eq!(code(&expired), 1, "{}", stdout(&expired));
    assert!(stdout(&expired).contains("warning[expired-known]: dup"), "{}", stdout(&expired));
}

#[test]
fn what_cannot_be_added_is_refused_and_the_list_stays() {
    let dir = scratch("known-refused");
    let list = dir.join("list.yaml");
    let list_text = list.display().to_string();
    let write = |name: &str, text: &str| {
        let file = dir.join(name);
        fs::write(&file, text).expect("writable");
        file.display().to_string()
    };
    let replay = "format: 1\nfinding: missing-error\nsyscall: dup\ncalls:\n  - {call: dup, args: [{number: 0}]}\n";
    let (good, bare) = (write("good.yaml", replay), write("bare.yaml", &replay.replace("syscall: dup\n", "")));
    let strange = write("strange.yaml", &replay.replace("missing-error", "mising-error"));
    let empty = write("empty.json", "{}\n");
    let table: [(&[&str], &str); 6] = [
        (&["/no/such/finding", "--reason", "r"], "the finding could not be read"),
        (&[&bare, "--reason", "r"], "does not say which finding it shows"),
        (&[&strange, "--reason", "r"], "did you mean `missing-error`?"),
        (&[&empty, "--reason", "r"], "there is no finding in the file"),
        (&[&good, "--reason", " "], "the reason is missing"),
        (&[&good, "--reason", "r", "--expires", "soon"], "is no day"),
    ];
    for (args, expected) in table {
        let refused = abispec(&[&["known", "add", "--list", &list_text], args].concat());
        assert_eq!(code(&refused), 2, "{args:?}");
        assert!(stderr(&refused).contains(expected), "{args:?}: {}", stderr(&refused));
        assert!(!list.exists());
    }
    let finding = "{\"id\":\"errno-undocumented\",\"severity\":\"error\",\"subject\":\"dup.EBUSY\",\"message\":\"m\",\"spec\":null}";
    let lines = write("found.json", &format!("{finding}\n{{\"engine\":\"check\"}}\n"));
    for file in [&lines, &good] {
        assert_eq!(code(&abispec(&["known", "add", "--list", &list_text, file, "--reason", "r: \"it\" # is"])), 0);
    }
    // Of a journal, with the program that shows it; what a report tells of something else is left out.
    let told = serde_json::json!({"finding": {"finding": {"id": "missing-error", "severity": "error", "subject": "dup", "message": "m",
        "spec": null}, "texts": {"dup.c": "int main", "dup.yaml": replay}}});
    let others = told.to_string().replace("dup", "lseek");
    let journal = write("night.json", &format!("{told}\n{told}\n{others}\n{{\"end\": 1}}\n"));
    let second = dir.join("second");
    let chosen = second.join("list.yaml").display().to_string();
    let add = ["known", "add", "--list", &chosen, "--reason", "r"];
    assert_eq!(code(&abispec(&[&add[..], &[&journal, "--subject", "dup"]].concat())), 0);
    let text = fs::read_to_string(&chosen).expect("it was written");
    assert!(text.matches("- id: missing-error").count() == 1 && !text.contains("lseek"), "{text}");
    assert!(text.contains("      - {call: dup, args: [{number: 0}]}"), "{text}");
    let none = abispec(&[&add[..], &[&journal, "--subject", "open"]].concat());
    assert!(code(&none) == 2 && stderr(&none).contains("no finding is about"), "{}", stderr(&none));
    fs::remove_dir_all(second).expect("there");
    let listed = abispec(&["known", "list", "--known", &dir.display().to_string()]);
    assert_eq!(code(&listed), 2, "the other files of the folder are no lists");
    for name in ["good", "bare", "strange"] {
        fs::remove_file(dir.join(format!("{name}.yaml"))).expect("there");
    }
    let listed = abispec(&["known", "list", "--known", &dir.display().to_string()]);
    assert_eq!(code(&listed), 0, "{}", stderr(&listed));
    for expected in ["errno-undocumented: dup.EBUSY", "missing-error: dup", "r: \"it\" # is"] {
        assert!(stdout(&listed).contains(expected), "{}", stdout(&listed));
    }
}
