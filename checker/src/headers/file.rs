//! A header as the preprocessor walks it: runs of text between directives, with the branches of conditionals linked.

use super::lex::{Kind, Spot, Token};
use super::symbol::{Sym, Texts, sym};
use std::ops::Range;
use std::sync::Arc;

/// A header that was read and taken apart once, for every use.
#[derive(Debug)]
pub(crate) struct HeaderFile {
    /// How reports call it.
    pub(crate) path: Arc<str>,
    /// The name it is included by.
    pub(crate) name: Arc<str>,
    /// Position in the search path.
    pub(crate) folder: usize,
    /// Part of the kernel's own headers.
    pub(crate) kernel: bool,
    /// The text is that of the kernel's source, not the one that is installed.
    pub(crate) source: bool,
    /// Its number.
    pub(crate) number: u16,
    /// Every token.
    pub(crate) tokens: Vec<Token>,
    /// Text and directives in order.
    pub(crate) parts: Vec<Part>,
}

/// A run of text or a directive.
#[derive(Debug)]
pub(crate) enum Part {
    /// Tokens that are no directive.
    Text(Range<usize>),
    /// `#if`, `#elif`: the condition, and the parts where the next branch and the end are.
    If { condition: Condition, branches: Branches, first: bool },
    /// `#else`.
    Else { branches: Branches },
    /// `#endif`.
    Endif,
    /// `#include`: what follows it.
    Include { target: Target, next: bool, at: Spot },
    /// `#define`.
    Define(Macro),
    /// `#undef`.
    Undef(Sym),
    /// `#error`: the message.
    Error { message: Range<usize>, at: Spot },
    /// `#pragma`: what follows it.
    Pragma(Range<usize>),
    /// Something that is no directive.
    Broken { reason: &'static str, at: Spot },
}

/// What is included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// `<name>`.
    Angle(Box<str>),
    /// `"name"`.
    Quote(Box<str>),
    /// What macros make of these tokens.
    Computed(Range<usize>),
    /// Neither.
    Broken,
}

impl Target {
    /// Reads what follows `#include`.
    pub(crate) fn read<'t>(tokens: &[Token], text: impl Fn(Sym) -> &'t str) -> Self {
        match tokens {
            [token, ..] if token.kind == Kind::Text => Self::Quote(text(token.sym).trim_matches('"').into()),
            [open, inner @ ..] if open.is(sym::LESS) => {
                let inner = inner.split(|token| token.is(sym::GREATER)).next().unwrap_or_default();
                Self::Angle(inner.iter().map(|token| text(token.sym)).collect::<String>().into())
            }
            _ => Self::Broken,
        }
    }
}

/// What a branch depends on.
#[derive(Debug)]
pub(crate) enum Condition {
    /// An expression.
    Expression(Range<usize>, Spot),
    /// Whether a macro is defined, or is not.
    Defined { name: Sym, wanted: bool },
}

/// Where a conditional goes on.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Branches {
    /// The next `#elif`, `#else` or `#endif`.
    pub(crate) next: usize,
    /// The `#endif`.
    pub(crate) end: usize,
}

/// A macro.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Macro {
    /// Its name.
    pub(crate) name: Sym,
    /// Number of parameters, for function-like ones; the variadic one counts.
    pub(crate) params: Option<usize>,
    /// Whether the last parameter takes the rest.
    pub(crate) variadic: bool,
    /// Its replacement; parameters are marked.
    pub(crate) body: Vec<Token>,
    /// Where it was defined.
    pub(crate) at: Spot,
    /// Its number among the macros of all headers.
    pub(crate) number: u32,
}

impl HeaderFile {
    /// Takes the tokens of a header apart. Its macros are numbered later.
    pub(crate) fn new(tokens: Vec<Token>, number: u16, place: HeaderPlace, texts: &Texts) -> Self {
        let HeaderPlace { path, name, folder, kernel, source } = place;
        let parts = split(&tokens, texts);
        Self { path, name, folder, kernel, source, number, tokens, parts }
    }

    /// A header that cannot be read at all.
    pub(crate) fn refused(reason: &'static str, number: u16, place: HeaderPlace) -> Self {
        let HeaderPlace { path, name, folder, kernel, source } = place;
        let at = Spot { line: 1, file: number, column: 1 };
        let parts = vec![Part::Broken { reason, at }];
        Self { path, name, folder, kernel, source, number, tokens: Vec::new(), parts }
    }
}

/// Where a header lies.
#[derive(Clone, Debug)]
pub(crate) struct HeaderPlace {
    /// How reports call it.
    pub(crate) path: Arc<str>,
    /// The name it is included by.
    pub(crate) name: Arc<str>,
    /// Position in the search path.
    pub(crate) folder: usize,
    /// Part of the kernel's own headers.
    pub(crate) kernel: bool,
    /// The text is that of the kernel's source, not the one that is installed.
    pub(crate) source: bool,
}

fn split(tokens: &[Token], texts: &Texts) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        let end = line_end(tokens, at);
        if tokens[at].is(sym::HASH) {
            if let Some(part) = directive(tokens, at + 1..end, texts) {
                parts.push(part);
            }
        } else if let Some(Part::Text(range)) = parts.last_mut() {
            range.end = end;
        } else {
            parts.push(Part::Text(at..end));
        }
        at = end;
    }
    link(&mut parts, tokens);
    parts
}

