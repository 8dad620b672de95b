//! How long reading headers takes: installed ones, and a kernel's source tree where `ABISPEC_TREE` names one.

#![expect(clippy::print_stderr, reason = "what was skipped is for the person who runs the benchmark")]

use abispec::arch::Arch;
use abispec_checker::files::{Files, Folder};
use abispec_checker::headers::{read_headers, read_tree_headers, read_tree_headers_of, take_tree_apart};
use criterion::{Criterion, criterion_group, criterion_main};
use std::env;
use std::path::{Path, PathBuf};
use std::sync::Arc;

const INSTALLED: &str = "/usr/include";

fn installed(criterion: &mut Criterion) {
    let root = Path::new(INSTALLED);
    if let Err(reason) = read_headers(root, Arch::NATIVE) {
        return eprintln!("skipped: {reason}");
    }
    let mut group = criterion.benchmark_group("headers");
    group.sample_size(10);
    group.bench_function("installed", |bench| bench.iter(|| read_headers(root, Arch::NATIVE)));
    group.finish();
}

fn tree(criterion: &mut Criterion) {
    let Ok(tree) = env::var("ABISPEC_TREE") else {
        return eprintln!("skipped: ABISPEC_TREE does not name a kernel source tree");
    };
    let files: Arc<dyn Files> = Arc::new(Folder(PathBuf::from(tree)));
    let mut group = criterion.benchmark_group("tree");
    group.sample_size(10);
    group.bench_function("one port, taken apart", |bench| bench.iter(|| take_tree_apart(&files, &[Arch::X86_64])));
    group.bench_function("one port", |bench| bench.iter(|| read_tree_headers(&files, Arch::X86_64)));
    group.bench_function("all ports, taken apart", |bench| bench.iter(|| take_tree_apart(&files, Arch::ALL)));
    group.bench_function("all ports", |bench| bench.iter(|| read_tree_headers_of(&files, Arch::ALL)));
    group.finish();
}

criterion_group!(benches, installed, tree);
criterion_main!(benches);
