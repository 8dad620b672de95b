//! Where a check meets one witness: what the specification says for the witness's kernel, and the tally.

mod pages;

use super::{Check, Compared, Report, Silent};
use crate::errnos::Errnos;
use crate::facts::{Claim, Fact, Facts, Field as FoundField, Layout, Prototype, Source, WitnessKind};
use abispec::arch::Arch;
use abispec::expr::{BinaryOp, Expr};
use abispec::finding::{Finding, Severity};
use abispec::model::{Field, Member, Spec, Struct, Syscall};
use abispec::place::Place;
use abispec::resolve;
use abispec::target::{Resolved, ResolvedStruct, Target};
use abispec::version::{Release, Span};
use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::rc::Rc;

pub(super) use pages::page_of;

/// A witness of a release that it does not name is taken for one that has everything.
const UNKNOWN: Release = Release::new(u16::MAX, 0);

/// The specification for one witness, and what the running check has found.
pub(super) struct Bench<'a> {
    /// The specification, with places.
    pub(super) spec: &'a Spec,
    /// The same for the witness's port and release.
    pub(super) resolved: Resolved,
    /// The structs as the newest release has them.
    pub(super) newest: BTreeMap<String, ResolvedStruct>,
    /// What the witness states.
    pub(super) facts: &'a Facts,
    /// What each call may give, once a check has asked.
    errnos: OnceCell<Rc<Errnos<'a>>>,
    release: Option<Release>,
    check: &'static str,
    severity: Severity,
    findings: Vec<Finding>,
    compared: usize,
    silent: BTreeMap<String, Vec<String>>,
}

fn newest_structs(spec: &Spec, facts: &Facts) -> BTreeMap<String, ResolvedStruct> {
    // Without the calls, which take most of the time.
    resolve(&spec.with_calls(|_| false), &Target::new(facts.arch, UNKNOWN)).structs
}

/// One comparison.
pub(super) struct Comparison<'a> {
    /// What is compared.
    pub(super) subject: String,
    /// Where the specification says so.
    pub(super) at: Place,
    /// Where the witness says so.
    pub(super) source: &'a Source,
    /// What the specification says.
    pub(super) expected: String,
    /// What the witness says.
    pub(super) actual: String,
    /// Whether they agree.
    pub(super) equal: bool,
    /// What to do if they do not.
    pub(super) help: String,
}

impl<'a> Bench<'a> {
    /// The specification as it is for the witness's kernel.
    pub(super) fn new(spec: &'a Spec, facts: &'a Facts) -> Self {
        let release = facts.release.value().copied();
        let target = Target::new(facts.arch, release.unwrap_or(UNKNOWN));
        Self {
            spec,
            resolved: resolve(spec, &Target { config: facts.config.value().cloned(), ..target }),
            newest: newest_structs(spec, facts),
            facts,
            errnos: OnceCell::new(),
            release,
            check: "",
            severity: Severity::Error,
            findings: Vec::new(),
            compared: 0,
            silent: BTreeMap::new(),
        }
    }

    /// Begins a check.
    pub(super) fn start(&mut self, check: &'static Check) {
        self.check = check.id;
        self.severity = check.severity;
    }

    /// Ends a check and adds what it found to the report.
    pub(super) fn finish(&mut self, report: &mut Report) {
        let witness = self.facts.witness.clone();
        let silent = std::mem::take(&mut self.silent);
        let findings = std::mem::take(&mut self.findings);
        let count = std::mem::take(&mut self.compared);
        let entry = Compared {
            check: self.check,
            witness: witness.clone(),
            count,
            // A call that is not specified is no disagreement.
            findings: findings
                .iter()
                .filter(|finding| finding.spec.is_some() || finding.severity == Severity::Error)
                .count(),
            silent: silent.values().map(Vec::len).sum(),
        };
        if entry.count + entry.silent > 0 {
            report.compared.push(entry);
        }
        report.findings.extend(findings);
        let silent = silent.into_iter().map(|(reason, subjects)| Silent {
            check: self.check,
            witness: witness.clone(),
            reason,
            subjects,
        });
        report.silent.extend(silent);
    }

    /// Whether the witness is of this kind.
    pub(super) fn is(&self, kind: WitnessKind) -> bool {
        self.facts.kind == kind
    }

    /// Whether the witness's kernel is within a span; unknown where the witness names no release.
    pub(super) fn has(&self, span: Span) -> Option<bool> {
        match self.release {
            Some(release) => Some(span.contains(release)),
            None if span == Span::default() => Some(true),
            None => None,
        }
    }

    /// Whether the witness names no release.
    pub(super) fn has_no_release(&self) -> bool {
        self.release.is_none()
    }

    /// Whether the witness's kernel is older than the span.
    pub(super) fn is_too_early_for(&self, span: Span) -> bool {
        self.release.zip(span.since).is_some_and(|(release, since)| release.base() < since.base())
    }

    /// Whether the port has no such constant: then its value is 0 there, and other ports state theirs.
    pub(super) fn is_foreign(&self, member: &Member) -> bool {
        let stated = member.arch.get(&self.facts.arch).unwrap_or(&member.value);
        !member.arch.is_empty() && stated.value == Expr::Int(0)
    }

