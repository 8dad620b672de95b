//! What a program does that no kernel needs to put up with.

use super::book::{Book, is_accepted, undefined};
use super::memory::Piece;
use crate::oracle::Answer;
use abispec::model::Unknown;
use abispec::target::{ResolvedParam, ResolvedStruct};
use abispec::types::{IntType, Type};

/// The ids of these findings, with what each means and what to do about it.
pub const EXPLANATIONS: &[(&str, &str)] = &[
    (
        "misuse-undefined-flag",
        "The program passed a flag bit, or a value of an enumeration, that the specification does not define for this kernel.\n\nA kernel that ignores it today may give it a meaning tomorrow. A program that tries whether a kernel knows a flag, and copes with the error, is not reported.",
    ),
    (
        "misuse-struct-size",
        "The program passed a size for an extensible struct that no published version of it has.\n\nThe size is how kernel and program agree on the fields: use the size of the struct as the header has it.",
    ),
    (
        "misuse-bad-pointer",
        "The program passed a pointer to memory that it does not have, and the call failed with EFAULT.",
    ),
    (
        "misuse-obsolete-call",
        "The program made a call that ports of Linux made since 2011 do not have: on those it does not exist. Its successor takes a directory descriptor, flags, or both.",
    ),
    (
        "misuse-high-bits",
        "The upper half of the register behind a 32-bit argument is neither zero nor the sign of the lower half. The kernel ignores it; another port, or a wider type, would not.",
    ),
];

/// Something that a program does wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Misuse {
    /// One of [`EXPLANATIONS`].
    pub id: &'static str,
    /// What the contract has.
    pub expected: String,
    /// What was passed.
    pub actual: String,
}

/// What is wrong with a call that has returned.
pub(super) fn misuses(
    book: &Book<'_>,
    call: usize,
    variant: usize,
    args: &[u64; 6],
    pieces: &[Piece],
    answer: Answer,
) -> Vec<Misuse> {
    let spec = &book.resolved.calls[call];
    let described = &spec.variants[variant];
    let mut found = Vec::new();
    if book.obsolete.contains(&spec.name) {
        let expected = "a call that every port has".to_owned();
        found.push(Misuse { id: "misuse-obsolete-call", expected, actual: format!("{} was called", spec.name) });
    }
    for (param, register) in described.params.iter().zip(args) {
        found.extend(of_argument(book, param, *register, answer));
    }
    if answer == Answer::Error(libc::EFAULT.cast_unsigned()) {
        let unreadable = described.params.iter().zip(args).find(|(param, address)| {
            let piece = pieces.iter().find(|piece| piece.address == **address);
            param.memory.is_some() && piece.is_some_and(|piece| piece.bytes.is_empty() && piece.wanted > 0)
        });
        let what = unreadable.map_or_else(|| "memory".to_owned(), |(param, _)| format!("`{}`", param.name));
        let expected = format!("{what} points to memory of the program");
        found.push(Misuse { id: "misuse-bad-pointer", expected, actual: "the call failed with EFAULT".to_owned() });
    }
    for (param, _) in described.params.iter().zip(args) {
        let Type::Ptr { to, .. } = &param.ty else { continue };
        let Type::Extensible { name, size } = &**to else { continue };
        let Some(found_struct) = book.resolved.structs.get(name) else { continue };
        let (Some(size), Some(measure)) = (args.get(usize::from(*size)), described.params.get(usize::from(*size)))
        else {
            continue;
        };
        found.extend(of_size(found_struct, measure.int.value_of(*size, book.numbers.word)));
    }
    found
}

fn of_argument(book: &Book<'_>, param: &ResolvedParam, register: u64, answer: Answer) -> Option<Misuse> {
    let value = param.int.value_of(register, book.numbers.word);
    let probing = matches!(param.unknown, Some(Unknown::Rejected(_))) && matches!(answer, Answer::Error(_));
    if !probing
        && let Some(bits) = undefined(param, if value < 0 { value & 0xffff_ffff } else { value }, book.resolved)
        && (is_accepted(param) || matches!(param.ty, Type::Flags { .. }))
    {
        let set = match &param.ty {
            Type::Flags { set, .. } | Type::Enum { set, .. } => set.as_str(),
            _ => "",
        };
        let expected = format!("`{}` has members of {set} only", param.name);
        return Some(Misuse { id: "misuse-undefined-flag", expected, actual: format!("it has {bits:#x} too") });
    }
    let narrow = matches!(param.int, IntType::Fixed { bits: 32, .. }) && book.numbers.word == 8;
    let high = register >> 32;
    let sign = register & 0x8000_0000 != 0 && high == 0xffff_ffff;
    (narrow && high != 0 && !sign).then(|| Misuse {
        id: "misuse-high-bits",
        expected: format!("`{}` has 32 bits", param.name),
        actual: format!("the register's upper half is {high:#x}"),
    })
}

fn of_size(found: &ResolvedStruct, size: i128) -> Option<Misuse> {
    // Where the first version is 0 any part may be passed.
    let known = |version: &u32| i128::from(*version) == size || *version == 0;
    if found.versions.is_empty() || found.versions.iter().any(known) {
        return None;
    }
    let sizes: Vec<String> = found.versions.iter().map(u32::to_string).collect();
    let expected = format!("a size of struct {} is one of {}", found.name, sizes.join(", "));
    Some(Misuse { id: "misuse-struct-size", expected, actual: format!("{size} was passed") })
}