fn line_end(tokens: &[Token], start: usize) -> usize {
    tokens[start + 1..].iter().position(|token| token.first).map_or(tokens.len(), |length| start + 1 + length)
}

fn directive(tokens: &[Token], line: Range<usize>, texts: &Texts) -> Option<Part> {
    let word = tokens[line.clone()].first()?;
    let (at, rest) = (word.at, line.start + 1..line.end);
    let named = tokens[rest.clone()].first().filter(|token| token.kind == Kind::Name);
    let broken = |reason| Some(Part::Broken { reason, at });
    let branch = |condition, first| Some(Part::If { condition, branches: Branches::default(), first });
    match word.sym {
        sym::IF => branch(Condition::Expression(rest, at), true),
        sym::ELIF => branch(Condition::Expression(rest, at), false),
        sym::IFDEF | sym::IFNDEF => match named {
            Some(token) => branch(Condition::Defined { name: token.sym, wanted: word.sym == sym::IFDEF }, true),
            None => broken("expected the name of a macro after #ifdef"),
        },
        sym::ELSE => Some(Part::Else { branches: Branches::default() }),
        sym::ENDIF => Some(Part::Endif),
        sym::INCLUDE | sym::INCLUDE_NEXT => {
            let target = match named {
                Some(_) => Target::Computed(rest),
                None => Target::read(&tokens[rest], |sym| texts.text(sym)),
            };
            Some(Part::Include { target, next: word.sym == sym::INCLUDE_NEXT, at })
        }
        sym::DEFINE => Some(define(&tokens[rest]).map_or_else(|reason| Part::Broken { reason, at }, Part::Define)),
        sym::UNDEF => match named {
            Some(token) => Some(Part::Undef(token.sym)),
            None => broken("expected the name of a macro after #undef"),
        },
        sym::ERROR => Some(Part::Error { message: rest, at }),
        sym::PRAGMA => Some(Part::Pragma(rest)),
        // #warning, #line, #ident change nothing that is read here.
        _ => None,
    }
}

/// Reads what follows `#define`.
pub(crate) fn define(tokens: &[Token]) -> Result<Macro, &'static str> {
    let (name, rest) = tokens
        .split_first()
        .filter(|(name, _)| name.kind == Kind::Name)
        .ok_or("expected the name of a macro after #define")?;
    let mut found =
        Macro { name: name.sym, params: None, variadic: false, body: rest.to_vec(), at: name.at, number: u32::MAX };
    // Only a parenthesis right after the name begins a list of parameters.
    if !rest.first().is_some_and(|token| token.is(sym::PAREN_OPEN) && !token.spaced) {
        return Ok(found);
    }
    let close =
        rest.iter().position(|token| token.is(sym::PAREN_CLOSE)).ok_or("the parameters of the macro have no end")?;
    let mut params = Vec::new();
    for piece in rest[1..close].split(|token| token.is(sym::COMMA)) {
        match piece {
            [] if close == 1 => {}
            [name] if name.kind == Kind::Name => params.push(name.sym),
            [dots] if dots.is(sym::ELLIPSIS) => {
                params.push(sym::VA_ARGS);
                found.variadic = true;
            }
            [name, dots] if dots.is(sym::ELLIPSIS) => {
                params.push(name.sym);
                found.variadic = true;
            }
            _ => return Err("the parameters of the macro are no list of names"),
        }
    }
    found.params = Some(params.len());
    found.body = rest[close + 1..].to_vec();
    for token in found.body.iter_mut().filter(|token| token.kind == Kind::Name) {
        if let Some(position) = params.iter().position(|param| *param == token.sym) {
            token.kind = Kind::Param;
            token.sym = Sym(position as u32);
        }
    }
    Ok(found)
}

/// Gives each branch the place of the next one and of the end.
fn link(parts: &mut Vec<Part>, tokens: &[Token]) {
    let mut open: Vec<Vec<usize>> = Vec::new();
    for at in 0..parts.len() {
        match &parts[at] {
            Part::If { first: true, .. } => open.push(vec![at]),
            Part::If { first: false, .. } | Part::Else { .. } => match open.last_mut() {
                Some(chain) => chain.push(at),
                None => parts[at] = Part::Broken { reason: "#else without #if", at: Spot::default() },
            },
            Part::Endif => {
                if let Some(chain) = open.pop() {
                    close(parts, &chain, at);
                }
            }
            _ => {}
        }
    }
    // A conditional without an end reaches to the end of the file.
    while let Some(chain) = open.pop() {
        let at = tokens.last().map(|token| token.at).unwrap_or_default();
        parts.push(Part::Broken { reason: "#if without #endif", at });
        let end = parts.len();
        parts.push(Part::Endif);
        close(parts, &chain, end);
    }
}

fn close(parts: &mut [Part], chain: &[usize], end: usize) {
    for (position, at) in chain.iter().enumerate() {
        let next = chain.get(position + 1).copied().unwrap_or(end);
        if let Part::If { branches, .. } | Part::Else { branches } = &mut parts[*at] {
            *branches = Branches { next, end };
        }
    }
}
