//! A small crate in the manner of bindings, read for several targets.

use abispec::arch::Arch;
use abispec_checker::bindings::{CLibrary, RustTarget, read_bindings};
use abispec_checker::facts::Facts;
use abispec_checker::files::Memory;
use proptest::prelude::*;

const LIB: &str = r#"
#![no_std]
#[macro_use]
mod macros;
mod prelude { pub(crate) use core::ffi::{c_char, c_int, c_long, c_uint, c_ulong, c_void}; pub(crate) use core::mem::size_of; }
use prelude::*;
cfg_if! {
    if #[cfg(target_os = "windows")] { mod nothing_here; this is not Rust }
    else if #[cfg(all(target_os = "linux", unix))] {
        mod port;
        pub use self::port::*;
    } else { compile_error!("no") }
}
pub type pier_t = c_uint;
pub const PIER_SHADOWED: c_int = 1;
pub(crate) const HIDDEN: c_int = 7;
const ALSO_HIDDEN: c_int = 8;
pub const PIER_HIDDEN: c_int = HIDDEN + ALSO_HIDDEN;
pub const PIER_NAME: &str = "pier";
pub const PIER_HALF: f64 = 0.5;
pub const PIER_LOST: c_int = unknown_function(3);
pub const PIER_LOOP: c_int = PIER_LOOP + 1;
#[cfg(target_pointer_width = "64")]
pub const PIER_WORD: c_int = 64;
#[cfg(not(target_pointer_width = "64"))]
pub const PIER_WORD: c_int = 32;
#[cfg(feature = "std")]
pub const PIER_STD: c_int = 1;
"#;

const PORT: &str = r#"
use crate::prelude::*;
mod deep;
pub use self::deep::{inner::PIER_DEEP, inner::PIER_DEEP as PIER_RENAMED};
pub use super::pier_t as pier_again_t;
pub const PIER_SHADOWED: c_int = 2;
pub const PIER_MINUS: c_int = -5;
pub const PIER_NOT: c_ulong = !0;
pub const PIER_NOT_INT: c_int = !PIER_BITS;
pub const PIER_BITS: c_int = 0x1 | 0x2 << 3 ^ 0x40 & 0xff;
pub const PIER_CAST: c_int = 0x8000_0000u32 as c_int;
pub const PIER_CAST_LITERAL: c_int = 0xffff_ffff_u32 as i32 as c_int;
pub const PIER_CUT: c_int = 0x1_0000_0005;
pub const PIER_TOP: pier_t = 1 << 31;
pub const PIER_LARGEST: c_long = c_long::MAX;
pub const PIER_LETTER: u8 = b'p';
pub const PIER_SIZE: usize = size_of::<ship>() + core::mem::size_of::<c_long>();
pub const PIER_IF: c_int = if cfg!(target_endian = "big") { 1 } else { 2 };
pub const PIER_CALL: c_uint = _IOW::<ship>(b'p' as u32, 3);
pub type pier_t = crate::pier_t;
const fn _IOC(dir: u32, ty: u32, nr: u32, size: usize) -> c_uint {
    core::debug_assert!(dir <= 3);
    let size: u32 = size as u32;
    (dir << 30) | (ty << 8) | nr | size << 16
}
pub const fn _IOW<T>(ty: u32, nr: u32) -> c_uint { _IOC(1, ty, nr, size_of::<T>()) }
s! {
    pub struct ship {
        pub crew: c_char,
        pub cargo: u64,
        pub next: *mut ship,
        pub name: [c_char; PIER_NAME_LENGTH as usize],
        #[cfg(target_env = "musl")]
        pub extra: [c_int; 2],
        pub hook: Option<unsafe extern "C" fn(c_int) -> c_int>,
    }
    #[cfg(target_os = "macos")]
    pub struct foreign { pub nothing: c_int }
    #[repr(packed(2))]
    pub struct tight { pub a: u8, pub b: u32, pub c: u64 }
    #[cfg_attr(target_arch = "x86_64", repr(packed))]
    pub struct sometimes_tight { pub a: u8, pub b: u32 }
    #[repr(align(32))]
    pub struct wide { pub a: u8 }
}
const PIER_NAME_LENGTH: c_int = 10;
s_no_extra_traits! {
    pub union either { pub small: u16, pub large: [u32; 3] }
    pub struct holder { pub kind: harbour, pub which: either, pub tail: __Open<u16>, pub bits: __Bits<[u8; 4]> }
}
#[repr(C)]
pub struct __Open<T>(core::marker::PhantomData<T>, [T; 0]);
#[repr(C)]
pub struct __Bits<S> { storage: S }
pub struct not_like_c { pub a: u8, pub b: u32 }
#[repr(C)]
pub struct declared_only { _unused: [u8; 0] }
c_enum! {
    #[repr(c_int)]
    pub enum harbour {
        pub HARBOUR_NORTH,
        pub HARBOUR_EAST = 4,
        pub HARBOUR_SOUTH,
        pub HARBOUR_WEST = HARBOUR_EAST + 10,
    }
    pub enum #anon {
        pub DOCK_ONE = 1,
        pub DOCK_TWO,
    }
}
#[repr(u32)]
#[derive(Clone, Copy)]
pub enum tide { TIDE_LOW = 3, TIDE_HIGH }
pub use tide::*;
pub const TIDE_ALIAS: tide = tide::TIDE_HIGH;
extern "C" { pub fn sail(ship: *mut ship) -> c_int; }
f! { pub fn ignored(x: c_int) -> c_int { x } }
pub const SYS_sail: c_long = 4000 + 17;
mystery! { anything }
"#;

