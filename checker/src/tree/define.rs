//! Definitions of system calls in C source: `SYSCALL_DEFINE3(name, type, name, ...)` and its kin.

use super::guard::Guard;
use super::lex::{Kind, Source, Token};
use super::text::Text;
use std::sync::Arc;

/// A definition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Definition {
    /// The function's name behind `sys_`.
    pub(crate) name: String,
    /// Whether it serves callers of the other word size: `compat_sys_` instead of `sys_`.
    pub(crate) compat: bool,
    /// C type and name of each parameter, or why they could not be read.
    pub(crate) params: Result<Vec<(String, String)>, String>,
    /// Line and column of the macro.
    pub(crate) place: (u32, u32),
    /// When it is compiled.
    pub(crate) guard: Arc<Guard>,
    /// Tokens of the body, braces included; empty where there is none.
    pub(crate) body: std::ops::Range<usize>,
    /// The token that begins it.
    pub(crate) start: usize,
}

/// One way to define a call: how many parameters, and whether for callers of the other word size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Form {
    params: usize,
    compat: bool,
}

fn form(name: &str) -> Option<Form> {
    let (compat, rest) = match name.strip_prefix("COMPAT_") {
        Some(rest) => (true, rest),
        None => (false, name),
    };
    let params = rest.strip_prefix("SYSCALL_DEFINE")?;
    matches!(params, "0" | "1" | "2" | "3" | "4" | "5" | "6")
        .then(|| Form { params: params.parse().unwrap_or(0), compat })
}

/// Other names of the macros, with the condition under which they are so defined.
#[derive(Clone, Debug, Default)]
pub(crate) struct Aliases(Vec<(String, Form, Arc<Guard>)>);

impl Aliases {
    /// The aliases that a file defines.
    pub(crate) fn of(source: &Source<'_>) -> Self {
        let aliases = source.defines.iter().filter_map(|define| {
            let form = form(define.body.trim())?;
            Some((define.name.to_owned(), form, Arc::clone(&define.guard)))
        });
        Self(aliases.collect())
    }

    /// Both.
    pub(crate) fn and(&self, more: Self) -> Self {
        Self(self.0.iter().cloned().chain(more.0).collect())
    }

    /// Every form that a macro's name may be, with its condition.
    fn forms<'a>(&'a self, name: &'a str) -> impl Iterator<Item = (Form, Option<&'a Arc<Guard>>)> {
        let direct = form(name).map(|form| (form, None));
        direct.into_iter().chain(
            self.0.iter().filter(move |(alias, _, _)| alias == name).map(|(_, form, guard)| (*form, Some(guard))),
        )
    }
}

/// Every definition in a file, in order.
pub(crate) fn definitions(text: &Text, source: &Source<'_>, aliases: &Aliases) -> Vec<Definition> {
    let ends = braces(&source.tokens);
    let mut found = Vec::new();
    for (start, token) in source.tokens.iter().enumerate() {
        if token.kind != Kind::Name || !token.text.contains("SYSCALL") {
            continue;
        }
        if !source.tokens.get(start + 1).is_some_and(|next| next.is("(")) {
            continue;
        }
        for (form, condition) in aliases.forms(token.text) {
            let own = source.guard(token);
            let guard = match condition {
                None => own,
                Some(condition) => Arc::new((*own).clone().and((**condition).clone())),
            };
            let place = text.place(token.offset);
            let (name, params, end) = arguments(&source.tokens, start + 2, form.params);
            let Some(name) = name else { continue };
            let body = end..ends.get(end).copied().unwrap_or(0).max(end);
            found.push(Definition { name, compat: form.compat, params, place, guard, body, start });
        }
    }
    found
}

type Params = Result<Vec<(String, String)>, String>;

