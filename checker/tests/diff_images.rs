//! Two kernels compared by the type information in their images.

mod encoder;

use abispec::arch::Arch;
use abispec::finding::SourceFile;
use abispec::load::load;
use abispec::model::Spec;
use abispec::version::Release;
use abispec_checker::diff::sides::Input;
use abispec_checker::diff::{self, Request};
use encoder::Encoder;
use std::path::PathBuf;
use std::{env, fs, process};

/// What the specification knows of the kernels: a struct by the name that their type information has for it, and a constant.
fn spec() -> Spec {
    let file = |path: &str, text: &str| SourceFile { path: path.to_owned(), text: text.to_owned() };
    let (spec, findings) = load(vec![
        file(
            "spec/syscalls/moor.yaml",
            "syscall: moor\nsummary: make a ship fast\nnr: {x86_64: 600}\nparams:\n\
             \x20 - {name: fd, c: int, type: fd}\n  - {name: how, c: \"struct pier __user *\", type: \"ptr[in, struct[pier]]\"}\n\
             \x20 - {name: kind, c: int, type: \"enum[moor_kinds]\", unknown: EINVAL}\nreturns: zero\n",
        ),
        file(
            "spec/types/pier.yaml",
            "pier:\n  btf: pier\n  size: 8\n  align: 4\n  fields:\n    - {name: at, type: int32, offset: 0}\n    - {name: to, type: int32, offset: 4}\n",
        ),
        file("spec/flags/moor.yaml", "moor_kinds:\n  kind: enum\n  members:\n    MOOR_FAST: 1\n    MOOR_LOOSE: 2\n"),
        file("spec/resources/fd.yaml", "fd:\n  base: int32\n"),
    ]);
    assert_eq!(findings, []);
    spec
}

/// A kernel whose structs have some more bytes in places, and whose constants some other value.
#[derive(Clone, Copy, Default)]
struct Changes {
    /// Before the last field of what the call takes.
    before_to: u32,
    /// In a struct that only what the call takes contains.
    berth: u32,
    /// In a struct that carries its size.
    grown: u32,
    /// In a struct of the kernel's own that is called like the call.
    own: u32,
    /// In what lies behind a pointer.
    behind: u32,
    /// Added to the constant.
    loose: u32,
}

fn image(changes: Changes) -> Vec<u8> {
    let Changes { before_to, berth, grown, own, behind, loose } = changes;
    let mut btf = Encoder::new();
    let int = btf.add("int", 1, false, 0, 4, &[0x0100_0020]);
    let long = btf.add("long int", 1, false, 0, 8, &[0x0100_0040]);
    let far = btf.record("far", 4 + behind, false, &[("f", int, behind * 8)]);
    let to_far = btf.add("", 2, false, 0, far, &[]);
    let berth = btf.record("berth", 4 + berth, false, &[("depth", int, berth * 8)]);
    let pier = btf.record("pier", 8 + before_to, false, &[("at", int, 0), ("to", int, 32 + before_to * 8)]);
    let quay = btf.record("quay", 24, false, &[("berth", berth, 0), ("far", to_far, 128)]);
    let sizes = btf.record("rope_args", 8 + grown, false, &[("size", int, 0), ("length", int, 32)]);
    btf.record("moor", 8 + own, false, &[("private", long, own * 8)]);
    let pointers = [pier, quay, sizes].map(|to| btf.add("", 2, false, 0, to, &[]));
    btf.function("__do_sys_moor", long, &[("fd", int), ("how", pointers[0]), ("kind", int)]);
    btf.function("__do_sys_berth", long, &[("where", pointers[1])]);
    btf.function("__do_sys_rope", long, &[("args", pointers[2]), ("size", int)]);
    let (fast, slack) = (btf.name("MOOR_FAST"), btf.name("MOOR_LOOSE"));
    btf.add("moor_kind", 6, false, 2, 4, &[fast, 1, slack, 2 + loose]);
    btf.bytes(false)
}

struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Class and subject of each difference between a kernel and the same with changes.
fn differences(name: &str, changes: Changes) -> Vec<String> {
    let folder = Folder(env::temp_dir().join(format!("abispec-images-{name}-{}", process::id())));
    fs::create_dir_all(&folder.0).expect("a temporary folder");
    let open = |file: &str, bytes: Vec<u8>| {
        let path = folder.0.join(file);
        fs::write(&path, bytes).expect("an image");
        Input::of_path(&path).unwrap_or_else(|problem| panic!("{problem:?}"))
    };
    let (old, new) = (open("old", image(Changes::default())), open("new", image(changes)));
    let any = Release::new(6, 1);
    let request =
        Request { spec: &spec(), old: &old, new: &new, ports: &[Arch::X86_64], releases: (any, any), sources: false };
    let found = diff::run(&request).expect("both are read");
    assert!(found.count() > 4, "{:?}", found.compared);
    for one in &found.differences {
        for (side, file) in [(&one.old, "/old ["), (&one.new, "/new [")] {
            assert!(side.as_ref().is_none_or(|stated| stated.source.to_string().contains(file)), "{one:?}");
        }
    }
    found.differences.iter().map(|one| format!("{} {}", one.class.id, one.subject)).collect()
}

#[test]
fn kernels_that_are_equal_have_no_difference() {
    assert_eq!(differences("equal", Changes::default()), [""; 0]);
}

#[test]
fn what_programs_see_is_compared() {
    let moved = differences("moved", Changes { before_to: 4, ..Changes::default() });
    assert_eq!(moved, ["field-moved struct pier.to", "struct-resized struct pier"]);
    let inside = differences("inside", Changes { berth: 4, ..Changes::default() });
    assert_eq!(
        inside,
        ["field-moved struct berth.depth", "struct-resized struct berth", "field-resized struct quay.berth"]
    );
    let constant = differences("constant", Changes { loose: 2, ..Changes::default() });
    assert_eq!(constant, ["constant-changed MOOR_LOOSE"]);
}

#[test]
fn what_carries_its_size_may_grow() {
    assert_eq!(differences("grown", Changes { grown: 8, ..Changes::default() }), ["struct-extended struct rope_args"]);
}

#[test]
fn what_is_the_kernels_own_is_left_out() {
    assert_eq!(differences("own", Changes { own: 8, behind: 8, ..Changes::default() }), [""; 0]);
}
