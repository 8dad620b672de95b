//! The grammar of constant expressions, and the evaluation of `#if`.

use super::ast::{Expr, Step, TypeName};
use super::evaluate::{Lookup, evaluate};
use super::grammar::{Fail, Grammar, Parsed, Tokens, balanced, expected, name, one_word, satisfying, word};
use super::lex::{Kind, Token};
use super::machine::Machine;
use super::symbol::{Sym, Symbols, sym};
use super::value::{IntKind, Value, character, integer};
use abispec::arch::Arch;
use nom::Parser;
use nom::branch::alt;
use nom::combinator::opt;
use nom::multi::{many0, many1, separated_list0};
use nom::sequence::{delimited, preceded};

/// How tightly a binary operator binds; 0 is "not at all".
const fn binding(op: Sym) -> u8 {
    match op {
        sym::STAR | sym::SLASH | sym::PERCENT => 10,
        sym::PLUS | sym::MINUS => 9,
        sym::SHIFT_LEFT | sym::SHIFT_RIGHT => 8,
        sym::LESS | sym::GREATER | sym::LESS_EQUAL | sym::GREATER_EQUAL => 7,
        sym::EQUAL | sym::NOT_EQUAL => 6,
        sym::AMP => 5,
        sym::CARET => 4,
        sym::PIPE => 3,
        sym::AND_AND => 2,
        sym::OR_OR => 1,
        _ => 0,
    }
}

