//! Device control requests: what their numbers are made of.
//!
//! Ports pack direction, size, subsystem and number in different ways. Their own headers say how: the macros that take a
//! request apart are read once and evaluated for each request.

use super::ast::Expr;
use super::evaluate::{Lookup, evaluate};
use super::expand::{Expander, Use};
use super::grammar::{Grammar, Tokens};
use super::lex::{Kind, Spot, Token};
use super::machine::Machine;
use super::symbol::{Sym, Symbols, sym};
use super::table::Table;
use super::value::{IntKind, Value};
use crate::facts::Ioctl;

/// The macros that make requests, and whether their third argument is a type. All of them end in `_IOC`.
const MAKERS: &[(Sym, bool)] = &[
    (sym::IO, false),
    (sym::IOR, true),
    (sym::IOW, true),
    (sym::IOWR, true),
    (sym::IOR_BAD, true),
    (sym::IOW_BAD, true),
    (sym::IOWR_BAD, true),
    (sym::IOC, false),
];

/// How the headers of a unit take a request apart.
#[derive(Clone, Debug)]
pub(crate) struct Packing {
    direction: Expr,
    kind: Expr,
    nr: Expr,
    size: Expr,
    read: Value,
    write: Value,
}

/// Where a unit says how requests are packed; units that say it at the same place mean the same.
pub(crate) fn packing_at(table: &Table<'_>) -> Option<Spot> {
    table.get(sym::IOC_SIZE).map(|found| found.at)
}

impl Packing {
    /// Reads the macros of a unit; `None` where it lacks one.
    pub(crate) fn read<'s>(table: &mut Table<'s>, symbols: &mut Symbols<'s>, machine: &Machine) -> Option<Self> {
        let mut read = |name: Sym, applied: bool| {
            table.get(name)?;
            let token =
                |sym, kind| Token { sym, kind, first: false, spaced: false, painted: false, at: Spot::default() };
            let mut written = vec![token(name, Kind::Name)];
            if applied {
                written.push(token(sym::PAREN_OPEN, Kind::Punct));
                written.push(token(sym::REQUEST, Kind::Name));
                written.push(token(sym::PAREN_CLOSE, Kind::Punct));
            }
            let mut tokens = Vec::new();
            let use_ = &mut Use::default();
            Expander { table: &mut *table, symbols: &mut *symbols, file: "", use_ }
                .expand(&written, &mut tokens, 0)
                .ok()?;
            let grammar = Grammar::new(symbols, machine, &|_| false);
            match grammar.expression(Tokens(&tokens)) {
                Ok((Tokens([]), expr)) => Some(expr),
                _ => None,
            }
        };
        let direction = read(sym::IOC_DIR, true)?;
        let kind = read(sym::IOC_TYPE, true)?;
        let nr = read(sym::IOC_NR, true)?;
        let size = read(sym::IOC_SIZE, true)?;
        let flag = |expr: Option<Expr>| evaluate(&expr?, &Request(0), machine).ok();
        let (to_user, from_user) = (flag(read(sym::IOC_READ, false))?, flag(read(sym::IOC_WRITE, false))?);
        Some(Self { direction, kind, nr, size, read: to_user, write: from_user })
    }

    /// Takes a request apart.
    fn unpack(&self, number: u32, argument: Option<String>, machine: &Machine) -> Option<Ioctl> {
        let part = |expr: &Expr| evaluate(expr, &Request(number), machine).ok().map(|value| value.number);
        let direction = part(&self.direction)?;
        Some(Ioctl {
            number,
            writes: direction & self.write.number != 0,
            reads: direction & self.read.number != 0,
            kind: u8::try_from(part(&self.kind)?).ok()?,
            nr: u8::try_from(part(&self.nr)?).ok()?,
            size: u32::try_from(part(&self.size)?).ok()?,
            argument,
        })
    }
}

/// The only name in the macros that take a request apart.
struct Request(u32);

