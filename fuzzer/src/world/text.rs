//! NUL-terminated text in the caller's memory.

use abispec::expr::Word;

/// The most bytes that the kernel reads of a path, NUL included.
pub(super) const PATH_MAX: usize = 4096;

/// How reading a text ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// With a NUL after so many bytes.
    Nul(usize),
    /// PATH_MAX bytes had none.
    Overlong,
    /// Memory that surely cannot be read came first.
    Unreadable,
    /// Memory of which nothing is known came first.
    Unknown,
}

/// Reads a text into `buffer`, piece by piece so that no piece crosses a page.
pub(super) fn read(
    address: u64,
    buffer: &mut [u8; PATH_MAX],
    mut bytes: impl FnMut(u64, &mut [u8]) -> bool,
    readable: impl Fn(u64) -> Option<bool>,
) -> Ending {
    /// Most texts are shorter than this.
    const PIECE: usize = 64;
    let mut done = 0;
    while done < PATH_MAX {
        let Some(at) = address.checked_add(done as u64) else { return Ending::Unreadable };
        let to_border = PIECE - (at % PIECE as u64) as usize;
        let piece = to_border.min(PATH_MAX - done);
        let Some(target) = buffer.get_mut(done..done + piece) else { return Ending::Unknown };
        // What is known of memory may end within the piece.
        let known = if bytes(at, target) {
            piece
        } else {
            let mut each = target.chunks_mut(1).zip(at..=u64::MAX);
            each.position(|(byte, at)| !bytes(at, byte)).unwrap_or(piece)
        };
        let text = target.get(..known).unwrap_or_default();
        if let Some(nul) = text.iter().position(|byte| *byte == 0) {
            return Ending::Nul(done + nul);
        }
        if known < piece {
            return if readable(at + known as u64) == Some(false) { Ending::Unreadable } else { Ending::Unknown };
        }
        done += piece;
    }
    Ending::Overlong
}

/// What questions about a text want to know of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Form {
    pub(super) ending: Ending,
    /// Begins with a slash.
    pub(super) absolute: bool,
    /// Ends with a slash after a component.
    pub(super) trailing_slash: bool,
    /// The form of the last component.
    pub(super) last: Option<Word>,
}

impl Form {
    pub(super) fn of(ending: Ending, text: &[u8]) -> Self {
        let absolute = text.first() == Some(&b'/');
        Self { ending, absolute, trailing_slash: trailing_slash(text), last: last(text) }
    }
}

/// Whether the path ends with a slash that follows a component.
fn trailing_slash(path: &[u8]) -> bool {
    path.last() == Some(&b'/') && path.iter().any(|byte| *byte != b'/')
}

/// The form of the last component; the empty path has none.
fn last(path: &[u8]) -> Option<Word> {
    if path.is_empty() {
        return None;
    }
    let component = path.rsplit(|byte| *byte == b'/').find(|component| !component.is_empty());
    Some(match component {
        None => Word::Root,
        Some(b".") => Word::Dot,
        Some(b"..") => Word::Dotdot,
        Some(_) => Word::Normal,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_of_paths() {
        let table: &[(&str, Option<Word>, bool)] = &[
            ("", None, false),
            ("/", Some(Word::Root), false),
            ("///", Some(Word::Root), false),
            ("a", Some(Word::Normal), false),
            ("a//", Some(Word::Normal), true),
            ("a/.", Some(Word::Dot), false),
            ("./", Some(Word::Dot), true),
            ("a/..", Some(Word::Dotdot), false),
            ("...", Some(Word::Normal), false),
        ];
        for (path, form, slash) in table {
            assert_eq!((last(path.as_bytes()), trailing_slash(path.as_bytes())), (*form, *slash), "{path}");
        }
    }

    /// Memory from `start` that can be read up to `end`; what lies behind is surely unreadable.
    fn ending(text: &[u8], start: u64) -> Ending {
        let mut buffer = [0; PATH_MAX];
        let end = start + text.len() as u64;
        let read_bytes = |at: u64, bytes: &mut [u8]| {
            let from = (at - start) as usize;
            let Some(source) = text.get(from..from + bytes.len()) else { return false };
            bytes.copy_from_slice(source);
            true
        };
        read(start, &mut buffer, read_bytes, |at| Some(at < end))
    }

    #[test]
    fn texts_end_at_a_nul_or_at_the_border() {
        let page = |fill: u8| vec![fill; 4096];
        assert_eq!(ending(&page(0), 0x1000), Ending::Nul(0));
        let mut text = page(b'a');
        text[100] = 0;
        assert_eq!(ending(&text, 0x1000), Ending::Nul(100));
        assert_eq!(ending(&page(b'a'), 0x1000), Ending::Overlong);
        assert_eq!(ending(&page(b'a')[..64], 0x1fc0), Ending::Unreadable);
    }
}
