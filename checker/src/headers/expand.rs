//! Macro expansion.
//!
//! Tokens are read through a stack of replacements; a macro is not expanded again while its replacement is on the
//! stack, and a name met in that time is painted and never expanded.

use super::file::Macro;
use super::lex::{Kind, Spot, Token, lex_one};
use super::symbol::{Sym, Symbols, sym};
use super::table::Table;

/// Deepest nesting of arguments in arguments.
const DEPTH: usize = 64;
/// Most tokens that one run of text may grow to.
const MOST: usize = 200_000;
/// Most steps that one translation unit may cost: macros can take for ever and leave nothing.
pub(crate) const MOST_STEPS: u64 = 50_000_000;

/// What expansion needs besides the tokens.
pub(crate) struct Expander<'a, 's> {
    /// The macros.
    pub(crate) table: &'a mut Table<'s>,
    /// The texts.
    pub(crate) symbols: &'a mut Symbols<'s>,
    /// The file that `__FILE__` names.
    pub(crate) file: &'a str,
    /// What the unit has used up.
    pub(crate) use_: &'a mut Use,
}

/// What a translation unit has used up.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Use {
    /// The next value of `__COUNTER__`.
    pub(crate) counter: u32,
    /// Steps so far.
    pub(crate) steps: u64,
    /// Whether `_IOC`, which packs device control requests, was replaced.
    pub(crate) requests: bool,
}

/// Why expansion stopped early.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Overgrown {
    /// Where it happened.
    pub(crate) at: Spot,
    /// What happened.
    pub(crate) reason: &'static str,
}

enum Tape<'t> {
    Given(&'t [Token]),
    Made(Vec<Token>),
}

struct Frame<'t> {
    tape: Tape<'t>,
    next: usize,
    owner: Option<Sym>,
    /// The first token takes over the blank before the macro's name.
    spaced: bool,
}

impl Frame<'_> {
    fn token(&self) -> Option<Token> {
        let tokens = match &self.tape {
            Tape::Given(tokens) => tokens,
            Tape::Made(tokens) => tokens.as_slice(),
        };
        let mut token = *tokens.get(self.next)?;
        if self.next == 0 && self.owner.is_some() {
            token.spaced = self.spaced;
        }
        Some(token)
    }
}

