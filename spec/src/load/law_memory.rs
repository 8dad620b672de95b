//! What a law says that memory holds: structs, numbers, and what these point to.

use super::law_line::{Reading, pointee, wrong};
use crate::expr::{Node, Problem, Syntax};
use crate::law::LawArg;
use crate::suggest::nearest;
use crate::types::{IntType, Type};

/// Numbers that one pointer leads to.
const MOST_NUMBERS: usize = 64;

/// Whether a field is a word that holds an address on every port, which the types do not follow.
fn is_address(ty: &Type) -> bool {
    matches!(ty, Type::Int { int: IntType::Fixed { bits: 64, signed: false }, .. })
}

impl Reading<'_> {
    /// A pointer to a struct, or a struct inside another one.
    pub(super) fn literal(&self, syntax: &Syntax, word: &str, list: &[Syntax], ty: &Type) -> Result<LawArg, Problem> {
        let wanted = match ty {
            Type::Struct(name) => Some(name.as_str()),
            other => pointee(other),
        };
        if wanted != Some(word) && !self.same_bytes(wanted, word) {
            return match wanted {
                Some(wanted) => wrong(syntax, format!("struct {wanted} is wanted here, this is {word}")),
                None => wrong(syntax, format!("a struct is not wanted here, this is {word}")),
            };
        }
        self.fields(syntax, word, list)
    }

    /// A struct, whoever wants it.
    fn fields(&self, syntax: &Syntax, word: &str, list: &[Syntax]) -> Result<LawArg, Problem> {
        let Some(found) = self.spec.structs.get(word) else { return wrong(syntax, "no such struct") };
        let names: Vec<_> = found.fields.iter().map(|field| field.name.value.as_str()).collect();
        let named = list.iter().any(|syntax| matches!(syntax.node, Node::Named(..)));
        if !named && found.fields.len() != list.len() {
            return Err(Problem {
                offset: syntax.offset,
                message: format!("struct {word} has {} field(s), here are {}", names.len(), list.len()),
                help: Some(format!("its fields are {}", names.join(", "))),
            });
        }
        let mut fields: Vec<(u16, LawArg)> = Vec::new();
        for (position, syntax) in list.iter().enumerate() {
            let (index, value) = match &syntax.node {
                Node::Named(own, value) => match names.iter().position(|name| name == own) {
                    Some(index) => (index, &**value),
                    None => {
                        let help = nearest(own, names.iter().copied()).map(|found| format!("did you mean `{found}`?"));
                        let message = format!("struct {word} has no field `{own}`");
                        return Err(Problem { offset: syntax.offset, message, help });
                    }
                },
                _ if named => return wrong(syntax, "where one field is named, all are"),
                _ => (position, syntax),
            };
            let place = u16::try_from(index).unwrap_or(u16::MAX);
            if fields.iter().any(|(known, _)| *known == place) {
                return wrong(syntax, format!("the field `{}` stands twice", names[index]));
            }
            fields.push((place, self.inside(value, &found.fields[index].ty.value)?));
        }
        Ok(LawArg::Struct { name: word.to_owned(), fields })
    }

    /// Whether both are views of one struct.
    fn same_bytes(&self, wanted: Option<&str>, word: &str) -> bool {
        let of = |name: &str| self.spec.structs.get(name)?.view.as_ref().map(|view| view.value.as_str());
        wanted.and_then(of).is_some_and(|view| of(word) == Some(view))
    }

    /// `uint32(1, 2)`: a pointer to these numbers.
    pub(super) fn numbers(&self, syntax: &Syntax, int: IntType, list: &[Syntax], ty: &Type) -> Result<LawArg, Problem> {
        let own = |ty: &Type| matches!(ty, Type::Int { int: own, .. } if *own == int);
        let wanted = match ty {
            Type::Buffer { .. } => true,
            Type::Ptr { to, .. } => match &**to {
                Type::Array { of, .. } => own(of),
                other => own(other),
            },
            _ => false,
        };
        if !wanted {
            return wrong(syntax, format!("a pointer to {} is not wanted here", int.name()));
        }
        self.values(syntax, int, list)
    }

    fn values(&self, syntax: &Syntax, int: IntType, list: &[Syntax]) -> Result<LawArg, Problem> {
        if list.is_empty() || list.len() > MOST_NUMBERS {
            return wrong(syntax, format!("1 to {MOST_NUMBERS} numbers are pointed to"));
        }
        let each = Type::Int { int, range: None };
        let values = list.iter().map(|syntax| self.inside(syntax, &each));
        Ok(LawArg::Numbers { int, values: values.collect::<Result<_, _>>()? })
    }

    /// What memory holds before the calls are made.
    fn inside(&self, syntax: &Syntax, ty: &Type) -> Result<LawArg, Problem> {
        let held = if is_address(ty) { self.pointer(syntax)? } else { None };
        match held.map_or_else(|| self.arg(syntax, ty), Ok)? {
            LawArg::Variable(index) if usize::from(index) >= self.given => {
                wrong(syntax, "what a call answers is not known when memory is filled")
            }
            LawArg::Element { .. } => wrong(syntax, "what a call writes is not known when memory is filled"),
            arg => Ok(arg),
        }
    }

    /// What an address leads to, if it is more than a number.
    fn pointer(&self, syntax: &Syntax) -> Result<Option<LawArg>, Problem> {
        let led = |index: &u8| self.known.get(usize::from(*index)).is_some_and(|held| held.ty.pointer().is_some());
        Ok(match &syntax.node {
            Node::Text(text) => Some(LawArg::Text(text.clone())),
            Node::Call(word, list) if self.spec.structs.contains_key(word) => Some(self.fields(syntax, word, list)?),
            Node::Call(word, list) => match IntType::from_name(word) {
                Some(int) => Some(self.values(syntax, int, list)?),
                None => None,
            },
            _ => self.variable(syntax).filter(led).map(LawArg::Variable),
        })
    }
}
