//! The page of a night: whole without a script, small, valid for a checker that is not ours, and laid out for phones too.
//! `ci/fetch-consumers` brings the checker; the browser is the machine's.

#![expect(clippy::print_stderr, reason = "a test that is skipped says so")]

use abispec::evidence::{ClauseKey, Evidence, Exercised};
use abispec::finding::{Finding, SourcePlace};
use abispec::journal::{Digest, End, Head, Nights, Part, Reported, Run, Seen, Skipped, Waived, name, page};
use abispec::target::ClauseKind;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;
use std::process::Command;

/// What a page could trip over.
const NASTY: &str = "a <b> & \"c\" </pre></details><script>alert(1)</script> ]]> \u{1b}[1m\u{0}\n\u{fdd0}\u{4e2d}";

const KERNELS: [&str; 6] = [
    "5.10.0-32-cloud-amd64",
    "6.1.0-50-cloud-amd64",
    "6.12.117+deb13-cloud-amd64",
    "6.18.44",
    "7.2.13+deb14-cloud-amd64",
    "7.3.4+deb13-cloud-amd64",
];

fn key(call: usize, rule: usize) -> ClauseKey {
    ClauseKey {
        syscall: format!("call_{call}"),
        command: None,
        kind: ClauseKind::When,
        errno: Some("EINVAL".to_owned()),
        text: format!("flags & ~known(set) != {rule}"),
    }
}

fn finding(subject: &str, message: &str) -> Reported {
    let place = SourcePlace { file: "spec/syscalls/dup.yaml".to_owned(), line: 3, column: 1, text: None };
    let mut finding = Finding::error("missing-error", subject, message).at(place).values("EINVAL", message);
    finding.clause = Some(NASTY.to_owned());
    finding.trace = vec![NASTY.to_owned(), "r1 = dup(r0)".to_owned()];
    let program = format!("{NASTY}\n{}", "/* a line of a program */\n".repeat(200));
    let texts = BTreeMap::from([("dup.c".to_owned(), program.clone()), ("dup <1>.yaml".to_owned(), program)]);
    Reported { finding, texts }
}

/// Five hundred calls of ten rules on six kernels, with findings, one that is known and one run that broke off.
fn runs() -> Vec<Run> {
    let run = |(number, kernel): (usize, &&str)| {
        let all = (0..500).flat_map(|call| (0..10).map(move |rule| (call, rule)));
        let (seen, unseen): (Vec<_>, Vec<_>) = all.partition(|(call, rule)| (call * 7 + rule + number) % 5 > 0);
        let clauses = seen.into_iter().map(|(call, rule)| Exercised { clause: key(call, rule), times: 3 }).collect();
        let evidence = Evidence { version: 1, kernel: "6.1".to_owned(), arch: "x86_64".to_owned(), clauses };
        let unseen = unseen.into_iter().map(|(call, rule)| key(call, rule)).collect();
        let mut findings: Vec<Reported> = (0..20).map(|call| finding(&format!("call_{call}"), "success, 0")).collect();
        findings.push(finding("call_499", NASTY));
        findings.truncate(21 - number);
        let known = Finding::error("undocumented-errno", "prctl", NASTY);
        let known = vec![Waived {
            finding: known,
            reason: NASTY.to_owned(),
            link: Some("https://example.org/?a&b".to_owned()),
        }];
        let skipped = vec![Skipped { what: NASTY.to_owned(), why: "needs <quotas>".to_owned() }];
        let part = Part::whole(String::new(), Some(7));
        Run {
            head: Head {
                journal: 1,
                engine: "fuzz".to_owned(),
                kernel: (*kernel).to_owned(),
                arch: "x86_64".to_owned(),
                specification: "s".to_owned(),
                started: 1_790_000_000,
                parts: vec![part],
            },
            findings,
            known,
            coverage: vec![Seen { entry: "64".to_owned(), evidence, unseen }],
            outcomes: Vec::new(),
            so_far: Vec::new(),
            end: (number != 3).then(|| End {
                compared: 123_456,
                programs: 9,
                seconds: 60.0,
                skipped,
                ..End::default()
            }),
        }
    };
    KERNELS.iter().enumerate().map(run).collect()
}

