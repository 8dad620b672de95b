//! `abispec import`: descriptions that others keep, compared with the specification.

mod common;

use common::{abispec, code, scratch, stderr, stdout};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};

fn file(dir: &Path, name: &str, text: &str) -> String {
    let path = dir.join(name);
    fs::write(&path, text).expect("writable");
    path.to_str().expect("text").to_owned()
}

/// Imports, and gives the findings as `id subject actual`, and the last line.
fn import(args: &[&str]) -> (Vec<String>, Value) {
    let mut all = vec!["import", "--format", "json"];
    all.extend(args);
    let output = abispec(&all);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    let text = stdout(&output);
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let (last, findings) = lines.split_last().expect("a last line");
    let word = |finding: &Value, key: &str| finding[key].as_str().unwrap_or_default().to_owned();
    let one =
        |finding: &Value| format!("{} {} {}", word(finding, "id"), word(finding, "subject"), word(finding, "actual"));
    (findings.iter().map(one).collect(), last.clone())
}

/// What is said of the calls that a small table has; the others are missing from it, of course.
fn about(findings: &[String], names: &[&str]) -> Vec<String> {
    let of = |finding: &&String| names.iter().any(|name| finding.split(' ').nth(1) == Some(*name));
    findings.iter().filter(of).cloned().collect()
}

#[test]
fn a_table_of_numbers_is_compared_for_each_port() {
    let dir = scratch("import-libseccomp");
    let table = "#syscall (v6.12.0 2025-01-01),x86_64,x86_64_kver,mips,mips_kver,x32,x32_kver\n\
                 dup,32,SCMP_KV_UNDEF,41,SCMP_KV_UNDEF,32,SCMP_KV_UNDEF\n\
                 pipe2,292,SCMP_KV_UNDEF,328,SCMP_KV_UNDEF,PNR,SCMP_KV_UNDEF\n\
                 invented,500,SCMP_KV_UNDEF,500,SCMP_KV_UNDEF,PNR,SCMP_KV_UNDEF\n";
    let path = file(&dir, "syscalls.csv", table);
    let (findings, last) = import(&["libseccomp", &path]);
    assert_eq!(
        about(&findings, &["dup", "pipe2"]),
        ["syscall-number pipe2 number 292", "extra-syscall pipe2 no pipe2"],
        "two ports agree"
    );
    assert!(findings.iter().any(|finding| finding == "extra-syscall openat no openat"));
    assert!(last["compared"].as_u64() > Some(900), "{last}");
    // What the table has and the specification does not becomes a first draft.
    let drafts = dir.join("new");
    import(&["libseccomp", &path, "--as-yaml", drafts.to_str().expect("text")]);
    let draft = fs::read_to_string(drafts.join("syscalls/invented.yaml")).expect("written");
    assert!(draft.starts_with("syscall: invented\nsummary: TODO\nnr: {mips_o32: 4500, x86_64: 500}\n"), "{draft}");
    assert_eq!(fs::read_dir(drafts.join("syscalls")).expect("written").count(), 1);
}

#[test]
fn first_releases_are_compared() {
    let dir = scratch("import-releases");
    let list = "# a comment\n0\tread\t3.3\n437\topenat2\t5.6\n436\tclose_range\t5.8\n451\tcachestat\t6.5\n";
    let (findings, _) = import(&["kernel-abi-tools", &file(&dir, "calls.tsv", list)]);
    assert_eq!(
        about(&findings, &["read", "openat2", "close_range", "cachestat"]),
        ["man-since close_range since 5.8"],
        "close_range came with 5.9"
    );
}

