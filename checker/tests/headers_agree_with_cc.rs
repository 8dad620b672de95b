//! The installed C compiler judges our reading of the installed headers: every constant, every layout.
//!
//! Each header is compiled with one assertion per line, so that the compiler's complaints name the facts they are about.

#![expect(clippy::print_stderr, reason = "what was compared and what was skipped is for the person who runs the test")]

use abispec::arch::Arch;
use abispec_checker::facts::{Constant, Facts, Layout};
use abispec_checker::headers::read_search_path;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{env, fs, process, thread};

const ROOT: &str = "/usr/include";

/// What one line of a generated file is about.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Line {
    Constant(String),
    Layout(String),
    /// A macro that we take for no constant: the compiler must refuse it.
    NoConstant(String),
    Other,
}

#[derive(Debug, Default)]
struct Tally {
    headers: usize,
    constants: usize,
    layouts: usize,
    refused: usize,
    bitfields: usize,
    unjudged: usize,
    /// What the compiler sees otherwise.
    wrong: Vec<String>,
}

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = env::temp_dir().join(format!("abispec-{name}-{}", process::id()));
        fs::create_dir_all(path.join("gnu")).expect("a temporary folder");
        // The C library of a second port is rarely installed; this file of it holds nothing that matters here.
        for stub in ["stubs-32.h", "stubs-x32.h"] {
            fs::write(path.join("gnu").join(stub), "").expect("a stub");
        }
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn compiler(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new("cc");
    command
        .args(["-std=gnu17", "-Ulinux", "-Uunix", "-w", "-fmax-errors=0", "-ftrack-macro-expansion=0"])
        .args(arguments)
        .arg("-I")
        .arg(folder);
    command.arg("-I").arg(format!("{ROOT}/x86_64-linux-gnu"));
    command
}

/// The headers that facts stand in, each with the header that a program includes to see it.
fn judged(facts: &Facts) -> Vec<(String, String)> {
    let mut found = BTreeMap::new();
    let name = |path: &str| {
        path.trim_start_matches(ROOT).trim_start_matches("/x86_64-linux-gnu").trim_start_matches('/').to_owned()
    };
    for (header, files) in &facts.headers {
        for file in files {
            let own = name(file);
            // A header is judged through itself if it can be, a generic one through the first that uses it.
            let through = if facts.has_header(&own) { own.clone() } else { header.clone() };
            found.entry(own).or_insert(through);
        }
    }
    found.into_iter().collect()
}

fn assertions(header: &str, through: &str, text: &str, facts: &Facts) -> (String, Vec<Line>) {
    let mut code = format!("#include <{through}>\n");
    let mut lines = vec![Line::Other];
    let mut add = |line: Line, text: String| {
        lines.push(line);
        code.push_str(&text);
        code.push('\n');
    };
    let path_ends = format!("/{header}");
    for (name, found) in &facts.constants {
        let [fact] = found.as_slice() else { continue };
        if fact.source.file.ends_with(&path_ends) && fact.headers.is_empty() {
            add(Line::Constant(name.clone()), constant(name, fact.value));
        }
    }
    for found in facts.layouts.values() {
        let [fact] = found.as_slice() else { continue };
        if fact.source.file.ends_with(&path_ends) {
            add(Line::Layout(fact.value.c_name.clone()), layout(&fact.value));
        }
    }
    for (number, name) in object_macros(text).into_iter().enumerate() {
        if !facts.constants.contains_key(&name) && !name.starts_with("__NR_") {
            // A function of its own, because an undeclared name is reported once per function.
            let probe = format!("void abispec_probe_{number}(void) {{ enum {{ value = ({name}) }}; }}");
            add(Line::NoConstant(name), probe);
        }
    }
    (code, lines)
}

fn constant(name: &str, constant: Constant) -> String {
    let Constant { value, bits, signed } = constant;
    // The smallest number has no literal of its own type.
    let literal = if signed {
        if value == i128::from(i64::MIN) { "(-0x7fffffffffffffffLL - 1)".to_owned() } else { format!("{value}LL") }
    } else {
        format!("{value}ULL")
    };
    format!(
        "_Static_assert(({name}) == {literal} && sizeof ({name}) == {} && (((__typeof__ ((({name})))) -1 < 0) == {}), \"\");",
        bits / 8,
        u8::from(signed)
    )
}

