//! What a compiler says about facts: each header is compiled with one assertion a line, so that its complaints name the
//! facts they are about.

use super::compiler::Compiler;
use super::elf::sections;
use super::names::{self, Definers};
use abispec_checker::facts::{Constant, Fact, Facts, Layout};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
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

/// What is still to be judged of one header.
struct Pass<'a> {
    header: &'a str,
    /// What nothing is known about yet, with the code that asks.
    left: Vec<(Line, String)>,
    /// The names that the compiler misses.
    missed: BTreeSet<String>,
    /// What it says of each line that is left.
    complaints: BTreeMap<String, String>,
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
    /// Which headers define a name, once somebody asks.
    definers: OnceLock<Definers>,
}

/// The name that a header is included by, from the file that a fact stands in.
fn included_as(path: &str, folders: &[PathBuf]) -> Option<String> {
    let installed = folders.iter().find_map(|folder| path.strip_prefix(&format!("{}/", folder.display())));
    let source = || path.split_once("/include/uapi/").map(|(_, name)| name);
    let generated = || path.split_once("/include/generated/uapi/").map(|(_, name)| name);
    let version = || path.ends_with("/Makefile").then_some("linux/version.h");
    installed.or_else(source).or_else(generated).or_else(version).map(str::to_owned)
}

impl<'a> Judge<'a> {
    /// A judge of these facts.
    pub(crate) fn new(facts: &'a Facts, compiler: &'a Compiler, folders: &'a [PathBuf], work: &'a Path) -> Self {
        Self { facts, compiler, folders, work, definers: OnceLock::new() }
    }

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
        for (number, name) in names::object_macros(&self.text(header)).into_iter().enumerate() {
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
        let mut pass = Pass { header, left: lines, missed: BTreeSet::new(), complaints: BTreeMap::new() };
        // Alone, then after what programs include first, then as part of another header, then behind those that define
        // what the compiler misses, which may miss something themselves.
        self.compile(&format!("#include <{through}>\n"), &mut pass, tally);
        self.compile(&format!("{PROGRAM}#include <{through}>\n"), &mut pass, tally);
        if let Some(other) = self.another(header, through) {
            self.compile(&format!("#include <{other}>\n"), &mut pass, tally);
        }
        let (mut before, plain) = (String::new(), self.without_field_macros(header, &pass));
        for _ in 0..3 {
            let more = self.defining(&pass, through);
            if more == before {
                break;
            }
            before = more;
            self.compile(&format!("{before}#include <{through}>\n"), &mut pass, tally);
            self.compile(&format!("{PROGRAM}{before}#include <{through}>\n"), &mut pass, tally);
        }
        self.compile(&format!("{PROGRAM}{before}#include <{through}>\n{plain}"), &mut pass, tally);
        for (Line::Constant(name) | Line::Layout(name) | Line::NoConstant(name), _) in pass.left {
            let reason = pass.complaints.get(&name).map_or("the header does not compile", String::as_str);
            tally.unjudged.insert(name, format!("{header}: {}", reason.trim()));
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

    /// Inclusions of the headers that define what the compiler misses, but for the one that is included anyway. It does
    /// not name the type of a field that is incomplete.
    fn defining(&self, pass: &Pass<'_>, through: &str) -> String {
        let fields = self.left(pass).flat_map(|layout| &layout.fields);
        let types = fields.filter_map(|field| field.c_type.split([' ', '[', '*']).rfind(|word| !word.is_empty()));
        let missed: BTreeSet<&str> = pass.missed.iter().map(String::as_str).chain(types).collect();
        if missed.is_empty() {
            return String::new();
        }
        let definers = self.definers.get_or_init(|| {
            let headers = self.headers();
            Definers::of(headers.into_iter().map(|(own, through)| (self.text(&own), through)))
        });
        let headers: BTreeSet<&str> = missed.iter().filter_map(|name| definers.only(name)).collect();
        let others = headers.into_iter().filter(|header| *header != through);
        others.map(|header| format!("#include <{header}>\n")).collect()
    }

    /// Takes back the macros of a header that have the names of fields; what they stand for is no field's name.
    fn without_field_macros(&self, header: &str, pass: &Pass<'_>) -> String {
        let macros = names::object_macros(&self.text(header));
        let fields = self.left(pass).flat_map(|layout| layout.fields.iter().flat_map(|field| field.name.split('.')));
        let hidden: BTreeSet<&str> = fields.filter(|field| macros.contains(*field)).collect();
        hidden.into_iter().map(|name| format!("#undef {name}\n")).collect()
    }

    /// The layouts that are still to be judged.
    fn left<'b>(&'b self, pass: &'b Pass<'_>) -> impl Iterator<Item = &'b Layout> {
        let names =
            pass.left.iter().filter_map(|(line, _)| if let Line::Layout(name) = line { Some(name) } else { None });
        let names: BTreeSet<&String> = names.collect();
        self.facts
            .layouts
            .values()
            .flatten()
            .map(|fact| &fact.value)
            .filter(move |layout| names.contains(&layout.c_name))
    }

