//! C programs that make the calls of a divergence, for kernels and people without abispec.

use super::{c_apart, c_entry, law_c};
use crate::confirm::Confirmed;
use crate::exec::{ANSWERS, Entry, FileSystem};
use crate::oracle::Answer;
use crate::program::{Argument, Block, Output, Placement, Program};
use crate::world::fixture::{self, Build};
use abispec::target::Resolved;
use abispec::types::Type;
use std::fmt::Write;

const HEAD: &str = r#"#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static long report(int index, const char *call, long result)
{
	if (result == -1)
		printf("r%d = %s: errno %d (%s)\n", index, call, errno, strerror(errno));
	else
		printf("r%d = %s: %ld\n", index, call, result);
	return result;
}
"#;

const MEMORY: &str = r#"
/* `present` bytes at the end of a page, with an inaccessible page behind them. */
static unsigned char *memory(const unsigned char *bytes, size_t present, int protection)
{
	size_t page = 4096, pages = (present + page - 1) / page + 1;
	unsigned char *base = mmap(0, (pages + 1) * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	unsigned char *start = base + pages * page - present;

	if (base == MAP_FAILED)
		exit(2);
	memset(base, 0xa5, pages * page);
	memcpy(start, bytes, present);
	mprotect(base + pages * page, page, PROT_NONE);
	if (protection != (PROT_READ | PROT_WRITE))
		mprotect(base, pages * page, protection);
	return start;
}
"#;

/// Privileges as the sandbox gives them: those of a user namespace of one's own, or none.
const CONFINE: &str = r#"
static void put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		printf("(%s cannot be written)\n", path);
	close(fd);
}

static void confine(void)
{
	char user[64], group[64];

	snprintf(user, sizeof(user), "0 %d 1", (int)geteuid());
	snprintf(group, sizeof(group), "0 %d 1", (int)getegid());
	if (unshare(CLONE_NEWUSER)) {
		printf("(no user namespace: the caller's own privileges count)\n");
		return;
	}
	put("/proc/self/setgroups", "deny");
	put("/proc/self/gid_map", group);
	put("/proc/self/uid_map", user);
}
"#;

const DROP: &str = r#"
static void drop_capabilities(void)
{
	struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
	struct __user_cap_data_struct none[2] = {{0, 0, 0}, {0, 0, 0}};

	if (syscall(SYS_capset, &header, none))
		exit(2);
}
"#;

const WORD: &str = r#"
static int32_t word(const void *at)
{
	int32_t value;

	memcpy(&value, at, sizeof(value));
	return value;
}
"#;

