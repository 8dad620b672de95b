//! API specifications in the kernel's own comments: `error: EBADF, ...` and `capability: CAP_KILL, ...` in the `/**` comment
//! above a call's definition.

use super::lex::Comment;
use super::text::Text;
use abispec::errno::Errno;

/// What a comment promises of a call.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Promises {
    /// Errnos, each with line and column.
    pub(crate) errnos: Vec<(String, (u32, u32))>,
    /// Capabilities.
    pub(crate) capabilities: Vec<String>,
    /// The line behind the call's name.
    pub(crate) summary: Option<String>,
}

/// Reads a comment.
pub(crate) fn promises(text: &Text, comment: &Comment<'_>) -> Promises {
    let mut found = Promises::default();
    let mut offset = comment.offset;
    for line in comment.text.split_inclusive('\n') {
        let start = offset;
        offset += line.len();
        let body = line.trim_start().trim_start_matches(['/', '*']).trim_start();
        let at = start + (line.len() - body.len());
        let body = body.trim_end().trim_end_matches("*/").trim_end();
        if found.summary.is_none() && found.errnos.is_empty() {
            found.summary = body
                .split_once(" - ")
                .filter(|(name, _)| !name.contains([':', ' ']))
                .map(|(_, text)| text.trim().to_owned());
        }
        let Some((tag, value)) = body.split_once(':') else { continue };
        let value = value.trim_start();
        let word = value.split(|c: char| c == ',' || c.is_whitespace()).next().unwrap_or_default();
        match tag {
            "error" => {
                let name = word.trim_start_matches('-');
                if Errno::from_name(name).is_some() {
                    let column = at + body.find(name).unwrap_or(0);
                    found.errnos.push((name.to_owned(), text.place(column)));
                }
            }
            "capability" if word.starts_with("CAP_") => found.capabilities.push(word.to_owned()),
            _ => {}
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::lex::lex;
    use proptest::prelude::*;

    fn read(file: &str) -> Promises {
        let text = Text::new(file);
        let source = lex(&text);
        source.comments.first().map(|comment| promises(&text, comment)).unwrap_or_default()
    }

    #[test]
    fn tags_are_read_and_prose_is_not() {
        let file = "/**\n * sys_moor - make a ship fast\n * @rope: the rope\n *\n * long-desc: an error: EPERM in prose\n\
            \x20* param: rope\n *   type: KAPI_TYPE_FD\n *\n * error: EBADF, no rope\n *   desc: error: EIO\n * error: -EINVAL\n\
            \x20* error: EWRONG, nothing\n * capability: CAP_SYS_ADMIN, KAPI_CAP_GRANT, why\n */\n";
        let found = read(file);
        let errnos: Vec<_> = found.errnos.iter().map(|(name, place)| (name.as_str(), *place)).collect();
        assert_eq!(errnos, [("EBADF", (9, 11)), ("EINVAL", (11, 12))]);
        assert_eq!(found.capabilities, ["CAP_SYS_ADMIN"]);
        assert_eq!(found.summary.as_deref(), Some("make a ship fast"));
    }

    proptest! {
        #[test]
        fn any_comment_is_read(text in "(error: |EBADF|-|,|capability: |CAP_|\n \\* |\\PC){0,40}") {
            read(&format!("/** {text} */"));
        }
    }
}
