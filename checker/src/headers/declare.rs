//! The grammar of declarations.
//!
//! Function bodies, initial values and parameters are skipped: they state nothing about layouts.

use super::ast::{
    Attribute, Base, Declaration, Declarator, Derived, EnumItem, EnumSpec, Expr, MemberDeclaration, Pack, RecordSpec,
    Specs, TypeName, Words,
};
use super::grammar::{Grammar, Parsed, Tokens, balanced, expected, name, one_word, satisfying, word};
use super::lex::{Kind, Token};
use super::symbol::{Sym, sym};
use super::value::integer;
use nom::Parser;
use nom::branch::alt;
use nom::combinator::{cut, opt, value};
use nom::multi::{many0, separated_list0};
use nom::sequence::{delimited, preceded, terminated};

const IGNORED: &[Sym] = &[
    sym::EXTERN,
    sym::STATIC,
    sym::INLINE,
    sym::INLINE_,
    sym::INLINE__,
    sym::REGISTER,
    sym::NORETURN,
    sym::THREAD,
    sym::EXTENSION,
    sym::AUTO,
    sym::VOLATILE,
    sym::VOLATILE_,
    sym::VOLATILE__,
    sym::RESTRICT,
    sym::RESTRICT_,
    sym::RESTRICT__,
    sym::ATOMIC,
];
const CONST: &[Sym] = &[sym::CONST, sym::CONST_, sym::CONST__];
const CORE: &[Sym] = &[
    sym::VOID,
    sym::BOOL,
    sym::CHAR,
    sym::INT,
    sym::FLOAT,
    sym::DOUBLE,
    sym::INT128,
    sym::FLOAT128,
    sym::FLOAT64,
    sym::FLOAT32,
    sym::FLOAT64X,
    sym::FLOAT32X,
    sym::VA_LIST,
];
const MODIFIERS: &[Sym] =
    &[sym::SHORT, sym::LONG, sym::SIGNED, sym::SIGNED_, sym::SIGNED__, sym::UNSIGNED, sym::COMPLEX, sym::COMPLEX_];
const OTHERS: &[Sym] = &[sym::STRUCT, sym::UNION, sym::ENUM, sym::TYPEOF, sym::TYPEOF_, sym::TYPEOF__];
const ATTRIBUTE: &[Sym] = &[sym::ATTRIBUTE, sym::ATTRIBUTE_];
const ASM: &[Sym] = &[sym::ASM, sym::ASM_, sym::ASM__];

