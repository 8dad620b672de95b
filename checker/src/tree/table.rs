//! Tables of system calls: one call a line, `number abi name native compat noreturn`.
//!
//! The kernel's own build reads them with `grep` and the shell's `read`. This reader accepts what those accept, and says
//! where a line that looks like an entry is none.

use nom::branch::alt;
use nom::bytes::complete::{tag_no_case, take_while1};
use nom::character::complete::{digit1, hex_digit1, space0, space1};
use nom::combinator::{map_res, opt};
use nom::multi::many0;
use nom::sequence::{preceded, terminated};
use nom::{IResult, Parser};

/// One entry of a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The number, without the offset that some ports add.
    pub number: u32,
    /// The ABI that has the entry: `common`, `64`, `x32`, `time32`, ...
    pub abi: String,
    /// The call's name behind `__NR_`.
    pub name: String,
    /// The kernel's function; `None` for a number that is only reserved.
    pub native: Option<String>,
    /// The function that serves callers of the other word size.
    pub compat: Option<String>,
    /// Whether the call never returns.
    pub noreturn: bool,
    /// Line, from 1.
    pub line: u32,
}

/// A line that begins like an entry and is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadRow {
    /// Line, from 1.
    pub line: u32,
    /// What is wrong with it.
    pub reason: String,
}

/// Entries of a table, and the lines that should be entries.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Table {
    /// In the order of the file.
    pub rows: Vec<Row>,
    /// Lines that could not be read.
    pub bad: Vec<BadRow>,
}

/// What stands for a number that no function serves.
const RESERVED: &str = "sys_ni_syscall";

impl Table {
    /// Reads a table. Lines that do not begin with a digit are no entries.
    pub fn read(text: &str) -> Self {
        let mut table = Self::default();
        for (index, text) in text.lines().enumerate() {
            if !text.starts_with(|c: char| c.is_ascii_digit()) {
                continue;
            }
            let line = u32::try_from(index + 1).unwrap_or(u32::MAX);
            match entry(text) {
                Ok((_, (number, words))) => match row(number, &words, line) {
                    Ok(row) => table.rows.push(row),
                    Err(reason) => table.bad.push(BadRow { line, reason }),
                },
                Err(_) => {
                    let reason = "expected a number of 32 bits and blanks".to_owned();
                    table.bad.push(BadRow { line, reason });
                }
            }
        }
        table
    }

    /// The entries of some ABIs, all of them for an empty list. As in the kernel's build, an ABI is named by how its word
    /// begins.
    pub fn of<'a>(&'a self, abis: &'a [String]) -> impl Iterator<Item = &'a Row> {
        self.rows.iter().filter(move |row| abis.is_empty() || abis.iter().any(|abi| row.abi.starts_with(abi.as_str())))
    }
}

fn row(number: u32, words: &[&str], line: u32) -> Result<Row, String> {
    let function = |index: usize| words.get(index).copied().filter(|word| *word != "-").map(str::to_owned);
    let [abi, name, ..] = words else { return Err("expected an ABI and a name behind the number".to_owned()) };
    if !is_name(name) {
        return Err(format!("`{name}` is no name of a system call"));
    }
    if let Some(word) = words.get(2..).unwrap_or_default().iter().find(|word| **word != "-" && !is_name(word)) {
        return Err(format!("`{word}` is no name of a function"));
    }
    let noreturn = match words.get(4..).unwrap_or_default() {
        [] => false,
        ["noreturn"] => true,
        [word, ..] => return Err(format!("expected `noreturn` in the last column, found `{word}`")),
    };
    Ok(Row {
        number,
        abi: (*abi).to_owned(),
        name: (*name).to_owned(),
        native: function(2).filter(|native| native != RESERVED),
        compat: function(3).filter(|compat| compat != RESERVED),
        noreturn,
        line,
    })
}

fn is_name(word: &str) -> bool {
    word.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') && !word.starts_with(|c: char| c.is_ascii_digit())
}

