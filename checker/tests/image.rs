//! Kernel images that a small builder makes, in every wrapping, whole and broken.

mod encoder;

use abispec::arch::Arch;
use abispec::version::Release;
use abispec_checker::facts::{Claim, Facts};
use abispec_checker::image::{Image, read_image, read_image_bytes};
use encoder::Encoder;
use proptest::prelude::*;
use std::io::Write as _;
use std::{env, fs, process};

const BANNER: &str = "Linux version 6.4.7-port (someone@somewhere) (cc 12) #1 SMP\n";

fn btf(big: bool, word: u32) -> Vec<u8> {
    let mut btf = Encoder::new();
    let long = btf.add("long unsigned int", 1, false, 0, word, &[word * 8]);
    btf.record("task_struct", 64, false, &[("state", long, 0)]);
    btf.record("ship", 16, false, &[("crew", long, 0), ("cargo", long, word * 8)]);
    btf.function("__do_sys_sail", long, &[("speed", long)]);
    btf.bytes(big)
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    out.write_all(bytes).expect("memory takes all");
    out.finish().expect("memory takes all")
}

/// What a kernel's memory holds around its type information: the banner and, between marks, its configuration.
fn memory() -> Vec<u8> {
    let mut out = b"%s version Linux version %s (nothing)\0".to_vec();
    out.extend(BANNER.as_bytes());
    out.extend(b"IKCFG_ST");
    out.extend(gzip(b"# a comment\nCONFIG_PIER=y\nCONFIG_DOCK=m\n# CONFIG_TUG is not set\nCONFIG_NAME=\"y\"\n"));
    out.extend(b"IKCFG_ED");
    out
}

/// An executable with the kernel's memory and its type information as sections.
fn elf(machine: u16, wide: bool, big: bool, types: Option<&[u8]>) -> Vec<u8> {
    let number = |size: usize, value: u64| -> Vec<u8> {
        if big { value.to_be_bytes()[8 - size..].to_vec() } else { value.to_le_bytes()[..size].to_vec() }
    };
    let word = if wide { 8 } else { 4 };
    let (header, entry) = if wide { (64, 64) } else { (52, 40) };
    let names = b"\0.rodata\0.BTF\0.shstrtab\0";
    let memory = memory();
    let mut sections: Vec<(u64, u64, &[u8])> = vec![(1, 1, &memory)];
    sections.extend(types.map(|types| (9, 1, types)));
    sections.push((14, 3, names));
    let mut body = Vec::new();
    let mut table = vec![0; entry];
    for (name, kind, data) in &sections {
        let at = header + body.len();
        body.extend(*data);
        body.resize(body.len().next_multiple_of(8), 0);
        for (size, value) in
            [(4, *name), (4, *kind), (word, 0), (word, 0), (word, at as u64), (word, data.len() as u64)]
        {
            table.extend(number(size, value));
        }
        for (size, value) in [(4, 0), (4, 0), (word, 4), (word, 0)] {
            table.extend(number(size, value));
        }
    }
    let mut out = b"\x7fELF".to_vec();
    out.extend([if wide { 2 } else { 1 }, if big { 2 } else { 1 }, 1, 0]);
    out.extend([0; 8]);
    let count = sections.len() as u64 + 1;
    for (size, value) in [
        (2, 2),
        (2, u64::from(machine)),
        (4, 1),
        (word, 0),
        (word, 0),
        (word, (header + body.len()) as u64),
        (4, 0),
        (2, header as u64),
        (2, 0),
        (2, 0),
        (2, entry as u64),
        (2, count),
        (2, count - 1),
    ] {
        out.extend(number(size, value));
    }
    assert_eq!(out.len(), header);
    out.extend(body);
    out.extend(table);
    out
}

fn vmlinux() -> Vec<u8> {
    elf(62, true, false, Some(&btf(false, 8)))
}

