//! A union that each user sees in its own way: every field of it is in a view, by its name and at its place.

mod encoder;

use abispec::arch::Arch;
use abispec::finding::SourceFile;
use abispec::load::load;
use abispec::model::Spec;
use abispec_checker::btf::read_btf_bytes;
use abispec_checker::check;
use abispec_checker::facts::Facts;
use abispec_checker::headers::read_header_texts;
use encoder::Encoder;
use std::collections::BTreeMap;

const HEADER: &str = "\
typedef unsigned int __u32;
typedef unsigned long long __u64;
union crane_attr {
\tstruct { __u32 hook; union { __u32 load; __u32 ballast; }; };
\tstruct { __u64 rope; __u32 count; struct { __u32 side; } boom; } turn;
} __attribute__((aligned(8)));
";

const TYPES: &str = "\
crane_attr: {kind: union, header: linux/crane.h, size: 16, align: 8, fields: []}
crane_lift:
  view: crane_attr
  fields:
    - {name: hook,    type: uint32, offset: 0}
    - {name: load,    type: uint32, offset: 4}
    - {name: ballast, type: uint32, offset: 4}
crane_turn:
  view: crane_attr
  within: turn
  fields:
    - {name: rope,  type: uint64, offset: 0}
    - {name: count, type: uint32, offset: 8}
    - {name: side,  type: uint32, offset: 12, member: boom.side}
";

fn spec() -> Spec {
    let (spec, findings) = load(vec![SourceFile { path: "spec/types/crane.yaml".to_owned(), text: TYPES.to_owned() }]);
    assert!(findings.is_empty(), "{findings:#?}");
    spec
}

/// The header with a text replaced.
fn headers(from: &str, to: &str) -> Facts {
    assert!(HEADER.contains(from), "the header does not hold {from}");
    let texts = BTreeMap::from([("linux/crane.h".to_owned(), HEADER.replace(from, to))]);
    read_header_texts("tree", texts, Arch::X86_64)
}

fn union(btf: &mut Encoder, name: &str, size: u32, members: &[(&str, u32)]) -> u32 {
    let data: Vec<u32> = members.iter().flat_map(|(name, ty)| [btf.name(name), *ty, 0]).collect();
    btf.add(name, 5, false, members.len(), size, &data)
}

/// The same union in a kernel, whose second member has these fields.
fn kernel(turn: &[(&str, u32)]) -> Facts {
    let mut btf = Encoder::new();
    let word = btf.add("unsigned int", 1, false, 0, 4, &[32]);
    let wide = btf.add("long long unsigned int", 1, false, 0, 8, &[64]);
    let boom = btf.record("", 4, false, &[("side", word, 0)]);
    let either = union(&mut btf, "", 4, &[("load", word), ("ballast", word)]);
    let lift = btf.record("", 8, false, &[("hook", word, 0), ("", either, 32)]);
    let mut fields = vec![("rope", wide, 0)];
    fields.extend(turn.iter().map(|(name, at)| (*name, word, *at)));
    fields.push(("boom", boom, 96));
    let turn = btf.record("", 16, false, &fields);
    union(&mut btf, "crane_attr", 16, &[("", lift), ("turn", turn)]);
    btf.function("crane_turn", word, &[("attr", wide)]);
    read_btf_bytes("vmlinux", &btf.bytes(false), Arch::X86_64, &|_| true).expect("whole type information")
}

fn found(facts: Facts) -> Vec<String> {
    check(&spec(), &[facts]).findings.iter().map(|finding| format!("{} {}", finding.id, finding.subject)).collect()
}

#[test]
fn what_each_user_sees_is_together_what_is_there() {
    let whole = check(&spec(), &[headers("hook", "hook"), kernel(&[("count", 64)])]);
    assert_eq!(whole.findings, []);
    let missing = whole.compared.iter().filter(|entry| entry.check == "field-missing").map(|entry| entry.count);
    assert_eq!(missing.collect::<Vec<_>>(), [8, 8], "two named members, and the six fields");
}

#[test]
fn a_field_that_no_view_has_is_found() {
    // Its bytes are those of others, so the size of the union tells nothing.
    assert_eq!(found(headers("__u32 ballast;", "__u32 ballast; __u32 anchor;")), ["field-missing crane_attr.anchor"]);
    assert_eq!(
        found(headers("__u32 side; }", "__u32 side; } keel; struct { __u32 side; }")),
        [
            "struct-size crane_attr",
            "field-offset crane_turn.side",
            "field-missing crane_attr.turn.keel",
            "field-missing crane_attr.turn.keel.side"
        ]
    );
    let more = kernel(&[("count", 64), ("tally", 64)]);
    assert_eq!(found(more), ["field-missing crane_attr.turn.tally"]);
}

#[test]
fn a_field_of_a_view_that_moved_or_went_is_found() {
    assert_eq!(
        found(headers("__u32 load;", "__u64 load;")),
        ["field-offset crane_lift.load", "field-offset crane_lift.ballast", "field-size crane_lift.load"]
    );
    assert_eq!(found(headers("__u32 ballast;", "")), ["field-extra crane_lift.ballast"]);
    let gone = found(headers("} boom;", "} mast;"));
    assert_eq!(
        gone,
        [
            "field-missing crane_attr.turn.mast",
            "field-missing crane_attr.turn.mast.side",
            "field-extra crane_turn.side"
        ]
    );
    assert_eq!(found(kernel(&[])), ["field-extra crane_turn.count"]);
}
