//! What is exported comes back: JSON and YAML hold everything that a specification says.

use abispec::finding::SourceFile;
use abispec::load::load;
use abispec::model::Spec;
use abispec::{embedded, export};
use proptest::prelude::*;
use serde_json::Value;
use std::collections::BTreeMap;

/// A specification by its own structure, not by what an export writes of it: everything but where it was written.
fn essence(spec: &Spec) -> Value {
    let mut value = serde_json::to_value(Spec { files: Vec::new(), ..spec.clone() }).expect("a specification is data");
    strip(&mut value);
    value
}

fn strip(value: &mut Value) {
    match value {
        Value::Object(map) => {
            // Places are structs; what a specification calls `at` is a text.
            if map.get("at").is_some_and(Value::is_object) {
                map.remove("at");
            }
            map.values_mut().for_each(strip);
        }
        Value::Array(list) => list.iter_mut().for_each(strip),
        _ => {}
    }
}

/// The first place where two values differ.
fn difference(path: &str, a: &Value, b: &Value) -> Option<String> {
    match (a, b) {
        (Value::Object(a), Value::Object(b)) => {
            let keys: std::collections::BTreeSet<&String> = a.keys().chain(b.keys()).collect();
            let null = Value::Null;
            keys.into_iter().find_map(|key| {
                difference(&format!("{path}.{key}"), a.get(key).unwrap_or(&null), b.get(key).unwrap_or(&null))
            })
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            a.iter().zip(b).enumerate().find_map(|(i, (a, b))| difference(&format!("{path}[{i}]"), a, b))
        }
        _ if a == b => None,
        _ => Some(format!("{path}: {a} became {b}")),
    }
}

/// Writes a specification as JSON text and as YAML, and reads both back.
fn comes_back(spec: &Spec, places: bool) -> Result<(), String> {
    let text = serde_json::to_string(&export::json(spec, places)).expect("JSON is text");
    let files = export::yaml(&serde_json::from_str(&text).expect("what was just written"))?;
    let (again, findings) = load(files);
    if let Some(finding) = findings.first() {
        return Err(format!("{} {} at {:?}", finding.id, finding.message, finding.spec));
    }
    match difference("", &essence(spec), &essence(&again)) {
        None => Ok(()),
        Some(difference) => Err(difference),
    }
}

#[test]
fn the_whole_specification_comes_back() {
    for places in [true, false] {
        comes_back(embedded(), places).unwrap();
    }
}

#[test]
fn what_is_no_specification_is_refused() {
    for (text, why) in [
        ("{}", "`format`"),
        ("[1]", "`format`"),
        (r#"{"format": "abispec", "version": 2}"#, "its version is 2"),
        (r#"{"format": "abispec", "version": 1}"#, "`syscalls` is no object"),
        (
            r#"{"format": "abispec", "version": 1, "syscalls": {"x": {"errors": [{"when": "true"}]}}, "sets": {}, "structs": {}, "resources": {}, "laws": {}}"#,
            "an error rule of `x` has no `errno`",
        ),
    ] {
        let error = export::yaml(&serde_json::from_str(text).unwrap()).unwrap_err();
        assert!(error.contains(why), "{text}: {error}");
    }
}

/// Texts that YAML reads as something else where they are not quoted.
fn prose() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z][a-z ,]{0,30}[a-z]",
        proptest::sample::select(vec![
            "yes",
            "no",
            "true",
            "null",
            "~",
            "1.5",
            "0x10",
            "- a",
            "a: b",
            "a #b",
            "\"a\" or 'b'",
            "{a}",
            "*a",
            "&a",
            "%a",
            "@a",
            "back\\slash",
            "12:30",
            "é",
            "a]",
        ])
        .prop_map(str::to_owned),
    ]
}

fn release() -> impl Strategy<Value = String> {
    (5u16..9, 0u16..40).prop_map(|(major, minor)| format!("{major}.{minor}"))
}