/// Writes a divergence as a C program. It exits with 1 if it sees the divergent answer again, with 0 if it does not.
pub fn write(found: &Confirmed, resolved: &Resolved, place: &str, kernel: &str) -> String {
    let mut out = String::new();
    let verdict = &found.verdict;
    let _ = writeln!(out, "/*\n * {}: {}", found.key.syscall, comment(verdict.id));
    let _ = writeln!(out, " * specification: {}\n * seen on: {}", comment(place), comment(kernel));
    if found.habitat.file_system != FileSystem::Tmpfs {
        let _ = writeln!(out, " * run it in a directory on {}", found.habitat.file_system.name());
    }
    if found.habitat.is_served() {
        let _ = writeln!(out, " * names in {ANSWERS}/ refuse what they say; only `abispec replay` has that server");
    }
    let _ =
        writeln!(out, " * expected: {}\n * actual:   {}\n */", comment(&verdict.expected), comment(&verdict.actual));
    out.push_str(HEAD);
    let other = found.law.as_ref().and_then(|law| law.other.as_ref()).map(|(program, _)| program);
    // What is not used would be a warning.
    let args = || {
        let calls = found.program.calls.iter().chain(other.iter().flat_map(|program| &program.calls));
        calls.flat_map(|call| &call.args)
    };
    let entry = found.key.entry;
    out.push_str(c_entry::head(entry));
    let calls = found.program.calls.iter().chain(other.iter().flat_map(|program| &program.calls));
    let apart = c_apart::any(entry, resolved, calls);
    if apart {
        out.push_str(&c_apart::head(entry));
    }
    if args().any(|arg| matches!(arg, Argument::Block(_))) {
        out.push_str(&c_entry::memory(entry, MEMORY, apart));
    }
    if args().any(|arg| matches!(arg, Argument::Result { output: Output::Written { .. }, .. })) {
        out.push_str(WORD);
    }
    let law = found.law.as_ref().and_then(|own| resolved.laws.iter().find(|law| law.name == own.law));
    if law.is_some() {
        out.push_str(law_c::HELPERS);
    }
    let files = needs_files(found, resolved);
    if files {
        write_files(found.habitat.file_system, &mut out);
    }
    // Root of the initial user namespace stays what it is.
    if !found.habitat.privileged {
        out.push_str(CONFINE);
    }
    if !found.habitat.capabilities {
        out.push_str(DROP);
    }
    let _ = writeln!(out, "\nstatic void prepare(void)\n{{\n\tstruct rlimit descriptors = {{64, 128}};\n");
    let _ = writeln!(out, "\tsignal(SIGPIPE, SIG_IGN);\n\tsignal(SIGXFSZ, SIG_IGN);\n\tumask(022);");
    let _ = writeln!(out, "\tsetrlimit(RLIMIT_NOFILE, &descriptors);\n\tsetvbuf(stdout, 0, _IONBF, 0);");
    if !found.habitat.privileged {
        let _ = writeln!(out, "\tconfine();");
    }
    if files {
        let _ = writeln!(out, "\tfixture();");
    }
    if !found.habitat.capabilities {
        let _ = writeln!(out, "\tdrop_capabilities();");
    }
    out.push_str("}\n");
    if let (Some(other), true) = (other, law.is_some()) {
        for (name, program) in [("left", &found.program), ("right", other)] {
            let _ = writeln!(out, "\nstatic void {name}(long *r)\n{{");
            write_calls(program, resolved, entry, true, &mut out);
            out.push_str("}\n");
        }
        law_c::equivalence(found.program.calls.len(), &mut out);
        return out;
    }
    let _ = writeln!(out, "\nint main(void)\n{{");
    let _ = writeln!(out, "\tlong r[{}];\n\n\tprepare();", found.program.calls.len());
    write_calls(&found.program, resolved, entry, law.is_some(), &mut out);
    match (law, &found.law) {
        (Some(law), Some(evidence)) => {
            let _ = writeln!(out, "\tprintf(\"expected: %s\\n\", \"{}\");", escaped(&found.verdict.expected));
            // Nothing is given that belongs to a call.
            let value = |arg: &Argument| value(0, 0, arg);
            law_c::relation(law, evidence, found.program.calls.len(), &value, &mut out);
        }
        _ => write_verdict(found, resolved, &mut out),
    }
    out.push_str("}\n");
    out
}

/// Writes the calls of a program; with `raw`, errors are kept as negative numbers.
fn write_calls(program: &Program, resolved: &Resolved, entry: Entry, raw: bool, out: &mut String) {
    for (index, call) in program.calls.iter().enumerate() {
        let spec = &resolved.calls[call.call];
        for (param, arg) in call.args.iter().enumerate() {
            if let Argument::Block(block) = arg {
                write_block(&format!("b{index}_{param}"), block, entry, out);
            }
        }
        let args: Vec<String> = call.args.iter().enumerate().map(|(param, arg)| value(index, param, arg)).collect();
        let made = c_entry::call(entry, resolved, index, call, &args);
        let (before, after) = if raw { ("raw(", ")") } else { ("", "") };
        let _ =
            writeln!(out, "\terrno = 0;\n\tr[{index}] = {before}report({index}, \"{}\", {made}){after};", spec.name);
    }
}

fn write_verdict(found: &Confirmed, resolved: &Resolved, out: &mut String) {
    let call = found.call;
    let _ = writeln!(out, "\tprintf(\"expected: %s\\n\", \"{}\");", escaped(&found.verdict.expected));
    match found.answers.get(call).copied().flatten() {
        Some(Answer::Error(number)) if found.verdict.id.ends_with("errno") || found.verdict.id == "wrong-order" => {
            let _ = writeln!(out, "\treturn r[{call}] == -1 && errno == {number};");
        }
        Some(Answer::Value(_)) if found.verdict.id == "missing-error" => {
            let _ = writeln!(out, "\treturn r[{call}] != -1;");
        }
        Some(Answer::Value(value)) if found.verdict.id == "bad-return" => {
            let _ = writeln!(out, "\treturn r[{call}] == {value}L;");
        }
        _ => {
            let _ = writeln!(
                out,
                "\tprintf(\"seen:     %s\\n\", \"{}\");\n\t(void)r;\n\treturn 0;",
                escaped(&found.verdict.actual)
            );
        }
    }
    debug_assert!(call < found.program.calls.len() && !resolved.calls.is_empty(), "the call belongs to the program");
}

