//! The grammar of conditions: text to syntax.

use super::ast::{BinaryOp, UnaryOp};
use nom::branch::alt;
use nom::bytes::complete::{tag, take_while, take_while1};
use nom::combinator::{recognize, value, verify};
use nom::sequence::pair;
use nom::{IResult, Parser};

/// Parsed text whose names are not resolved yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Syntax {
    /// What it is.
    pub node: Node,
    /// Byte offset of its first character.
    pub offset: usize,
}

/// The forms of [`Syntax`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each variant is the form of its name")]
pub enum Node {
    Int(i128),
    Text(String),
    Name(String),
    Call(String, Vec<Syntax>),
    Named(String, Box<Syntax>),
    Field(Box<Syntax>, String),
    Index(Box<Syntax>, Box<Syntax>),
    Deref(Box<Syntax>),
    Unary(UnaryOp, Box<Syntax>),
    Binary(BinaryOp, Box<Syntax>, Box<Syntax>),
    In(Box<Syntax>, Vec<Syntax>),
    InSet(Box<Syntax>, String),
}

/// Why a text does not parse.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SyntaxError {
    /// Byte offset of the offending character.
    pub offset: usize,
    /// What was expected there.
    pub expected: String,
}

/// How deep parentheses, calls and operators may nest; bounds the parser's stack on hostile input.
const MAX_DEPTH: usize = 60;

/// How many operators a condition may have: a chain of them is as deep a tree as it is long.
const MAX_OPERATORS: usize = 400;

/// Parses a whole condition or expression.
///
/// # Errors
/// The first place where the text stops making sense, and what would make sense there.
pub fn parse(text: &str) -> Result<Syntax, SyntaxError> {
    let mut parser = Parsing { text, rest: text, depth: 0, operators: 0 };
    let syntax = parser.binary(1)?;
    parser.blank();
    if parser.rest.is_empty() { Ok(syntax) } else { Err(parser.expected("an operator or the end")) }
}

/// Parses the expression at the beginning of a text and says how many bytes it took.
///
/// # Errors
/// As [`parse`].
pub(crate) fn parse_prefix(text: &str) -> Result<(Syntax, usize), SyntaxError> {
    let mut parser = Parsing { text, rest: text, depth: 0, operators: 0 };
    let syntax = parser.binary(1)?;
    Ok((syntax, parser.offset()))
}

struct Parsing<'a> {
    text: &'a str,
    rest: &'a str,
    depth: usize,
    operators: usize,
}

type Result_<T> = Result<T, SyntaxError>;

impl<'a> Parsing<'a> {
    fn offset(&self) -> usize {
        self.text.len() - self.rest.len()
    }

    fn expected(&self, what: &str) -> SyntaxError {
        SyntaxError { offset: self.offset(), expected: what.to_owned() }
    }

    fn take<T>(&mut self, mut lexeme: impl FnMut(&'a str) -> IResult<&'a str, T>) -> Option<T> {
        let (rest, found) = lexeme(self.rest).ok()?;
        self.rest = rest;
        Some(found)
    }

    fn blank(&mut self) {
        self.rest = self.rest.trim_start();
    }

    fn token(&mut self, symbol: &'static str) -> bool {
        self.blank();
        self.take(|input| tag(symbol).parse(input)).is_some()
    }

    fn need(&mut self, symbol: &'static str) -> Result_<()> {
        if self.token(symbol) { Ok(()) } else { Err(self.expected(&format!("`{symbol}`"))) }
    }

    fn count(&mut self) -> Result_<()> {
        self.operators += 1;
        if self.operators > MAX_OPERATORS {
            Err(self.expected("a shorter condition: it has too many operators"))
        } else {
            Ok(())
        }
    }

    /// Precedence climbing: operators of at least `least`.
    fn binary(&mut self, least: u8) -> Result_<Syntax> {
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(self.expected("a shorter condition: it nests too deeply"));
        }
        let mut left = self.unary()?;
        let mut compared = false;
        loop {
            self.blank();
            let before = self.rest;
            if least <= 4 && self.take(keyword_in).is_some() {
                self.chain(&mut compared, before)?;
                left = self.membership(left)?;
                continue;
            }
            let Some(op) = self.take(operator).filter(|op| op.precedence() >= least) else {
                self.rest = before;
                break;
            };
            if op.precedence() == 4 {
                self.chain(&mut compared, before)?;
            }
            self.count()?;
            let right_associative = op == BinaryOp::Implies;
            let right = self.binary(op.precedence() + u8::from(!right_associative))?;
            let offset = left.offset;
            left = Syntax { node: Node::Binary(op, Box::new(left), Box::new(right)), offset };
        }
        self.depth -= 1;
        Ok(left)
    }

