//! Conditions of `#if` and of build rules: parsed, and evaluated in three values against what is known of a port.

use nom::branch::alt;
use nom::bytes::complete::{tag, take_while, take_while1};
use nom::character::complete::{char, digit1, hex_digit1, multispace0, oct_digit1};
use nom::combinator::{map, map_res, opt, recognize};
use nom::sequence::{delimited, pair, preceded, terminated};
use nom::{IResult, Parser};
use std::collections::{BTreeMap, BTreeSet};

/// Deeper nesting than this is not looked into.
const DEPTH: u32 = 40;
/// Nor are conditions of more bytes.
const LENGTH: usize = 2048;

/// A condition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Guard {
    /// A number.
    Number(i128),
    /// The value of a macro.
    Value(String),
    /// Whether a macro is defined; for kernel options, whether they are built in.
    Defined(String),
    /// Whether a kernel option is y or m.
    Enabled(String),
    /// `!`
    Not(Box<Guard>),
    /// Two operands.
    Pair(Operator, Box<Guard>, Box<Guard>),
    /// Something that is not understood.
    Opaque,
}

/// How two operands are joined.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operator {
    /// `||`
    Or,
    /// `&&`
    And,
    /// `==`
    Equal,
    /// `!=`
    Unequal,
    /// `<`
    Less,
    /// `<=`
    AtMost,
    /// `>`
    Greater,
    /// `>=`
    AtLeast,
    /// `+`
    Plus,
    /// `-`
    Minus,
}

/// What is known of the kernel that conditions are evaluated for.
pub(crate) trait Known {
    /// Whether a macro is defined; for a kernel option, whether it is y.
    fn defined(&self, name: &str) -> Option<bool>;
    /// The number that a macro stands for.
    fn value(&self, name: &str) -> Option<i128>;
}

impl Guard {
    /// Parses the condition of an `#if`. What is not understood is opaque, and so unknown.
    pub(crate) fn parse(text: &str) -> Self {
        if text.len() > LENGTH {
            return Self::Opaque;
        }
        match terminated(|input| binary(input, 0, 0), multispace0).parse(text) {
            Ok(("", guard)) => guard,
            _ => Self::Opaque,
        }
    }

    /// The opposite.
    pub(crate) fn negated(self) -> Self {
        match self {
            Self::Not(inner) => *inner,
            other => Self::Not(Box::new(other)),
        }
    }

    /// Both.
    pub(crate) fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Number(1), other) | (other, Self::Number(1)) => other,
            (one, two) => Self::Pair(Operator::And, Box::new(one), Box::new(two)),
        }
    }

    /// One of both.
    pub(crate) fn or(self, other: Self) -> Self {
        Self::Pair(Operator::Or, Box::new(self), Box::new(other))
    }

    /// Whether it holds; `None` where that is not known.
    pub(crate) fn holds(&self, known: &dyn Known) -> Option<bool> {
        self.number(known).map(|value| value != 0)
    }

    /// Whether it holds, also where options that are not known cancel each other out.
    pub(crate) fn settled(&self, known: &dyn Known) -> Option<bool> {
        /// With more options that are not known, it is not looked into.
        const MOST: usize = 5;
        let direct = self.holds(known);
        if direct.is_some() {
            return direct;
        }
        let options: Vec<String> = self.unknown_options(known)?.into_iter().take(MOST + 1).collect();
        if options.len() > MOST {
            return None;
        }
        let mut values =
            (0..1_u32 << options.len()).map(|bits| self.holds(&Assuming { known, options: &options, bits }));
        let first = values.next()??;
        values.all(|value| value == Some(first)).then_some(first)
    }

    /// The same with the conditions of macros that a file itself defines written out.
    pub(crate) fn written_out(&self, own: &BTreeMap<&str, Guard>) -> Self {
        match self {
            Self::Defined(name) => own.get(name.as_str()).cloned().unwrap_or_else(|| self.clone()),
            Self::Not(inner) => Self::Not(Box::new(inner.written_out(own))),
            Self::Pair(operator, left, right) => {
                Self::Pair(*operator, Box::new(left.written_out(own)), Box::new(right.written_out(own)))
            }
            Self::Number(_) | Self::Value(_) | Self::Enabled(_) | Self::Opaque => self.clone(),
        }
    }

    /// Whether it depends on a macro's being defined.
    pub(crate) fn asks_for(&self, name: &str) -> bool {
        match self {
            Self::Defined(asked) => asked == name,
            Self::Not(inner) => inner.asks_for(name),
            Self::Pair(_, left, right) => left.asks_for(name) || right.asks_for(name),
            Self::Number(_) | Self::Value(_) | Self::Enabled(_) | Self::Opaque => false,
        }
    }

    /// Adds the options that it names.
    pub(crate) fn names(&self, found: &mut Vec<String>) {
        match self {
            Self::Defined(name) | Self::Enabled(name) if name.starts_with("CONFIG_") => found.push(name.clone()),
            Self::Not(inner) => inner.names(found),
            Self::Pair(_, left, right) => {
                left.names(found);
                right.names(found);
            }
            Self::Defined(_) | Self::Enabled(_) | Self::Number(_) | Self::Value(_) | Self::Opaque => {}
        }
    }

    /// Adds the options that it cannot do without, without `CONFIG_`.
    pub(crate) fn needs(&self, found: &mut Vec<String>) {
        match self {
            Self::Defined(name) | Self::Enabled(name) => found.extend(name.strip_prefix("CONFIG_").map(str::to_owned)),
            Self::Pair(Operator::And, left, right) => {
                left.needs(found);
                right.needs(found);
            }
            Self::Pair(..) | Self::Not(_) | Self::Number(_) | Self::Value(_) | Self::Opaque => {}
        }
    }

    /// The number it stands for; `None` where that is not known.
    pub(crate) fn number(&self, known: &dyn Known) -> Option<i128> {
        match self {
            Self::Number(value) => Some(*value),
            Self::Value(name) => known.value(name),
            Self::Defined(name) | Self::Enabled(name) => known.defined(name).map(i128::from),
            Self::Not(inner) => inner.number(known).map(|value| i128::from(value == 0)),
            Self::Pair(operator, left, right) => {
                let (left, right) = (left.number(known), right.number(known));
                let yes = |value: Option<i128>| value.map(|value| value != 0);
                match operator {
                    Operator::Or if yes(left) == Some(true) || yes(right) == Some(true) => Some(1),
                    Operator::And if yes(left) == Some(false) || yes(right) == Some(false) => Some(0),
                    _ => operator.apply(left?, right?),
                }
            }
            Self::Opaque => None,
        }
    }

    /// The kernel options in it whose value is not known; `None` where something else is not known either.
    pub(crate) fn unknown_options(&self, known: &dyn Known) -> Option<BTreeSet<String>> {
        let mut found = BTreeSet::new();
        self.collect(known, &mut found).then_some(found)
    }

    fn collect(&self, known: &dyn Known, found: &mut BTreeSet<String>) -> bool {
        if self.number(known).is_some() {
            return true;
        }
        match self {
            Self::Number(_) => true,
            Self::Defined(name) | Self::Enabled(name) => {
                found.insert(name.clone());
                name.starts_with("CONFIG_")
            }
            Self::Not(inner) => inner.collect(known, found),
            Self::Pair(_, left, right) => left.collect(known, found) && right.collect(known, found),
            Self::Value(_) | Self::Opaque => false,
        }
    }
}