    fn text(&self, header: &str) -> String {
        let found = self.folders.iter().find_map(|folder| fs::read(folder.join(header)).ok());
        String::from_utf8_lossy(&found.unwrap_or_default()).into_owned()
    }

    /// Compiles what is left after `start`; what the compiler could say nothing about stays.
    fn compile(&self, start: &str, pass: &mut Pass<'_>, tally: &mut Tally) {
        if pass.left.is_empty() {
            return;
        }
        let header = pass.header;
        let file = self.file(header, "facts");
        let first = start.lines().count() + 1;
        let code: String = pass.left.iter().map(|(_, text)| format!("{text}\n")).collect();
        fs::write(&file, format!("{start}{code}")).expect("a generated file");
        let mut command = self.compiler.command();
        let output = command.arg("-fsyntax-only").arg(&file).stdin(Stdio::null()).output().expect("the compiler runs");
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        if let Some(fatal) = errors.lines().find(|line| line.contains("fatal error")) {
            let why = fatal.rsplit_once("error:").map_or(fatal, |(_, why)| why);
            for (Line::Constant(name) | Line::Layout(name) | Line::NoConstant(name), _) in &pass.left {
                pass.complaints.insert(name.clone(), why.to_owned());
            }
            return;
        }
        let own = format!("{}:", file.display());
        let mut complaints: BTreeMap<usize, String> = BTreeMap::new();
        // The compiler guesses the types that a header lacks; then what it takes for constants does not count.
        let mut lame = None;
        for complaint in errors.lines().filter(|line| line.contains("error:")) {
            let quoted = complaint.split('\'').skip(1).step_by(2);
            pass.missed.extend(quoted.filter_map(|quoted| quoted.split_whitespace().next_back()).map(str::to_owned));
            let mut parts = complaint.strip_prefix(&own).unwrap_or_default().splitn(3, ':');
            let line = parts.next().and_then(|line| line.parse::<usize>().ok());
            match line.and_then(|line| line.checked_sub(first)) {
                Some(line) => complaints.entry(line).or_default().push_str(parts.nth(1).unwrap_or_default()),
                None => lame = lame.or_else(|| complaint.rsplit_once("error:").map(|(_, why)| why.to_owned())),
            }
        }
        for (at, (line, text)) in std::mem::take(&mut pass.left).into_iter().enumerate() {
            match (&line, complaints.remove(&at)) {
                (Line::Constant(_), None) => tally.constants += 1,
                (Line::Layout(_), None) => tally.layouts += 1,
                (Line::Constant(name) | Line::Layout(name), Some(complaint))
                    if complaint.contains("static assertion failed") && lame.is_none() =>
                {
                    tally.wrong.push(format!("{header}: {name}"));
                }
                (Line::Constant(name) | Line::Layout(name), Some(complaint)) => {
                    // What is wrong with the header says more than what follows from that.
                    pass.complaints.insert(name.clone(), lame.clone().unwrap_or(complaint));
                    pass.left.push((line, text));
                }
                (Line::NoConstant(_), Some(_)) => tally.refused += 1,
                (Line::NoConstant(name), None) => {
                    if lame.is_none() && self.defined_by(header, &file, name) {
                        tally.wrong.push(format!("{header}: {name} is a constant to the compiler"));
                    }
                }
            }
        }
        let _ = fs::remove_file(&file);
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