    /// Comparisons do not chain: `a < b < c` means nothing that a reader would guess.
    fn chain(&mut self, compared: &mut bool, before: &'a str) -> Result_<()> {
        if *compared {
            self.rest = before;
            return Err(self.expected("`&&` or `||`: comparisons do not chain"));
        }
        *compared = true;
        Ok(())
    }

    fn membership(&mut self, left: Syntax) -> Result_<Syntax> {
        let offset = left.offset;
        if self.token("[") {
            let list = self.list("]")?;
            if list.is_empty() {
                return Err(self.expected("at least one value in the list"));
            }
            return Ok(Syntax { node: Node::In(Box::new(left), list), offset });
        }
        self.blank();
        match self.take(name) {
            Some(set) => Ok(Syntax { node: Node::InSet(Box::new(left), set.to_owned()), offset }),
            None => Err(self.expected("`[` or the name of a set after `in`")),
        }
    }

    fn list(&mut self, end: &'static str) -> Result_<Vec<Syntax>> {
        let mut list = Vec::new();
        if self.token(end) {
            return Ok(list);
        }
        loop {
            list.push(self.item()?);
            if self.token(end) {
                return Ok(list);
            }
            if !self.token(",") {
                return Err(self.expected(&format!("`,` or `{end}`")));
            }
        }
    }

    /// `value`, or `name = value`.
    fn item(&mut self) -> Result_<Syntax> {
        self.blank();
        let (offset, before) = (self.offset(), self.rest);
        if let Some(word) = self.take(name) {
            self.blank();
            if self.rest.starts_with('=') && !self.rest.starts_with("==") && !self.rest.starts_with("=>") {
                self.rest = &self.rest[1..];
                let value = Box::new(self.binary(1)?);
                return Ok(Syntax { node: Node::Named(word.to_owned(), value), offset });
            }
        }
        self.rest = before;
        self.binary(1)
    }