fn layout(layout: &Layout) -> String {
    let name = &layout.c_name;
    let mut out = format!(
        "_Static_assert(sizeof ({name}) == {} && _Alignof ({name}) == {}",
        layout.size,
        layout.align.unwrap_or(0)
    );
    for field in layout.fields.iter().filter(|field| !field.bitfield) {
        let (field, bytes, width) = (&field.name, field.offset_bits / 8, field.size_bits / 8);
        let _ = write!(out, " && __builtin_offsetof ({name}, {field}) == {bytes}");
        if width > 0 {
            let _ = write!(out, " && sizeof ((({name} *)0)->{field}) == {width}");
        }
    }
    out.push_str(", \"\");");
    out
}

/// The names after `#define` that have a replacement and no parameters.
fn object_macros(text: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for line in text.lines() {
        let Some(rest) = line.trim_start().strip_prefix('#').and_then(|rest| rest.trim_start().strip_prefix("define"))
        else {
            continue;
        };
        let rest = rest.trim_start();
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
        let (name, body) = rest.split_at(end);
        if !name.is_empty() && !body.starts_with('(') && !body.trim().is_empty() {
            found.insert(name.to_owned());
        }
    }
    found
}

fn judge(header: &str, through: &str, folder: &Path, arguments: &[&str], facts: &Facts, tally: &mut Tally) {
    let place = [format!("{ROOT}/x86_64-linux-gnu/{header}"), format!("{ROOT}/{header}")]
        .into_iter()
        .find(|path| Path::new(path).exists());
    let Some(text) = place.and_then(|path| fs::read(path).ok()) else { return };
    let (code, lines) = assertions(header, through, &String::from_utf8_lossy(&text), facts);
    let file = folder.join(format!("{}.c", header.replace(['/', '.'], "_")));
    fs::write(&file, code).expect("a generated file");
    let output = compiler(folder, arguments)
        .arg("-fsyntax-only")
        .arg(&file)
        .stdin(Stdio::null())
        .output()
        .expect("the compiler runs");
    let mut complaints: BTreeMap<usize, String> = BTreeMap::new();
    for complaint in String::from_utf8_lossy(&output.stderr).lines() {
        let Some(rest) = complaint.strip_prefix(&format!("{}:", file.display())) else { continue };
        let mut parts = rest.splitn(3, ':');
        let (Some(line), _, Some(message)) =
            (parts.next().and_then(|line| line.parse().ok()), parts.next(), parts.next())
        else {
            continue;
        };
        if message.contains("error:") {
            complaints.entry(line).and_modify(|all| all.push_str(message)).or_insert_with(|| message.to_owned());
        }
    }
    tally.headers += 1;
    if String::from_utf8_lossy(&output.stderr).contains("fatal error") {
        tally.unjudged += lines.len() - 1;
        return;
    }
    // The compiler guesses the types that a header lacks; then its constants do not count.
    let lame = String::from_utf8_lossy(&output.stderr)
        .lines()
        .any(|line| !line.starts_with(&file.display().to_string()) && line.contains(" error: "));
    for (at, line) in lines.iter().enumerate() {
        let complaint = complaints.get(&(at + 1));
        match (line, complaint) {
            (Line::Other, _) => {}
            (Line::Constant(_), None) => tally.constants += 1,
            (Line::Layout(_), None) => tally.layouts += 1,
            (Line::Constant(name) | Line::Layout(name), Some(message))
                if message.contains("static assertion failed") =>
            {
                tally.wrong.push(format!("{header}: {name}"))
            }
            (Line::Constant(_) | Line::Layout(_), Some(_)) => tally.unjudged += 1,
            (Line::NoConstant(_), Some(_)) => tally.refused += 1,
            (Line::NoConstant(_), None) if lame => {}
            (Line::NoConstant(name), None) if !defined_by(header, &file, folder, arguments, name) => {}
            (Line::NoConstant(name), None) => {
                tally.wrong.push(format!("{header}: {name} is a constant to the compiler"))
            }
        }
    }
    bitfields(header, through, folder, arguments, facts, tally);
}

/// Whether the header itself defines a macro at the end of the file, and not the C library.
fn defined_by(header: &str, file: &Path, folder: &Path, arguments: &[&str], name: &str) -> bool {
    let output = compiler(folder, arguments).args(["-E", "-dD"]).arg(file).output().expect("the compiler runs");
    let mut from = String::new();
    let mut defined = false;
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        if let Some(marker) = line.strip_prefix("# ") {
            from = marker.split('"').nth(1).unwrap_or_default().to_owned();
        } else if line.strip_prefix("#define ").is_some_and(|rest| rest.split_whitespace().next() == Some(name)) {
            defined = from.ends_with(&format!("/{header}"));
        }
    }
    defined
}

