use super::*;
use crate::world::testing::{BASE, Bytes, answers, number, resolve, world};
use abispec::expr::Word;

/// Asks functions about one path and one descriptor: each line is a function and what it answers by path.
fn ask(questions: &[&str], path: &str, capabilities: u64, keys: &str) -> Vec<Option<i128>> {
    let ensures: String = questions.iter().map(|question| format!("  - \"{question}\"\n")).collect();
    let text = format!(
        "params:\n  - {{name: dfd, c: int, type: fd}}\n  - {{name: path, c: \"const char __user *\", type: path, base: dfd{keys}}}\n\
         returns: zero\nensures:\n{ensures}"
    );
    let resolved = resolve(&[("probe", &text)]);
    let numbers = Numbers::of(&resolved);
    let memory = Bytes::new(&[(16, path.as_bytes())]);
    answers(&resolved, "probe", &world(&numbers, capabilities), &memory, [-100_i64 as u64, BASE + 16, 0, 0, 0, 0])
}

const ALL: u64 = u64::MAX;
const YES: Option<i128> = Some(1);
const NO: Option<i128> = Some(0);

#[test]
fn questions_about_a_path() {
    let questions =
        ["walk(path) == -7777", "exists(path)", "size(path) == -7777", "links(path) == -7777", "may(path, write)"];
    let table: &[(&str, u64, [Option<i128>; 5])] = &[
        ("big", ALL, [NO, YES, Some(5000), Some(1), YES]),
        ("two_too", ALL, [NO, YES, Some(100), Some(2), YES]),
        ("d", ALL, [NO, YES, Some(120), Some(3), YES]),
        ("none", ALL, [NO, NO, None, None, None]),
        ("none/x", ALL, [Some(2), NO, None, None, None]),
        ("", ALL, [Some(2), NO, None, None, None]),
        ("f/x", ALL, [Some(20), NO, None, None, None]),
        ("loop", ALL, [Some(40), NO, None, None, None]),
        ("closed/f", 0, [Some(13), NO, None, None, None]),
        ("readonly", 0, [NO, YES, Some(10), Some(1), NO]),
        ("readonly", ALL, [NO, YES, Some(10), Some(1), YES]),
        ("/elsewhere", ALL, [None, None, None, None, None]),
    ];
    for (path, capabilities, expected) in table {
        assert_eq!(ask(&questions, path, *capabilities, ""), expected, "{path}");
    }
}

#[test]
fn questions_about_the_directory_of_a_name() {
    let questions =
        ["may_parent(path, write)", "sticky(path)", "read_only_fs(path)", "same_mount(path, dfd)", "empty(path)"];
    let table: &[(&str, [Option<i128>; 5])] = &[
        ("nowrite/new", [NO, NO, NO, None, NO]),
        ("sticky/f", [YES, NO, NO, None, NO]),
        ("closed/new", [None, None, None, None, NO]),
        ("", [None, None, None, None, YES]),
    ];
    for (path, expected) in table {
        assert_eq!(ask(&questions, path, 0, ", must_exist: \"false\""), expected, "{path}");
    }
}

#[test]
fn questions_about_the_text() {
    let questions =
        ["last(path) == dotdot", "trailing_slash(path)", "absolute(path)", "length(path) == -7777", "leaves(path)"];
    let table: &[(&str, [Option<i128>; 5])] = &[
        ("d/..", [YES, NO, NO, Some(4), NO]),
        ("d/../", [YES, YES, NO, Some(5), NO]),
        ("/t", [NO, NO, YES, Some(2), YES]),
        ("", [None, NO, NO, NO, None]),
    ];
    for (path, expected) in table {
        assert_eq!(ask(&questions, path, ALL, ""), expected, "{path}");
    }
}

#[test]
fn the_empty_path_is_the_base() {
    let questions = ["exists(path)", "kind(path) == directory", "size(path) > 0", "same_file(path, path)"];
    assert_eq!(ask(&questions, "", ALL, ", empty: \"true\""), [YES, YES, YES, YES]);
    assert_eq!(ask(&questions, "", ALL, ""), [NO, None, None, None]);
}