/// What is known, and a guess for each of a few options.
struct Assuming<'a> {
    known: &'a dyn Known,
    options: &'a [String],
    bits: u32,
}

impl Known for Assuming<'_> {
    fn defined(&self, name: &str) -> Option<bool> {
        match self.options.iter().position(|option| option == name) {
            Some(index) => Some(self.bits >> index & 1 == 1),
            None => self.known.defined(name),
        }
    }

    fn value(&self, name: &str) -> Option<i128> {
        self.known.value(name)
    }
}

impl Operator {
    fn apply(self, left: i128, right: i128) -> Option<i128> {
        let truth = |value: bool| Some(i128::from(value));
        match self {
            Self::Or => truth(left != 0 || right != 0),
            Self::And => truth(left != 0 && right != 0),
            Self::Equal => truth(left == right),
            Self::Unequal => truth(left != right),
            Self::Less => truth(left < right),
            Self::AtMost => truth(left <= right),
            Self::Greater => truth(left > right),
            Self::AtLeast => truth(left >= right),
            Self::Plus => left.checked_add(right),
            Self::Minus => left.checked_sub(right),
        }
    }
}

/// Operators by level, loosest first.
const LEVELS: &[&[(&str, Operator)]] = &[
    &[("||", Operator::Or)],
    &[("&&", Operator::And)],
    &[("==", Operator::Equal), ("!=", Operator::Unequal)],
    &[("<=", Operator::AtMost), (">=", Operator::AtLeast), ("<", Operator::Less), (">", Operator::Greater)],
    &[("+", Operator::Plus), ("-", Operator::Minus)],
];

fn binary(input: &str, level: usize, depth: u32) -> IResult<&str, Guard> {
    let Some(operators) = LEVELS.get(level) else { return unary(input, depth) };
    let (mut input, mut left) = binary(input, level + 1, depth)?;
    'next: loop {
        for (symbol, operator) in *operators {
            let Ok((rest, _)) = preceded(multispace0::<&str, nom::error::Error<&str>>, tag(*symbol)).parse(input)
            else {
                continue;
            };
            let (rest, right) = binary(rest, level + 1, depth)?;
            left = Guard::Pair(*operator, Box::new(left), Box::new(right));
            input = rest;
            continue 'next;
        }
        return Ok((input, left));
    }
}

fn unary(input: &str, depth: u32) -> IResult<&str, Guard> {
    if depth > DEPTH {
        return Err(nom::Err::Failure(nom::error::Error::new(input, nom::error::ErrorKind::TooLarge)));
    }
    let negation = map(preceded(char('!'), |input| unary(input, depth + 1)), Guard::negated);
    let group = delimited(char('('), |input| binary(input, 0, depth + 1), preceded(multispace0, char(')')));
    preceded(multispace0, alt((negation, group, number, named))).parse(input)
}

