//! `abispec export`: what is exported is read by the programs that it is for.

#![expect(clippy::print_stderr, reason = "a test that is skipped says why")]

mod common;

use common::{abispec, code, scratch, stderr, stdout};
use serde_json::Value;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

/// Whether a program is on this machine; a test that needs it says so and ends.
fn have(program: &str, question: &str) -> bool {
    let found = Command::new(program).arg(question).output().is_ok_and(|output| output.status.success());
    if !found {
        eprintln!("skipped: {program} is not on this machine");
    }
    found
}

fn run(program: &str, args: &[&str], dir: &Path) -> Output {
    Command::new(program).args(args).current_dir(dir).output().expect("the program starts")
}

#[track_caller]
fn silent(output: &Output) {
    let said = String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
    let lines: Vec<&str> = said.lines().take(20).collect();
    assert!(output.status.success() && said.trim().is_empty(), "{}", lines.join("\n"));
}

/// Exports into a folder of this test's own.
fn exported(name: &str, args: &[&str]) -> std::path::PathBuf {
    let dir = scratch(name);
    let mut all = vec!["export"];
    all.extend(args);
    all.extend(["--into", dir.to_str().expect("text")]);
    let output = abispec(&all);
    assert_eq!(code(&output), 0, "{}", stderr(&output));
    dir
}

#[test]
fn json_is_what_its_schema_says() {
    if !have("python3", "--version") || !run("python3", &["-c", "import jsonschema"], Path::new("/")).status.success() {
        eprintln!("skipped: Python has no jsonschema");
        return;
    }
    let dir = exported("export-json", &["json"]);
    exported("export-json-schema", &["json-schema"]);
    let narrow = abispec(&["export", "json", "--kernel", "5.10", "--arch", "arm64", "--syscalls", "group:descriptors"]);
    fs::write(dir.join("narrow.json"), &narrow.stdout).expect("writable");
    fs::write(dir.join("schema.json"), stdout(&abispec(&["export", "json-schema"]))).expect("writable");
    let script = "\
import json, sys, jsonschema
schema = json.load(open('schema.json'))
jsonschema.Draft202012Validator.check_schema(schema)
check = jsonschema.Draft202012Validator(schema)
for name in ['abispec.json', 'narrow.json']:
    check.validate(json.load(open(name)))
# A schema that accepts anything proves nothing.
def broken(change):
    value = json.load(open('abispec.json'))
    change(value)
    return not check.is_valid(value)
call = lambda value: value['syscalls']['pipe2']
assert broken(lambda value: value.pop('format'))
assert broken(lambda value: value.update(version=2))
assert broken(lambda value: call(value).update(colour='red'))
assert broken(lambda value: call(value)['errors'][0].update(may='true', when='true'))
assert broken(lambda value: call(value)['errors'][0].update(errno='invalid'))
assert broken(lambda value: call(value)['params'][0].pop('c'))
assert broken(lambda value: value['structs']['timespec'].update(size='16'))
assert broken(lambda value: value['sets']['pipe2_flags'].update(kind='mixture'))
";
    silent(&run("python3", &["-W", "ignore", "-c", script], &dir));
}

#[test]
fn yaml_is_a_specification_again() {
    let dir = exported("export-yaml", &["yaml"]);
    let path = dir.to_str().expect("text");
    assert_eq!(code(&abispec(&["lint", "--spec", path])), 0);
    let again = abispec(&["export", "json", "--no-places", "--spec", path]);
    assert_eq!(stdout(&again), stdout(&abispec(&["export", "json", "--no-places"])));
}