#[test]
fn keys_of_a_path_are_conditions() {
    let questions = ["kind(path) == -7777"];
    let table: &[(&str, &str, Option<i128>)] = &[
        ("lf", "", number(Word::Regular)),
        ("lf", ", follow: \"false\"", number(Word::Symlink)),
        ("lf", ", follow: dfd == 3", number(Word::Symlink)),
        ("/f", ", scoped: dfd == -100", number(Word::Regular)),
        ("../../f", ", scoped: \"true\"", number(Word::Regular)),
    ];
    for (path, keys, expected) in table {
        let question =
            questions.map(|question| question.replace("kind(path) == -7777", "kind(path) in [regular, symlink]"));
        let all: Vec<&str> = question.iter().map(String::as_str).chain(["kind(path) == symlink"]).collect();
        let link = i128::from(*expected == number(Word::Symlink));
        assert_eq!(ask(&all, path, ALL, keys), [YES, Some(link)], "{path}{keys}");
    }
}

#[test]
fn questions_about_memory() {
    let text = "params:\n  - {name: p, c: \"char __user *\", type: \"buffer[inout, n]\"}\n  - {name: n, c: size_t, type: \"len[p]\"}\n\
                returns: zero\nensures:\n  - mapped(p, n, read)\n  - mapped(p, n, write)\n  - user_range(p, n)\n  - zeroed(p, 0, n)\n  \
                - unreadable(p)\n  - iov_total(p, n) == -7777\n";
    let resolved = resolve(&[("probe", text)]);
    let numbers = Numbers::of(&resolved);
    let iov: Vec<u8> = [BASE, 5, BASE, 7].iter().flat_map(|number| number.to_ne_bytes()).collect();
    let memory = Bytes::new(&[(0, &iov)]);
    let top = 1_u64 << 47;
    let table: &[(u64, u64, [Option<i128>; 6])] = &[
        (BASE, 2, [YES, YES, YES, NO.filter(|_| cfg!(target_endian = "big")).or(YES), NO, Some(12)]),
        (BASE + 64, 8192, [YES, NO, YES, YES, NO, None]),
        (BASE + 64, 0, [YES, YES, YES, YES, NO, NO]),
        (BASE + 0x3000, 1, [NO, NO, YES, None, YES, None]),
        (0, 1, [NO, NO, YES, None, YES, None]),
        (top, 1, [NO, NO, NO, None, YES, None]),
        (u64::MAX, 1, [NO, NO, NO, None, YES, None]),
        (BASE - 64, 1, [None, None, YES, None, None, None]),
        // The playground is known from the mappings.
        (0x10_0000_0000, 16, [NO, NO, YES, None, YES, None]),
    ];
    for (address, len, expected) in table {
        let found = answers(&resolved, "probe", &world(&numbers, ALL), &memory, [*address, *len, 0, 0, 0, 0]);
        assert_eq!(found, expected, "{address:#x}+{len}");
    }
}

#[test]
fn registers_are_converted_as_the_kernel_does() {
    let fixed = |bits, signed| IntType::Fixed { bits, signed };
    let table: &[(u64, IntType, i128)] = &[
        (0xdead_beef_0000_0003, fixed(32, true), 3),
        (0xffff_ffff, fixed(32, true), -1),
        (0xffff_ffff, fixed(32, false), 0xffff_ffff),
        (0x1_8fff, fixed(16, false), 0x8fff),
        (u64::MAX, IntType::Long { signed: true }, -1),
        (u64::MAX, IntType::Long { signed: false }, i128::from(u64::MAX)),
    ];
    for (register, int, expected) in table {
        assert_eq!(int.value_of(*register, 8), *expected, "{register:#x} {int:?}");
    }
}

#[test]
fn questions_about_the_first_descriptors() {
    let text = "params:\n  - {name: fd, c: unsigned int, type: fd}\nreturns: zero\nensures:\n  - open(fd)\n  - kind(fd) == char_device\n  \
                - readable(fd) && writable(fd)\n  - seekable(fd)\n  - free_fds(0) == 61\n  - lowest_free(fd, 0)\n  - cloexec(fd)\n";
    let resolved = resolve(&[("probe", text)]);
    let numbers = Numbers::of(&resolved);
    let table: &[(u64, [Option<i128>; 7])] = &[
        (0, [YES, YES, YES, None, YES, NO, NO]),
        (3, [NO, None, None, None, YES, YES, None]),
        (u64::MAX, [NO, None, None, None, YES, NO, None]),
    ];
    for (fd, expected) in table {
        let found = answers(&resolved, "probe", &world(&numbers, ALL), &Bytes::new(&[]), [*fd, 0, 0, 0, 0, 0]);
        assert_eq!(found, expected, "{fd}");
    }
}