fn number(input: &str) -> IResult<&str, Guard> {
    let suffix = take_while(|c: char| matches!(c, 'u' | 'U' | 'l' | 'L'));
    let hex = map_res(preceded(alt((tag("0x"), tag("0X"))), hex_digit1), |digits| i128::from_str_radix(digits, 16));
    let octal = map_res(preceded(char('0'), oct_digit1), |digits| i128::from_str_radix(digits, 8));
    let decimal = map_res(digit1, str::parse::<i128>);
    map(terminated(alt((hex, octal, decimal)), suffix), Guard::Number).parse(input)
}

/// A macro, `defined X`, `IS_ENABLED(X)`, or a use of another macro with arguments, which is opaque.
fn named(input: &str) -> IResult<&str, Guard> {
    let (input, name) = word(input)?;
    let argument = delimited(
        (multispace0, char('('), multispace0),
        recognize(take_while(|c: char| c != '(' && c != ')')),
        char(')'),
    );
    if name == "defined" {
        let bare = preceded(multispace0, word);
        return map(alt((argument, bare)), |name| Guard::Defined(name.trim().to_owned())).parse(input);
    }
    let (input, argument) = opt(argument).parse(input)?;
    let guard = match (name, argument) {
        ("IS_ENABLED" | "IS_BUILTIN" | "IS_REACHABLE", Some(option)) => Guard::Enabled(option.trim().to_owned()),
        (_, Some(_)) => Guard::Opaque,
        (_, None) => Guard::Value(name.to_owned()),
    };
    Ok((input, guard))
}

fn word(input: &str) -> IResult<&str, &str> {
    recognize(pair(
        take_while1(|c: char| c.is_ascii_alphabetic() || c == '_'),
        take_while(|c: char| c.is_ascii_alphanumeric() || c == '_'),
    ))
    .parse(input)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Knows that CONFIG_YES is y, CONFIG_NO is n, and that BITS is 64.
    struct Some64;

    impl Known for Some64 {
        fn defined(&self, name: &str) -> Option<bool> {
            match name {
                "CONFIG_YES" | "BITS" => Some(true),
                "CONFIG_NO" => Some(false),
                _ => None,
            }
        }

        fn value(&self, name: &str) -> Option<i128> {
            (name == "BITS").then_some(64)
        }
    }

    #[test]
    fn conditions_have_three_values() {
        for (text, expected) in [
            ("defined(CONFIG_YES) && !defined CONFIG_NO", Some(true)),
            ("BITS == 32 || IS_ENABLED( CONFIG_NO )", Some(false)),
            ("CONFIG_WHO", None),
            ("defined(CONFIG_WHO) && defined(CONFIG_NO)", Some(false)),
            ("defined(CONFIG_WHO) || BITS >= 64UL", Some(true)),
            ("!(defined(CONFIG_WHO) && defined(CONFIG_YES))", None),
            ("ODD(1, 2) > 3", None),
            ("BITS - 0x20 == 040", Some(true)),
            ("1 ?: 2", None),
            ("", None),
        ] {
            assert_eq!(Guard::parse(text).holds(&Some64), expected, "{text}");
        }
    }

    #[test]
    fn the_options_that_decide_are_named() {
        let options =
            |text: &str| Guard::parse(text).unknown_options(&Some64).map(|set| set.into_iter().collect::<Vec<_>>());
        assert_eq!(options("defined(CONFIG_YES) && defined(CONFIG_A)"), Some(vec!["CONFIG_A".to_owned()]));
        assert_eq!(options("defined(CONFIG_NO) && ODD"), Some(vec![]));
        assert_eq!(options("ODD && defined(CONFIG_A)"), None);
    }

    #[test]
    fn options_that_cancel_each_other_out_are_settled() {
        for (text, expected) in [
            ("(defined(CONFIG_A) || defined(CONFIG_NO)) && !defined(CONFIG_A)", Some(false)),
            ("defined(CONFIG_A) || !defined(CONFIG_A) && defined(CONFIG_YES)", Some(true)),
            ("defined(CONFIG_A) && defined(CONFIG_B)", None),
            ("defined(CONFIG_A) || ODD", None),
        ] {
            assert_eq!(Guard::parse(text).settled(&Some64), expected, "{text}");
        }
    }

    #[test]
    fn deep_nesting_is_opaque() {
        assert_eq!(Guard::parse(&"(".repeat(100_000)), Guard::Opaque);
        assert_eq!(Guard::parse(&"!".repeat(100_000)), Guard::Opaque);
    }

    proptest! {
        #[test]
        fn any_text_is_a_condition(text in "([a-zA-Z_0-9 ()!&|=<>+-]|defined|CONFIG_A|\\PC){0,60}") {
            let _ = Guard::parse(&text).holds(&Some64);
        }
    }
}
