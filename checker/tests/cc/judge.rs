//! What a compiler says about facts: each header is compiled with one assertion a line, so that its complaints name the
//! facts they are about.

use super::compiler::Compiler;
use super::elf::sections;
use abispec_checker::facts::{Constant, Fact, Facts, Layout};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::{fs, thread};

/// What programs include before headers that use more than they include.
const PROGRAM: &str = "#include <stddef.h>\n#include <stdint.h>\n#include <limits.h>\n#include <time.h>\n#include <fcntl.h>\n\
    #include <sys/types.h>\n#include <sys/time.h>\n#include <sys/socket.h>\n#include <sys/ioctl.h>\n#include <linux/types.h>\n\
    #include <linux/ioctl.h>\n#include <linux/sockios.h>\n";

/// What one line of a generated file is about.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Line {
    Constant(String),
    Layout(String),
    /// A macro that we take for no constant: the compiler must refuse it.
    NoConstant(String),
}

/// What was judged.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// Headers that were compiled.
    pub(crate) headers: usize,
    /// Constants that the compiler sees with the same value and type.
    pub(crate) constants: usize,
    /// Structs and unions with the same size, alignment and offsets.
    pub(crate) layouts: usize,
    /// Bit-fields at the same place.
    pub(crate) bitfields: usize,
    /// Macros that are no constants to it either.
    pub(crate) refused: usize,
    /// Facts that the compiler cannot say anything about, and why.
    pub(crate) unjudged: BTreeMap<String, String>,
    /// What the compiler sees otherwise.
    pub(crate) wrong: Vec<String>,
}

impl Tally {
    fn add(&mut self, other: Self) {
        self.headers += other.headers;
        self.constants += other.constants;
        self.layouts += other.layouts;
        self.bitfields += other.bitfields;
        self.refused += other.refused;
        self.unjudged.extend(other.unjudged);
        self.wrong.extend(other.wrong);
    }
}

/// The facts to be judged, and by whom.
pub(crate) struct Judge<'a> {
    /// The facts.
    pub(crate) facts: &'a Facts,
    /// The compiler.
    pub(crate) compiler: &'a Compiler,
    /// Where the compiler finds the headers, first come first served.
    pub(crate) folders: &'a [PathBuf],
    /// For generated files.
    pub(crate) work: &'a Path,
}

/// The name that a header is included by, from the file that a fact stands in.
fn included_as(path: &str, folders: &[PathBuf]) -> Option<String> {
    let installed = folders.iter().find_map(|folder| path.strip_prefix(&format!("{}/", folder.display())));
    let source = || path.split_once("/include/uapi/").map(|(_, name)| name);
    let generated = || path.split_once("/include/generated/uapi/").map(|(_, name)| name);
    let version = || path.ends_with("/Makefile").then_some("linux/version.h");
    installed.or_else(source).or_else(generated).or_else(version).map(str::to_owned)
}

