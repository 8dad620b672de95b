//! C text after its lines were joined: a backslash at the end of a line continues it.

/// A file's text with joined lines, which still knows where each byte stood.
#[derive(Clone, Debug, Default)]
pub(crate) struct Text {
    joined: String,
    /// Where each line of the file begins in `joined`, in order.
    starts: Vec<usize>,
}

impl Text {
    /// Joins the lines of a file.
    pub(crate) fn new(file: &str) -> Self {
        let mut joined = String::with_capacity(file.len());
        let mut starts = vec![0];
        for line in file.split_inclusive('\n') {
            let body = line.strip_suffix('\n').map(|body| body.strip_suffix('\r').unwrap_or(body));
            match body.and_then(|body| body.strip_suffix('\\')) {
                Some(continued) => joined.push_str(continued),
                None => joined.push_str(line),
            }
            starts.push(joined.len());
        }
        Self { joined, starts }
    }

    /// The joined text.
    pub(crate) fn as_str(&self) -> &str {
        &self.joined
    }

    /// Line and column, from 1, of a byte of the joined text.
    pub(crate) fn place(&self, offset: usize) -> (u32, u32) {
        let line = self.starts.partition_point(|start| *start <= offset).max(1);
        let start = self.starts.get(line - 1).copied().unwrap_or(0);
        let column = self.joined.get(start..offset).map_or(0, |before| before.chars().count()) + 1;
        (u32::try_from(line).unwrap_or(u32::MAX), u32::try_from(column).unwrap_or(u32::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn joined_lines_keep_their_places() {
        let text = Text::new("ab\\\ncd ef\n\\\r\n  g\\ h\nß i");
        assert_eq!(text.as_str(), "abcd ef\n  g\\ h\nß i");
        let places: Vec<_> =
            ["cd", "ef", "g", "h", "i"].map(|word| text.place(text.as_str().find(word).unwrap())).into();
        assert_eq!(places, [(2, 1), (2, 4), (4, 3), (4, 6), (5, 3)]);
        assert_eq!(Text::new("").place(0), (1, 1));
        assert_eq!(text.place(usize::MAX).1, 1);
    }
}