/// Whether any call looks at names.
fn needs_files(found: &Confirmed, resolved: &Resolved) -> bool {
    found.program.calls.iter().any(|call| {
        resolved.calls[call.call].variants[0].params.iter().any(|param| matches!(param.ty, Type::Path { .. }))
    })
}

fn value(index: usize, param: usize, arg: &Argument) -> String {
    match arg {
        Argument::Number(value) => format!("{value:#x}UL"),
        Argument::Block(_) => format!("b{index}_{param}"),
        Argument::Result { of, output, high } => {
            let value = match output {
                Output::Ret => format!("r[{of}]"),
                Output::Written { param, offset } => format!("(long)word((char *)b{of}_{param} + {offset})"),
            };
            match high {
                None => value,
                Some(high) => format!("(({value} & 0xffffffffUL) | {high:#x}UL << 32)"),
            }
        }
    }
}

fn write_block(name: &str, block: &Block, entry: Entry, out: &mut String) {
    for (number, (_, inner)) in block.links.iter().enumerate() {
        write_block(&format!("{name}_{number}"), inner, entry, out);
    }
    let present = block.present();
    let bytes: Vec<String> = block.bytes[..present].iter().map(u8::to_string).collect();
    let content = if bytes.is_empty() { "0".to_owned() } else { bytes.join(",") };
    let protection = if block.placement == Placement::ReadOnly && block.links.is_empty() {
        "PROT_READ"
    } else {
        "PROT_READ | PROT_WRITE"
    };
    let _ = writeln!(out, "\tstatic const unsigned char {name}_bytes[] = {{{content}}};");
    let _ = writeln!(out, "\tunsigned char *{name} = memory({name}_bytes, {present}, {protection});");
    for (number, (at, _)) in block.links.iter().enumerate() {
        let _ = writeln!(out, "\tmemcpy({name} + {at}, &{name}_{number}, {});", entry.word());
    }
}

/// The files that the program finds, below a new directory on a tmpfs.
fn write_files(file_system: FileSystem, out: &mut String) {
    // Only tmpfs has a place of its own on every machine.
    let place = if file_system == FileSystem::Tmpfs { "/dev/shm/" } else { "" };
    let _ = writeln!(out, "\nstatic void fixture(void)\n{{\n\tstatic char root[] = \"{place}abispec-XXXXXX\";");
    out.push_str("\tstatic char pattern[8192];\n\tint fd;\n\n");
    out.push_str("\tfor (int i = 0; i < 8192; i++)\n\t\tpattern[i] = i % 251 + 1;\n");
    out.push_str("\tif (!mkdtemp(root) || chdir(root))\n\t\texit(2);\n\tumask(0);\n");
    let prefix = format!("{}/", crate::exec::layout::WORK_DIRECTORY);
    let name = |path: &[u8]| {
        let text = String::from_utf8_lossy(path).into_owned();
        escaped(text.strip_prefix(&prefix).unwrap_or(&text))
    };
    for step in fixture::setup_calls() {
        let _ = match &step {
            Build::Dir { path, mode } => writeln!(out, "\tmkdir(\"{}\", 0{mode:o});", name(path)),
            Build::File { path, mode, size } => {
                let path = name(path);
                writeln!(
                    out,
                    "\tfd = open(\"{path}\", O_WRONLY | O_CREAT, 0{mode:o});\n\tif (write(fd, pattern, {size}) != {size})\n\t\texit(2);\n\tclose(fd);"
                )
            }
            Build::Symlink { path, target } => {
                writeln!(out, "\tif (symlink(\"{}\", \"{}\"))\n\t\texit(2);", name(target), name(path))
            }
            Build::Socket { path, mode } => writeln!(out, "\tmknod(\"{}\", S_IFSOCK | 0{mode:o}, 0);", name(path)),
            Build::Fifo { path, mode } => writeln!(out, "\tmkfifo(\"{}\", 0{mode:o});", name(path)),
            Build::HardLink { path, to } => {
                writeln!(out, "\tif (link(\"{}\", \"{}\"))\n\t\texit(2);", name(to), name(path))
            }
            Build::Chmod { path, mode } => writeln!(out, "\tchmod(\"{}\", 0{mode:o});", name(path)),
            Build::Remove { path } => writeln!(out, "\tunlink(\"{}\");", name(path)),
            Build::RemoveDir { path } => writeln!(out, "\trmdir(\"{}\");", name(path)),
        };
    }
    out.push_str("\tumask(022);\n}\n");
}

fn comment(text: &str) -> String {
    text.replace("*/", "* /").replace('\n', " ")
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', " ")
}
