//! The kernel's options as Kconfig files declare them, and what follows for a port whatever else is chosen.
//!
//! Only what is certain is told: an option that cannot be chosen and whose defaults and selectors all stand, or all fall.

use super::guard::{Guard, Known};
use super::text::Text;
use crate::files::Files;
use nom::branch::alt;
use nom::bytes::complete::{is_not, tag, take_while1};
use nom::character::complete::{char, space0};
use nom::combinator::{map, opt};
use nom::sequence::{delimited, preceded};
use nom::{IResult, Parser};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

/// Deeper chains of options, conditions and files are unknown.
const DEPTH: usize = 24;
/// Conditions of more operands are not looked into.
const OPERANDS: usize = 64;

/// One declaration of an option.
#[derive(Clone, Debug, Default)]
struct Declaration {
    /// The condition under which a user may choose it.
    prompts: Vec<Guard>,
    /// Values and their conditions, in order.
    defaults: Vec<(Guard, Guard)>,
    /// What it depends on.
    depends: Vec<Guard>,
    /// The options that it switches on, with conditions.
    selects: Vec<(String, Guard)>,
}

/// Declarations by option, and who selects it.
#[derive(Clone, Debug, Default)]
struct Index {
    options: BTreeMap<String, Vec<Declaration>>,
    selectors: BTreeMap<String, Vec<(String, Guard)>>,
    files: BTreeSet<String>,
}

/// Every option of a tree: those of all ports, and those of each port's own folder.
#[derive(Clone, Debug, Default)]
pub(crate) struct Options {
    common: Index,
    own: BTreeMap<String, Index>,
}

impl Options {
    /// Reads the Kconfig files that the top one names, and those of the folders `arch/*` that are asked for.
    pub(crate) fn read(files: &dyn Files, folders: &[&str]) -> Self {
        let mut options = Self::default();
        options.common.read(files, "Kconfig", &[], 0);
        for folder in folders {
            let mut own = Index { files: options.common.files.clone(), ..Index::default() };
            own.read(files, &format!("arch/{folder}/Kconfig"), &[], 0);
            options.own.insert((*folder).to_owned(), own);
        }
        options
    }

    /// What is certain for a port's folder, given some options.
    pub(crate) fn of(&self, folder: &str, given: BTreeMap<String, bool>) -> Certain<'_> {
        let indices = std::iter::once(&self.common).chain(self.own.get(folder)).collect();
        Certain { indices, given, known: RefCell::default(), depth: RefCell::default() }
    }
}

impl Index {
    fn read(&mut self, files: &dyn Files, path: &str, outer: &[Guard], depth: usize) {
        if depth > DEPTH || !self.files.insert(path.to_owned()) {
            return;
        }
        let Some(file) = files.text(path) else { return };
        let text = Text::new(&file);
        let mut reader = Reader { index: self, scopes: vec![outer.to_vec()], current: None, sources: Vec::new() };
        reader.lines(text.as_str());
        let sources = std::mem::take(&mut reader.sources);
        for (source, guards) in sources {
            // The port's own files are read apart, and paths with other variables cannot be followed.
            if !source.contains('$') {
                self.read(files, &source, &guards, depth + 1);
            }
        }
    }
}

struct Reader<'a> {
    index: &'a mut Index,
    /// Conditions of the enclosing `if`, `menu` and `choice`.
    scopes: Vec<Vec<Guard>>,
    /// The option that attributes belong to, with its place in the index.
    current: Option<(String, usize)>,
    sources: Vec<(String, Vec<Guard>)>,
}