#[test]
fn signatures_of_an_image_are_compared() {
    let dir = scratch("import-systrack");
    let table = r#"{"systrack_version": "0.7", "kernel": {"version": "v6.12.3", "architecture": {"name": "x86", "bits": 64},
        "abi": {"name": "x64"}}, "syscalls": [
        {"number": 32, "name": "dup", "origname": "dup", "signature": ["unsigned int fildes"], "kconfig": null},
        {"number": 33, "name": "dup2", "origname": "dup2", "signature": ["unsigned int oldfd", "int newfd"]},
        {"number": 3, "name": "close", "origname": "close", "signature": null},
        {"number": 293, "name": "pipe2", "origname": "pipe2", "signature": ["int *fildes"]}]}"#;
    let (findings, _) = import(&["systrack", &file(&dir, "table.json", table)]);
    let seen: Vec<&String> = findings.iter().filter(|finding| finding.starts_with("argument-")).collect();
    assert_eq!(seen, ["argument-count pipe2 1 parameters (fildes)", "argument-type dup2(newfd) int"]);
}

/// Our own export, as it is and with things taken away.
#[test]
fn descriptions_for_syzkaller_are_compared() {
    let dir = scratch("import-syzlang");
    let path = dir.to_str().expect("text").to_owned();
    let output = abispec(&["export", "syzlang", "--kernel", "6.12", "--into", &path]);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    let (findings, last) = import(&["syzlang", &path, "--kernel", "6.12", "--arch", "x86_64"]);
    let wrong: Vec<&String> = findings.iter().filter(|finding| !finding.starts_with("flags-tried")).collect();
    assert!(wrong.is_empty() && last["compared"].as_u64() > Some(2000), "{wrong:?} {last}");
    assert!(findings.is_empty(), "{findings:?}");
    let descriptions: PathBuf = dir.join("abispec.txt");
    let text = fs::read_to_string(&descriptions).expect("written");
    let changed = text
        .replace("pipe2_flags_values = O_NONBLOCK, ", "pipe2_flags_values = O_RDWR, ")
        .replace("dup(fildes fd)", "dup(fildes fd, more int32)");
    assert_ne!(changed, text);
    fs::write(&descriptions, changed).expect("writable");
    let constants = dir.join("abispec.txt.const");
    let text = fs::read_to_string(&constants).expect("written");
    let changed = text.replacen("\nEFD_SEMAPHORE = 1\n", "\nEFD_SEMAPHORE = 2\n", 1);
    assert_ne!(changed, text);
    fs::write(&constants, changed).expect("writable");
    let (findings, _) = import(&["syzlang", &path, "--kernel", "6.12", "--arch", "x86_64"]);
    assert_eq!(
        findings,
        [
            "constant-value eventfd2_flags.EFD_SEMAPHORE 2",
            "argument-count dup 2 parameters",
            "flags-tried pipe2(flags) 4 constants without O_NONBLOCK",
            "flags-tried pipe2(flags) O_RDWR",
        ]
    );
}

#[test]
fn comments_of_the_kernel_are_compared() {
    let dir = scratch("import-kernel-doc");
    let comment = stdout(&abispec(&["export", "kernel-doc", "--kernel", "6.12", "--syscalls", "pipe2,dup"]));
    let path = file(&dir, "pipe.c", &comment);
    let (findings, last) = import(&["kernel-doc", &path, "--kernel", "6.12"]);
    assert!(findings.is_empty() && last["compared"].as_u64() > Some(10), "{findings:?} {last}");
    let wrong = comment.replace("error: EMFILE,", "error: EXDEV,").replace("param: fildes\n", "param: fds\n");
    let (findings, _) = import(&["kernel-doc", &file(&dir, "pipe.c", &wrong), "--kernel", "6.12"]);
    for expected in [
        "errno-undocumented pipe2.EMFILE nothing of EMFILE",
        "errno-unspecified pipe2.EXDEV EXDEV is possible",
        "argument-name pipe2(fildes) fds",
    ] {
        assert!(findings.iter().any(|finding| finding == expected), "{expected}: {findings:?}");
    }
}

