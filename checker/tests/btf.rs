//! Type information that a small encoder writes, whole and broken.

mod encoder;

use abispec::arch::Arch;
use abispec_checker::btf::read_btf_bytes;
use abispec_checker::facts::Facts;
use encoder::Encoder;
use proptest::prelude::*;

fn sample() -> Encoder {
    let mut btf = Encoder::new();
    let int = btf.add("int", 1, false, 0, 4, &[0x0100_0020]);
    let long = btf.add("long unsigned int", 1, false, 0, 8, &[64]);
    let character = btf.add("char", 1, false, 0, 1, &[8]);
    let text = btf.add("", 10, false, 0, character, &[]);
    let tagged = btf.add("user", 18, false, 0, text, &[]);
    let pointer = btf.add("", 2, false, 0, tagged, &[]);
    let mode = btf.add("umode_t", 8, false, 0, int, &[]);
    let array = btf.add("", 3, false, 0, 0, &[character, int, 16]);
    let inner = btf.record("", 8, true, &[("low", int, 3 << 24), ("high", int, 5 << 24 | 3)]);
    btf.record(
        "sample",
        40,
        false,
        &[("size", long, 0), ("name", pointer, 64), ("", inner, 128), ("text", array, 192)],
    );
    let (minus, one) = (btf.name("E_MINUS"), btf.name("E_ONE"));
    btf.add("", 6, true, 2, 4, &[minus, u32::MAX, one, 1]);
    let wide = btf.name("E_WIDE");
    btf.add("", 19, false, 1, 8, &[wide, 1, 2]);
    btf.function("__do_sys_sample", long, &[("filename", pointer), ("mode", mode)]);
    for call in ["__se_sys_sample", "__se_sys_other"] {
        btf.function(call, long, &[("filename", long), ("flags", long)]);
    }
    btf
}

fn read(bytes: &[u8]) -> Result<Facts, String> {
    read_btf_bytes("btf", bytes, Arch::X86_64, &|_| true)
}

#[test]
fn every_kind_is_read_in_both_byte_orders() {
    for big in [false, true] {
        let facts = read(&sample().bytes(big)).unwrap();
        let layout = &facts.layouts["sample"][0].value;
        assert_eq!((layout.size, layout.align, layout.c_name.as_str()), (40, None, "struct sample"));
        let fields: Vec<_> = layout
            .fields
            .iter()
            .map(|f| (f.name.as_str(), f.offset_bits, f.size_bits, f.bitfield, f.c_type.as_str()))
            .collect();
        assert_eq!(
            fields,
            [
                ("size", 0, 64, false, "long unsigned int"),
                ("name", 64, 64, false, "const char *"),
                ("low", 128, 3, true, "int"),
                ("high", 131, 5, true, "int"),
                ("text", 192, 128, false, "char [16]"),
            ]
        );
        let constant = |name: &str| facts.constants[name][0].value.value;
        assert_eq!((constant("E_MINUS"), constant("E_ONE"), constant("E_WIDE")), (-1, 1, 0x2_0000_0001));
        let params = |name: &str| {
            facts.prototypes[name]
                .value
                .params
                .iter()
                .map(|p| (p.name.clone(), p.c_type.clone().ok()))
                .collect::<Vec<_>>()
        };
        let some = |name: &str, c_type: &str| (name.to_owned(), Some(c_type.to_owned()));
        assert_eq!(params("sample"), [some("filename", "const char *"), some("mode", "umode_t")]);
        assert_eq!(params("other"), [("filename".to_owned(), None), ("flags".to_owned(), None)]);
        assert_eq!(facts.prototypes["sample"].source.to_string(), "btf [type 14]");
    }
}

#[test]
fn what_is_broken_is_said() {
    let bytes = sample().bytes(false);
    let error = |bytes: &[u8]| read(bytes).unwrap_err();
    assert_eq!(error(b""), "btf: it does not begin with the mark of BTF");
    assert_eq!(error(&bytes[..10]), "btf: its header is cut off");
    assert_eq!(error(&bytes[..100]), "btf: its types lie beyond its end");
    let mut unknown = bytes;
    unknown[24 + 7] = 0x1f;
    assert_eq!(error(&unknown), "btf: its type 1 is cut off or of an unknown kind");
}

#[test]
fn types_may_refer_to_themselves() {
    let mut btf = Encoder::new();
    btf.add("loop", 8, false, 0, 1, &[]);
    btf.add("", 3, false, 0, 0, &[2, 2, u32::MAX]);
    btf.record("s", 8, false, &[("a", 1, 0), ("b", 2, 0), ("", 3, 0), ("c", 900, 0)]);
    assert!(read(&btf.bytes(false)).is_ok());
}

/// Each struct holds the next one twice, without a name.
#[test]
fn structs_that_double_or_hold_themselves_come_to_an_end() {
    let mut btf = Encoder::new();
    for level in 0..18_u32 {
        btf.record(&format!("doubled_{level}"), 8, false, &[("", level + 2, 0), ("", level + 2, 0)]);
    }
    btf.record("last", 8, false, &[("a", 0, 0)]);
    btf.record("own", 8, false, &[("a", 0, 0), ("", 20, 0), ("", 20, 0)]);
    let facts = read(&btf.bytes(false)).unwrap();
    let silent = |name: &str| facts.why_silent(name).unwrap_or_default().to_owned();
    assert_eq!(silent("doubled_0"), "btf [type 1]: it has more than 65,536 members");
    assert_eq!(silent("own"), "btf [type 20]: it contains itself");
    assert_eq!(facts.layouts["doubled_17"][0].value.fields.len(), 2);
    assert!(facts.layouts.contains_key("last"));
}

proptest! {
    #[test]
    fn no_bytes_panic(changes in prop::collection::vec((0_usize..900, any::<u8>()), 1..20), cut in 0_usize..900) {
        let mut bytes = sample().bytes(false);
        for (at, byte) in changes {
            let length = bytes.len();
            bytes[at % length] = byte;
        }
        bytes.truncate(cut.max(24));
        let _ = read(&bytes);
    }
}