impl Reader<'_> {
    fn lines(&mut self, text: &str) {
        let mut help: Option<Option<usize>> = None;
        for line in text.lines() {
            let indent = width(line);
            match help {
                Some(_) if line.trim().is_empty() => continue,
                Some(None) if indent > 0 => {
                    help = Some(Some(indent));
                    continue;
                }
                Some(Some(least)) if indent >= least => continue,
                _ => help = None,
            }
            let line = line.trim();
            let word = line.split(|c: char| c.is_whitespace() || c == '"').next().unwrap_or_default();
            if matches!(word, "help" | "---help---") {
                help = Some(None);
                continue;
            }
            self.line(word, line.get(word.len()..).unwrap_or_default().trim());
        }
    }

    fn line(&mut self, word: &str, rest: &str) {
        match word {
            "config" | "menuconfig" => {
                let depends = self.scopes.iter().flatten().cloned().collect();
                let declarations = self.index.options.entry(rest.to_owned()).or_default();
                declarations.push(Declaration { depends, ..Declaration::default() });
                self.current = Some((rest.to_owned(), declarations.len() - 1));
            }
            "if" => self.enter(vec![expression(rest)]),
            "menu" | "choice" => self.enter(Vec::new()),
            "endif" | "endmenu" | "endchoice" => {
                self.current = None;
                if self.scopes.len() > 1 {
                    self.scopes.pop();
                }
            }
            "comment" | "mainmenu" => self.current = None,
            "source" | "rsource" | "osource" | "orsource" => {
                self.current = None;
                let guards = self.scopes.iter().flatten().cloned().collect();
                self.sources.push((rest.trim_matches('"').to_owned(), guards));
            }
            _ => self.attribute(word, rest),
        }
    }

    fn enter(&mut self, guards: Vec<Guard>) {
        self.current = None;
        // What is nested deeper than any file of the kernel is taken to depend on something unknown.
        let guards = if self.scopes.len() > DEPTH { vec![Guard::Opaque] } else { guards };
        self.scopes.push(guards);
    }

    fn attribute(&mut self, word: &str, rest: &str) {
        let depends = rest.strip_prefix("on").filter(|_| word == "depends").map(expression);
        let Some((name, position)) = &self.current else {
            // A menu's or choice's own condition.
            if let (Some(guard), Some(scope)) = (depends, self.scopes.last_mut().filter(|scope| scope.len() < DEPTH)) {
                scope.push(guard);
            }
            return;
        };
        let declaration = self.index.options.get_mut(name).and_then(|declarations| declarations.get_mut(*position));
        let Some(declaration) = declaration else { return };
        let (value, condition) = split_condition(rest);
        match word {
            "bool" | "tristate" | "prompt" | "int" | "hex" | "string" if !value.is_empty() => {
                declaration.prompts.push(condition);
            }
            "def_bool" | "def_tristate" | "default" => declaration.defaults.push((expression(value), condition)),
            "depends" => declaration.depends.extend(depends),
            "select" => {
                declaration.selects.push((value.to_owned(), condition.clone()));
                self.index.selectors.entry(value.to_owned()).or_default().push((name.clone(), condition));
            }
            _ => {}
        }
    }
}

fn width(line: &str) -> usize {
    let blanks = line.chars().take_while(|c| c.is_whitespace());
    blanks.fold(0, |width, c| if c == '\t' { (width / 8 + 1) * 8 } else { width + 1 })
}

/// What stands before and behind the `if` of an attribute. Quoted text has no `if`.
fn split_condition(rest: &str) -> (&str, Guard) {
    let mut quoted = false;
    for (index, c) in rest.char_indices() {
        quoted ^= c == '"';
        let tail = rest.get(index..).unwrap_or_default();
        if !quoted && tail.starts_with("if") && (index == 0 || rest[..index].ends_with([' ', '\t', '"', ')'])) {
            let behind = &tail[2..];
            if behind.starts_with([' ', '\t', '(', '!']) {
                return (rest[..index].trim(), expression(behind));
            }
        }
    }
    (rest.trim(), Guard::Number(1))
}

/// A condition over options.
fn expression(text: &str) -> Guard {
    /// Longer ones are not looked into.
    const LENGTH: usize = 2048;
    let text = text.split('#').next().unwrap_or_default().trim();
    if text.len() > LENGTH {
        return Guard::Opaque;
    }
    match any(text, 0) {
        Ok((rest, guard)) if rest.trim().is_empty() => guard,
        _ => Guard::Opaque,
    }
}

fn any(input: &str, depth: usize) -> IResult<&str, Guard> {
    joined(input, "||", &|input| joined(input, "&&", &|input| operand(input, depth), Guard::and), Guard::or)
}

fn joined<'t>(
    input: &'t str,
    symbol: &str,
    part: &dyn Fn(&'t str) -> IResult<&'t str, Guard>,
    join: fn(Guard, Guard) -> Guard,
) -> IResult<&'t str, Guard> {
    let (mut input, mut left) = part(input)?;
    let mut count = 1;
    while let Ok((rest, _)) = preceded(space0::<&str, nom::error::Error<&str>>, tag(symbol)).parse(input) {
        let (rest, right) = part(rest)?;
        count += 1;
        if count > OPERANDS {
            return Err(nom::Err::Failure(nom::error::Error::new(rest, nom::error::ErrorKind::TooLarge)));
        }
        (input, left) = (rest, join(left, right));
    }
    Ok((input, left))
}

fn operand(input: &str, depth: usize) -> IResult<&str, Guard> {
    if depth > DEPTH {
        return Err(nom::Err::Failure(nom::error::Error::new(input, nom::error::ErrorKind::TooLarge)));
    }
    let negation = map(preceded(char('!'), |input| operand(input, depth + 1)), Guard::negated);
    let group = delimited(char('('), |input| any(input, depth + 1), preceded(space0, char(')')));
    preceded(space0, alt((negation, group, comparison))).parse(input)
}

