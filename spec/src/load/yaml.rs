//! YAML as a tree in which every value knows its place, so that one pass can report every mistake of a file.

use crate::finding::{Finding, SourceFile};
use crate::place::{FileId, Place};
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_yaml::Spanned;
use std::fmt;

/// A value and where it stands.
#[derive(Clone, Debug)]
pub(crate) struct Yaml {
    pub(crate) value: Value,
    pub(crate) at: Place,
}

/// The forms of a value.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    Null,
    Bool(bool),
    Int(i128),
    /// A number with a fraction, which no key takes: releases want quotes.
    Float,
    Text(String),
    List(Vec<Yaml>),
    Map(Vec<(Yaml, Yaml)>),
}

impl Value {
    /// What it is, for messages.
    pub(crate) fn describe(&self) -> &'static str {
        match self {
            Self::Null => "nothing",
            Self::Bool(_) => "a boolean",
            Self::Int(_) => "a number",
            Self::Float => "a number with a fraction",
            Self::Text(_) => "a text",
            Self::List(_) => "a list",
            Self::Map(_) => "a map",
        }
    }
}

/// Parses one file.
pub(crate) fn parse(file: FileId, source: &SourceFile) -> Result<Yaml, Box<Finding>> {
    let options = serde_yaml::options! {
        duplicate_keys: serde_yaml::DuplicateKeyPolicy::PassThrough,
        with_snippet: false,
        strict_booleans: true,
        strict_booleans: true,
        // No specification nests deeper, and a hostile file must not exhaust the stack.
        budget: serde_yaml::budget! { max_depth: 24 },
    };
    match serde_yaml::from_str_with_options::<Spanned<Raw>>(&source.text, options) {
        Ok(raw) => Ok(place(raw, file)),
        Err(error) => {
            let at = error.location().map_or(Place { file, line: 1, column: 1 }, |location| locate(&location, file));
            let message = error.to_string();
            let message = message.lines().next().unwrap_or("not YAML").trim_start_matches("error: ");
            let message = message.split(" at line ").next().unwrap_or(message).trim_end_matches(':');
            let finding = Finding::error("yaml-syntax", source.path.clone(), format!("this is not YAML: {message}"));
            Err(Box::new(finding.at(source.place(at))))
        }
    }
}

fn locate(location: &serde_yaml::Location, file: FileId) -> Place {
    let narrow = |number: u64| u32::try_from(number).unwrap_or(u32::MAX).max(1);
    Place { file, line: narrow(location.line()), column: narrow(location.column()) }
}

fn place(raw: Spanned<Raw>, file: FileId) -> Yaml {
    let at = locate(&raw.referenced, file);
    let value = match raw.value {
        Raw::Null => Value::Null,
        Raw::Bool(truth) => Value::Bool(truth),
        Raw::Int(number) => Value::Int(number),
        Raw::Float => Value::Float,
        Raw::Text(text) => Value::Text(text),
        Raw::List(list) => Value::List(list.into_iter().map(|item| place(item, file)).collect()),
        Raw::Map(map) => {
            Value::Map(map.into_iter().map(|(key, value)| (place(key, file), place(value, file))).collect())
        }
    };
    Yaml { value, at }
}

enum Raw {
    Null,
    Bool(bool),
    Int(i128),
    Float,
    Text(String),
    List(Vec<Spanned<Raw>>),
    Map(Vec<(Spanned<Raw>, Spanned<Raw>)>),
}

impl<'de> Deserialize<'de> for Raw {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(RawVisitor)
    }
}

struct RawVisitor;

impl<'de> Visitor<'de> for RawVisitor {
    type Value = Raw;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a YAML value")
    }

    fn visit_unit<E>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }

    fn visit_none<E>(self) -> Result<Raw, E> {
        Ok(Raw::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Raw, D::Error> {
        Raw::deserialize(deserializer)
    }

    fn visit_bool<E>(self, truth: bool) -> Result<Raw, E> {
        Ok(Raw::Bool(truth))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Raw, E> {
        Ok(Raw::Int(number.into()))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Raw, E> {
        Ok(Raw::Int(number.into()))
    }

    fn visit_i128<E>(self, number: i128) -> Result<Raw, E> {
        Ok(Raw::Int(number))
    }

    fn visit_f64<E>(self, _: f64) -> Result<Raw, E> {
        Ok(Raw::Float)
    }

    fn visit_str<E>(self, text: &str) -> Result<Raw, E> {
        Ok(Raw::Text(text.to_owned()))
    }

    fn visit_string<E>(self, text: String) -> Result<Raw, E> {
        Ok(Raw::Text(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Raw, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = access.next_element()? {
            list.push(item);
        }
        Ok(Raw::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Raw, A::Error> {
        let mut map = Vec::new();
        while let Some(entry) = access.next_entry()? {
            map.push(entry);
        }
        Ok(Raw::Map(map))
    }
}