/// A number and the words behind it.
fn entry(line: &str) -> IResult<&str, (u32, Vec<&str>)> {
    let word = take_while1(|c: char| !c.is_whitespace());
    let words = many0(terminated(word, blanks));
    (terminated(number, space1), preceded(space0, words)).parse(line)
}

fn blanks(input: &str) -> IResult<&str, Option<&str>> {
    opt(take_while1(char::is_whitespace)).parse(input)
}

fn number(input: &str) -> IResult<&str, u32> {
    let hex = map_res(preceded(tag_no_case("0x"), hex_digit1), |digits| u32::from_str_radix(digits, 16));
    alt((hex, map_res(digit1, str::parse))).parse(input)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn entries_have_up_to_six_columns() {
        let text = "# number abi name\n\n0\tcommon\tmoor\tsys_moor\n 9 not an entry\n\
            1\t64\tcast_off\tsys_cast_off\tcompat_sys_cast_off\n2 common sink sys_sink - noreturn\n\
            3 common berth\n4 x32 bail sys_ni_syscall\n0x1f common drift sys_drift -\n";
        let table = Table::read(text);
        assert_eq!(table.bad, []);
        let seen: Vec<_> = table
            .rows
            .iter()
            .map(|row| (row.number, row.name.as_str(), row.native.as_deref(), row.compat.as_deref(), row.line))
            .collect();
        let expected = [
            (0, "moor", Some("sys_moor"), None, 3),
            (1, "cast_off", Some("sys_cast_off"), Some("compat_sys_cast_off"), 5),
            (2, "sink", Some("sys_sink"), None, 6),
            (3, "berth", None, None, 7),
            (4, "bail", None, None, 8),
            (0x1f, "drift", Some("sys_drift"), None, 9),
        ];
        assert_eq!(seen, expected);
        assert!(table.rows[2].noreturn && !table.rows[1].noreturn);
        let abis = ["common".to_owned(), "64".to_owned()];
        let names: Vec<_> = table.of(&abis).map(|row| row.name.as_str()).collect();
        assert_eq!(names, ["moor", "cast_off", "sink", "berth", "drift"]);
        assert_eq!(table.of(&[]).count(), 6);
    }

    #[test]
    fn what_should_be_an_entry_is_named() {
        let lines = [
            "7",
            "7 common",
            "4294967296 common far sys_far",
            "7x common near sys_near",
            "1 common a-b sys_a",
            "1 common ab (sys_a)",
            "1 common ab sys_a - often",
        ];
        for line in lines {
            let table = Table::read(&format!("# table\n{line}\n"));
            assert_eq!((table.rows.len(), table.bad.len()), (0, 1), "{line}");
            assert_eq!(table.bad[0].line, 2, "{line}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read(text in "([0-9a-fx\t #\n_\\-é]|common|sys_){0,200}") {
            let table = Table::read(&text);
            let lines = text.lines().filter(|line| line.starts_with(|c: char| c.is_ascii_digit())).count();
            prop_assert_eq!(table.rows.len() + table.bad.len(), lines);
        }

        #[test]
        fn printing_and_reading_is_the_identity(
            number: u32, abi in "[a-z0-9]{1,8}", name in "[a-z][a-z0-9_]{0,12}",
            native in proptest::option::of("sys_[a-z]{1,9}"), compat in proptest::option::of("compat_sys_[a-z]{1,9}"),
        ) {
            let dash = |function: &Option<String>| function.clone().unwrap_or_else(|| "-".to_owned());
            let text = format!("{number}\t{abi}\t{name}\t\t{} {}\n", dash(&native), dash(&compat));
            let native = native.filter(|name| name != RESERVED);
            let row = Row { number, abi, name, native, compat, noreturn: false, line: 1 };
            prop_assert_eq!(Table::read(&text).rows, vec![row]);
        }
    }
}