/// Bit-fields have no offset in C: one that is all ones in a zeroed struct shows where it lies.
fn bitfields(header: &str, through: &str, folder: &Path, arguments: &[&str], facts: &Facts, tally: &mut Tally) {
    let path_ends = format!("/{header}");
    let mut code = format!(
        "#include <{through}>\nint printf(const char *, ...);\nint memcmp(const void *, const void *, unsigned long);\nint main(void) {{\n"
    );
    let mut count = 0;
    for fact in facts.layouts.values().flatten().filter(|fact| fact.source.file.ends_with(&path_ends)) {
        let layout = &fact.value;
        for field in layout.fields.iter().filter(|field| field.bitfield) {
            let mut bytes = vec![0_u8; layout.size as usize];
            for bit in field.offset_bits..field.offset_bits + field.size_bits {
                bytes[bit as usize / 8] |= 1 << (bit % 8);
            }
            let (name, field) = (&layout.c_name, &field.name);
            let _ = writeln!(
                code,
                "{{ static {name} is = {{ .{field} = -1 }}; static unsigned char want[] = {{ {bytes:?} }};",
                bytes = Bytes(&bytes)
            );
            let _ = writeln!(code, "if (memcmp(&is, want, sizeof is)) printf(\"{name} {field}\\n\"); }}");
            count += 1;
        }
    }
    if count == 0 {
        return;
    }
    code.push_str("}\n");
    let program = folder.join(format!("bits-{}", header.replace(['/', '.'], "_")));
    let file = program.with_extension("c");
    fs::write(&file, code).expect("a generated file");
    let built = compiler(folder, arguments).arg("-o").arg(&program).arg(&file).output().expect("the compiler runs");
    if !built.status.success() {
        tally.unjudged += count;
        return;
    }
    let output = Command::new(&program).output().expect("the program runs");
    tally.bitfields += count;
    for line in String::from_utf8_lossy(&output.stdout).lines() {
        tally.wrong.push(format!("{header}: bit-field {line}"));
    }
}

struct Bytes<'a>(&'a [u8]);

impl std::fmt::Debug for Bytes<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte}, "))
    }
}

/// Judges every `step`th header.
fn judge_all(name: &str, arch: Arch, arguments: &'static [&'static str], step: usize) {
    let folder = Folder::new(name);
    let probe = folder.0.join("probe.c");
    fs::write(&probe, "#include <limits.h>\nint x = sizeof (int);\n").expect("a generated file");
    match compiler(&folder.0, arguments).arg("-fsyntax-only").arg(&probe).output() {
        Ok(output) if output.status.success() => {}
        _ => return eprintln!("skipped: no C compiler `cc` that takes {arguments:?}"),
    }
    let facts = match read_search_path(&[&folder.0, &Path::new(ROOT).join("x86_64-linux-gnu"), Path::new(ROOT)], arch) {
        Ok(facts) => facts,
        Err(reason) => return eprintln!("skipped: {reason}"),
    };
    let headers = judged(&facts);
    let total = thread::scope(|scope| {
        let workers: Vec<_> = (0..2)
            .map(|worker| {
                let (facts, folder, headers) = (&facts, &folder.0, &headers);
                scope.spawn(move || {
                    let mut tally = Tally::default();
                    for (header, through) in headers.iter().skip(worker * step).step_by(2 * step) {
                        judge(header, through, folder, arguments, facts, &mut tally);
                    }
                    tally
                })
            })
            .collect();
        workers.into_iter().map(|worker| worker.join().expect("a worker")).fold(Tally::default(), |mut all, part| {
            all.headers += part.headers;
            all.constants += part.constants;
            all.layouts += part.layouts;
            all.refused += part.refused;
            all.bitfields += part.bitfields;
            all.unjudged += part.unjudged;
            all.wrong.extend(part.wrong);
            all
        })
    });
    eprintln!(
        "{arch}: {} headers: the compiler agrees on {} constants, {} layouts, {} bit-fields, {} macros that are no constants; {} not judged; {} wrong",
        total.headers,
        total.constants,
        total.layouts,
        total.bitfields,
        total.refused,
        total.unjudged,
        total.wrong.len()
    );
    assert!(total.wrong.is_empty(), "{}", total.wrong.join("\n"));
    assert!(total.constants > 1000 && total.layouts > 100, "the compiler judged almost nothing");
}

#[test]
#[cfg(target_arch = "x86_64")]
fn on_x86_64() {
    judge_all("x86-64", Arch::X86_64, &[], 1);
}

/// The headers of x86 serve all its ports; only the C library's part differs, and that counts little here.
/// A sample is enough: the reader is the same, only the data model differs.
#[test]
#[cfg(target_arch = "x86_64")]
fn on_i386() {
    judge_all("i386", Arch::I386, &["-m32"], 4);
}
