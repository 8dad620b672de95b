//! Nothing panics: not the loader on any bytes, not the grammars on any text, not evaluation on any expression.

mod generate;

use abispec::arch::Arch;
use abispec::embedded;
use abispec::expr::{Function, Moment, Observer, OperandValue, evaluate, parse, print, truth};
use abispec::finding::SourceFile;
use abispec::load::load;
use abispec::target::Target;
use abispec::version::Release;
use abispec::{fmt, report, resolve, types};
use proptest::prelude::*;

/// A world that answers by a pattern, sometimes not at all.
struct Whimsical(u64);

impl Whimsical {
    fn answer(&self, question: i128) -> Option<i128> {
        let mixed = i128::from(self.0).wrapping_mul(question.wrapping_add(0x9e37_79b9)).rotate_left(17);
        match mixed.rem_euclid(5) {
            0 => None,
            1 => Some(i128::MAX),
            2 => Some(i128::MIN),
            3 => Some(0),
            _ => Some(mixed),
        }
    }
}

impl Observer for Whimsical {
    fn argument(&self, index: u8) -> Option<i128> {
        self.answer(index.into())
    }
    fn result(&self) -> Option<i128> {
        self.answer(1000)
    }
    fn load(&self, address: i128, _: u8, _: bool, _: Moment) -> Option<i128> {
        self.answer(address)
    }
    fn call(&self, function: Function, operands: &[OperandValue], _: Moment) -> Option<i128> {
        self.answer(function as i128 + operands.len() as i128)
    }
}

/// One change to a text, as a slip of the hand or a torn file makes it.
#[derive(Clone, Debug)]
enum Change {
    Delete(usize, usize),
    Repeat(usize, usize),
    Insert(usize, String),
}

fn change() -> impl Strategy<Value = Change> {
    let pieces = [
        "{",
        "}",
        "[",
        "]",
        ": ",
        ",",
        "\n",
        "  ",
        "- ",
        "\"",
        "'",
        "#",
        "&a ",
        "*a",
        "!",
        "|",
        ">",
        "?",
        "~",
        "\t",
        "\u{0}",
        "é",
        "0x",
        "9999999999999999999999",
    ];
    let piece = prop_oneof![
        proptest::sample::select(pieces.to_vec()).prop_map(str::to_owned),
        any::<char>().prop_map(String::from),
    ];
    prop_oneof![
        (any::<usize>(), 1..40usize).prop_map(|(at, length)| Change::Delete(at, length)),
        (any::<usize>(), 1..200usize).prop_map(|(at, length)| Change::Repeat(at, length)),
        (any::<usize>(), piece).prop_map(|(at, piece)| Change::Insert(at, piece)),
    ]
}

fn changed(text: &str, changes: &[Change]) -> String {
    let mut chars: Vec<char> = text.chars().collect();
    for change in changes {
        let length = chars.len().max(1);
        match change {
            Change::Delete(at, count) => {
                let at = at % length;
                chars.drain(at.min(chars.len())..(at + count).min(chars.len()));
            }
            Change::Repeat(at, count) => {
                let at = (at % length).min(chars.len());
                let copy: Vec<char> = chars[at..(at + count).min(chars.len())].to_vec();
                chars.splice(at..at, copy);
            }
            Change::Insert(at, piece) => {
                let at = (at % length).min(chars.len());
                chars.splice(at..at, piece.chars());
            }
        }
    }
    chars.into_iter().collect()
}

fn survives(path: &str, text: String) {
    let source = SourceFile { path: path.to_owned(), text };
    let _ = fmt::format(&source);
    let (spec, findings) = load(vec![source]);
    for finding in &findings {
        report::write_human(finding, false, &mut Vec::new()).expect("memory takes any text");
    }
    if findings.is_empty() {
        resolve(&spec, &Target::new(Arch::MipsO32, Release::new(5, 10)));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn the_loader_survives_damaged_files(
        file in any::<proptest::sample::Index>(),
        changes in proptest::collection::vec(change(), 1..6),
    ) {
        let files = &embedded().files;
        let file = &files[file.index(files.len())];
        survives(&file.path, changed(&file.text, &changes));
    }

    #[test]
    fn the_loader_survives_any_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        for folder in abispec::load::FOLDERS {
            survives(&format!("{folder}/x.yaml"), String::from_utf8_lossy(&bytes).into_owned());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn the_grammars_survive_any_text(text in "\\PC{0,60}", likely in "[a-z0-9 ()\\[\\]!~*&|<>=.,+?:\"-]{0,60}") {
        for text in [text, likely] {
            let _ = parse(&text);
            let _ = types::parse(&text);
        }
    }

    #[test]
    fn evaluation_is_total(expr in generate::any_resolved(), seed in any::<u64>()) {
        for moment in [Moment::Before, Moment::After] {
            let _ = evaluate(&expr, &Whimsical(seed), moment);
            let _ = truth(&expr, &Whimsical(seed), moment);
        }
        let _ = print(&expr, &[]);
    }
}

#[test]
fn hostile_sizes_end_in_an_error() {
    for text in [
        "(".repeat(100_000),
        "!".repeat(100_000),
        "a+".repeat(100_000) + "a",
        "a".to_owned() + &".b".repeat(100_000),
        "a[".repeat(100_000),
    ] {
        assert!(parse(&text).is_err());
        let _ = types::parse(&text);
        let _ = load(vec![SourceFile { path: "syscalls/x.yaml".to_owned(), text: format!("blocks: \"{text}\"") }]);
    }

    survives("syscalls/x.yaml", "[".repeat(100_000));
    survives("syscalls/x.yaml", "- ".repeat(100_000));
    survives("flags/x.yaml", "a: &a [*a, *a]".to_owned());
}