fn lz4(bytes: &[u8]) -> Vec<u8> {
    let mut out = vec![0x02, 0x21, 0x4c, 0x18];
    for chunk in bytes.chunks(8 << 20) {
        let packed = lz4_flex::block::compress(chunk);
        out.extend((packed.len() as u32).to_le_bytes());
        out.extend(packed);
    }
    out
}

fn lzop(bytes: &[u8], flags: u32) -> Vec<u8> {
    let mut out = vec![0x89, 0x4c, 0x5a, 0x4f, 0, 0x0d, 0x0a, 0x1a, 0x0a];
    for half in [0x1040_u16, 0x20a0, 0x0940] {
        out.extend(half.to_be_bytes());
    }
    out.extend([3, 9]);
    out.extend(flags.to_be_bytes());
    out.extend([0; 12]);
    out.extend([4, b'n', b'a', b'm', b'e']);
    out.extend([0; 4]);
    for chunk in bytes.chunks(256 << 10) {
        let packed = lzokay::compress::compress(chunk).expect("memory takes all");
        let stored = packed.len() >= chunk.len();
        let data = if stored { chunk } else { &packed };
        out.extend((chunk.len() as u32).to_be_bytes());
        out.extend((data.len() as u32).to_be_bytes());
        out.extend(vec![0; 4 * usize::from(flags & 1 != 0)]);
        out.extend(vec![0; 4 * usize::from(flags & 2 != 0 && !stored)]);
        out.extend(data);
    }
    out.extend([0; 4]);
    out
}

/// The bytes in every compression that kernels use. The kernel's build adds the unpacked size to all but gzip.
fn packed(bytes: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let mut bzip2 = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
    bzip2.write_all(bytes).expect("memory takes all");
    let options = lzma_rust2::LzmaOptions::with_preset(1);
    let mut lzma = lzma_rust2::LzmaWriter::new_use_header(Vec::new(), &options, None).expect("memory takes all");
    lzma.write_all(bytes).expect("memory takes all");
    let mut xz =
        lzma_rust2::XzWriter::new(Vec::new(), lzma_rust2::XzOptions::with_preset(1)).expect("memory takes all");
    xz.write_all(bytes).expect("memory takes all");
    let size = (bytes.len() as u32).to_le_bytes();
    let sized = |mut out: Vec<u8>| {
        out.extend(size);
        out
    };
    vec![
        ("gzip", gzip(bytes)),
        ("bzip2", sized(bzip2.finish().expect("memory takes all"))),
        ("lzma", sized(lzma.finish().expect("memory takes all"))),
        ("xz", sized(xz.finish().expect("memory takes all"))),
        ("zstd", sized(ruzstd::encoding::compress_to_vec(bytes, ruzstd::encoding::CompressionLevel::Fastest))),
        ("lz4", sized(lz4(bytes))),
        ("lzo", sized(lzop(bytes, 0x0300_0003))),
    ]
}

/// An image as x86 boots it. With `scan`, the header does not say where the payload is.
fn bzimage(payload: &[u8], scan: bool) -> Vec<u8> {
    let mut out = vec![0; 0x600 + 0x123];
    out[0x1f1] = 2;
    out[0x202..0x206].copy_from_slice(b"HdrS");
    out[0x206..0x208].copy_from_slice(&if scan { 0x207_u16 } else { 0x20f }.to_le_bytes());
    out[0x20e..0x210].copy_from_slice(&0x100_u16.to_le_bytes());
    out[0x300..0x30b].copy_from_slice(b"6.4.7-port\0");
    out[0x236] = 1;
    if !scan {
        out[0x248..0x24c].copy_from_slice(&0x123_u32.to_le_bytes());
        out[0x24c..0x250].copy_from_slice(&(payload.len() as u32).to_le_bytes());
    }
    out.extend(payload);
    out.extend([0xff; 100]);
    out
}

