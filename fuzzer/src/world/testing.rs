//! A small specification and a small memory for tests of views and effects.

use super::memory::{Region, Regions, Snapshot};
use super::numbers::Numbers;
use super::observe::{Scene, View};
use super::{Identity, World};
use abispec::arch::Arch;
use abispec::expr::{Expr, Moment, Word, evaluate};
use abispec::finding::SourceFile;
use abispec::target::{Resolved, Target, Variant};
use abispec::version::Release;

/// Where the test's memory begins.
pub(super) const BASE: u64 = 0x5000_0000;
const PAGE: usize = 4096;

/// Calls and the conditions that tests ask about them (as ensures, which may say anything).
pub(super) fn resolve(syscalls: &[(&str, &str)]) -> Resolved {
    let file = |path: String, text: &str| SourceFile { path, text: text.to_owned() };
    let mut files = vec![
        file(
            "spec/resources/r.yaml".to_owned(),
            "fd: {base: int32, special: {AT_FDCWD: -100}}\n\"fd[pipe]\": {parent: fd, kind: pipe}\n",
        ),
        file(
            "spec/flags/f.yaml".to_owned(),
            "open_flags:\n  kind: flags\n  header: linux/fcntl.h\n  members: {O_WRONLY: 1, O_RDWR: 2, O_CREAT: 0o100, O_TRUNC: 0o1000, \
             O_APPEND: 0o2000, O_NONBLOCK: 0o4000, O_NOFOLLOW: 0o400000, O_CLOEXEC: 0o2000000, O_PATH: 0o10000000}\n",
        ),
    ];
    for (nr, (name, text)) in syscalls.iter().enumerate() {
        let text = format!("syscall: {name}\nsummary: a test\nnr: {{x86_64: {nr}}}\n{text}");
        files.push(file(format!("spec/syscalls/{name}.yaml"), &text));
    }
    let (spec, findings) = abispec::load::load(files);
    assert!(findings.is_empty(), "{findings:#?}");
    abispec::resolve(&spec, &Target::new(Arch::X86_64, Release::new(6, 18)))
}

/// Two readable and writable pages, one read-only, one inaccessible.
pub(super) struct Bytes {
    regions: Regions,
    bytes: Vec<u8>,
}

impl Bytes {
    pub(super) fn new(parts: &[(u64, &[u8])]) -> Self {
        let region = |first: u64, pages: u64, read, write| {
            let at = |page: u64| BASE + page * PAGE as u64;
            Region { start: at(first), end: at(first + pages), read, write }
        };
        let regions = Regions::new(
            vec![region(0, 2, true, true), region(2, 1, true, false), region(3, 1, false, false)],
            1 << 47,
        );
        let mut bytes = vec![0; 4 * PAGE];
        for (at, part) in parts {
            let at = *at as usize;
            bytes[at..at + part.len()].copy_from_slice(part);
        }
        Self { regions, bytes }
    }

    pub(super) fn snapshot(&self) -> Snapshot<'_> {
        Snapshot { regions: &self.regions, base: BASE, bytes: &self.bytes }
    }
}

/// The fixture, with a limit of 64 descriptors.
pub(super) fn world(numbers: &Numbers, capabilities: u64) -> World {
    let mut identity = Identity { capabilities, pid: Some(2), ..Identity::default() };
    identity.limits[7] = (Some(64), Some(128));
    World::fixture(&identity, numbers, &[(0x10_0000_0000, 0x10_0010_0000)])
}

/// The first variant of a call.
pub(super) fn variant<'a>(resolved: &'a Resolved, name: &str) -> &'a Variant {
    &resolved.call(name).unwrap().variants[0]
}

/// The values of a call's ensures in a world, before the call.
pub(super) fn answers(
    resolved: &Resolved,
    name: &str,
    world: &World,
    memory: &Bytes,
    registers: [u64; 6],
) -> Vec<Option<i128>> {
    let numbers = Numbers::of(resolved);
    let variant = variant(resolved, name);
    let snapshot = memory.snapshot();
    let view = View::new(&numbers, variant, registers, Scene { world, memory: &snapshot });
    variant.ensures.iter().map(|ensure| value(&ensure.condition, &view)).collect()
}

/// The number that a condition `x == -7777` asks about, so that tests can ask for numbers too.
fn value(condition: &Expr, view: &View<'_>) -> Option<i128> {
    match condition {
        Expr::Binary(abispec::expr::BinaryOp::Eq, asked, marker) if **marker == Expr::Int(-7777) => {
            evaluate(asked, view, Moment::Before)
        }
        other => evaluate(other, view, Moment::Before),
    }
}

/// The number of a word.
pub(super) fn number(word: Word) -> Option<i128> {
    Some(word.number())
}
