//! A target has what its release and port have, and nothing else.

use abispec::arch::Arch;
use abispec::errno::Errno;
use abispec::expr::{Function, Moment, Observer, OperandValue, Truth, truth};
use abispec::finding::SourceFile;
use abispec::load::load;
use abispec::model::{Origin, Spec};
use abispec::target::{ClauseKind, Resolved, Target};
use abispec::version::Release;
use abispec::{embedded, resolve};

fn spec(call: &str) -> Spec {
    let file = |path: &str, text: &str| SourceFile { path: path.to_owned(), text: text.to_owned() };
    let flags = "f:\n  kind: flags\n  members: {OLD: 1, NEW: {value: 2, since: \"6.0\", arch: {mips: 8}}, GONE: {value: 4, until: \"5.15\"}, ALL: {value: OLD | NEW | GONE, mask: true}}\n";
    let (spec, findings) = load(vec![file("flags/f.yaml", flags), file("syscalls/x.yaml", call)]);
    assert!(findings.is_empty(), "{findings:#?}");
    spec
}

fn on(spec: &Spec, major: u16, minor: u16) -> Resolved {
    resolve(spec, &Target::new(Arch::X86_64, Release::new(major, minor)))
}

const CALL: &str = "\
syscall: x
summary: changes with time
since: \"5.10\"
nr: {x86_64: 1, generic: 2}
params:
  - {name: flags, c: int, type: \"flags[f]\", unknown: EINVAL}
returns: zero
ensures:
  - {that: ret == 0, since: \"6.1\"}
effects:
  - changes: times
    until: \"6.2\"
errors:
  EIO: [{may: \"flags == 1\", until: \"6.0\"}]
  EPERM: [{when: \"flags == 1\", since: \"6.1\"}]
";

#[test]
fn rules_come_and_go_with_releases() {
    let spec = spec(CALL);
    assert!(on(&spec, 5, 9).call("x").is_none());
    let rules = |resolved: &Resolved| -> Vec<&str> {
        resolved.call("x").unwrap().variants[0].rules.iter().map(|rule| rule.errno.name()).collect()
    };
    assert_eq!(rules(&on(&spec, 6, 0)), ["EIO", "EINVAL"]);
    assert_eq!(rules(&on(&spec, 6, 1)), ["EPERM", "EINVAL"]);
    let kinds =
        |major, minor, kind| on(&spec, major, minor).clauses.iter().filter(|clause| clause.kind == kind).count();
    assert_eq!((kinds(6, 0, ClauseKind::Ensures), kinds(6, 1, ClauseKind::Ensures)), (0, 1));
    assert_eq!((kinds(6, 2, ClauseKind::Effect), kinds(6, 3, ClauseKind::Effect)), (1, 0));
}

#[test]
fn known_bits_are_those_of_the_release_and_values_those_of_the_port() {
    let spec = spec(CALL);
    assert_eq!(on(&spec, 5, 15).sets["f"].known, 1 | 4);
    assert_eq!(on(&spec, 6, 1).sets["f"].known, 1 | 2);
    let mips = resolve(&spec, &Target::new(Arch::MipsN64, Release::new(6, 1)));
    assert_eq!(mips.constants["NEW"], 8);
    assert!(mips.call("x").is_none(), "a port without a number lacks the call");
    let arm64 = resolve(&spec, &Target::new(Arch::Arm64, Release::new(6, 1)));
    assert_eq!(arm64.call("x").unwrap().nr, 2);
}

/// Sees the same number in every parameter.
struct Only(i128);

impl Observer for Only {
    fn argument(&self, _: u8) -> Option<i128> {
        Some(self.0)
    }

    fn result(&self) -> Option<i128> {
        None
    }

    fn load(&self, _: i128, _: u8, _: bool, _: Moment) -> Option<i128> {
        None
    }

    fn call(&self, _: Function, _: &[OperandValue], _: Moment) -> Option<i128> {
        None
    }
}

#[test]
fn a_member_may_be_the_sign_of_its_int() {
    let resolved = on(embedded(), 6, 12);
    let einval = Errno::from_name("EINVAL").unwrap();
    let unknown = |call: &str, argument: i128| {
        let rules = &resolved.call(call).unwrap().variants[0].rules;
        let rule = rules.iter().find(|rule| rule.errno == einval && rule.duty).unwrap();
        truth(&rule.condition, &Only(argument), Moment::Before)
    };
    // What the kernel makes of 0x80000000 (__WCLONE) and of 0x80000010 in an int.
    assert_eq!(unknown("wait4", i128::from(i32::MIN)), Truth::False);
    assert_eq!(unknown("wait4", i128::from(i32::MIN + 16)), Truth::True);
    assert_eq!(unknown("wait4", 16), Truth::True);
    // No member of pipe2's is the sign.
    assert_eq!(unknown("pipe2", i128::from(i32::MIN)), Truth::True);
}

#[test]
fn every_errno_and_every_origin_can_be_written() {
    let mut text = CALL[..CALL.find("errors:").unwrap()].to_owned() + "errors:\n";
    for (errno, origin) in Errno::all().zip(Origin::ALL.iter().cycle()) {
        text += &format!("  {}: [{{may: \"flags == 3\", from: {}}}]\n", errno.name(), origin.name());
    }
    let spec = spec(&text);
    let rules = &spec.syscalls["x"].contract.errors;
    assert_eq!(rules.len(), Errno::all().count());
    for (rule, (errno, origin)) in rules.iter().zip(Errno::all().zip(Origin::ALL.iter().cycle())) {
        assert_eq!((rule.errno.value, rule.origin), (errno, *origin));
    }
    for arch in Arch::ALL {
        for errno in Errno::all() {
            assert_eq!(Errno::from_number(errno.number(*arch), *arch), Some(errno), "{} on {arch}", errno.name());
        }
    }
}

#[test]
fn the_embedded_specification_resolves_for_every_port_and_release() {
    for arch in Arch::ALL {
        for release in [Release::new(5, 10), Release::new(6, 1), Release::new(7, 3)] {
            let resolved = resolve(embedded(), &Target::new(*arch, release));
            for call in &resolved.calls {
                assert!(!call.variants.is_empty());
                assert!(resolved.call(&call.name).is_some());
            }
        }
    }
}

#[test]
fn a_call_that_no_kernel_has_answers_enosys() {
    let spec = spec("syscall: x\nsummary: was never there\nunimplemented: true\nnr: {x86_64: 7}\n");
    let resolved = on(&spec, 6, 12);
    let variant = &resolved.call("x").unwrap().variants[0];
    assert!(variant.params.is_empty());
    let rules: Vec<_> = variant.rules.iter().map(|rule| (rule.errno.name(), rule.duty)).collect();
    assert_eq!(rules, [("ENOSYS", true)]);
}

#[test]
fn of_a_register_as_much_counts_as_the_type_says() {
    let call = |ty: &str| {
        spec(&format!(
            "syscall: x\nsummary: takes bits\nnr: {{x86_64: 1}}\nparams:\n  - {{name: bits, c: unsigned long, type: \"{ty}\", unknown: EINVAL}}\nreturns: zero\n"
        ))
    };
    for (ty, bytes) in [("flags[f]", 8), ("flags[f, uint32]", 4)] {
        let resolved = on(&call(ty), 7, 3);
        assert_eq!(resolved.call("x").unwrap().variants[0].params[0].int.bytes(8), bytes, "{ty}");
    }
}

#[test]
fn rules_of_several_errnos_are_each_ones_in_order() {
    let call = "syscall: x\nsummary: fails\nnr: {x86_64: 1}\nparams:\n  - {name: a, c: int, type: int32}\nreturns: zero\nerrors:\n  \
                \"EIO, ENXIO\": [{may: a > 1}, {may: a < 0}]\n";
    let spec = spec(call);
    let rules = &on(&spec, 7, 3).call("x").unwrap().variants[0].rules.clone();
    assert_eq!(rules.iter().map(|rule| rule.errno.name()).collect::<Vec<_>>(), ["EIO", "EIO", "ENXIO", "ENXIO"]);
    assert_eq!((&rules[0].condition, &rules[1].condition), (&rules[2].condition, &rules[3].condition));
}

#[test]
fn beside_a_kind_a_name_is_a_kind_whatever_the_parameters_are_called() {
    let file = |path: &str, text: &str| SourceFile { path: path.to_owned(), text: text.to_owned() };
    let call = "syscall: x\nsummary: takes a pidfd\nnr: {x86_64: 1}\nparams:\n  - {name: pidfd, c: int, type: fd}\nreturns: zero\nerrors:\n  \
                EBADF: [{when: \"kind(pidfd) != pidfd\"}, {when: \"!(kind(pidfd) in [pidfd, directory])\"}]\n";
    let (_, findings) = load(vec![file("resources/r.yaml", "fd: {base: int32}\n"), file("syscalls/x.yaml", call)]);
    assert!(findings.is_empty(), "{findings:#?}");
}

#[test]
fn a_64_bit_caller_of_i386_has_its_own_limits() {
    let native = Target::new(Arch::I386, Release::new(6, 12));
    let foreign = Target { caller: Arch::X86_64, ..native.clone() };
    let constants = |target: &Target| {
        let resolved = abispec::resolve(abispec::embedded(), target);
        ["LONG_MAX", "ULONG_MAX", "SSIZE_MAX", "SIZE_MAX", "TASK_SIZE"].map(|name| resolved.constants[name])
    };
    let (int, long) = (i128::from(i32::MAX), i128::from(i64::MAX));
    assert_eq!(constants(&native), [int, 2 * int + 1, int, 2 * int + 1, 0xc000_0000]);
    assert_eq!(constants(&foreign), [int, 2 * int + 1, long, 2 * long + 1, (1 << 47) - 4096]);
    // A position in two words is one number, of which a port of 64 bits takes the first only.
    let shifts = |target: &Target| {
        let resolved = abispec::resolve(abispec::embedded(), target);
        let rules = &resolved.call("preadv2").unwrap().variants[0].rules;
        rules.iter().filter(|rule| format!("{:?}", rule.condition).contains("Shl")).count()
    };
    assert!(shifts(&native) > 3 && shifts(&foreign) == shifts(&native));
    assert_eq!(shifts(&Target::new(Arch::X86_64, Release::new(6, 12))), 0);
}

#[test]
fn errnos_that_share_a_rule_are_written_once() {
    let text = CALL.replace(
        "  EIO: [{may: \"flags == 1\", until: \"6.0\"}]",
        "  EPERM: [{may: \"flags == 4\"}]\n  \"EIO, EPERM\": [{may: \"flags == 2\"}]",
    );
    let text = text.replace("  EPERM: [{when: \"flags == 1\", since: \"6.1\"}]\n", "");
    let call = spec(&text).syscalls.remove("x").unwrap();
    let rules: Vec<(&str, String)> = call
        .contract
        .errors
        .iter()
        .map(|rule| (rule.errno.value.name(), format!("{:?}", rule.condition.value)))
        .collect();
    let [(first, own), (second, shared), (third, same)] = &rules[..] else { panic!("{rules:#?}") };
    assert_eq!((*first, *second, *third), ("EPERM", "EIO", "EPERM"));
    assert_eq!(shared, same);
    assert_ne!(own, shared);
}

#[test]
fn a_call_that_is_like_another_promises_what_that_one_does() {
    let file = |path: &str, text: &str| SourceFile { path: path.to_owned(), text: text.to_owned() };
    let flags = "f:\n  kind: flags\n  members: {OLD: 1}\n";
    let wide = "syscall: wide\nsummary: the same\nsince: \"6.0\"\nlike: x\nnr: {i386: 9}\nentry: x\n";
    let lost = "syscall: lost\nsummary: of what?\nlike: wide\nnr: {i386: 8}\n";
    let files = [("flags/f.yaml", flags), ("syscalls/x.yaml", CALL), ("syscalls/wide.yaml", wide)];
    let mut files: Vec<SourceFile> = files.iter().map(|(path, text)| file(path, text)).collect();
    let (spec, findings) = load(files.clone());
    assert!(findings.is_empty(), "{findings:#?}");
    assert_eq!(spec.syscalls["wide"].contract, spec.syscalls["x"].contract);
    let on = |major, minor| resolve(&spec, &Target::new(Arch::I386, Release::new(major, minor)));
    assert!(on(5, 15).call("wide").is_none());
    let rules = |resolved: &Resolved| resolved.call("wide").map(|call| call.variants[0].rules.len());
    assert_eq!(rules(&on(6, 1)), Some(2));
    // What is a copy itself is no original.
    files.push(file("syscalls/lost.yaml", lost));
    let (_, findings) = load(files);
    assert_eq!(findings.iter().map(|finding| finding.id.as_str()).collect::<Vec<_>>(), ["unknown-call"]);
}