impl Grammar<'_> {
    /// A whole expression without commas and assignments.
    pub(crate) fn expression<'t>(&self, input: Tokens<'t>) -> Parsed<'t, Expr> {
        self.in_expression(|| self.deeper(input, |input| self.choice(input)))
    }

    fn choice<'t>(&self, input: Tokens<'t>) -> Parsed<'t, Expr> {
        let (rest, condition) = self.operators(input, 1)?;
        if opt(word(sym::QUESTION)).parse(rest)?.1.is_none() {
            return Ok((rest, condition));
        }
        let (rest, _) = word(sym::QUESTION).parse(rest)?;
        // GNU C: without a middle operand the condition is it.
        let (rest, yes) = opt(|i| self.expression(i)).parse(rest)?;
        let (rest, no) = preceded(word(sym::COLON), |i| self.expression(i)).parse(rest)?;
        let yes = yes.unwrap_or_else(|| condition.clone());
        Ok((rest, Expr::Choice(Box::new(condition), Box::new(yes), Box::new(no))))
    }

    fn operators<'t>(&self, input: Tokens<'t>, weakest: u8) -> Parsed<'t, Expr> {
        let (mut input, mut left) = self.cast(input)?;
        loop {
            let op = satisfying("an operator", |token| token.kind == Kind::Punct && binding(token.sym) >= weakest);
            let Ok((rest, op)) = { op }.parse(input) else { return Ok((input, left)) };
            self.operator(input)?;
            let (rest, right) = self.operators(rest, binding(op.sym) + 1)?;
            left = Expr::Binary(op.sym, Box::new(left), Box::new(right));
            input = rest;
        }
    }

    fn cast<'t>(&self, input: Tokens<'t>) -> Parsed<'t, Expr> {
        if !self.is_parenthesised_type(input) {
            return self.unary(input);
        }
        self.deeper(input, |input| {
            let (rest, ty) = self.parenthesised_type(input)?;
            if rest.0.first().is_some_and(|token| token.is(sym::BRACE_OPEN)) {
                return balanced(rest).map(|(rest, _)| (rest, Expr::Opaque("a compound literal")));
            }
            let (rest, operand) = self.cast(rest)?;
            Ok((rest, Expr::Cast(Box::new(ty), Box::new(operand))))
        })
    }

    fn is_parenthesised_type(&self, input: Tokens<'_>) -> bool {
        matches!(input.0, [open, next, ..] if open.is(sym::PAREN_OPEN) && self.starts_type(next))
    }

    fn parenthesised_type<'t>(&self, input: Tokens<'t>) -> Parsed<'t, TypeName> {
        delimited(word(sym::PAREN_OPEN), |i| self.type_name(i), word(sym::PAREN_CLOSE)).parse(input)
    }

    fn unary<'t>(&self, input: Tokens<'t>) -> Parsed<'t, Expr> {
        let Some(first) = input.0.first() else { return expected(input, "an expression") };
        if !matches!(first.kind, Kind::Punct | Kind::Name) {
            return self.postfix(input);
        }
        let rest = Tokens(&input.0[1..]);
        match first.sym {
            sym::PLUS | sym::MINUS | sym::TILDE | sym::BANG | sym::AMP | sym::STAR => self.deeper(rest, |rest| {
                let (rest, operand) = self.cast(rest)?;
                Ok((rest, Expr::Unary(first.sym, Box::new(operand))))
            }),
            sym::EXTENSION => self.deeper(rest, |rest| self.cast(rest)),
            sym::SIZEOF if self.is_parenthesised_type(rest) => {
                let (rest, ty) = self.parenthesised_type(rest)?;
                Ok((rest, Expr::SizeofType(Box::new(ty))))
            }
            sym::SIZEOF => self.deeper(rest, |rest| {
                let (rest, operand) = self.unary(rest)?;
                Ok((rest, Expr::Sizeof(Box::new(operand))))
            }),
            sym::ALIGNOF | sym::ALIGNOF_ | sym::ALIGNOF__ if self.is_parenthesised_type(rest) => {
                let (rest, ty) = self.parenthesised_type(rest)?;
                Ok((rest, Expr::AlignofType(Box::new(ty))))
            }
            _ => self.postfix(input),
        }
    }

    fn postfix<'t>(&self, input: Tokens<'t>) -> Parsed<'t, Expr> {
        let (mut input, mut found) = self.primary(input)?;
        loop {
            let Some(token) = input.0.first().filter(|token| token.kind == Kind::Punct) else {
                return Ok((input, found));
            };
            let rest = Tokens(&input.0[1..]);
            (input, found) = match token.sym {
                sym::DOT | sym::ARROW => {
                    let (rest, member) = name().parse(rest)?;
                    (rest, Expr::Member { of: Box::new(found), name: member.sym, through: token.sym == sym::ARROW })
                }
                sym::BRACKET_OPEN => {
                    let (rest, index) = self.expression(rest)?;
                    let (rest, _) = word(sym::BRACKET_CLOSE).parse(rest)?;
                    (rest, Expr::Element(Box::new(found), Box::new(index)))
                }
                sym::PAREN_OPEN => {
                    let arguments = separated_list0(word(sym::COMMA), |i| self.expression(i));
                    let known = delimited(word(sym::PAREN_OPEN), arguments, word(sym::PAREN_CLOSE)).parse(input);
                    match (found, known) {
                        (Expr::Name(function), Ok((rest, arguments))) => (rest, Expr::Call(function, arguments)),
                        // Arguments that are types: perhaps a macro that is defined elsewhere.
                        (Expr::Name(function), Err(_)) => (balanced(input)?.0, Expr::Call(function, Vec::new())),
                        _ => (balanced(input)?.0, Expr::Opaque("a function call")),
                    }
                }
                _ => return Ok((input, found)),
            };
            self.operator(input)?;
        }
    }

    fn primary<'t>(&self, input: Tokens<'t>) -> Parsed<'t, Expr> {
        let text = satisfying("a string", |token: &Token| token.kind == Kind::Text);
        let statement = |i: Tokens<'t>| match i.0 {
            [open, brace, ..] if open.is(sym::PAREN_OPEN) && brace.is(sym::BRACE_OPEN) => balanced(i),
            _ => expected(i, "an expression"),
        };
        alt((
            |i| self.number(i),
            many1(text).map(|texts| {
                Expr::Text(texts.iter().map(|text| string_bytes(self.symbols.text(text.sym))).sum::<u64>() + 1)
            }),
            |i| self.offsetof(i),
            satisfying("an expression", |token| token.kind == Kind::Name && !self.starts_type(token))
                .map(|token| Expr::Name(token.sym)),
            statement.map(|_| Expr::Opaque("a statement")),
            delimited(word(sym::PAREN_OPEN), |i| self.expression(i), word(sym::PAREN_CLOSE)),
        ))
        .parse(input)
    }

    fn number<'t>(&self, input: Tokens<'t>) -> Parsed<'t, Expr> {
        let Some((token, rest)) = input.0.split_first() else { return expected(input, "an expression") };
        let text = self.symbols.text(token.sym);
        let value = match token.kind {
            Kind::Number => integer(text, self.machine).map_or(Expr::Opaque("a floating-point number"), Expr::Number),
            Kind::Char => character(text, self.machine).map_or(Expr::Opaque("an empty character"), Expr::Number),
            _ => return expected(input, "an expression"),
        };
        Ok((Tokens(rest), value))
    }

    fn offsetof<'t>(&self, input: Tokens<'t>) -> Parsed<'t, Expr> {
        let (rest, _) = word(sym::OFFSETOF).parse(input)?;
        let (rest, _) = word(sym::PAREN_OPEN).parse(rest)?;
        let (rest, ty) = self.type_name(rest)?;
        let (rest, _) = word(sym::COMMA).parse(rest)?;
        let (rest, first) = name().parse(rest)?;
        let member = preceded(one_word(&[sym::DOT]), name()).map(|token| Step::Member(token.sym));
        let element = delimited(one_word(&[sym::BRACKET_OPEN]), |i| self.expression(i), word(sym::BRACKET_CLOSE))
            .map(Step::Element);
        let (rest, mut steps) = many0(alt((member, element))).parse(rest)?;
        let (rest, _) = word(sym::PAREN_CLOSE).parse(rest)?;
        steps.insert(0, Step::Member(first.sym));
        Ok((rest, Expr::Offsetof(Box::new(ty), steps)))
    }
}