impl Grammar<'_> {
    /// Whether a token can only begin a type.
    pub(crate) fn starts_type(&self, token: &Token) -> bool {
        let s = token.sym;
        token.kind == Kind::Name
            && (CORE.contains(&s)
                || MODIFIERS.contains(&s)
                || OTHERS.contains(&s)
                || CONST.contains(&s)
                || s == sym::VOLATILE
                || s == sym::ATOMIC
                || (self.is_type)(s))
    }

    /// A type without a name.
    pub(crate) fn type_name<'t>(&self, input: Tokens<'t>) -> Parsed<'t, TypeName> {
        self.deeper(input, |input| {
            let (rest, specs) = self.specs(input)?;
            let (rest, declarator) = self.declarator(rest)?;
            Ok((rest, TypeName { specs, declarator }))
        })
    }

    /// One declaration at the top of a file.
    pub(crate) fn declaration<'t>(&self, input: Tokens<'t>) -> Parsed<'t, Declaration> {
        if let Some(token) = input.0.first() {
            if token.kind == Kind::Other && token.sym == sym::PRAGMA_PACK {
                return self.pack(Tokens(&input.0[1..]));
            }
            if token.is(sym::SEMICOLON) {
                return Ok((Tokens(&input.0[1..]), Declaration::Nothing));
            }
            if token.is(sym::STATIC_ASSERT) || ASM.iter().any(|asm| token.is(*asm)) {
                return to_semicolon(input).map(|(rest, _)| (rest, Declaration::Nothing));
            }
        }
        let (rest, specs) = self.specs(input)?;
        if rest.0.len() == input.0.len() {
            return expected(input, "a declaration");
        }
        let (rest, declarators) = separated_list0(word(sym::COMMA), |i| self.declared(i)).parse(rest)?;
        if rest.0.first().is_some_and(|token| token.is(sym::BRACE_OPEN)) {
            let (rest, _) = balanced(rest)?;
            return Ok((rest, Declaration::Nothing));
        }
        let (rest, _) = word(sym::SEMICOLON).parse(rest)?;
        Ok((rest, Declaration::Declared { specs, declarators }))
    }

    fn declared<'t>(&self, input: Tokens<'t>) -> Parsed<'t, Declarator> {
        let (rest, declarator) = self.declarator(input)?;
        if declarator.name.is_none() {
            return expected(input, "a name");
        }
        let (rest, _) = opt(preceded(word(sym::ASSIGN), initial)).parse(rest)?;
        Ok((rest, declarator))
    }

    fn specs<'t>(&self, mut input: Tokens<'t>) -> Parsed<'t, Specs> {
        let mut specs = Specs::default();
        let mut words = Words::default();
        while let Some(token) = input.0.first().filter(|token| token.kind == Kind::Name) {
            let rest = Tokens(&input.0[1..]);
            let s = token.sym;
            let untyped = specs.base == Base::Missing && words == Words::default();
            if s == sym::TYPEDEF {
                specs.typedef = true;
            } else if CONST.contains(&s) {
                specs.constant = true;
            } else if ATTRIBUTE.contains(&s) || s == sym::ALIGNAS {
                let (rest, attributes) = self.attributes(input)?;
                specs.attributes.extend(attributes);
                input = rest;
                continue;
            } else if ASM.contains(&s) {
                break;
            } else if MODIFIERS.contains(&s) || CORE.contains(&s) {
                words.add(s);
            } else if s == sym::STRUCT || s == sym::UNION {
                let (rest, record) = self.record(input)?;
                specs.base = Base::Record(record);
                input = rest;
                continue;
            } else if s == sym::ENUM {
                let (rest, spec) = self.enumeration(input)?;
                specs.base = Base::Enum(spec);
                input = rest;
                continue;
            } else if matches!(s, sym::TYPEOF | sym::TYPEOF_ | sym::TYPEOF__) {
                let ty = |i| self.type_name(i).map(|(rest, ty)| (rest, Base::Typeof(Box::new(ty))));
                let of_value = |i| self.expression(i).map(|(rest, x)| (rest, Base::TypeofValue(Box::new(x))));
                let named = rest.0.get(1).is_some_and(|token| self.starts_type(token));
                let inner = |i| if named { ty(i) } else { of_value(i) };
                let (rest, base) = delimited(word(sym::PAREN_OPEN), inner, word(sym::PAREN_CLOSE)).parse(rest)?;
                specs.base = base;
                input = rest;
                continue;
            } else if !IGNORED.contains(&s) {
                // The first plain name is the type, the next one is what is declared.
                if !untyped {
                    break;
                }
                specs.base = Base::Name(s);
            }
            input = rest;
        }
        if words != Words::default() {
            specs.base = Base::Words(words);
        }
        Ok((input, specs))
    }

    fn record<'t>(&self, input: Tokens<'t>) -> Parsed<'t, RecordSpec> {
        self.deeper(input, |input| {
            let (rest, keyword) = one_word(&[sym::STRUCT, sym::UNION]).parse(input)?;
            let (rest, mut attributes) = self.attributes(rest)?;
            let (rest, tag) = opt(name()).parse(rest)?;
            let (rest, members) = opt(preceded(word(sym::BRACE_OPEN), cut(|i| self.members(i)))).parse(rest)?;
            if tag.is_none() && members.is_none() {
                return expected(rest, "a tag or `{`");
            }
            let (rest, after) = if members.is_some() { self.attributes(rest)? } else { (rest, Vec::new()) };
            attributes.extend(after);
            let at = tag.unwrap_or(keyword).at;
            let spec =
                RecordSpec { union: keyword.sym == sym::UNION, tag: tag.map(|tag| tag.sym), members, attributes, at };
            Ok((rest, spec))
        })
    }

    /// Members up to and with the closing brace. A loop, because the failure inside a member is the one to report.
    fn members<'t>(&self, mut input: Tokens<'t>) -> Parsed<'t, Vec<MemberDeclaration>> {
        let mut members = Vec::new();
        while opt(word(sym::BRACE_CLOSE)).parse(input)?.1.is_none() {
            let (rest, member) = self.member(input)?;
            members.extend(member);
            input = rest;
        }
        Ok((Tokens(&input.0[1..]), members))
    }

    fn member<'t>(&self, input: Tokens<'t>) -> Parsed<'t, Option<MemberDeclaration>> {
        let empty = value(None, word(sym::SEMICOLON));
        let stated = |input: Tokens<'t>| {
            let (rest, specs) = self.specs(input)?;
            if specs.base == Base::Missing {
                return expected(input, "a member");
            }
            let (rest, declarators) = separated_list0(word(sym::COMMA), |i| self.member_declarator(i)).parse(rest)?;
            let (rest, _) = word(sym::SEMICOLON).parse(rest)?;
            Ok((rest, Some(MemberDeclaration { specs, declarators })))
        };
        let asserted = |input: Tokens<'t>| {
            let (rest, _) = word(sym::STATIC_ASSERT).parse(input)?;
            to_semicolon(rest).map(|(rest, _)| (rest, None))
        };
        alt((empty, asserted, stated)).parse(input)
    }

    fn member_declarator<'t>(&self, input: Tokens<'t>) -> Parsed<'t, Declarator> {
        let (rest, mut declarator) = self.declarator(input)?;
        let (rest, bits) = opt(preceded(word(sym::COLON), |i| self.expression(i))).parse(rest)?;
        if declarator.name.is_none() && bits.is_none() {
            return expected(input, "the name of a member");
        }
        let (rest, after) = self.attributes(rest)?;
        declarator.bits = bits;
        declarator.attributes.extend(after);
        Ok((rest, declarator))
    }

    fn enumeration<'t>(&self, input: Tokens<'t>) -> Parsed<'t, EnumSpec> {
        let (rest, _) = word(sym::ENUM).parse(input)?;
        let (rest, mut attributes) = self.attributes(rest)?;
        let (rest, tag) = opt(name()).parse(rest)?;
        let item = |input: Tokens<'t>| {
            let (rest, name) = name().parse(input)?;
            let (rest, _) = self.attributes(rest)?;
            let (rest, value) = opt(preceded(word(sym::ASSIGN), cut(|i| self.expression(i)))).parse(rest)?;
            Ok((rest, EnumItem { name: name.sym, value, at: name.at }))
        };
        let list = terminated(separated_list0(word(sym::COMMA), item), opt(word(sym::COMMA)));
        let (rest, items) = opt(delimited(word(sym::BRACE_OPEN), list, cut(word(sym::BRACE_CLOSE)))).parse(rest)?;
        if tag.is_none() && items.is_none() {
            return expected(rest, "a tag or `{`");
        }
        let (rest, after) = if items.is_some() { self.attributes(rest)? } else { (rest, Vec::new()) };
        attributes.extend(after);
        Ok((rest, EnumSpec { tag: tag.map(|tag| tag.sym), items, attributes }))
    }

    /// A declarator, with or without a name.
    fn declarator<'t>(&self, input: Tokens<'t>) -> Parsed<'t, Declarator> {
        self.deeper(input, |input| {
            let (mut input, mut attributes) = self.attributes(input)?;
            let mut pointers = Vec::new();
            while let Ok((rest, _)) = word(sym::STAR).parse(input) {
                let mut constant = false;
                input = rest;
                while let Some(token) = input
                    .0
                    .first()
                    .filter(|t| t.kind == Kind::Name && (CONST.contains(&t.sym) || IGNORED.contains(&t.sym)))
                {
                    constant |= CONST.contains(&token.sym);
                    input = Tokens(&input.0[1..]);
                }
                pointers.push(Derived::Pointer { constant });
                let (rest, more) = self.attributes(input)?;
                attributes.extend(more);
                input = rest;
            }
            let (rest, inner) = self.inner(input)?;
            let (rest, mut suffixes) = many0(|i| self.suffix(i)).parse(rest)?;
            suffixes.reverse();
            let mut declarator = inner;
            // Suffixes bind tighter than the pointers before them, and what is in parentheses comes last.
            pointers.append(&mut suffixes);
            pointers.append(&mut declarator.derived);
            declarator.derived = pointers;
            let (rest, after) = self.attributes(rest)?;
            declarator.attributes.extend(attributes);
            declarator.attributes.extend(after);
            Ok((rest, declarator))
        })
    }

    fn inner<'t>(&self, input: Tokens<'t>) -> Parsed<'t, Declarator> {
        match input.0 {
            [token, ..] if token.kind == Kind::Name && !self.starts_keyword(token) => {
                Ok((Tokens(&input.0[1..]), Declarator { name: Some((token.sym, token.at)), ..Declarator::default() }))
            }
            // Parentheses around a declarator, unless they hold the parameters of an unnamed function.
            [open, next, ..] if open.is(sym::PAREN_OPEN) && !next.is(sym::PAREN_CLOSE) && !self.starts_type(next) => {
                delimited(word(sym::PAREN_OPEN), |i| self.declarator(i), word(sym::PAREN_CLOSE)).parse(input)
            }
            _ => Ok((input, Declarator::default())),
        }
    }

    fn starts_keyword(&self, token: &Token) -> bool {
        let s = token.sym;
        CORE.contains(&s) || MODIFIERS.contains(&s) || OTHERS.contains(&s) || ATTRIBUTE.contains(&s) || ASM.contains(&s)
    }

    fn suffix<'t>(&self, input: Tokens<'t>) -> Parsed<'t, Derived> {
        match input.0.first() {
            Some(token) if token.is(sym::PAREN_OPEN) => balanced(input).map(|(rest, _)| (rest, Derived::Function)),
            Some(token) if token.is(sym::BRACKET_OPEN) => {
                let rest = Tokens(&input.0[1..]);
                let qualifier = satisfying("a qualifier", |t| {
                    t.kind == Kind::Name && (IGNORED.contains(&t.sym) || CONST.contains(&t.sym))
                });
                let (rest, _) = many0(qualifier).parse(rest)?;
                let (rest, count) = opt(|i| self.expression(i)).parse(rest)?;
                let (rest, _) = cut(word(sym::BRACKET_CLOSE)).parse(rest)?;
                Ok((rest, Derived::Array(count)))
            }
            _ => expected(input, "`[` or `(`"),
        }
    }

    /// Any number of attributes and assembler names.
    fn attributes<'t>(&self, mut input: Tokens<'t>) -> Parsed<'t, Vec<Attribute>> {
        let mut found = Vec::new();
        while let Some(token) = input.0.first().filter(|token| token.kind == Kind::Name) {
            let rest = Tokens(&input.0[1..]);
            if ATTRIBUTE.contains(&token.sym) {
                let list = separated_list0(word(sym::COMMA), |i| self.attribute(i));
                let inner = delimited(word(sym::PAREN_OPEN), list, word(sym::PAREN_CLOSE));
                let (rest, list) = delimited(word(sym::PAREN_OPEN), inner, word(sym::PAREN_CLOSE)).parse(rest)?;
                found.extend(list.into_iter().flatten());
                input = rest;
            } else if token.sym == sym::ALIGNAS {
                let (rest, bound) =
                    delimited(word(sym::PAREN_OPEN), |i| self.alignment(i), word(sym::PAREN_CLOSE)).parse(rest)?;
                found.push(Attribute::Aligned(Some(bound)));
                input = rest;
            } else if ASM.contains(&token.sym) {
                input = balanced(rest)?.0;
            } else if token.is(sym::EXTENSION) {
                input = rest;
            } else {
                break;
            }
        }
        Ok((input, found))
    }

    fn alignment<'t>(&self, input: Tokens<'t>) -> Parsed<'t, Expr> {
        match input.0.first() {
            Some(token) if self.starts_type(token) => {
                self.type_name(input).map(|(rest, ty)| (rest, Expr::AlignofType(Box::new(ty))))
            }
            _ => self.expression(input),
        }
    }

    fn attribute<'t>(&self, input: Tokens<'t>) -> Parsed<'t, Option<Attribute>> {
        let Some(token) = input.0.first().filter(|token| token.kind == Kind::Name) else { return Ok((input, None)) };
        let rest = Tokens(&input.0[1..]);
        let argument =
            |rest| opt(delimited(word(sym::PAREN_OPEN), |i| self.expression(i), word(sym::PAREN_CLOSE))).parse(rest);
        match token.sym {
            sym::PACKED | sym::PACKED__ => Ok((rest, Some(Attribute::Packed))),
            sym::ALIGNED | sym::ALIGNED__ => {
                argument(rest).map(|(rest, bound)| (rest, Some(Attribute::Aligned(bound))))
            }
            sym::MODE | sym::MODE__ => {
                let (rest, mode) = delimited(word(sym::PAREN_OPEN), name(), word(sym::PAREN_CLOSE)).parse(rest)?;
                Ok((rest, Some(Attribute::Mode(mode.sym))))
            }
            sym::VECTOR_SIZE | sym::VECTOR_SIZE__ => balanced(rest).map(|(rest, _)| (rest, Some(Attribute::Vector))),
            _ if rest.0.first().is_some_and(|token| token.is(sym::PAREN_OPEN)) => {
                balanced(rest).map(|(rest, _)| (rest, None))
            }
            _ => Ok((rest, None)),
        }
    }

    fn pack<'t>(&self, input: Tokens<'t>) -> Parsed<'t, Declaration> {
        let (rest, inner) = balanced(input)?;
        let inner = &inner.0[1..inner.0.len() - 1];
        let limit = inner.iter().rev().find(|token| token.kind == Kind::Number);
        let limit = limit
            .and_then(|token| integer(self.symbols.text(token.sym), self.machine))
            .and_then(|value| u64::try_from(value.number).ok());
        let pack = match inner.first().map(|token| token.sym) {
            Some(sym::PUSH) => Pack::Push(limit),
            Some(sym::POP) => Pack::Pop,
            _ => Pack::Set(limit),
        };
        Ok((rest, Declaration::Pack(pack)))
    }
}