fn files(port: &str) -> Memory {
    let files = [
        ("src/lib.rs", LIB),
        ("src/macros.rs", "macro_rules! s { () => {} }"),
        ("src/port/mod.rs", port),
        ("src/port/deep.rs", "#[path = \"elsewhere.rs\"] pub mod inner;"),
        ("src/port/elsewhere.rs", "pub const PIER_DEEP: i64 = -1; pub const PIER_UNSEEN: i64 = 1;"),
    ];
    let files = files.iter().map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec())).collect();
    Memory { name: "pier".to_owned(), files }
}

fn read(arch: Arch, library: CLibrary) -> Facts {
    let target = RustTarget::new(arch, library).expect("a target of Rust");
    read_bindings(&files(PORT), "pier", &target).expect("a whole crate")
}

fn constant(facts: &Facts, name: &str) -> i128 {
    match facts.constants.get(name).map(Vec::as_slice) {
        Some([one]) => one.value.value,
        other => panic!("{name}: {other:?}"),
    }
}

#[test]
fn constants_are_evaluated_as_the_compiler_does() {
    let facts = read(Arch::X86_64, CLibrary::Gnu);
    for (name, value) in [
        ("PIER_SHADOWED", 1),
        ("PIER_HIDDEN", 15),
        ("PIER_WORD", 64),
        ("PIER_MINUS", -5),
        ("PIER_NOT", 0xffff_ffff_ffff_ffff),
        ("PIER_BITS", 0x51),
        ("PIER_NOT_INT", -0x52),
        ("PIER_CAST", -0x8000_0000),
        ("PIER_CAST_LITERAL", -1),
        ("PIER_CUT", 5),
        ("PIER_TOP", 0x8000_0000),
        ("PIER_LARGEST", 0x7fff_ffff_ffff_ffff),
        ("PIER_LETTER", 0x70),
        ("PIER_SIZE", 48 + 8),
        ("PIER_IF", 2),
        ("PIER_CALL", 0x4030_7003),
        ("PIER_DEEP", -1),
        ("PIER_RENAMED", -1),
        ("HARBOUR_NORTH", 0),
        ("HARBOUR_EAST", 4),
        ("HARBOUR_SOUTH", 5),
        ("HARBOUR_WEST", 14),
        ("DOCK_ONE", 1),
        ("DOCK_TWO", 2),
        ("TIDE_LOW", 3),
        ("TIDE_HIGH", 4),
        ("TIDE_ALIAS", 4),
    ] {
        assert_eq!(constant(&facts, name), value, "{name}");
    }
    for absent in ["HIDDEN", "ALSO_HIDDEN", "PIER_UNSEEN", "PIER_STD", "PIER_NAME", "PIER_HALF", "PIER_NAME_LENGTH"] {
        assert!(!facts.constants.contains_key(absent), "{absent}");
        assert_eq!(facts.why_silent(absent), None, "{absent}");
    }
    assert_eq!(facts.numbers["sail"].value, 4017);
    assert_eq!(facts.constants["PIER_MINUS"][0].source.to_string(), "pier/src/port/mod.rs:7:11");
    let other = read(Arch::S390x, CLibrary::Musl);
    assert_eq!((constant(&other, "PIER_IF"), constant(&other, "PIER_SIZE")), (1, 56 + 8));
    let narrow = read(Arch::I386, CLibrary::Gnu);
    assert_eq!((constant(&narrow, "PIER_NOT"), constant(&narrow, "PIER_WORD")), (0xffff_ffff, 32));
    assert_eq!(constant(&narrow, "PIER_LARGEST"), 0x7fff_ffff);
}

