//! `abispec site`: pages that hold together, in a browser too.

#![expect(clippy::print_stderr, reason = "a test that is skipped says why")]

mod common;

use common::{abispec, code, scratch, stderr, stdout};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// The site, made once for all tests.
fn site() -> &'static Path {
    static DIR: OnceLock<PathBuf> = OnceLock::new();
    DIR.get_or_init(|| {
        let dir = scratch("site");
        let output = abispec(&["site", dir.to_str().expect("text")]);
        assert_eq!(code(&output), 0, "{}", stderr(&output));
        assert!(stdout(&output).contains(" files, "), "{}", stdout(&output));
        dir
    })
}

/// Every file of the site, by its name below the folder.
fn files() -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut waiting = vec![site().to_owned()];
    while let Some(path) = waiting.pop() {
        if path.is_dir() {
            waiting.extend(fs::read_dir(&path).expect("readable").map(|entry| entry.expect("readable").path()));
        } else {
            let name = path.strip_prefix(site()).expect("below").to_str().expect("text").to_owned();
            found.insert(name, fs::read_to_string(&path).expect("text"));
        }
    }
    found
}

fn attributes<'a>(text: &'a str, name: &str) -> Vec<&'a str> {
    let mark = format!(" {name}=\"");
    text.split(&mark).skip(1).filter_map(|rest| rest.split('"').next()).collect()
}

#[test]
fn every_page_is_small_and_needs_nothing_from_elsewhere() {
    let files = files();
    assert!(files.len() > 500, "{}", files.len());
    for (name, text) in &files {
        assert!(text.len() < 100 * 1024, "{name} has {} bytes", text.len());
        for forbidden in ["http://", "https://", "//cdn", "@import", "url("] {
            assert!(!text.contains(forbidden), "{name}: {forbidden}");
        }
    }
}

#[test]
fn every_link_leads_somewhere_and_every_address_is_given_once() {
    let files = files();
    let mut addresses: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (name, text) in files.iter().filter(|(name, _)| name.ends_with(".html")) {
        for id in attributes(text, "id") {
            assert!(addresses.entry(name).or_default().insert(id), "{name} has #{id} twice");
        }
    }
    let mut count = 0;
    for (name, text) in files.iter().filter(|(name, _)| name.ends_with(".html")) {
        for link in attributes(text, "href").into_iter().chain(attributes(text, "src")) {
            if link == "data:," {
                continue;
            }
            let (path, anchor) = link.split_once('#').unwrap_or((link, ""));
            let folder = Path::new(name).parent().expect("a folder");
            let target = match (path, path.strip_prefix("../")) {
                ("", _) => name.clone(),
                (_, Some(above)) => above.to_owned(),
                (path, None) => folder.join(path).to_str().expect("text").to_owned(),
            };
            assert!(files.contains_key(&target), "{name}: {link}");
            // The index reads filters from what follows its name.
            if !anchor.is_empty() && target != "index.html" {
                assert!(addresses[target.as_str()].contains(anchor), "{name}: {link}");
            }
            count += 1;
        }
    }
    assert!(count > 10_000, "{count} links");
}

#[test]
fn pages_say_what_the_specification_says() {
    let files = files();
    let page = &files["calls/openat2.html"];
    for part in [
        "since Linux 5.6",
        "const char __user *<b>filename</b>",
        "href=\"../types/open_how.html\">open_how</a>",
        "<b class=\"errno\">EXDEV</b>",
        "exactly when <code>how.resolve &amp; <a href=\"../flags/resolve_flags.html#RESOLVE_BENEATH\">RESOLVE_BENEATH</a>",
        "<small>x86_64</small> 437",
    ] {
        assert!(page.contains(part), "{part}");
    }
    let page = &files["types/epoll_event.html"];
    assert!(page.contains("grid-column:5/span 4\" title=\"data 4 to 11\""), "{page}");
    assert!(files["flags/pipe2_flags.html"].contains("<small>mips_o32, mips_n32, mips_n64 0x80</small>"));
}

#[test]
fn examples_compile() {
    if Command::new("gcc").arg("--version").output().is_err() {
        eprintln!("skipped: gcc is not on this machine");
        return;
    }
    let dir = scratch("site-examples");
    let mut names = Vec::new();
    for (name, text) in files() {
        let Some(example) = text.split("<pre class=\"example\">").nth(1).and_then(|rest| rest.split("</pre>").next())
        else {
            continue;
        };
        let plain = example.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&amp;", "&");
        let file = name.replace("calls/", "").replace(".html", ".c");
        fs::write(dir.join(&file), plain).expect("writable");
        names.push(file);
    }
    assert!(names.len() > 300, "{}", names.len());
    let output = Command::new("gcc")
        .args(["-fsyntax-only", "-Wall", "-Wextra", "-Werror"])
        .args(&names)
        .current_dir(&dir)
        .output();
    let output = output.expect("gcc starts");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr).lines().take(20).collect::<Vec<_>>().join("\n")
    );
}