fn zboot(payload: &[u8]) -> Vec<u8> {
    let mut out = vec![0; 0x200];
    out[..2].copy_from_slice(b"MZ");
    out[4..8].copy_from_slice(b"zimg");
    out[8..12].copy_from_slice(&0x200_u32.to_le_bytes());
    out[12..16].copy_from_slice(&(payload.len() as u32).to_le_bytes());
    out[0x3c] = 0x80;
    out[0x80..0x86].copy_from_slice(b"PE\0\0\x64\xaa");
    out.extend(payload);
    out
}

fn read(bytes: &[u8], arch: Option<Arch>) -> Result<Facts, String> {
    read_image_bytes("image", bytes, arch, &|_| true)
}

#[test]
fn every_compression_is_read_in_every_wrapping() {
    for (name, packed) in packed(&vmlinux()) {
        for (wrapping, image) in [
            (vec!["bzImage"], bzimage(&packed, false)),
            (vec![], bzimage(&packed, true)),
            (vec!["EFI zboot"], zboot(&packed)),
            (vec![], packed.clone()),
        ] {
            let image = Image::parse(&image).unwrap_or_else(|error| panic!("{name} in {wrapping:?}: {error}"));
            let all: Vec<&str> = wrapping.into_iter().chain([name, "ELF"]).collect();
            assert_eq!(image.wrappings, all);
            assert_eq!(image.arch, Some(Arch::X86_64), "{all:?}");
            assert_eq!(image.banner.as_deref(), Some(BANNER.trim_end()));
            assert_eq!(image.release(), Ok(Release { major: 6, minor: 4, patch: 7 }));
            let config: Vec<String> = image.config.clone().unwrap().into_iter().collect();
            assert_eq!(config, ["CONFIG_DOCK", "CONFIG_PIER"]);
            assert_eq!(image.btf, btf(false, 8));
        }
    }
}

#[test]
fn lz4_blocks_follow_each_other_and_a_full_one_may_be_the_last() {
    for extra in [0, 1] {
        let mut kernel = vmlinux();
        kernel.resize((8 << 20) + extra, 7);
        let mut image = lz4(&kernel);
        image.extend((kernel.len() as u32).to_le_bytes());
        let image = Image::parse(&image).unwrap();
        assert_eq!(image.wrappings, ["lz4", "ELF"]);
    }
}

#[test]
fn executables_of_both_word_sizes_and_byte_orders_are_read() {
    for (machine, wide, big, arch) in [
        (62, true, false, Arch::X86_64),
        (3, false, false, Arch::I386),
        (183, true, false, Arch::Arm64),
        (22, true, true, Arch::S390x),
        (8, false, true, Arch::MipsO32),
        (20, false, true, Arch::Powerpc),
    ] {
        let word = if wide { 8 } else { 4 };
        let facts = read(&elf(machine, wide, big, Some(&btf(big, word))), None).unwrap();
        assert_eq!(facts.arch, arch);
        let ship = &facts.layouts["ship"][0].value;
        assert_eq!(ship.field("cargo").unwrap().offset_bits, u64::from(word) * 8, "{arch}");
        assert_eq!(ship.field("cargo").unwrap().size_bits, u64::from(word) * 8, "{arch}");
        assert!(facts.prototypes.contains_key("sail"));
        assert_eq!(facts.release.value(), Some(&Release { major: 6, minor: 4, patch: 7 }));
        assert!(facts.config.value().unwrap().contains("CONFIG_PIER"));
    }
}

#[test]
fn a_kernel_without_sections_is_searched() {
    let mut image = vec![0; 0x40];
    image[0x38..0x3c].copy_from_slice(b"ARM\x64");
    image.extend(memory());
    // A module's type information, which is none by itself, comes first.
    let mut module = Encoder::new();
    module.record("small", 4, false, &[]);
    image.extend(module.bytes(false));
    image.extend(btf(false, 8));
    image.extend([0x55; 64]);
    for (wrappings, image) in [(vec!["raw"], image.clone()), (vec!["gzip", "raw"], gzip(&image))] {
        let found = Image::parse(&image).unwrap();
        assert_eq!(
            (found.wrappings, found.arch),
            (wrappings.into_iter().map(str::to_owned).collect(), Some(Arch::Arm64))
        );
        assert_eq!(found.banner.as_deref(), Some(BANNER.trim_end()));
        assert!(read(&image, None).unwrap().layouts.contains_key("ship"));
    }
}