impl Lookup for Request {
    fn name(&self, name: Sym) -> Option<Value> {
        (name == sym::REQUEST).then_some(Value { number: i128::from(self.0), kind: IntKind::UInt })
    }
}

/// Expands `body` up to the macros that make requests, at the end of `out`. `false`: that came to no end.
pub(crate) fn expand_to_makers<'s>(
    body: &[Token],
    table: &mut Table<'s>,
    symbols: &mut Symbols<'s>,
    use_: &mut Use,
    out: &mut Vec<Token>,
) -> bool {
    for (maker, _) in MAKERS {
        table.set_busy(*maker, true);
    }
    let done = Expander { table: &mut *table, symbols, file: "", use_ }.expand(body, out, 0);
    for (maker, _) in MAKERS {
        table.set_busy(*maker, false);
    }
    done.is_ok()
}

/// What a constant is that is written as one request, `_IOR('k', 1, struct s)`. `None`: it is written otherwise.
pub(crate) fn request(
    written: &[Token],
    number: i128,
    packing: &Packing,
    machine: &Machine,
    symbols: &Symbols<'_>,
) -> Option<Ioctl> {
    let written = without_parentheses(written);
    let (maker, rest) = written.split_first()?;
    let (_, typed) = MAKERS.iter().find(|(name, _)| maker.kind == Kind::Name && maker.sym == *name)?;
    let inner = inside_parentheses(rest)?;
    let arguments = split_arguments(inner);
    let argument = match (maker.sym, arguments.as_slice()) {
        (_, [_, _, of]) if *typed => Some(*of),
        (sym::IO, [_, _]) => None,
        (sym::IOC, [_, _, _, size]) => match without_parentheses(size) {
            [sizeof, of @ ..] if sizeof.is(sym::SIZEOF) => inside_parentheses(of),
            _ => None,
        },
        _ => return None,
    };
    let number = u32::try_from(number & 0xffff_ffff).ok()?;
    packing.unpack(number, argument.map(|of| join(of, symbols)), machine)
}

fn without_parentheses(tokens: &[Token]) -> &[Token] {
    let mut tokens = tokens;
    while let Some(inner) = inside_parentheses(tokens) {
        tokens = inner;
    }
    tokens
}

/// What stands between parentheses that enclose all of it.
fn inside_parentheses(tokens: &[Token]) -> Option<&[Token]> {
    let (open, rest) = tokens.split_first()?;
    let (close, inner) = rest.split_last()?;
    if !open.is(sym::PAREN_OPEN) || !close.is(sym::PAREN_CLOSE) {
        return None;
    }
    let mut depth = 0_i64;
    for token in inner {
        depth += i64::from(token.is(sym::PAREN_OPEN)) - i64::from(token.is(sym::PAREN_CLOSE));
        if depth < 0 {
            return None;
        }
    }
    Some(inner)
}

fn split_arguments(tokens: &[Token]) -> Vec<&[Token]> {
    let mut depth = 0_i64;
    let outer_comma = |token: &Token| {
        depth += i64::from(token.is(sym::PAREN_OPEN)) - i64::from(token.is(sym::PAREN_CLOSE));
        depth == 0 && token.is(sym::COMMA)
    };
    tokens.split(outer_comma).collect()
}

/// The text of a type: words apart, `*` and `[` apart from the word before.
fn join(tokens: &[Token], symbols: &Symbols<'_>) -> String {
    let is_word = |token: &Token| matches!(token.kind, Kind::Name | Kind::Number);
    let mut out = String::new();
    let mut before: Option<&Token> = None;
    for token in tokens {
        let apart = is_word(token) || token.is(sym::STAR) || token.is(sym::BRACKET_OPEN);
        if apart && before.is_some_and(is_word) {
            out.push(' ');
        }
        out.push_str(symbols.text(token.sym));
        before = Some(token);
    }
    out
}