/// The name, the parameters, and the token after the closing parenthesis.
fn arguments(tokens: &[Token<'_>], start: usize, count: usize) -> (Option<String>, Params, usize) {
    /// More tokens are no definition.
    const LONGEST: usize = 400;
    let mut depth = 0_u32;
    let mut pieces: Vec<Vec<Token<'_>>> = vec![Vec::new()];
    let mut end = None;
    for (index, token) in tokens.iter().enumerate().skip(start).take(LONGEST) {
        match token.text {
            ")" if depth == 0 && token.kind == Kind::Mark => {
                end = Some(index + 1);
                break;
            }
            "(" | "[" if token.kind == Kind::Mark => depth += 1,
            ")" | "]" if token.kind == Kind::Mark => depth = depth.saturating_sub(1),
            "," if depth == 0 && token.kind == Kind::Mark => {
                pieces.push(Vec::new());
                continue;
            }
            _ => {}
        }
        if let Some(piece) = pieces.last_mut() {
            piece.push(*token);
        }
    }
    let name = match pieces.first().map(Vec::as_slice) {
        Some([name]) if name.kind == Kind::Name => Some(name.text.to_owned()),
        _ => None,
    };
    let Some(end) = end else { return (name, Err("its parameters have no end".to_owned()), start) };
    let rest = pieces.get(1..).unwrap_or_default();
    if rest.iter().flatten().any(|token| token.text == "SC_ARG64") {
        return (name, Err("its parameters of 64 bits come in two registers each".to_owned()), end);
    }
    if rest.len() != count * 2 {
        let reason = format!("it is defined with {count} parameters, but {} types and names follow", rest.len());
        return (name, Err(reason), end);
    }
    let params = rest.chunks(2).map(|pair| match pair {
        [c_type, name] if !c_type.is_empty() => match name.as_slice() {
            [name] if name.kind == Kind::Name => Ok((spell(c_type), name.text.to_owned())),
            _ => Err(format!("`{}` is no name of a parameter", spell(name))),
        },
        _ => Err("a parameter has no type".to_owned()),
    });
    (name, params.collect(), end)
}

/// Tokens as the kernel's sources write a type: `const char __user *`.
fn spell(tokens: &[Token<'_>]) -> String {
    let mut out = String::new();
    for token in tokens {
        let tight = out.is_empty()
            || (token.is("*") && out.ends_with('*'))
            || matches!(token.text, "(" | ")" | "[" | "]" | ",");
        if !tight {
            out.push(' ');
        }
        out.push_str(token.text);
    }
    out
}

/// For each token that is an opening brace, the index behind the brace that closes it; for the others 0.
pub(crate) fn braces(tokens: &[Token<'_>]) -> Vec<usize> {
    let mut ends = vec![0; tokens.len()];
    let mut open = Vec::new();
    for (index, token) in tokens.iter().enumerate() {
        if token.is("{") {
            open.push(index);
            ends[index] = tokens.len();
        } else if token.is("}")
            && let Some(start) = open.pop()
        {
            ends[start] = index + 1;
        }
    }
    ends
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::lex::lex;
    use proptest::prelude::*;

    fn read(file: &str) -> Vec<Definition> {
        let text = Text::new(file);
        let source = lex(&text);
        definitions(&text, &source, &Aliases::of(&source))
    }

    #[test]
    fn parameters_are_types_and_names_in_turn() {
        let file = "/* SYSCALL_DEFINE1(not, int, this) */\nSYSCALL_DEFINE3(moor, const char __user *, quay,\n\t\tstruct rope __user\
            * __user *, ropes, /* how */ unsigned\\\n long, flags)\n{\n\tif (x) { return 0; }\n}\nSYSCALL_DEFINE0(drift)\n";
        let found = read(file);
        let [moor, drift] = found.as_slice() else { panic!("{found:?}") };
        let params: Vec<_> = moor.params.iter().flatten().map(|(c, name)| format!("{c}|{name}")).collect();
        assert_eq!(params, ["const char __user *|quay", "struct rope __user * __user *|ropes", "unsigned long|flags"]);
        assert_eq!((moor.name.as_str(), moor.compat, moor.place, moor.body.len()), ("moor", false, (2, 1), 11));
        assert_eq!((drift.name.as_str(), &drift.params, drift.body.len()), ("drift", &Ok(Vec::new()), 0));
    }

    #[test]
    fn other_names_of_the_macro_are_followed() {
        let file = "#ifdef CONFIG_WIDE\n#define OWN_SYSCALL_DEFINE1 COMPAT_SYSCALL_DEFINE1\n#else\n\
            #define OWN_SYSCALL_DEFINE1 SYSCALL_DEFINE1\n#endif\nOWN_SYSCALL_DEFINE1(haul, int, rope) {}\n";
        let found = read(file);
        let forms: Vec<_> = found.iter().map(|one| (one.compat, format!("{:?}", one.guard))).collect();
        assert_eq!(forms.len(), 2);
        assert!(forms[0].0 && !forms[1].0 && forms[1].1.contains("Not"));
    }

    #[test]
    fn what_cannot_be_read_says_why() {
        for (file, reason) in [
            ("SYSCALL_DEFINE2(haul, int, rope)", "2 types"),
            ("SYSCALL_DEFINE1(haul, int, 7)", "no name"),
            ("SYSCALL_DEFINE1(haul, , rope)", "no type"),
            ("SYSCALL_DEFINE1(haul, int, rope", "no end"),
        ] {
            let found = read(file);
            assert!(found[0].params.as_ref().unwrap_err().contains(reason), "{found:?}");
        }
        assert!(read("SYSCALL_DEFINEx(3, haul, x) SYSCALL_DEFINE7(a)\n#define SYSCALL_DEFINE0(x)\nSYSCALL_DEFINE1((b), int, c)").is_empty());
    }

    proptest! {
        #[test]
        fn any_text_is_read(file in "(SYSCALL_DEFINE[0-7]|\\(|\\)|,|int|\\{|\\}|#if A\n|#endif\n|/\\*|\\PC|[ \n]){0,60}") {
            read(&file);
        }
    }
}