/// A document as the `kapi` tool prints it.
const KAPI: &str = r#"{
  "api_details": {
    "name": "sys_openat2",
    "description": "open a file",
    "context_flags": ["KAPI_CTX_PROCESS | KAPI_CTX_SLEEPABLE"],
    "parameters": [
      {"index": 0, "name": "dfd", "type_name": "int", "description": "", "flags": 1, "param_type": 1, "constraint_type": 0,
       "constraint": null, "min_value": null, "max_value": null, "valid_mask": null, "enum_values": [], "size": null,
       "alignment": null, "size_param_idx": null},
      {"index": 1, "name": "filename", "type_name": "const char __user *", "valid_mask": null, "enum_values": []},
      {"index": 2, "name": "how", "type_name": "KAPI_TYPE_USER_PTR"},
      {"index": 3, "name": "usize", "type_name": "size_t"}
    ],
    "return_spec": {"type_name": "long", "description": "", "return_type": 1, "check_type": 3},
    "errors": [
      {"error_code": -2, "name": "ENOENT", "condition": "", "description": ""},
      {"error_code": -7, "name": "", "condition": "", "description": ""},
      {"error_code": -5, "name": "EBADF", "condition": "", "description": ""},
      {"error_code": -512, "name": "ERESTARTSYS", "condition": "", "description": ""}
    ],
    "struct_specs": [
      {"name": "struct open_how", "size": 24, "alignment": 8, "field_count": 3, "description": "", "fields": [
        {"name": "flags", "type_name": "__u64", "offset": 0, "size": 8},
        {"name": "mode", "type_name": "__u64", "offset": 8, "size": 8},
        {"name": "resolve", "type_name": "__u64", "offset": 16, "size": 8}]}
    ]
  }
}
{
  "api_details": {
    "name": "sys_pipe2",
    "parameters": [
      {"index": 1, "name": "flags", "type_name": "int", "valid_mask": 542848},
      {"index": 0, "name": "fildes", "type_name": "int __user *"}
    ]
  }
}
{"apis": [{"name": "sys_close", "api_type": "syscall"}, {"name": "sys_pipe2", "api_type": "syscall"}]}
{"api_details": {"name": "kmalloc", "description": "no system call"}}
{"api_details": {"name": "sys_invented", "parameters": [{"index": 0, "name": "how", "type_name": "int"}],
  "errors": [{"error_code": -22, "name": "EINVAL"}]}}
"#;

#[test]
fn what_the_tool_of_the_kernel_prints_is_compared() {
    let dir = scratch("import-kapi");
    let of = |name: &str, text: &str| {
        let (findings, last) = import(&["kapi", &file(&dir, name, text), "--kernel", "6.12", "--arch", "x86_64"]);
        let errnos = |finding: &&String| !finding.starts_with("errno-undocumented openat2.");
        (findings.iter().filter(errnos).cloned().collect::<Vec<_>>(), findings, last)
    };
    let (findings, all, last) = of("right.json", KAPI);
    assert!(findings.is_empty() && last["compared"].as_u64() > Some(20), "{findings:?} {last}");
    let undocumented = |errno: &str| all.iter().any(|finding| finding.contains(&format!(" openat2.{errno} ")));
    assert!(undocumented("ENAMETOOLONG") && !undocumented("ENOENT") && !undocumented("E2BIG"), "{all:?}");
    assert!(!undocumented("EBADF") && !undocumented("EIO"), "which of the two is meant is not said: {all:?}");
    for (from, to, finding) in [
        ("\"valid_mask\": 542848", "\"valid_mask\": 542849", "argument-mask pipe2(flags) 0x84881, with 0x1 too"),
        ("\"valid_mask\": 542848", "\"valid_mask\": 540800", "argument-mask pipe2(flags) 0x84080, without 0x800"),
        (
            "\"fildes\", \"type_name\": \"int __user",
            "\"fds\", \"type_name\": \"int __user",
            "argument-name pipe2(fildes) fds",
        ),
        ("\"size_t\"", "\"unsigned int\"", "argument-type openat2(usize) unsigned int"),
        ("\"ENOENT\"", "\"EXDEV\"", ""),
        ("-2, \"name\": \"ENOENT\"", "-122, \"name\": \"EDQUOT\"", ""),
        (
            "-2, \"name\": \"ENOENT\"",
            "-8, \"name\": \"ENOEXEC\"",
            "errno-unspecified openat2.ENOEXEC ENOEXEC is possible",
        ),
        ("\"offset\": 16", "\"offset\": 20", "field-offset open_how.resolve offset 20"),
        ("\"size\": 24", "\"size\": 32", "struct-size open_how struct open_how has 32 bytes"),
    ] {
        let wrong = KAPI.replacen(from, to, 1);
        assert_ne!(wrong, KAPI, "{from}");
        let (findings, all, _) = of("wrong.json", &wrong);
        let expected: &[&str] = if finding.is_empty() { &[] } else { &[finding] };
        assert_eq!(findings, expected, "{from}: {all:?}");
    }
    let drafts = dir.join("new");
    import(&["kapi", &file(&dir, "right.json", KAPI), "--as-yaml", drafts.to_str().expect("text")]);
    let written: Vec<_> = fs::read_dir(drafts.join("syscalls"))
        .expect("written")
        .map(|entry| entry.expect("readable").file_name())
        .collect();
    assert_eq!(written, ["invented.yaml"]);
    assert_eq!(
        fs::read_to_string(drafts.join("syscalls/invented.yaml")).expect("written"),
        "syscall: invented\nsummary: TODO\nnr: {generic: TODO}\nparams:\n  - {name: how, c: \"int\", type: TODO}\n\
         returns: TODO\nerrors:\n  EINVAL: [{when: TODO}]\n"
    );
}