#[test]
fn layouts_are_those_of_c() {
    let layout = |facts: &Facts, name: &str| {
        let layout = &facts.layouts[name][0].value;
        let fields: Vec<_> = layout
            .fields
            .iter()
            .map(|field| (field.name.clone(), field.offset_bits / 8, field.size_bits / 8))
            .collect();
        (layout.size, layout.align.expect("an alignment"), fields)
    };
    let named = |fields: &[(&str, u64, u64)]| -> Vec<_> {
        fields.iter().map(|(name, at, size)| ((*name).to_owned(), *at, *size)).collect()
    };
    let facts = read(Arch::X86_64, CLibrary::Gnu);
    let ship = [("crew", 0, 1), ("cargo", 8, 8), ("next", 16, 8), ("name", 24, 10), ("hook", 40, 8)];
    assert_eq!(layout(&facts, "ship"), (48, 8, named(&ship)));
    assert_eq!(layout(&facts, "tight"), (14, 2, named(&[("a", 0, 1), ("b", 2, 4), ("c", 6, 8)])));
    assert_eq!(layout(&facts, "sometimes_tight").0, 5);
    assert_eq!(layout(&facts, "wide"), (32, 32, named(&[("a", 0, 1)])));
    assert_eq!(layout(&facts, "either"), (12, 4, named(&[("small", 0, 2), ("large", 0, 12)])));
    assert!(facts.layouts["either"][0].value.union);
    let holder = [("kind", 0, 4), ("which", 4, 12), ("tail", 16, 0), ("bits", 16, 4)];
    assert_eq!(layout(&facts, "holder"), (20, 4, named(&holder)));
    let musl = read(Arch::X86_64, CLibrary::Musl);
    assert_eq!(layout(&musl, "ship").0, 56);
    // Eight bytes are aligned to four on i386, to two on m68k, to eight on arm.
    let cargo = |arch| layout(&read(arch, CLibrary::Gnu), "ship").2[1].1;
    assert_eq!((cargo(Arch::I386), cargo(Arch::M68k), cargo(Arch::Arm)), (4, 2, 8));
    assert_eq!(layout(&read(Arch::Arm64, CLibrary::Gnu), "sometimes_tight").0, 8);
    for absent in ["foreign", "declared_only", "__Open", "not_like_c"] {
        assert!(!facts.layouts.contains_key(absent), "{absent}");
    }
}

#[test]
fn what_is_not_understood_is_silent_with_its_place() {
    let facts = read(Arch::X86_64, CLibrary::Gnu);
    let silent: Vec<String> = facts.silent.iter().map(|one| format!("{}: {}", one.subject, one.reason)).collect();
    assert_eq!(
        silent,
        [
            "PIER_LOOP: pier/src/lib.rs:22:11: it is nested too deeply, or defined by itself",
            "PIER_LOST: pier/src/lib.rs:21:11: the function `unknown_function` is not known",
            "not_like_c: pier/src/port/mod.rs:55:12: it is not laid out as C does (`repr(C)`)",
            "pier/src/port/mod.rs:79:1: the macro `mystery!` is not known",
        ]
    );
    let target = RustTarget::new(Arch::X86_64, CLibrary::Gnu).unwrap();
    let error = read_bindings(&Memory { name: "x".to_owned(), ..Memory::default() }, "x", &target).unwrap_err();
    assert_eq!(error, "x/src/lib.rs: it cannot be read; name the folder of a crate");
    let broken = read_bindings(&files("pub const A: = ;"), "pier", &target).unwrap();
    assert!(broken.silent.iter().any(|one| one.subject == "pier/src/port/mod.rs" && one.reason.contains("line 1")));
}

#[test]
fn deep_sources_are_refused() {
    let target = RustTarget::new(Arch::X86_64, CLibrary::Gnu).unwrap();
    for (deep, reason) in [
        (format!("pub const A: i32 = {}1{};", "(".repeat(5000), ")".repeat(5000)), "nested more than 200 deep"),
        (format!("pub const A: i32 = {}1;", "!".repeat(100_000)), "longer than 4000 bytes"),
        (format!("pub const A: i32 = 1{};", "+1".repeat(100_000)), "longer than 4000 bytes"),
    ] {
        let facts = read_bindings(&files(&deep), "pier", &target).unwrap();
        assert!(facts.silent.iter().any(|one| one.reason.contains(reason)), "{:?}", facts.silent);
    }
    // Just within the bounds.
    for deep in [
        format!("pub const A: i32 = {}1;", "!".repeat(3_900)),
        format!("pub const A: i32 = 1{};", "+1".repeat(1_900)),
        format!("pub type A = {}u8;", "*const ".repeat(550)),
        format!("pub const A: {}u8{} = 1;", "B<".repeat(1_300), ">".repeat(1_300)),
    ] {
        assert!(read_bindings(&files(&deep), "pier", &target).is_ok());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, ..ProptestConfig::default() })]
    #[test]
    fn no_source_panics(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>(), 0_usize..12), 1..6),
        arch in prop::sample::select(Arch::ALL),
    ) {
        let mut text = PORT.as_bytes().to_vec();
        for (from, to, length) in changes {
            let piece: Vec<u8> = text[from.index(text.len())..].iter().copied().take(length).collect();
            let at = to.index(text.len());
            let end = (at + length / 2).min(text.len());
            text.splice(at..end, piece);
        }
        if let Ok(target) = RustTarget::new(arch, CLibrary::Gnu) {
            let _ = read_bindings(&files(&String::from_utf8_lossy(&text)), "pier", &target);
        }
    }
}