#[test]
fn the_header_compiles_and_agrees_with_the_system() {
    let dir = exported("export-c", &["c-header"]);
    let header = fs::read_to_string(dir.join("abispec.h")).expect("written");
    let mut program = "#define ABISPEC_IMPLEMENTATION\n#include \"abispec.h\"\n#include <errno.h>\n#include <fcntl.h>\n#include <stdio.h>\n#include <string.h>\n#include <sys/syscall.h>\n".to_owned();
    // What the C library's own header says of a number, the tables say too.
    for line in header.lines().filter_map(|line| line.strip_prefix("#define ABISPEC_NR_")) {
        let name = line.split(' ').next().expect("a name");
        let _ = write!(program, "#if defined(SYS_{name}) && SYS_{name} != ABISPEC_NR_{name}\n#error {name}\n#endif\n");
    }
    program += "
int main(void)
{
\tsize_t i, j, flags = 0, rules = 0;

\tfor (i = 0; i < ABISPEC_CALL_COUNT; i++) {
\t\tconst struct abispec_call *call = &abispec_calls[i];

\t\tfor (j = 0; j < call->variant_count; j++)
\t\t\trules += call->variants[j].error_count;
\t\tif (strcmp(call->name, \"pipe2\"))
\t\t\tcontinue;
\t\tif (call->arg_count != 2 || call->variants[0].args[1].kind != ABISPEC_FLAGS)
\t\t\treturn 1;
\t\tfor (j = 0; j < call->variants[0].args[1].set->count; j++) {
\t\t\tconst struct abispec_constant *one = &call->variants[0].args[1].set->members[j];

\t\t\tflags += !strcmp(one->name, \"O_CLOEXEC\") && one->value == O_CLOEXEC;
\t\t\tflags += !strcmp(one->name, \"O_NONBLOCK\") && one->value == O_NONBLOCK;
\t\t}
\t\tfor (j = 0; j < call->variants[0].error_count; j++)
\t\t\tif (!strcmp(call->variants[0].errors[j].name, \"EMFILE\") && call->variants[0].errors[j].number != EMFILE)
\t\t\t\treturn 2;
\t}
\tfor (i = 0; i < ABISPEC_STRUCT_COUNT; i++)
\t\tif (!abispec_structs[i].name || !abispec_structs[i].size)
\t\t\treturn 3;
\tprintf(\"%d %d\\n\", (int)flags, rules > 1000);
\treturn 0;
}
";
    fs::write(dir.join("use.c"), program).expect("writable");
    for compiler in ["gcc", "clang"] {
        if !have(compiler, "--version") {
            continue;
        }
        let flags = ["-Wall", "-Wextra", "-pedantic", "-Werror"];
        let alone = [&["-x", "c", "-c", "abispec.h", "-o", "alone.o", "-std=c99"], &flags[..]].concat();
        silent(&run(compiler, &alone, &dir));
        let whole = [&["use.c", "-o", "use"], &flags[..]].concat();
        silent(&run(compiler, &whole, &dir));
        if cfg!(target_arch = "x86_64") {
            assert_eq!(String::from_utf8_lossy(&run("./use", &[], &dir).stdout), "2 1\n");
        }
    }
}

#[test]
fn the_module_compiles_with_its_layout_checks() {
    if !have("rustc", "--version") {
        return;
    }
    for arch in ["x86_64", "i386", "arm64", "s390x"] {
        let dir = exported(&format!("export-rust-{arch}"), &["rust", "--arch", arch, "--kernel", "6.12"]);
        let text = fs::read_to_string(dir.join("abispec.rs")).expect("written");
        let checks = text.matches("offset_of!").count();
        assert!(checks > 200, "{arch}: {checks} offsets are checked");
        let user = "#![deny(warnings)]\n#[path = \"abispec.rs\"]\nmod abi;\npub use abi::*;\npub fn flags() -> u64 { (flags::pipe2_flags::O_CLOEXEC | flags::pipe2_flags::O_NONBLOCK).0 }\n";
        fs::write(dir.join("user.rs"), user).expect("writable");
        silent(&run("rustc", &["--edition=2024", "--crate-type=lib", "--emit=metadata", "user.rs"], &dir));
        // A layout that is wrong does not compile.
        let wrong = text.replacen("size_of::<timespec>() == ", "size_of::<timespec>() == 1", 1);
        assert_ne!(wrong, text);
        fs::write(dir.join("abispec.rs"), wrong).expect("writable");
        let output = run("rustc", &["--edition=2024", "--crate-type=lib", "--emit=metadata", "user.rs"], &dir);
        assert!(!output.status.success() && String::from_utf8_lossy(&output.stderr).contains("assert"));
    }
}

/// A program that loads a filter and then makes calls: one that is permitted, one with a flag that the kernel lacks, one
/// that was not chosen, one that no kernel has, a permitted command and another.
const UNDER_A_FILTER: &str = "
#include <stdint.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <fcntl.h>

int abispec_seccomp_load(void);

static int tried(long ret)
{
\treturn ret < 0 ? errno : 0;
}

int main(void)
{
\tint pair[2], got[6], i, error = abispec_seccomp_load();
\tchar line[80];

\tif (error)
\t\treturn 77;
\tgot[0] = tried(syscall(SYS_pipe2, pair, O_CLOEXEC));
\tgot[1] = tried(syscall(SYS_pipe2, pair, 0x40000000));
\tgot[2] = tried(syscall(SYS_mkdirat, AT_FDCWD, \"/tmp/never-made\", 0700));
\tgot[3] = tried(syscall(1000000));
\tgot[4] = tried(syscall(SYS_fcntl, pair[0], F_GETFD));
\tgot[5] = tried(syscall(SYS_fcntl, pair[0], 123456));
\tfor (i = 0; i < 6; i++)
\t\tif (write(1, line, (size_t)snprintf(line, sizeof(line), \"%d \", got[i])) < 0)
\t\t\treturn 78;
\treturn 0;
}
";

/// What a C program of this kind needs beside what it is asked to try.
const NEEDED: &str = "pipe2,fcntl,write,newfstatat,brk,mmap,munmap";

#[test]
fn a_filter_permits_what_was_chosen_and_nothing_else() {
    let dir = exported("export-libseccomp", &["libseccomp", "--syscalls", NEEDED]);
    let text = fs::read_to_string(dir.join("seccomp.c")).expect("written");
    fs::write(dir.join("use.c"), text + UNDER_A_FILTER).expect("writable");
    if !have("gcc", "--version") {
        return;
    }
    let args = ["-Wall", "-Wextra", "-Werror", "use.c", "-o", "use", "-lseccomp"];
    if String::from_utf8_lossy(&run("gcc", &args, &dir).stderr).contains("seccomp.h: No such file") {
        eprintln!("skipped: the headers of libseccomp are not on this machine");
        return;
    }
    silent(&run("gcc", &args, &dir));
    let output = run("./use", &[], &dir);
    if output.status.code() == Some(77) {
        eprintln!("skipped: filters cannot be loaded here");
        return;
    }
    // Permitted; ENOSYS; EPERM; ENOSYS; permitted; ENOSYS.
    assert_eq!(String::from_utf8_lossy(&output.stdout), "0 38 1 38 0 38 ");
}

#[test]
fn a_container_runs_under_the_profile() {
    let root = nix::unistd::geteuid().is_root();
    if !root || !have("crun", "--version") || !have("gcc", "--version") {
        eprintln!("skipped: running a container needs root, crun and gcc");
        return;
    }
    let dir = scratch("export-oci");
    let rootfs = dir.join("rootfs");
    fs::create_dir_all(rootfs.join("tmp")).expect("writable");
    let program = "#include <errno.h>\nint abispec_seccomp_load(void) { return 0; }\n".to_owned() + UNDER_A_FILTER;
    fs::write(dir.join("use.c"), program).expect("writable");
    silent(&run("gcc", &["-static", "use.c", "-o", "rootfs/use"], &dir));
    // What the runtime does under the filter before and while the program starts.
    let start = "execve,arch_prctl,set_tid_address,set_robust_list,rseq,prlimit64,readlinkat,readlink,getrandom,mprotect,\
                 uname,close,capset,capget,prctl,fstat,read,openat,close_range,setresuid,setresgid";
    let profile = stdout(&abispec(&["export", "seccomp", "--syscalls", NEEDED, "--permit", start]));
    let profile: Value = serde_json::from_str(&profile).expect("JSON");
    let config = serde_json::json!({
        "ociVersion": "1.0.2",
        "process": {"terminal": false, "user": {"uid": 0, "gid": 0}, "args": ["/use"], "cwd": "/", "noNewPrivileges": true},
        "root": {"path": "rootfs", "readonly": true},
        "linux": {"namespaces": [{"type": "mount"}, {"type": "pid"}], "seccomp": profile},
    });
    fs::write(dir.join("config.json"), config.to_string()).expect("writable");
    let id = format!("abispec-{}", std::process::id());
    let state = dir.join("state");
    let output = run("crun", &["--root", state.to_str().expect("text"), "--cgroup-manager=disabled", "run", &id], &dir);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    if output.stdout.is_empty() && (said.contains("mount") || said.contains("namespace") || said.contains("cgroup")) {
        eprintln!("skipped: no container starts here: {said}");
        return;
    }
    assert_eq!(String::from_utf8_lossy(&output.stdout), "0 38 1 38 0 38 ", "{said}");
}

#[test]
fn a_port_that_libseccomp_lacks_is_refused() {
    let output = abispec(&["export", "seccomp", "--arch", "alpha", "--kernel", "6.12"]);
    assert_eq!(code(&output), 2);
    assert!(stderr(&output).contains("libseccomp does not know the port alpha"), "{}", stderr(&output));
}

#[test]
fn pages_render_without_errors() {
    let dir = exported("export-man", &["man"]);
    let pages: Vec<String> = fs::read_dir(&dir)
        .expect("written")
        .map(|entry| entry.expect("readable").file_name().into_string().expect("text"))
        .collect();
    assert!(pages.len() > 300);
    // It has no option that only names its version.
    if have("mandoc", "/dev/null") {
        let args: Vec<&str> = ["-Tlint", "-W", "error"].into_iter().chain(pages.iter().map(String::as_str)).collect();
        silent(&run("mandoc", &args, &dir));
        let text = run("mandoc", &["-Tascii", "pipe2.2"], &dir);
        let plain = String::from_utf8_lossy(&text.stdout).replace("\u{8}", "");
        assert!(plain.contains("EEMMFFIILLEE") || plain.contains("EMFILE"), "{plain}");
    }
    if have("man", "--version") {
        let output = run("man", &["--warnings", "-E", "UTF-8", "-l", "-Tutf8", "-Z", "pipe2.2"], &dir);
        assert!(output.status.success() && output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
    }
}

/// syzkaller's own compiler, in a program that docs/exports.md says how to build.
#[test]
fn syzkaller_accepts_the_descriptions() {
    let Some(program) = std::env::var_os("ABISPEC_SYZCHECK") else {
        eprintln!("skipped: ABISPEC_SYZCHECK names no program, see docs/exports.md");
        return;
    };
    let program = program.to_str().expect("text");
    let dir = exported("export-syzlang", &["syzlang", "--kernel", "6.12"]);
    for port in ["386", "amd64", "arm", "arm64", "loong64", "mips64le", "ppc64le", "riscv64", "s390x"] {
        let output = run(program, &[".", port], &dir);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        // A port may lack a call; nothing else is wrong.
        let wrong: Vec<&str> = said.lines().filter(|line| !line.contains("due to missing const __NR_")).collect();
        assert!(output.status.success() && wrong.is_empty(), "{port}: {}", wrong.join("\n"));
    }
    for port in [("i386", "386"), ("arm64", "arm64")] {
        let dir = exported(&format!("export-syzlang-{}", port.0), &["syzlang", "--kernel", "6.12", "--arch", port.0]);
        silent_error(&run(program, &[".", port.1], &dir));
    }
}

#[track_caller]
fn silent_error(output: &Output) {
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success() && said.is_empty(), "{said}");
}

#[test]
fn graphs_are_drawn() {
    let dir = exported("export-dot", &["dot"]);
    let text = fs::read_to_string(dir.join("resources.dot")).expect("written");
    for edge in ["\"call pipe2\" -> \"fd[pipe]\"", "\"fd\" -> \"call dup\"", "\"fd[pipe]\" -> \"fd\" [style=dashed]"] {
        assert!(text.contains(edge), "{edge}");
    }
    if have("dot", "-V") {
        let output = run("dot", &["-Tsvg", "-o", "graph.svg", "resources.dot"], &dir);
        silent(&output);
        assert!(fs::read_to_string(dir.join("graph.svg")).expect("drawn").contains("pipe2"));
    }
}

#[test]
fn comments_and_tables_hold_the_values_of_the_kernel() {
    let text = stdout(&abispec(&["export", "kernel-doc", "--syscalls", "pipe2,chroot", "--kernel", "6.12"]));
    for part in [
        " * sys_pipe2 - create a pipe, with flags\n",
        " * param: flags\n *   type: KAPI_TYPE_INT\n *   flags: KAPI_PARAM_IN\n *   constraint-type: KAPI_CONSTRAINT_MASK\n *   valid-mask: O_NONBLOCK | O_DIRECT | O_CLOEXEC",
        " * error: EMFILE, ",
        " * capability: CAP_SYS_CHROOT\n",
        " * side-effect: KAPI_EFFECT_RESOURCE_CREATE\n",
    ] {
        assert!(text.contains(part), "{part}\n{text}");
    }
    let dir = exported("export-strace", &["strace", "--kernel", "6.12", "--arch", "x86_64"]);
    let table = fs::read_to_string(dir.join("pipe2_flags.in")).expect("written");
    assert!(table.contains("\nO_CLOEXEC\t0x80000\n"), "{table}");
}

#[test]
fn several_files_need_a_folder_and_wrong_words_are_named() {
    let output = abispec(&["export", "syzlang"]);
    assert_eq!(code(&output), 2);
    assert!(stderr(&output).contains("--into DIR"), "{}", stderr(&output));
    let output = abispec(&["export", "rust", "--syscalls", "opnat"]);
    assert!(code(&output) == 2 && stderr(&output).contains("`openat`"), "{}", stderr(&output));
    let output = abispec(&["export", "rust", "--no-places"]);
    assert!(code(&output) == 2 && stderr(&output).contains("--no-places"), "{}", stderr(&output));
    let output = abispec(&["export", "man", "--into", "/proc/nowhere"]);
    assert!(code(&output) == 2 && stderr(&output).contains("/proc/nowhere"), "{}", stderr(&output));
}

#[test]
fn exports_are_the_same_twice() {
    for format in ["c-header", "rust", "seccomp", "libseccomp", "dot", "man", "kernel-doc"] {
        let once = abispec(&["export", format, "--kernel", "6.12"]);
        assert!(code(&once) == 0 && once.stdout.len() > 1000, "{format}");
        assert_eq!(once.stdout, abispec(&["export", format, "--kernel", "6.12"]).stdout, "{format}");
    }
}