/// A page of a night after thirty others.
fn text(runs: &[Run]) -> String {
    let digest = Digest::of(runs);
    let earlier: Vec<Digest> = (1..=30)
        .map(|night| {
            let mut digest = Digest { started: digest.started - night * 86_400, ..digest.clone() };
            digest.kernels.iter_mut().for_each(|fared| {
                fared.divergences = night % 7;
                fared.seen -= night * 13;
            });
            digest
        })
        .collect();
    let new: BTreeSet<String> = runs[0].findings.iter().take(1).map(|reported| name(&runs[0], reported)).collect();
    let explain = |id: &str| (id == "missing-error").then_some("The call succeeded.\n\nIt should not.\n");
    page(&Nights { runs, digest: &digest, earlier: &earlier, new: &new }, &explain)
}

fn file() -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("night.html");
    fs::write(&path, text(&runs())).expect("the build folder is writable");
    path
}

#[test]
fn five_hundred_calls_on_six_kernels_are_one_small_page_that_needs_nothing() {
    let text = text(&runs());
    assert!(text.len() < 2_000_000, "{} bytes", text.len());
    assert_eq!(text.matches("<tr").count() - text.matches("<thead><tr").count(), 500 + 6 + 6);
    for forbidden in ["<script", "src=", "<link rel=\"stylesheet", "url(", "@import", "\u{1b}", "\u{0}"] {
        assert!(!text.contains(forbidden), "{forbidden}");
    }
    assert_eq!(text.matches("<strong class=\"tag\">new</strong>").count(), 1);
    for kernel in KERNELS {
        assert!(text.contains(&format!("{kernel} <small>")), "{kernel}");
    }
    assert!(text.contains("fuzz broke off") && text.contains("31 nights"));
    // What one kernel shows and what all show is one entry each.
    assert_eq!(text.matches("<details class=\"error\">").count(), 21);
}

#[test]
fn a_night_without_findings_or_history_says_so() {
    let mut runs = runs();
    runs.truncate(1);
    runs[0].findings.clear();
    runs[0].coverage.clear();
    let digest = Digest::of(&runs);
    let text = page(&Nights { runs: &runs, digest: &digest, earlier: &[], new: &BTreeSet::new() }, &|_| None);
    for expected in ["Nothing diverges that is not known", "This is the first night", "No run made calls"] {
        assert!(text.contains(expected), "{expected}");
    }
}

#[test]
fn the_page_is_valid() {
    let tool = std::env::var_os("ABISPEC_CONSUMERS")
        .map(|dir| PathBuf::from(dir).join("html/node_modules/.bin/html-validate"));
    let Some(tool) = tool.filter(|tool| tool.exists()) else {
        eprintln!("skipped: no html-validate in the folder that ABISPEC_CONSUMERS names; ci/fetch-consumers brings it");
        return;
    };
    let config = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("html-validate.json");
    // Its other rules are about taste: this one is about what is valid.
    fs::write(&config, r#"{"root": true, "extends": ["html-validate:standard"]}"#).expect("writable");
    let checked = Command::new(tool).arg("--config").arg(&config).arg(file()).output().expect("it starts");
    assert!(checked.status.success(), "{}", String::from_utf8_lossy(&checked.stdout));
}

/// A browser lays the page out: nothing sticks out of a phone's width, and it is there within a second.
#[test]
fn a_browser_shows_it_on_a_phone() {
    let shot = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("night.png");
    let _ = fs::remove_file(&shot);
    let page = format!("file://{}", file().display());
    let ran = Command::new("chromium")
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--window-size=390,844"])
        .arg(format!("--screenshot={}", shot.display()))
        .arg(page)
        .output();
    let Ok(ran) = ran else {
        eprintln!("skipped: no chromium on this machine");
        return;
    };
    assert!(shot.exists(), "{}", String::from_utf8_lossy(&ran.stderr));
    let size = fs::metadata(&shot).expect("there").len();
    assert!(size > 10_000, "an empty picture has {size} bytes");
}