    /// The value of a member on the witness's kernel. An alias over other members has the bits that this release knows;
    /// `None` where that depends on a release that the witness does not name.
    pub(super) fn value_of(&self, member: &Member) -> Option<i128> {
        let stated = member.arch.get(&self.facts.arch).unwrap_or(&member.value);
        let mut parts = Vec::new();
        if !member.mask || !list_parts(&stated.value, &mut parts) {
            // Several sets may have a name; each states its value, and each value is compared.
            return match stated.value {
                Expr::Int(value) => Some(value),
                _ => self.resolved.constants.get(&member.name.value).copied(),
            };
        }
        parts.into_iter().try_fold(0, |bits, part| {
            match self.spec.constant(part).map(|(_, member)| self.has(member.span)) {
                Some(None) => None,
                Some(Some(false)) => Some(bits),
                Some(Some(true)) | None => Some(bits | self.resolved.constants.get(part).copied().unwrap_or(0)),
            }
        })
    }

    /// How reports name the witness's kernel.
    pub(super) fn kernel(&self) -> String {
        self.release.map_or_else(|| "an unknown release".to_owned(), |release| format!("kernel {release}"))
    }

    /// Notes that something could not be compared.
    pub(super) fn silent(&mut self, subject: impl Into<String>, reason: impl Into<String>) {
        self.silent.entry(reason.into()).or_default().push(subject.into());
    }

    /// Counts a comparison, and reports it if it failed.
    pub(super) fn compare(&mut self, comparison: Comparison<'_>) {
        self.compared += 1;
        if comparison.equal {
            return;
        }
        let message =
            format!("spec says {}, {} says {}", comparison.expected, self.facts.kind.name(), comparison.actual);
        let mut finding = Finding::error(self.check, comparison.subject, message)
            .at(self.spec.place(comparison.at))
            .other(comparison.source.to_string())
            .values(comparison.expected, comparison.actual)
            .help(comparison.help);
        // Bindings and others' descriptions are written after the headers and may be wrong themselves; headers and
        // kernels are not.
        finding.severity =
            if self.is(WitnessKind::Rust) || self.is(WitnessKind::Import) { Severity::Warning } else { self.severity };
        self.findings.push(finding);
    }

    /// Compares how many parameters a call has with how many the witness declares.
    pub(super) fn compare_counts(&mut self, call: &Syscall, fact: &Fact<Prototype>, help: &str) {
        let count = fact.value.params.len();
        let names: Vec<&str> = fact.value.params.iter().map(|param| param.name.as_str()).collect();
        // Some descriptions have names of their own for parameters.
        let named =
            if names.iter().all(|name| name.is_empty()) { String::new() } else { format!(" ({})", names.join(", ")) };
        self.compare(Comparison {
            subject: call.name.value.clone(),
            at: call.params.first().map_or(call.name.at, |param| param.name.at),
            source: &fact.source,
            expected: format!("{} parameters ({})", call.params.len(), call.param_names().join(", ")),
            actual: format!("{count} parameters{named}"),
            equal: call.params.len() == count,
            help: help.to_owned(),
        });
    }

    /// Counts a look-up of a call in the specification, and reports one that is not there.
    pub(super) fn look_up(&mut self, name: &str, source: &Source, known: bool, new: bool) {
        self.compared += 1;
        if known {
            return;
        }
        let tree = &self.facts.witness;
        let message = format!(
            "the tree has the {}call {name}, no file of the specification describes it",
            if new { "new " } else { "" }
        );
        let mut finding = Finding::error(self.check, name, message)
            .other(source.to_string())
            .values("a specification", "none")
            .help(format!("abispec extract {name} --tree {tree}"));
        finding.severity = if new { Severity::Error } else { self.severity };
        self.findings.push(finding);
    }

    /// The structs that the witness describes, with what the specification says for its kernel. The others are silent.
    pub(super) fn structs(&mut self) -> Vec<(&'a Struct, ResolvedStruct, &'a Fact<Layout>)> {
        let (spec, facts) = (self.spec, self.facts);
        let mut found = Vec::new();
        for (name, described) in &spec.structs {
            let header = described.header.as_ref().map(|header| header.value.as_str());
            let tag = match facts.kind {
                WitnessKind::Headers | WitnessKind::Rust => described.c.as_str(),
                WitnessKind::Btf => match &described.btf {
                    Some(tag) => tag.as_str(),
                    None => continue,
                },
                WitnessKind::Tracefs | WitnessKind::Symbols | WitnessKind::Tree | WitnessKind::Man => continue,
                // Few descriptions lay structs out, and those that do only some of them.
                WitnessKind::Import if facts.layouts.contains_key(&described.c) => described.c.as_str(),
                WitnessKind::Spec | WitnessKind::Import => continue,
            };
            if let Some(header) =
                header.filter(|header| facts.kind == WitnessKind::Headers && !facts.has_header(header))
            {
                self.silent(name, missing_header(facts, header));
                continue;
            }
            if !described.ports.is_empty() && !described.ports.contains(&facts.arch) {
                self.silent(name, "the specification has the layout of other ports only");
                continue;
            }
            let Some(resolved) = self.resolved.structs.get(name).cloned() else { continue };
            match facts.layout(tag, header) {
                Claim::Says { value, .. } => found.push((described, resolved, value)),
                Claim::Silent { reason } => self.silent(name, facts.why_silent(tag).map_or(reason, str::to_owned)),
            }
        }
        found
    }