fn comparison(input: &str) -> IResult<&str, Guard> {
    let sign = preceded(space0, alt((tag("!="), tag("="), tag("<="), tag(">="), tag("<"), tag(">"))));
    let (input, (left, right)) = (symbol, opt((sign, preceded(space0, symbol)))).parse(input)?;
    let option = |name: &str| match name {
        "y" | "m" => Guard::Number(1),
        "n" => Guard::Number(0),
        name if name.starts_with(|c: char| c.is_ascii_alphanumeric()) => Guard::Enabled(format!("CONFIG_{name}")),
        _ => Guard::Opaque,
    };
    let guard = match right {
        None => option(left),
        Some(("=", "n")) | Some(("!=", "y")) => option(left).negated(),
        Some(("=", "y")) | Some(("!=", "n")) => option(left),
        Some(_) => Guard::Opaque,
    };
    Ok((input, guard))
}

/// An option's name, quoted text, or a call of a function.
fn symbol(input: &str) -> IResult<&str, &str> {
    let quoted = nom::combinator::recognize((char('"'), opt(is_not("\"")), char('"')));
    let call = nom::combinator::recognize((tag("$("), opt(is_not(")")), char(')')));
    let name = take_while1(|c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.'));
    alt((quoted, call, name)).parse(input)
}

/// What is certain about a port's options.
pub(crate) struct Certain<'a> {
    indices: Vec<&'a Index>,
    given: BTreeMap<String, bool>,
    known: RefCell<BTreeMap<String, Option<bool>>>,
    depth: RefCell<usize>,
}

impl<'a> Certain<'a> {
    /// The same with one more option decided. One that is on has what it depends on and what it selects.
    pub(crate) fn with(&self, option: &str, value: bool) -> Certain<'a> {
        let mut given = self.given.clone();
        let mut waiting = vec![option.to_owned()];
        while let Some(name) = waiting.pop() {
            if given.len() > OPERANDS || given.insert(name.clone(), value) == Some(value) || !value {
                continue;
            }
            let declarations: Vec<_> =
                self.indices.iter().flat_map(|index| index.options.get(&name)).flatten().collect();
            if let [declaration] = declarations.as_slice() {
                declaration.depends.iter().for_each(|guard| guard.needs(&mut waiting));
                let always = declaration.selects.iter().filter(|(_, condition)| *condition == Guard::Number(1));
                waiting.extend(always.map(|(name, _)| name.clone()));
            }
        }
        Certain { indices: self.indices.clone(), given, known: RefCell::default(), depth: RefCell::default() }
    }

    /// Whether an option (without `CONFIG_`) is on; `None` where that may differ.
    pub(crate) fn option(&self, name: &str) -> Option<bool> {
        if let Some(value) = self.given.get(name) {
            return Some(*value);
        }
        if let Some(value) = self.known.borrow().get(name) {
            return *value;
        }
        if *self.depth.borrow() > DEPTH {
            return None;
        }
        // An option that depends on itself is unknown while it is looked at.
        self.known.borrow_mut().insert(name.to_owned(), None);
        *self.depth.borrow_mut() += 1;
        let value = self.decide(name);
        *self.depth.borrow_mut() -= 1;
        self.known.borrow_mut().insert(name.to_owned(), value);
        value
    }

    fn decide(&self, name: &str) -> Option<bool> {
        let selected = self.selected(name);
        if selected == Some(true) {
            return Some(true);
        }
        let declarations = self.indices.iter().flat_map(|index| index.options.get(name)).flatten();
        let mut value = Some(false);
        for declaration in declarations {
            match self.declared(declaration) {
                Some(true) => return Some(true),
                Some(false) => {}
                None => value = None,
            }
        }
        value.filter(|_| selected == Some(false))
    }

    /// Whether another option switches it on.
    fn selected(&self, name: &str) -> Option<bool> {
        let mut value = Some(false);
        for (selector, condition) in self.indices.iter().flat_map(|index| index.selectors.get(name)).flatten() {
            let condition = condition.holds(self);
            if condition == Some(false) {
                continue;
            }
            match (self.option(selector), condition) {
                (Some(true), Some(true)) => return Some(true),
                (Some(false), _) => {}
                _ => value = None,
            }
        }
        value
    }

    /// What one declaration makes of it.
    fn declared(&self, declaration: &Declaration) -> Option<bool> {
        let depends: Vec<_> = declaration.depends.iter().map(|guard| guard.holds(self)).collect();
        if depends.contains(&Some(false)) {
            return Some(false);
        }
        if declaration.prompts.iter().any(|prompt| prompt.holds(self) != Some(false)) || depends.contains(&None) {
            return None;
        }
        for (value, condition) in &declaration.defaults {
            match condition.holds(self) {
                Some(true) => return value.holds(self),
                Some(false) => {}
                None => return None,
            }
        }
        Some(false)
    }
}