impl<'s> Expander<'_, 's> {
    /// Expands `input` at the end of `out`.
    pub(crate) fn expand(&mut self, input: &[Token], out: &mut Vec<Token>, depth: usize) -> Result<(), Overgrown> {
        let mut frames: Vec<Frame<'_>> = Vec::new();
        let mut rest = input;
        let most = out.len().saturating_add(MOST);
        // Most words are no macros: they pass without a frame.
        while let Some((token, after)) = rest.split_first() {
            if token.kind == Kind::Name
                && !token.painted
                && (is_builtin(token.sym) || self.table.get(token.sym).is_some())
            {
                frames.push(Frame { tape: Tape::Given(rest), next: 0, owner: None, spaced: false });
                let done = self.run(&mut frames, out, most, depth);
                for owner in frames.iter().filter_map(|frame| frame.owner) {
                    self.table.set_busy(owner, false);
                }
                done?;
                rest = match frames.pop() {
                    Some(Frame { next, .. }) => rest.get(next..).unwrap_or_default(),
                    None => &[],
                };
                continue;
            }
            out.push(*token);
            rest = after;
        }
        Ok(())
    }

    /// Reads on until nothing is left, or all replacements are read and the next token of the input can pass.
    fn run<'t>(
        &mut self,
        frames: &mut Vec<Frame<'t>>,
        out: &mut Vec<Token>,
        most: usize,
        depth: usize,
    ) -> Result<(), Overgrown>
    where
        's: 't,
    {
        while let Some(token) = self.next(frames) {
            self.use_.steps += 1;
            if self.use_.steps > MOST_STEPS {
                return Err(Overgrown { at: token.at, reason: "macros take more than 50,000,000 steps" });
            }
            if out.len() > most {
                return Err(Overgrown { at: token.at, reason: "macros expand to more than 200,000 tokens" });
            }
            if depth > DEPTH || frames.len() > 512 {
                return Err(Overgrown { at: token.at, reason: "macros are nested too deeply" });
            }
            if token.kind != Kind::Name || token.painted {
                out.push(token);
            } else if let Some(definition) = self.table.get(token.sym) {
                match definition.params {
                    None => self.enter_object(frames, definition, token),
                    Some(count) => match self.arguments(frames, definition, count, token)? {
                        None => out.push(token),
                        Some(arguments) => {
                            self.use_.requests |= definition.name == sym::IOC;
                            let tokens = self.substitute(definition, &arguments, depth)?;
                            self.enter(frames, Tape::Made(tokens), definition.name, token.spaced);
                        }
                    },
                }
            } else {
                out.push(self.builtin(token));
            }
            self.drop_finished(frames);
            if frames.len() == 1 {
                break;
            }
        }
        Ok(())
    }

    fn next(&mut self, frames: &mut Vec<Frame<'_>>) -> Option<Token> {
        self.drop_finished(frames);
        let frame = frames.last_mut()?;
        let mut token = frame.token()?;
        frame.next += 1;
        token.painted |= token.kind == Kind::Name && self.table.is_busy(token.sym);
        Some(token)
    }

    /// Leaves replacements that are read to the end, except the input itself.
    fn drop_finished(&mut self, frames: &mut Vec<Frame<'_>>) {
        while frames.len() > 1 && frames.last().is_some_and(|frame| frame.token().is_none()) {
            if let Some(owner) = frames.pop().and_then(|frame| frame.owner) {
                self.table.set_busy(owner, false);
            }
        }
    }

    fn enter<'t>(&mut self, frames: &mut Vec<Frame<'t>>, tape: Tape<'t>, owner: Sym, spaced: bool) {
        self.table.set_busy(owner, true);
        frames.push(Frame { tape, next: 0, owner: Some(owner), spaced });
    }

    fn enter_object<'t>(&mut self, frames: &mut Vec<Frame<'t>>, definition: &'s Macro, token: Token)
    where
        's: 't,
    {
        let name = definition.name;
        let tape = if definition.body.iter().any(|token| token.is(sym::HASH_HASH)) {
            Tape::Made(self.paste_all(definition.body.iter().map(|token| Piece::from(*token)).collect()))
        } else {
            Tape::Given(&definition.body)
        };
        self.enter(frames, tape, name, token.spaced);
    }

    fn builtin(&mut self, mut token: Token) -> Token {
        let (kind, text) = match token.sym {
            sym::LINE => (Kind::Number, token.at.line.to_string()),
            sym::FILE => (Kind::Text, format!("\"{}\"", self.file)),
            sym::COUNTER => {
                self.use_.counter = self.use_.counter.wrapping_add(1);
                (Kind::Number, (self.use_.counter.wrapping_sub(1)).to_string())
            }
            _ => return token,
        };
        token.kind = kind;
        token.sym = self.symbols.intern(&text);
        token
    }

    /// Reads the arguments after a function-like macro's name; `None` when no parenthesis follows.
    fn arguments(
        &mut self,
        frames: &mut Vec<Frame<'_>>,
        definition: &Macro,
        count: usize,
        name: Token,
    ) -> Result<Option<Vec<Vec<Token>>>, Overgrown> {
        self.drop_finished(frames);
        if !frames.last().and_then(Frame::token).is_some_and(|token| token.is(sym::PAREN_OPEN)) {
            return Ok(None);
        }
        self.next(frames);
        let mut arguments = vec![Vec::new()];
        let mut nesting = 0_usize;
        while let Some(token) = self.next(frames) {
            if token.is(sym::PAREN_CLOSE) && nesting == 0 {
                return self.counted(arguments, definition, count, name).map(Some);
            }
            if token.is(sym::PAREN_OPEN) {
                nesting += 1;
            } else if token.is(sym::PAREN_CLOSE) {
                nesting -= 1;
            }
            let rest = definition.variadic && arguments.len() >= count;
            if token.is(sym::COMMA) && nesting == 0 && !rest {
                arguments.push(Vec::new());
            } else if let Some(last) = arguments.last_mut() {
                last.push(token);
            }
        }
        Err(Overgrown { at: name.at, reason: "the arguments of a macro have no end" })
    }

    fn counted(
        &self,
        mut arguments: Vec<Vec<Token>>,
        definition: &Macro,
        count: usize,
        name: Token,
    ) -> Result<Vec<Vec<Token>>, Overgrown> {
        if count == 0 && arguments.iter().all(Vec::is_empty) {
            arguments.clear();
        }
        if definition.variadic && arguments.len() + 1 == count {
            arguments.push(Vec::new());
        }
        if arguments.len() == count {
            Ok(arguments)
        } else {
            Err(Overgrown { at: name.at, reason: "a macro is used with a wrong number of arguments" })
        }
    }

    fn substitute(
        &mut self,
        definition: &Macro,
        arguments: &[Vec<Token>],
        depth: usize,
    ) -> Result<Vec<Token>, Overgrown> {
        let body = &definition.body;
        let last = arguments.len().saturating_sub(1);
        let mut pieces: Vec<Piece> = Vec::with_capacity(body.len());
        let mut expanded: Vec<Option<Vec<Token>>> = vec![None; arguments.len()];
        let is_paste = |at: usize| body.get(at).is_some_and(|token| token.is(sym::HASH_HASH));
        let mut at = 0;
        while let Some(token) = body.get(at) {
            let parameter = |token: &Token| arguments.get(token.sym.index()).filter(|_| token.kind == Kind::Param);
            if token.is(sym::HASH)
                && let Some(argument) = body.get(at + 1).and_then(parameter)
            {
                pieces.push(Piece::from(self.stringify(argument, *token)));
                at += 2;
                continue;
            }
            // GNU C: `, ## rest` leaves the comma out where there is no rest, and pastes nothing where there is one.
            if token.is(sym::COMMA)
                && is_paste(at + 1)
                && definition.variadic
                && let Some(rest) = body
                    .get(at + 2)
                    .filter(|token| token.kind == Kind::Param && token.sym.index() == last)
                    .and_then(parameter)
            {
                if !rest.is_empty() {
                    pieces.push(Piece::from(*token));
                    self.expand_argument(rest, depth, &mut pieces, token.spaced)?;
                }
                at += 3;
                continue;
            }
            match parameter(token) {
                None => pieces.push(Piece::from(*token)),
                Some(argument) if is_paste(at + 1) || (at > 0 && is_paste(at - 1)) => {
                    if argument.is_empty() {
                        pieces.push(Piece { token: None, operator: false });
                    }
                    // A `##` inside an argument is no operator.
                    pieces.extend(argument.iter().enumerate().map(|(i, t)| Piece {
                        token: Some(Token { spaced: if i == 0 { token.spaced } else { t.spaced }, ..*t }),
                        operator: false,
                    }));
                }
                Some(argument) => {
                    let slot = &mut expanded[token.sym.index()];
                    if slot.is_none() {
                        let mut out = Vec::new();
                        self.expand(argument, &mut out, depth + 1)?;
                        *slot = Some(out);
                    }
                    let tokens = slot.as_deref().unwrap_or_default();
                    pieces.extend(tokens.iter().enumerate().map(|(i, t)| Piece {
                        token: Some(Token { spaced: if i == 0 { token.spaced } else { t.spaced }, ..*t }),
                        operator: false,
                    }));
                }
            }
            at += 1;
        }
        Ok(self.paste_all(pieces))
    }

    fn expand_argument(
        &mut self,
        argument: &[Token],
        depth: usize,
        pieces: &mut Vec<Piece>,
        spaced: bool,
    ) -> Result<(), Overgrown> {
        let mut out = Vec::new();
        self.expand(argument, &mut out, depth + 1)?;
        pieces.extend(out.into_iter().enumerate().map(|(i, t)| Piece {
            token: Some(Token { spaced: t.spaced || (i == 0 && spaced), ..t }),
            operator: false,
        }));
        Ok(())
    }

    fn stringify(&mut self, argument: &[Token], hash: Token) -> Token {
        let mut text = String::from('"');
        for (position, token) in argument.iter().enumerate() {
            if position > 0 && token.spaced {
                text.push(' ');
            }
            let plain = self.symbols.text(token.sym);
            if matches!(token.kind, Kind::Text | Kind::Char) {
                text.push_str(&plain.replace('\\', "\\\\").replace('"', "\\\""));
            } else {
                text.push_str(plain);
            }
        }
        text.push('"');
        Token { sym: self.symbols.intern(&text), kind: Kind::Text, ..hash }
    }

    /// Carries out every `##` from left to right.
    fn paste_all(&mut self, pieces: Vec<Piece>) -> Vec<Token> {
        if !pieces.iter().any(|piece| piece.operator || piece.token.is_none()) {
            return pieces.into_iter().filter_map(|piece| piece.token).collect();
        }
        let mut out: Vec<Option<Token>> = Vec::with_capacity(pieces.len());
        let mut pieces = pieces.into_iter();
        while let Some(piece) = pieces.next() {
            if !piece.operator || out.is_empty() {
                out.push(piece.token);
                continue;
            }
            let right = pieces.next().and_then(|piece| piece.token);
            let left = out.pop().flatten();
            match (left, right) {
                (Some(left), Some(right)) => {
                    let text = [self.symbols.text(left.sym), self.symbols.text(right.sym)].concat();
                    match lex_one(&text) {
                        Some(kind) => {
                            let sym = self.symbols.intern(&text);
                            out.push(Some(Token { sym, kind, painted: false, ..left }));
                        }
                        None => out.extend([Some(left), Some(right)]),
                    }
                }
                (left, right) => out.push(left.or(right)),
            }
        }
        out.into_iter().flatten().collect()
    }
}

/// Whether the name stands for something that is computed where it is used.
pub(crate) const fn is_builtin(name: Sym) -> bool {
    matches!(name, sym::LINE | sym::FILE | sym::COUNTER)
}

/// A token of a replacement while `##` waits to be carried out; no token stands for an empty argument.
struct Piece {
    token: Option<Token>,
    operator: bool,
}

impl From<Token> for Piece {
    fn from(token: Token) -> Self {
        Self { operator: token.is(sym::HASH_HASH), token: Some(token) }
    }
}