    fn unary(&mut self) -> Result_<Syntax> {
        self.blank();
        let offset = self.offset();
        let op = self.take(|input| {
            alt((
                value(Some(UnaryOp::Not), tag("!")),
                value(Some(UnaryOp::Negate), tag("-")),
                value(Some(UnaryOp::Complement), tag("~")),
                value(None, tag("*")),
            ))
            .parse(input)
        });
        let Some(op) = op else { return self.postfix() };
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return Err(self.expected("a shorter condition: it nests too deeply"));
        }
        let inner = Box::new(self.unary()?);
        self.depth -= 1;
        Ok(Syntax { node: op.map_or_else(|| Node::Deref(inner.clone()), |op| Node::Unary(op, inner.clone())), offset })
    }

    fn postfix(&mut self) -> Result_<Syntax> {
        let mut left = self.atom()?;
        let offset = left.offset;
        loop {
            let node = if self.token(".") {
                self.blank();
                let field = self.take(name).ok_or_else(|| self.expected("the name of a field"))?;
                Node::Field(Box::new(left), field.to_owned())
            } else if self.token("[") {
                let index = self.binary(1)?;
                self.need("]")?;
                Node::Index(Box::new(left), Box::new(index))
            } else {
                return Ok(left);
            };
            self.count()?;
            left = Syntax { node, offset };
        }
    }

    fn atom(&mut self) -> Result_<Syntax> {
        self.blank();
        let offset = self.offset();
        if self.token("(") {
            let inner = self.binary(1)?;
            self.need(")")?;
            return Ok(inner);
        }
        if let Some(text) = self.take(quoted) {
            return Ok(Syntax { node: Node::Text(text.to_owned()), offset });
        }
        if let Some(digits) =
            self.take(|input| take_while1(|c: char| c.is_ascii_alphanumeric() || c == '_').parse(input))
        {
            if !digits.starts_with(|c: char| c.is_ascii_digit()) {
                let callee = digits.to_owned();
                // Only a parenthesis that touches the name makes a call, so that `read (x)` reads as a slip.
                if self.take(|input| tag("(").parse(input)).is_some() {
                    return Ok(Syntax { node: Node::Call(callee, self.list(")")?), offset });
                }
                return Ok(Syntax { node: Node::Name(callee), offset });
            }
            return match number(digits) {
                Some(number) => Ok(Syntax { node: Node::Int(number), offset }),
                None => Err(SyntaxError { offset, expected: format!("a number; `{digits}` is none") }),
            };
        }
        Err(self.expected("a value: a number, a name, a call or `(`"))
    }
}

fn keyword_in(input: &str) -> IResult<&str, &str> {
    verify(name, |word: &str| word == "in").parse(input)
}

/// An identifier.
pub(crate) fn name(input: &str) -> IResult<&str, &str> {
    recognize(pair(
        take_while1(|c: char| c.is_ascii_alphabetic() || c == '_'),
        take_while(|c: char| c.is_ascii_alphanumeric() || c == '_'),
    ))
    .parse(input)
}

fn quoted(input: &str) -> IResult<&str, &str> {
    let (rest, _) = tag("\"").parse(input)?;
    let (rest, text) = take_while(|c| c != '"').parse(rest)?;
    let (rest, _) = tag("\"").parse(rest)?;
    Ok((rest, text))
}

fn operator(input: &str) -> IResult<&str, BinaryOp> {
    alt((
        alt((
            value(BinaryOp::Implies, tag("=>")),
            value(BinaryOp::Or, tag("||")),
            value(BinaryOp::And, tag("&&")),
            value(BinaryOp::Eq, tag("==")),
            value(BinaryOp::Ne, tag("!=")),
            value(BinaryOp::Shl, tag("<<")),
            value(BinaryOp::Shr, tag(">>")),
            value(BinaryOp::Le, tag("<=")),
            value(BinaryOp::Ge, tag(">=")),
        )),
        alt((
            value(BinaryOp::Lt, tag("<")),
            value(BinaryOp::Gt, tag(">")),
            value(BinaryOp::BitOr, tag("|")),
            value(BinaryOp::BitXor, tag("^")),
            value(BinaryOp::BitAnd, tag("&")),
            value(BinaryOp::Add, tag("+")),
            value(BinaryOp::Sub, tag("-")),
            value(BinaryOp::Mul, tag("*")),
            value(BinaryOp::Div, tag("/")),
            value(BinaryOp::Rem, tag("%")),
        )),
    ))
    .parse(input)
}

/// Reads `10`, `0x1f`, `0o17`, with `_` between digits. Numbers have at most 64 bits.
pub(crate) fn number(text: &str) -> Option<i128> {
    let plain = text.replace('_', "");
    let parsed = if let Some(digits) = plain.strip_prefix("0x").or_else(|| plain.strip_prefix("0X")) {
        u64::from_str_radix(digits, 16)
    } else if let Some(digits) = plain.strip_prefix("0o") {
        u64::from_str_radix(digits, 8)
    } else if let Some(digits) = plain.strip_prefix("0b") {
        u64::from_str_radix(digits, 2)
    } else {
        plain.parse()
    };
    parsed.ok().map(i128::from)
}