#[test]
fn type_information_alone_is_of_the_port_that_is_asked_for() {
    assert!(read(&btf(true, 8), Some(Arch::S390x)).is_ok());
    assert!(read(&btf(false, 4), Some(Arch::I386)).is_ok());
    let error = read(&btf(true, 8), Some(Arch::X86_64)).unwrap_err();
    assert_eq!(
        error,
        "image: it is of a kernel with 64-bit words, big-endian, which x86_64 is not; name its port with `--arch`"
    );
    assert!(read(&btf(false, 4), Some(Arch::X86_64)).is_err());
    let error = read(&vmlinux(), Some(Arch::Arm64)).unwrap_err();
    assert_eq!(error, "image: it is a kernel of x86_64, not of arm64; leave out `--arch` or name another image");
}

#[test]
fn what_has_no_type_information_is_said() {
    let error = |bytes: &[u8]| Image::parse(bytes).unwrap_err();
    assert_eq!(error(b""), "it is neither a kernel image nor type information");
    assert_eq!(error(b"hello"), "it is neither a kernel image nor type information");
    let without = "it is Linux version 6.4.7-port";
    let with = "without type information: it needs CONFIG_DEBUG_INFO_BTF";
    let kernel = elf(62, true, false, None);
    assert_eq!(error(&kernel), format!("{without} {with}"));
    assert_eq!(error(&bzimage(&gzip(&kernel), false)), format!("{without} (bzImage, gzip) {with}"));
    let whole = gzip(&vmlinux());
    let cut = error(&bzimage(&whole[..whole.len() / 2], false));
    assert!(cut.starts_with("no kernel could be unpacked from it: gzip: "), "{cut}");
    let broken = lzop(&vmlinux(), 0);
    assert_eq!(error(&broken[..30]), "no kernel could be unpacked from it: lzo: its header is cut off");
}

#[test]
fn the_configuration_may_lie_beside_the_image() {
    let folder = env::temp_dir().join(format!("abispec-image-{}", process::id()));
    fs::create_dir_all(&folder).unwrap();
    let image = folder.join("vmlinuz-6.4");
    fs::write(&image, btf(false, 8)).unwrap();
    let none = read_image(&image, None, &|_| true).unwrap();
    assert!(matches!(none.config, Claim::Silent { .. }) && matches!(none.release, Claim::Silent { .. }));
    fs::write(folder.join("config-6.4"), "CONFIG_A=y\nCONFIG_B=n\n").unwrap();
    let facts = read_image(&image, None, &|_| true).unwrap();
    let config: Vec<&String> = facts.config.value().unwrap().iter().collect();
    assert_eq!(config, ["CONFIG_A"]);
    fs::remove_dir_all(folder).unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, ..ProptestConfig::default() })]
    #[test]
    fn no_bytes_panic(
        which in 0_usize..18,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..12),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut images: Vec<Vec<u8>> = packed(&vmlinux()).into_iter().map(|(_, bytes)| bytes).collect();
        images.extend(images.clone().iter().map(|bytes| bzimage(bytes, false)));
        images.extend([zboot(&images[0]), vmlinux(), elf(8, false, true, Some(&btf(true, 4))), btf(false, 8)]);
        let mut bytes = images.swap_remove(which);
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        // Half of them are whole.
        let length = bytes.len();
        bytes.truncate(length.min(cut.index(length * 2) + 1));
        let _ = read(&bytes, None);
    }
}