fn quoted(text: &str) -> String {
    Value::String(text.to_owned()).to_string()
}

/// A rule of a call: its errno, duty, condition, and what may stand beside them.
fn rule() -> impl Strategy<Value = (String, &'static str, String)> {
    let errno = proptest::sample::select(vec!["EINVAL", "EPERM", "EIO", "EAGAIN"]);
    let beside = (
        proptest::option::of(prose()),
        proptest::option::of(release()),
        proptest::option::of((10u16..20).prop_map(|major| format!("{major}.0"))),
        proptest::option::of(proptest::sample::select(vec!["args", "state", "signal", "arch"])),
        proptest::option::of(proptest::sample::select(vec!["EFAULT", "ENOMEM"])),
    );
    let condition = proptest::sample::select(vec![
        "n > 3",
        "fd == 1 && n != 0",
        "flags & F_ONE != 0",
        "!mapped(p, 8, read)",
        "n in [1, 2] || open(fd)",
        "p != NULL => p.x == -1",
    ]);
    (errno, any::<bool>(), condition, beside).prop_map(
        |(errno, duty, condition, (because, since, until, from, before))| {
            let mut text = format!("{}: {}", if duty { "when" } else { "may" }, quoted(condition));
            because.iter().for_each(|because| text += &format!(", because: {}", quoted(because)));
            since.iter().for_each(|since| text += &format!(", since: {}", quoted(since)));
            until.iter().for_each(|until| text += &format!(", until: {}", quoted(until)));
            from.iter().for_each(|from| text += &format!(", from: {from}"));
            before.iter().for_each(|before| text += &format!(", before: [{before}]"));
            (errno.to_owned(), condition, format!("{{{text}}}"))
        },
    )
}

fn effect() -> impl Strategy<Value = String> {
    proptest::sample::select(vec![
        "{changes: times}",
        "{changes: contents, when: \"n == 1\", since: \"5.1\"}",
        "{writes: {to: p, bytes: 8}, \"on\": [EFAULT, EINTR]}",
        "{writes: {to: p}, until: \"21.0\"}",
        "{sets_offset: {fd: fd}}",
        "{sets_offset: {fd: fd, to: n}, when: \"ret > 0\"}",
        "{closes: {fd: fd}}",
        "{opens: {fd: n, kind: pipe, access: both, flags: \"0\", cloexec: \"true\"}}",
        "{creates: {path: path, kind: regular}}",
        "{sets_limit: {resource: \"0\", soft: n, hard: \"-1\"}}",
    ])
    .prop_map(str::to_owned)
}

