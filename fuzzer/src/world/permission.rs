//! Who may do what to a file.

use super::process::Rights;
use super::tree::Inode;
use abispec::expr::Word;

/// Whether the caller, who owns the file if `owned`, gets the access; `word` is `read`, `write` or `exec`.
pub fn may(inode: &Inode, word: Word, rights: Rights, owned: bool) -> Option<bool> {
    let bit = match word {
        Word::Read => 4,
        Word::Write => 2,
        Word::Exec => 1,
        _ => return None,
    };
    let directory = inode.is_directory();
    let overridden = if directory {
        rights.override_all || rights.read_search && word != Word::Write
    } else if word == Word::Exec {
        // Not even a capability executes what nobody may execute.
        rights.override_all && inode.permissions? & 0o111 != 0
    } else {
        rights.override_all || rights.read_search && word == Word::Read
    };
    if overridden && (inode.kind.is_some() || word == Word::Read) {
        return Some(true);
    }
    if !owned || inode.kind.is_none() {
        return None;
    }
    Some(inode.permissions? >> 6 & bit != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: Rights = Rights { override_all: true, read_search: true, as_owner: true };
    const NONE: Rights = Rights { override_all: false, read_search: false, as_owner: false };
    const SEARCH: Rights = Rights { read_search: true, ..NONE };

    #[test]
    fn owner_bits_and_capabilities() {
        use Word::{Directory, Exec, Read, Regular, Write};
        let table = [
            (Regular, Some(0o400), Read, NONE, Some(true)),
            (Regular, Some(0o044), Read, NONE, Some(false)),
            (Regular, Some(0), Read, SEARCH, Some(true)),
            (Regular, Some(0), Write, SEARCH, Some(false)),
            (Regular, Some(0), Write, ALL, Some(true)),
            (Regular, Some(0o666), Exec, ALL, Some(false)),
            (Regular, Some(0o001), Exec, ALL, Some(true)),
            (Regular, Some(0o001), Exec, NONE, Some(false)),
            (Directory, Some(0), Exec, SEARCH, Some(true)),
            (Directory, Some(0), Write, SEARCH, Some(false)),
            (Directory, Some(0), Write, ALL, Some(true)),
            (Directory, Some(0o600), Exec, NONE, Some(false)),
            (Regular, None, Write, ALL, Some(true)),
            (Regular, None, Exec, ALL, None),
            (Regular, None, Read, NONE, None),
        ];
        for (kind, permissions, word, rights, expected) in table {
            let inode = Inode { permissions, ..Inode::of(Some(kind)) };
            assert_eq!(may(&inode, word, rights, true), expected, "{kind:?} {permissions:?} {word:?} {rights:?}");
        }
    }

    #[test]
    fn another_owner_is_not_judged_by_the_owner_bits() {
        let inode = Inode { permissions: Some(0o700), ..Inode::of(Some(Word::Regular)) };
        assert_eq!(may(&inode, Word::Read, NONE, false), None);
        assert_eq!(may(&inode, Word::Read, ALL, false), Some(true));
    }
}
