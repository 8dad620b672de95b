//! Names that are what a condition wants them to be.

use super::dice::Dice;
use super::producers::Names;
use crate::exec::{SILENT_SOCKET, Stands};
use abispec::expr::Word;

/// What a condition wants of a name.
#[derive(Clone, Default)]
pub(super) struct PathWish {
    /// Anything at all.
    pub(super) any: bool,
    pub(super) kinds: Vec<Word>,
    pub(super) not_kinds: Vec<Word>,
    pub(super) exists: Option<bool>,
    pub(super) empty: bool,
    pub(super) slash: bool,
    pub(super) absolute: bool,
    pub(super) link: bool,
    pub(super) last_link: bool,
    pub(super) denied: bool,
    pub(super) parent_denied: bool,
    pub(super) read_only: bool,
    pub(super) outside: bool,
    /// The errno that the walk ends with; 0 where it comes to its end.
    pub(super) walk: i128,
    /// Longer than any path.
    pub(super) overlong: bool,
    /// No text that a program can read.
    pub(super) unreadable: bool,
    /// A directory that is gone, in which the caller still is.
    pub(super) gone: bool,
    /// Permissions that the file is to be given.
    pub(super) permissions: Option<i128>,
}

impl PathWish {
    /// Whether what stands at a name of a server's is wished for.
    pub(super) fn fits(&self, stands: Stands) -> bool {
        let denied = self.denied || self.parent_denied || self.read_only || self.outside;
        let other = self.gone
            || self.empty
            || self.overlong
            || self.unreadable
            || self.walk != 0
            || self.link
            || self.last_link;
        !denied
            && !other
            && match stands.kind() {
                Some(kind) => self.exists != Some(false) && among(kind, &self.kinds, &self.not_kinds),
                None => self.exists == Some(false),
            }
    }
}

/// Whether a kind of file is one of those that are wished for.
pub(super) fn among(kind: Word, kinds: &[Word], not_kinds: &[Word]) -> bool {
    (kinds.is_empty() || kinds.contains(&kind)) && !not_kinds.contains(&kind)
}

/// A name that has what is wished for.
pub(super) fn name(dice: &mut Dice<'_>, wish: &PathWish, names: &Names) -> String {
    if wish.empty {
        return String::new();
    }
    if wish.gone {
        return ".".to_owned();
    }
    if wish.overlong {
        return "./".repeat(2047) + dice.of(["ab", "abc"]);
    }
    if let Some(text) = stopped(dice, wish.walk) {
        return text;
    }
    let mut list: Vec<(&str, Word)> = Vec::new();
    let mut add = |paths: &[&'static str], kind: Word| list.extend(paths.iter().map(|path| (*path, kind)));
    if wish.exists == Some(false) {
        let missing: &[&'static str] = if wish.parent_denied {
            &["nowrite/n1", "nowrite/n2"]
        } else if wish.read_only {
            &["/n1", "/n2"]
        } else {
            &["n1", "n2", "n3", "n4", "d/n1", "e/n1", "dangling"]
        };
        add(missing, Word::Regular);
    } else if wish.parent_denied {
        add(&["nowrite/f"], Word::Regular);
    } else if wish.denied {
        add(&["secret", "readonly", "writeonly"], Word::Regular);
        add(&["closed", "nowrite", "nosearch"], Word::Directory);
    } else if wish.outside {
        add(&["../t/f", "/t/f", "d/../../t/f"], Word::Regular);
        add(&["..", "/", "/t", "labs"], Word::Directory);
        add(&["/dev/null"], Word::CharDevice);
    } else if wish.read_only {
        add(&["/", "..", "/dev"], Word::Directory);
        add(&["/empty", "../empty"], Word::Regular);
        add(&[SILENT_SOCKET], Word::Socket);
    } else if wish.last_link {
        add(&["lf", "abs"], Word::Regular);
        add(&["ld", "labs", "d/up", "lslash"], Word::Directory);
        add(&["dangling", "loop", "lfslash"], Word::Symlink);
    } else if wish.link {
        add(&["ld/f", "labs/f", "d/up/f", "lf", "abs"], Word::Regular);
        add(&["ld", "labs", "ld/sub", "lslash"], Word::Directory);
        add(&["lfslash"], Word::Symlink);
    } else {
        add(&["/dev/null"], Word::CharDevice);
        add(&["s"], Word::Socket);
        add(&["lf", "ld", "loop", "dangling"], Word::Symlink);
        list.extend(names.files.iter().map(|path| (path.as_str(), Word::Regular)));
        list.extend(names.directories.iter().map(|path| (path.as_str(), Word::Directory)));
        list.extend(names.fifos.iter().map(|path| (path.as_str(), Word::Pipe)));
    }
    let fits = |(_, kind): &&(&str, Word)| among(*kind, &wish.kinds, &wish.not_kinds);
    let fitting: Vec<&(&str, Word)> = list.iter().filter(fits).collect();
    // Of many files and few of the other kinds, each kind is worth the same.
    let kinds: Vec<Word> = {
        let mut kinds: Vec<Word> = fitting.iter().map(|(_, kind)| *kind).collect();
        kinds.dedup();
        kinds
    };
    let kind = dice.pick(&kinds).copied();
    let of_kind: Vec<&str> = fitting.iter().filter(|(_, own)| Some(*own) == kind).map(|(path, _)| *path).collect();
    let mut text = dice.pick(&of_kind).copied().unwrap_or("f").to_owned();
    if wish.absolute && !text.starts_with('/') {
        text.insert_str(0, "/t/");
    }
    if wish.slash && !text.ends_with('/') {
        text.push('/');
    }
    text
}

/// A name on whose way the walk stops with an errno.
fn stopped(dice: &mut Dice<'_>, errno: i128) -> Option<String> {
    let text = match i32::try_from(errno).ok()? {
        libc::ELOOP => dice.of(["loop/x", "d/up/loop/x", "c/41/x", "loop/"]).to_owned(),
        libc::ENOENT => dice.of(["n1/x", "d/n1/x", "dangling/x"]).to_owned(),
        libc::ENOTDIR => dice.of(["f/x", "d/f/x", "p/x", "lf/x"]).to_owned(),
        libc::EACCES => dice.of(["nosearch/f", "closed/f", "nosearch/n1"]).to_owned(),
        libc::ENAMETOOLONG => dice.of(["", "d/"]).to_owned() + &"x".repeat(256),
        _ => return None,
    };
    Some(text)
}