    /// The fields that both sides have.
    pub(super) fn fields(&mut self) -> Vec<Pair<'a>> {
        let mut found = Vec::new();
        for (described, resolved, fact) in self.structs() {
            for wanted in resolved.fields {
                let Some(field) = described.fields.iter().find(|field| field.name.value == wanted.name) else {
                    continue;
                };
                if let Some(seen) = fact.value.field(&described.path(field)) {
                    found.push(Pair {
                        described,
                        field,
                        offset: wanted.offset,
                        size: wanted.shape.size,
                        seen,
                        source: &fact.source,
                    });
                }
            }
        }
        found
    }

    /// Whether the function that the specification describes serves a call here. A tree's tables say so by port; where they
    /// name another function, it is not described, and that is silent. Other witnesses are of one kernel.
    pub(super) fn serves(&mut self, call: &Syscall) -> bool {
        if self.facts.kind != WitnessKind::Tree {
            return true;
        }
        let name = &call.name.value;
        // A call that the port lacks is for the checks of numbers.
        let Some(fact) = self.facts.entries.get(name) else { return false };
        match &fact.value.entry {
            Some(entry) if entry == call.entry.as_deref().unwrap_or(name) => true,
            Some(entry) => {
                self.silent(name, format!("on this port another function serves the call, {entry}"));
                false
            }
            None => {
                self.silent(name, "the table only reserves the number");
                false
            }
        }
    }

    /// The port that the witness speaks of.
    pub(super) fn arch(&self) -> Arch {
        self.facts.arch
    }

    /// The calls whose parameters the witness lists. The others are silent.
    pub(super) fn prototypes(&mut self) -> Vec<(&'a Syscall, &'a Fact<Prototype>)> {
        let (spec, facts) = (self.spec, self.facts);
        let mut found = Vec::new();
        let reason = match facts.kind {
            // Pages declare the C library's functions; what can be compared with these has its own check.
            WitnessKind::Headers | WitnessKind::Rust | WitnessKind::Man | WitnessKind::Spec | WitnessKind::Symbols => {
                return found;
            }
            WitnessKind::Btf => {
                "the kernel's compiler merged the call's function into another, so its type information lacks it"
            }
            WitnessKind::Tracefs => "the kernel does not trace the call",
            WitnessKind::Tree => "the tree does not define the call",
            WitnessKind::Import => "no description has the call's parameters",
        };
        for (name, call) in &spec.syscalls {
            if self.has(call.span) == Some(false) || !self.serves(call) {
                continue;
            }
            if self.is(WitnessKind::Tree) && call.number(facts.arch).is_none() {
                self.silent(name, "the specification describes the call of other ports");
                continue;
            }
            let entry = call.entry.as_deref().unwrap_or(name);
            match facts.prototypes.get(entry) {
                Some(_) if facts.own.contains(entry) && facts.arch != Arch::X86_64 => {
                    self.silent(name, "each port defines the call for itself; the definition of x86_64 is compared");
                }
                Some(fact) => found.push((call, fact)),
                None => self.silent(name, facts.why_silent(entry).unwrap_or(reason)),
            }
        }
        found
    }
}

/// The names that an expression puts together with `|`; `false` for any other expression.
fn list_parts<'e>(expr: &'e Expr, parts: &mut Vec<&'e str>) -> bool {
    match expr {
        Expr::Binary(BinaryOp::BitOr, left, right) => list_parts(left, parts) && list_parts(right, parts),
        Expr::Const(name) => {
            parts.push(name);
            true
        }
        _ => false,
    }
}

/// A field as both sides have it.
pub(super) struct Pair<'a> {
    /// The struct.
    pub(super) described: &'a Struct,
    /// The field in the specification.
    pub(super) field: &'a Field,
    /// Bytes before it.
    pub(super) offset: u32,
    /// Bytes it takes; 0 where its type does not say.
    pub(super) size: u32,
    /// The field as the witness has it.
    pub(super) seen: &'a FoundField,
    /// Where the witness defines the struct.
    pub(super) source: &'a Source,
}

impl Pair<'_> {
    /// How reports name the field.
    pub(super) fn subject(&self) -> String {
        format!("{}.{}", self.described.name.value, self.field.name.value)
    }
}

/// Why a header was not read.
pub(super) fn missing_header(facts: &Facts, header: &str) -> String {
    match facts.why_silent(header) {
        Some(reason) => reason.to_owned(),
        None => format!("the header <{header}> is not installed"),
    }
}

/// A number of bits as bytes, and bits where it is no whole number.
pub(super) fn bytes(bits: u64) -> String {
    if bits.is_multiple_of(8) { (bits / 8).to_string() } else { format!("{} and {} bits", bits / 8, bits % 8) }
}