#[test]
fn a_specification_comes_back_from_its_json() {
    let dir = scratch("import-json");
    let json = file(&dir, "spec.json", &stdout(&abispec(&["export", "json"])));
    let into = dir.join("spec");
    let into = into.to_str().expect("text");
    let output = abispec(&["import", "json", &json, "--as-yaml", into]);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    assert_eq!(code(&abispec(&["lint", "--spec", into])), 0);
    let output = abispec(&["import", "json", &json]);
    assert!(code(&output) == 2 && stderr(&output).contains("--as-yaml DIR"), "{}", stderr(&output));
}

#[test]
fn what_is_not_understood_is_named_with_its_line() {
    let dir = scratch("import-broken");
    for (form, name, text, why) in [
        ("libseccomp", "a.csv", "", "the file is empty"),
        ("libseccomp", "b.csv", "name,number\n", "b.csv:1"),
        ("libseccomp", "c.csv", "#syscall (v6.1.0),x86_64\ndup,32\npipe,x\n", "`x` is neither a number nor PNR"),
        ("libseccomp", "d.csv", "#syscall (v6.1.0),x86_64\ndup\n", "d.csv:2"),
        ("kernel-abi-tools", "e.tsv", "1 write 3.3\n", "e.tsv:1"),
        ("systrack", "f.json", "{", "it is no JSON"),
        ("systrack", "g.json", "{}", "it has no `kernel`"),
        ("syzlang", "h.txt", "open()\n", "there are no constants"),
        ("syzlang", "i.const", "A = b\n", "`b` is no number"),
        ("kernel-doc", "j.c", "int x;\n", "no comment specifies a system call"),
        ("json", "k.json", "[]", "`format` is not `abispec`"),
        ("kapi", "l.json", "", "the file is empty"),
        ("kapi", "m.json", "{}\n{", "m.json:1"),
        ("kapi", "n.json", "{\"api_details\": {\"name\": \"sys_dup\"}}\n\n{,", "n.json:3"),
        ("kapi", "o.json", "{\"apis\": [{\"name\": \"sys_dup\"}]}", "kapi --format json sys_open"),
        (
            "kapi",
            "p.json",
            "{\"api_details\": {\"name\": \"kmalloc\"}}",
            "no document of it has the `api_details` of a system call",
        ),
        (
            "kapi",
            "q.json",
            "{\"api_details\": {\"name\": \"sys_dup\", \"errors\": {}}}",
            "`errors` of sys_dup is no list",
        ),
    ] {
        let path = file(&dir, name, text);
        let output = abispec(&["import", form, &path, "--as-yaml", dir.join("out").to_str().expect("text")]);
        assert!(code(&output) == 2 && stderr(&output).contains(why), "{name}: {}", stderr(&output));
    }
    let output = abispec(&["import", "libseccomp", "/nowhere/x.csv"]);
    assert!(code(&output) == 2 && stderr(&output).contains("/nowhere/x.csv"), "{}", stderr(&output));
}