impl Words {
    fn add(&mut self, word: Sym) {
        match word {
            sym::UNSIGNED => self.unsigned = true,
            sym::SIGNED | sym::SIGNED_ | sym::SIGNED__ => self.signed = true,
            sym::SHORT => self.short = true,
            sym::LONG => self.long = self.long.saturating_add(1),
            // `long int` is `long`, but `int` alone is `int`.
            sym::INT => self.core = self.core.or(Some(sym::INT)),
            word => self.core = Some(word),
        }
    }
}

/// Everything up to the end of an initial value.
fn initial(input: Tokens<'_>) -> Parsed<'_, ()> {
    let mut rest = input;
    while let Some(token) = rest.0.first() {
        if token.is(sym::COMMA) || token.is(sym::SEMICOLON) {
            break;
        }
        let bracket = [sym::PAREN_OPEN, sym::BRACE_OPEN, sym::BRACKET_OPEN].iter().any(|open| token.is(*open));
        rest = if bracket { balanced(rest)?.0 } else { Tokens(&rest.0[1..]) };
    }
    Ok((rest, ()))
}

/// Everything up to and with the next `;` outside brackets; where a bracket is not closed, with the next `;` at all.
pub(crate) fn to_semicolon(input: Tokens<'_>) -> Parsed<'_, ()> {
    let mut nesting = 0_usize;
    let mut inside = None;
    for (position, token) in input.0.iter().enumerate().filter(|(_, token)| token.kind == Kind::Punct) {
        match token.sym {
            sym::PAREN_OPEN | sym::BRACE_OPEN | sym::BRACKET_OPEN => nesting += 1,
            sym::PAREN_CLOSE | sym::BRACE_CLOSE | sym::BRACKET_CLOSE => nesting = nesting.saturating_sub(1),
            sym::SEMICOLON if nesting == 0 => return Ok((Tokens(&input.0[position + 1..]), ())),
            sym::SEMICOLON => inside = inside.or(Some(position)),
            _ => {}
        }
    }
    let rest = inside.and_then(|position| input.0.get(position + 1..)).unwrap_or_default();
    Ok((Tokens(rest), ()))
}