/// How many bytes a string in quotes stands for, without the NUL.
fn string_bytes(text: &str) -> u64 {
    let inner = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(text);
    let mut rest = inner.bytes().peekable();
    let mut count = 0;
    while let Some(byte) = rest.next() {
        count += 1;
        if byte == b'\\' {
            let (most, test): (usize, fn(&u8) -> bool) = match rest.next() {
                Some(b'x') => (usize::MAX, u8::is_ascii_hexdigit),
                Some(b'0'..=b'7') => (2, |digit| (b'0'..=b'7').contains(digit)),
                _ => (0, |_| false),
            };
            let mut digits = 0;
            while digits < most && rest.next_if(test).is_some() {
                digits += 1;
            }
        }
    }
    count
}

/// In `#if`, names are 0 and numbers are as wide as they can be.
struct Bare;

impl Lookup for Bare {
    fn name(&self, _name: Sym) -> Option<Value> {
        Some(Value { number: 0, kind: IntKind::LongLong })
    }

    fn number(&self, value: Value, machine: &Machine) -> Value {
        let kind = if value.kind.signed(machine) { IntKind::LongLong } else { IntKind::ULongLong };
        value.to(kind, machine)
    }
}

/// Whether the condition of an `#if` holds, after expansion.
pub(crate) fn condition(tokens: &[Token], symbols: &Symbols<'_>) -> Result<bool, String> {
    // Widths do not matter here: every number is 64 bits wide.
    let machine = Machine::new(Arch::X86_64);
    let grammar = Grammar::new(symbols, &machine, &|_| false);
    // Keywords are plain names to the preprocessor.
    let plain: Vec<Token> = tokens
        .iter()
        .map(|token| if token.kind == Kind::Name { Token { sym: sym::EMPTY, ..*token } } else { *token })
        .collect();
    let (rest, expr) = grammar.expression(Tokens(&plain)).map_err(|error| complaint(error, tokens, symbols))?;
    if let Some(token) = rest.0.first() {
        return Err(format!("`{}` is left over", symbols.text(token.sym)));
    }
    evaluate(&expr, &Bare, &machine).map(|value| value.number != 0).map_err(|stop| stop.to_string())
}

/// What a failure says about the tokens it happened in.
pub(crate) fn complaint(error: nom::Err<Fail>, tokens: &[Token], symbols: &Symbols<'_>) -> String {
    let (nom::Err::Error(fail) | nom::Err::Failure(fail)) = error else { return "it is not finished".to_owned() };
    match tokens.get(tokens.len().saturating_sub(fail.left)) {
        Some(token) => format!("expected {}, found `{}`", fail.expected, symbols.text(token.sym)),
        None => format!("expected {}, found the end", fail.expected),
    }
}