/// A small specification of one call with everything that may stand in one.
fn specification() -> impl Strategy<Value = Vec<SourceFile>> {
    let members = (
        proptest::collection::vec((any::<i64>(), proptest::option::of(release()), any::<bool>(), any::<bool>()), 1..5),
        proptest::option::of(any::<u32>()),
        proptest::sample::select(vec!["flags", "bits"]),
    );
    let call = (
        prose(),
        proptest::option::of((2u16..5).prop_map(|major| format!("{major}.0"))),
        proptest::collection::vec(rule(), 0..6),
        proptest::collection::vec(effect(), 0..4),
        proptest::option::of(proptest::sample::select(vec!["EINVAL", "ignored", "reserved"])),
        proptest::option::of(prose()),
    );
    let layout = (any::<bool>(), any::<bool>(), proptest::option::of(release()));
    (members, call, layout).prop_map(|((members, arch, kind), (summary, since, rules, effects, unknown, because), layout)| {
        let file = |path: &str, text: String| SourceFile { path: path.to_owned(), text };
        let mut flags = format!("f:\n  kind: {kind}\n  prefix: [F_]\n  header: linux/f.h\n  members:\n    F_ONE: 1\n");
        for (index, (value, since, mask, internal)) in members.iter().enumerate() {
            flags += &format!("    F_{index}: {{value: {value}");
            since.iter().for_each(|since| flags += &format!(", since: {}", quoted(since)));
            arch.iter().for_each(|value| flags += &format!(", arch: {{mips: {value}, alpha: {value}}}"));
            let marks = [("mask", mask), ("internal", internal)];
            marks.iter().filter(|(_, set)| **set).for_each(|(mark, _)| flags += &format!(", {mark}: true"));
            flags += "}\n";
        }
        let (union, differs, since_field) = layout;
        let types = format!(
            "s:\n  kind: {}\n  btf: {}\n  size: {}\n  align: 8\n  versions: {{8: \"5.1\", 16: \"6.2\"}}\n  ports: [x86_64, arm64]\n  fields:\n    - {{name: x, type: int64, offset: 0, c: long{}}}\n    - {{name: y, type: \"flags[f, uint32]\", offset: {}, unknown: EINVAL}}\n",
            if union { "union" } else { "struct" },
            if differs { "none" } else { "other" },
            if differs { "{lp64: 16, ilp32: 24}" } else { "16" },
            since_field.map(|since| format!(", since: {}", quoted(&since))).unwrap_or_default(),
            if union { 0 } else { 8 },
        );
        let resources = "fd: {base: int32, special: {AT_FDCWD: -100, at: 7}}\nfd[pipe]: {parent: fd, kind: pipe}\n".to_owned();
        let unknown = unknown.unwrap_or("EPERM");
        let mut call = format!("syscall: x\nsummary: {}\n", quoted(&summary));
        since.iter().for_each(|since| call += &format!("since: {}\n", quoted(since)));
        call += "nr: {x86_64: 1, generic: 2}\ngroups: [a, b]\nman: x(2)\nconfig: CONFIG_X\n";
        call += &format!(
            "params:\n  - {{name: fd, c: int, type: fd}}\n  - {{name: n, c: long, type: \"long[-3:9]\"}}\n  - {{name: flags, c: int, type: \"flags[f]\", unknown: {unknown}, unknown_when: \"n == 1\"}}\n  - {{name: p, c: \"struct s __user *\", type: \"ptr[inout, struct[s]]?\", used: \"n > 1\"}}\n  - {{name: path, c: \"const char __user *\", type: path, base: fd, follow: \"n == 1\", scoped: \"n == 2\", must_exist: \"false\"}}\n"
        );
        call += "returns: \"long[0:n]\"\nblocks: n == 4\n";
        call += &format!(
            "ensures:\n  - ret >= 0\n  - {{that: p.x == 1, when: ret == 1, since: \"5.2\"{}}}\n",
            because.map(|because| format!(", because: {}", quoted(&because))).unwrap_or_default()
        );
        if !effects.is_empty() {
            call += "effects:\n";
            effects.iter().for_each(|effect| call += &format!("  - {effect}\n"));
        }
        // The same condition twice is a mistake that the loader reports.
        let mut by_errno: BTreeMap<String, BTreeMap<&str, String>> = BTreeMap::new();
        for (errno, condition, rule) in rules {
            by_errno.entry(errno).or_default().insert(condition, rule);
        }
        if !by_errno.is_empty() {
            call += "errors:\n";
            for (errno, rules) in by_errno {
                call += &format!("  {errno}:\n");
                rules.values().for_each(|rule| call += &format!("    - {rule}\n"));
            }
        }
        vec![
            file("flags/f.yaml", flags),
            file("types/s.yaml", types),
            file("resources/r.yaml", resources),
            file("syscalls/x.yaml", call),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(100) })]

    #[test]
    fn any_specification_comes_back(files in specification(), places in any::<bool>()) {
        let (spec, findings) = load(files);
        prop_assert!(findings.is_empty(), "{:?}", findings.iter().map(|finding| &finding.message).collect::<Vec<_>>());
        comes_back(&spec, places).map_err(TestCaseError::fail)?;
    }
}