impl Known for Certain<'_> {
    fn defined(&self, name: &str) -> Option<bool> {
        self.option(name.strip_prefix("CONFIG_")?)
    }

    fn value(&self, _: &str) -> Option<i128> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::Memory;
    use proptest::prelude::*;

    fn tree(files: &[(&str, &str)]) -> Memory {
        let files = files.iter().map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec())).collect();
        Memory { name: "tree".to_owned(), files }
    }

    const TOP: &str = "\
source \"arch/$(SRCARCH)/Kconfig\"\nsource \"kernel/Kconfig\"\n\
config ROPE_BACKWARDS\n\tbool\n\t  help\n\t  select NOTHING here\n\n\
config CHOSEN\n\tbool \"Choose me if you like\"\n\tselect FOLLOWS\nconfig FOLLOWS\n\tbool\n";
    const KERNEL: &str = "\
menu \"Kernel\"\n\tdepends on MMU\nconfig PAGED\n\tdef_bool y\nendmenu\n\
if 64BIT\nconfig WIDE\n\tbool\n\tdefault y if !NARROW\nendif\n\
config LOOP\n\tdef_bool LOOP\nconfig EXPERT_ONLY\n\tbool \"x\" if HIDDEN\n\tdefault y\n\
config ODD\n\tdef_bool $(shell,true)\n";
    const QUAY: &str = "config QUAY\n\tdef_bool y\n\tselect ROPE_BACKWARDS\n\tselect SOMETIMES if CHOSEN\n\
config MMU\n\tdef_bool y\nconfig SOMETIMES\n\tbool\n";

    #[test]
    fn what_is_certain_follows_and_nothing_else() {
        let tree = tree(&[
            ("Kconfig", TOP),
            ("kernel/Kconfig", KERNEL),
            ("arch/quay/Kconfig", QUAY),
            ("arch/pier/Kconfig", "config PIER\n\tdef_bool y\n"),
        ]);
        let options = Options::read(&tree, &["quay", "pier"]);
        let wide = |value| BTreeMap::from([("64BIT".to_owned(), value)]);
        let quay = options.of("quay", wide(true));
        let expected = [
            ("QUAY", Some(true)),
            ("ROPE_BACKWARDS", Some(true)),
            ("PAGED", Some(true)),
            ("WIDE", Some(true)),
            ("CHOSEN", None),
            ("FOLLOWS", None),
            ("SOMETIMES", None),
            ("NOTHING", Some(false)),
            ("LOOP", None),
            ("EXPERT_ONLY", Some(true)),
            ("ODD", None),
            ("PIER", Some(false)),
        ];
        for (name, value) in expected {
            assert_eq!(quay.option(name), value, "{name}");
        }
        let chosen = quay.with("CHOSEN", true);
        assert_eq!((chosen.option("FOLLOWS"), chosen.option("SOMETIMES")), (Some(true), Some(true)));
        assert_eq!(quay.with("CHOSEN", false).option("FOLLOWS"), Some(false));
        let pier = options.of("pier", wide(false));
        for (name, value) in [("ROPE_BACKWARDS", Some(false)), ("PAGED", Some(false)), ("WIDE", Some(false))] {
            assert_eq!(pier.option(name), value, "{name}");
        }
    }

    #[test]
    fn chains_without_end_are_unknown() {
        let chain: String = (0..5_000).map(|n| format!("config A{n}\n\tdef_bool A{}\n", n + 1)).collect();
        let tree = tree(&[("Kconfig", &format!("{chain}{}", "if A\n".repeat(5_000)))]);
        let options = Options::read(&tree, &[]);
        assert_eq!(options.of("x", BTreeMap::new()).option("A0"), None);
        assert_eq!(expression(&"(".repeat(2_000)), Guard::Opaque);
    }

    proptest! {
        #[test]
        fn any_text_is_read(text in "(config A\n|\tbool \"|\tdefault |\tselect A|\tdepends on |if |endif\n|help\n|[AB!&|()=\" \n\t$yn]|\\PC){0,50}") {
            let tree = tree(&[("Kconfig", &text)]);
            let _ = Options::read(&tree, &[]).of("x", BTreeMap::new()).option("A");
        }
    }
}