impl Judge<'_> {
    /// Judges every `step`th header, on every processor.
    pub(crate) fn all(&self, step: usize) -> Tally {
        let headers: Vec<(String, String)> = self.headers().into_iter().step_by(step).collect();
        let next = AtomicUsize::new(0);
        let workers = thread::available_parallelism().map_or(1, usize::from);
        thread::scope(|scope| {
            let work = || {
                let mut tally = Tally::default();
                while let Some((header, through)) = headers.get(next.fetch_add(1, Ordering::Relaxed)) {
                    self.header(header, through, &mut tally);
                }
                tally
            };
            let workers: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
            let mut all = Tally::default();
            workers.into_iter().for_each(|worker| all.add(worker.join().expect("a worker")));
            all
        })
    }

    /// The headers that facts stand in, each with the one that a program includes to see it: itself if it can be, a
    /// generic one through the first that uses it.
    fn headers(&self) -> BTreeMap<String, String> {
        let mut found = BTreeMap::new();
        for (header, files) in &self.facts.headers {
            for own in files.iter().filter_map(|file| included_as(file, self.folders)) {
                let through = if self.facts.has_header(&own) { own.clone() } else { header.clone() };
                found.entry(own).or_insert(through);
            }
        }
        found
    }

    fn stands_in<T>(&self, fact: &Fact<T>, header: &str, through: &str) -> bool {
        let shown = fact.headers.is_empty() || fact.headers.iter().any(|shown| **shown == *through);
        shown && included_as(&fact.source.file, self.folders).as_deref() == Some(header)
    }

    fn lines(&self, header: &str, through: &str) -> Vec<(Line, String)> {
        let mut lines = Vec::new();
        for (name, found) in &self.facts.constants {
            if let Some(fact) = found.iter().find(|fact| self.stands_in(fact, header, through)) {
                lines.push((Line::Constant(name.clone()), constant(name, fact.value)));
            }
        }
        for found in self.facts.layouts.values() {
            if let Some(fact) = found.iter().find(|fact| self.stands_in(fact, header, through)) {
                lines.push((Line::Layout(fact.value.c_name.clone()), layout(&fact.value)));
            }
        }
        let text = self.folders.iter().find_map(|folder| fs::read(folder.join(header)).ok()).unwrap_or_default();
        for (number, name) in object_macros(&String::from_utf8_lossy(&text)).into_iter().enumerate() {
            let silent = self.facts.why_silent(&name).is_some();
            if !self.facts.constants.contains_key(&name) && !name.starts_with("__NR_") && !silent {
                // A function of its own, because an undeclared name is reported once per function.
                let probe = format!("void abispec_probe_{number}(void) {{ enum {{ value = ({name}) }}; }}");
                lines.push((Line::NoConstant(name), probe));
            }
        }
        lines
    }

    fn header(&self, header: &str, through: &str, tally: &mut Tally) {
        let lines = self.lines(header, through);
        tally.headers += 1;
        if lines.is_empty() {
            return;
        }
        // Alone, then after what programs include first, then as part of another header, then behind those that define
        // what the compiler misses.
        let mut missed = BTreeSet::new();
        let mut left = self.compile(header, &format!("#include <{through}>\n"), lines, tally, &mut missed);
        if !left.is_empty() {
            left = self.compile(header, &format!("{PROGRAM}#include <{through}>\n"), left, tally, &mut missed);
        }
        if !left.is_empty()
            && let Some(other) = self.another(header, through)
        {
            left = self.compile(header, &format!("#include <{other}>\n"), left, tally, &mut missed);
        }
        let before = self.defining(&missed);
        if !left.is_empty() && !before.is_empty() {
            left = self.compile(header, &format!("{before}#include <{through}>\n"), left, tally, &mut missed);
        }
        for (line, _) in left {
            let (Line::Constant(name) | Line::Layout(name) | Line::NoConstant(name)) = line;
            let reason = "the compiler takes it neither alone nor after other headers nor through another one";
            tally.unjudged.insert(name, format!("{header}: {reason}"));
        }
        self.bitfields(header, through, tally);
    }

    /// Another header that consists of this one, too.
    fn another(&self, header: &str, through: &str) -> Option<&str> {
        let holds =
            |files: &[Arc<str>]| files.iter().any(|file| included_as(file, self.folders).as_deref() == Some(header));
        let mut headers = self.facts.headers.iter().filter(|(name, _)| *name != through && *name != header);
        headers.find(|(_, files)| holds(files)).map(|(name, _)| name.as_str())
    }

    /// Inclusions of the headers that alone define some of these names.
    fn defining(&self, names: &BTreeSet<String>) -> String {
        let mut headers = BTreeSet::new();
        for name in names {
            let constant = self.facts.constants.get(name).map_or(&[][..], Vec::as_slice);
            let layout = self.facts.layouts.get(name).map_or(&[][..], Vec::as_slice);
            let source = match (constant, layout) {
                ([fact], []) => &fact.source,
                ([], [fact]) => &fact.source,
                _ => continue,
            };
            headers.extend(included_as(&source.file, self.folders).filter(|header| self.facts.has_header(header)));
        }
        headers.iter().map(|header| format!("#include <{header}>\n")).collect()
    }

    /// Compiles the lines after `start`; returns those that the compiler could say nothing about, and adds the names that
    /// it complains of to `missed`.
    fn compile(
        &self,
        header: &str,
        start: &str,
        lines: Vec<(Line, String)>,
        tally: &mut Tally,
        missed: &mut BTreeSet<String>,
    ) -> Vec<(Line, String)> {
        let file = self.file(header, "facts");
        let first = start.lines().count() + 1;
        let code: String = lines.iter().map(|(_, text)| format!("{text}\n")).collect();
        fs::write(&file, format!("{start}{code}")).expect("a generated file");
        let mut command = self.compiler.command();
        let output = command.arg("-fsyntax-only").arg(&file).stdin(Stdio::null()).output().expect("the compiler runs");
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        if errors.contains("fatal error") {
            return lines;
        }
        let own = format!("{}:", file.display());
        let mut complaints: BTreeMap<usize, String> = BTreeMap::new();
        // The compiler guesses the types that a header lacks; then what it takes for constants does not count.
        let mut lame = false;
        for complaint in errors.lines().filter(|line| line.contains("error:")) {
            let quoted = complaint.split('\'').skip(1).step_by(2);
            missed.extend(quoted.filter_map(|quoted| quoted.split_whitespace().next_back()).map(str::to_owned));
            let mut parts = complaint.strip_prefix(&own).unwrap_or_default().splitn(3, ':');
            let line = parts.next().and_then(|line| line.parse::<usize>().ok());
            match line.and_then(|line| line.checked_sub(first)) {
                Some(line) => complaints.entry(line).or_default().push_str(parts.nth(1).unwrap_or_default()),
                None => lame = true,
            }
        }
        let mut left = Vec::new();
        for (at, (line, text)) in lines.into_iter().enumerate() {
            match (&line, complaints.get(&at)) {
                (Line::Constant(_), None) => tally.constants += 1,
                (Line::Layout(_), None) => tally.layouts += 1,
                (Line::Constant(name) | Line::Layout(name), Some(complaint))
                    if complaint.contains("static assertion failed") && !lame =>
                {
                    tally.wrong.push(format!("{header}: {name}"));
                }
                (Line::Constant(_) | Line::Layout(_), Some(_)) => left.push((line, text)),
                (Line::NoConstant(_), Some(_)) => tally.refused += 1,
                (Line::NoConstant(name), None) => {
                    if !lame && self.defined_by(header, &file, name) {
                        tally.wrong.push(format!("{header}: {name} is a constant to the compiler"));
                    }
                }
            }
        }
        let _ = fs::remove_file(&file);
        left
    }

    fn file(&self, header: &str, suffix: &str) -> PathBuf {
        self.work.join(format!("{}_{suffix}.c", header.replace(['/', '.'], "_")))
    }

    /// Whether the header itself defines a macro at the end of the file, and not the C library.
    fn defined_by(&self, header: &str, file: &Path, name: &str) -> bool {
        let output = self.compiler.command().args(["-E", "-dD"]).arg(file).output().expect("the compiler runs");
        let (mut from, mut defined) = (String::new(), false);
        for line in String::from_utf8_lossy(&output.stdout).lines() {
            if let Some(marker) = line.strip_prefix("# ") {
                from = marker.split('"').nth(1).unwrap_or_default().to_owned();
            } else if line.strip_prefix("#define ").is_some_and(|rest| rest.split_whitespace().next() == Some(name)) {
                defined = from.ends_with(&format!("/{header}"));
            }
        }
        defined
    }

    /// Bit-fields have no offset in C: one that is all ones in a zeroed struct shows where it lies, in the object file.
    fn bitfields(&self, header: &str, through: &str, tally: &mut Tally) {
        let mut expected = Vec::new();
        let mut code = format!("{PROGRAM}#include <{through}>\n");
        for fact in self.facts.layouts.values().flatten().filter(|fact| self.stands_in(fact, header, through)) {
            let layout = &fact.value;
            for field in layout.fields.iter().filter(|field| field.bitfield) {
                let mut bytes = vec![0_u8; layout.size as usize];
                for bit in field.offset_bits..field.offset_bits + field.size_bits {
                    let place = if self.facts.arch.is_big_endian() { 7 - bit % 8 } else { bit % 8 };
                    bytes[bit as usize / 8] |= 1 << place;
                }
                let (name, field, number) = (&layout.c_name, &field.name, expected.len());
                let _ = writeln!(
                    code,
                    "{name} abispec_{number} __attribute__((section(\".abispec.{number}\"))) = {{ .{field} = -1 }};"
                );
                expected.push((format!("{name} {field}"), bytes));
            }
        }
        if expected.is_empty() {
            return;
        }
        let file = self.file(header, "bits");
        let object = file.with_extension("o");
        let mut built = false;
        // As the facts are found: alone, and behind the C library's headers what is not understood alone.
        for start in ["", PROGRAM] {
            fs::write(&file, code.replacen(PROGRAM, start, 1)).expect("a generated file");
            let output = self.compiler.command().arg("-c").arg("-o").arg(&object).arg(&file).output();
            built = output.expect("the compiler runs").status.success();
            if built {
                break;
            }
        }
        if !built {
            for (name, _) in expected {
                tally.unjudged.insert(name, format!("{header}: the compiler does not compile it"));
            }
            return;
        }
        let sections = sections(&fs::read(&object).expect("an object file"));
        for (number, (name, bytes)) in expected.into_iter().enumerate() {
            // Some compilers fill up the variable.
            let found = sections.get(&format!(".abispec.{number}"));
            match found.and_then(|found| found.get(..bytes.len())) {
                Some(found) if *found == bytes => tally.bitfields += 1,
                _ => tally.wrong.push(format!("{header}: bit-field {name}: expected {bytes:x?}, found {found:x?}")),
            }
        }
        let _ = fs::remove_file(&file);
        let _ = fs::remove_file(&object);
    }
}

fn constant(name: &str, constant: Constant) -> String {
    let Constant { value, bits, signed } = constant;
    // The smallest number has no literal of its own type.
    let literal = match (signed, value == i128::from(i64::MIN)) {
        (true, true) => "(-0x7fffffffffffffffLL - 1)".to_owned(),
        (true, false) => format!("{value}LL"),
        (false, _) => format!("{value}ULL"),
    };
    let size = bits / 8;
    let sign = u8::from(signed);
    format!(
        "_Static_assert(({name}) == {literal} && sizeof ({name}) == {size} && (((__typeof__ ((({name})))) -1 < 0) == {sign}), \"\");"
    )
}

fn layout(layout: &Layout) -> String {
    let (name, size, align) = (&layout.c_name, layout.size, layout.align.unwrap_or(0));
    let mut out = format!("_Static_assert(sizeof ({name}) == {size} && _Alignof ({name}) == {align}");
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