/// What a browser makes of a page, scripts included, and what it complained.
fn shown(page: &str) -> Option<(String, String)> {
    let profile = scratch(&format!("site-profile-{}", page.replace(['/', '#', '='], "-")));
    let output = Command::new("chromium")
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync"])
        .args(["--disable-background-networking", "--disable-component-update", "--enable-logging=stderr"])
        .arg(format!("--user-data-dir={}", profile.display()))
        .args(["--virtual-time-budget=3000", "--dump-dom"])
        .arg(format!("file://{}/{page}", site().display()))
        .output();
    match output {
        Ok(output) if output.status.success() && !output.stdout.is_empty() => {
            let complaints = String::from_utf8_lossy(&output.stderr).into_owned();
            Some((String::from_utf8_lossy(&output.stdout).into_owned(), complaints))
        }
        _ => {
            eprintln!("skipped: no headless Chromium on this machine");
            None
        }
    }
}

#[test]
fn scripts_filter_and_compare_without_complaint() {
    let Some((index, said)) = shown("index.html#group=descriptors&kernel=5.10&port=arm64") else { return };
    let count = index.split("id=\"count\">").nth(1).and_then(|rest| rest.split('<').next()).expect("a count");
    let hidden = index.matches("<tr hidden").count();
    let (left, rest) = count.split_once(" of ").expect("a count");
    let all: usize = rest.trim_end_matches(" calls").parse().expect("a number");
    let left: usize = left.parse().expect("a number");
    assert!(left > 20 && left + hidden == all && hidden > 100, "{count}, {hidden} hidden");
    assert!(!said.contains("CONSOLE"), "{said}");
    let Some((compared, said)) = shown("compare.html") else { return };
    assert!(compared.contains("<h2>new calls: ") && compared.contains(">cachestat</a>"), "nothing was compared");
    assert!(!said.contains("CONSOLE"), "{said}");
}

/// The colours of a scheme, by their names in the style sheet.
fn colours(block: &str) -> BTreeMap<String, [f64; 3]> {
    let pairs = block.split(';').filter_map(|part| part.trim().strip_prefix("--")?.split_once(": #"));
    let channel = |text: &str, at: usize| {
        let value = f64::from(u8::from_str_radix(&text[at..at + 2], 16).expect("hexadecimal")) / 255.0;
        if value <= 0.04045 { value / 12.92 } else { ((value + 0.055) / 1.055).powf(2.4) }
    };
    pairs.map(|(name, hex)| (name.to_owned(), [channel(hex, 0), channel(hex, 2), channel(hex, 4)])).collect()
}

#[test]
fn text_stands_out_in_light_and_dark() {
    let style = fs::read_to_string(site().join("style.css")).expect("written");
    let blocks: Vec<&str> = style.split(":root {").skip(1).filter_map(|rest| rest.split('}').next()).collect();
    assert_eq!(blocks.len(), 2);
    for block in blocks {
        let colours = colours(&block.replace("color-scheme: light dark;", ""));
        let light = |name: &str| {
            let [red, green, blue] = colours[name];
            0.2126 * red + 0.7152 * green + 0.0722 * blue
        };
        let pairs = [
            ("text", "back"),
            ("text", "code"),
            ("text", "even"),
            ("text", "odd"),
            ("soft", "back"),
            ("soft", "even"),
            ("soft", "odd"),
            ("link", "back"),
            ("link", "code"),
            ("errno", "back"),
        ];
        for (front, back) in pairs {
            let (a, b) = (light(front) + 0.05, light(back) + 0.05);
            let ratio = a.max(b) / a.min(b);
            assert!(ratio >= 4.5, "{front} on {back}: {ratio:.1}");
        }
    }
}

#[test]
fn what_a_run_has_seen_stands_on_the_pages() {
    let dir = scratch("site-evidence");
    let seen = dir.join("seen.json");
    let text = r#"{"version": 1, "kernel": "6.18.44", "arch": "x86_64", "clauses": [
        {"clause": {"syscall": "pipe2", "kind": "when", "errno": "EMFILE", "text": "free_fds(0) < 2"}, "times": 1204}]}"#;
    fs::write(&seen, text).expect("writable");
    let out = dir.join("out");
    let args = ["site", out.to_str().expect("text"), "--coverage", seen.to_str().expect("text")];
    assert_eq!(code(&abispec(&args)), 0);
    let page = fs::read_to_string(out.join("calls/pipe2.html")).expect("written");
    assert!(page.contains("<td>6.18.44 on x86_64<td>1<td>0<td>0<td>1204 times"), "{page}");
    fs::write(&seen, text.replace("\"version\": 1", "\"version\": 9")).expect("writable");
    let output = abispec(&args);
    assert!(code(&output) == 2 && stderr(&output).contains("version 9"), "{}", stderr(&output));
}
