//! A crate for one target: its modules, and what each of them declares. What a `cfg` leaves out is not there.

use super::macros::{Expansion, expand, following};
use super::target::RustTarget;
use super::text::admit;
use crate::facts::{Silence, Source};
use crate::files::Files;
use proc_macro2::Span;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use syn::spanned::Spanned as _;
use syn::{
    Attribute, Expr, Fields, Generics, Item, ItemEnum, ItemFn, ItemMod, Lit, Meta, Type, UseTree, Visibility,
    parse_quote,
};

/// Modules within each other; real crates have 8.
const DEPTH: usize = 40;
/// Files that a crate may have; real ones have 200.
const FILES: usize = 5000;

/// Who sees something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Level {
    /// Its module.
    Private,
    /// The crate, or a part of it.
    Crate,
    /// Everyone.
    Public,
}

impl Level {
    fn of(vis: &Visibility) -> Self {
        match vis {
            Visibility::Public(_) => Self::Public,
            Visibility::Restricted(_) => Self::Crate,
            _ => Self::Private,
        }
    }
}

/// Something declared.
pub(super) struct Entry {
    /// Who sees it.
    pub(super) level: Level,
    /// The module that declares it.
    pub(super) module: usize,
    /// Where.
    pub(super) source: Source,
    /// What it is.
    pub(super) what: What,
}

/// What something declared is.
pub(super) enum What {
    Const {
        ty: Rc<Type>,
        value: Rc<Expr>,
    },
    Alias {
        ty: Rc<Type>,
        generics: Rc<Generics>,
    },
    Record(Rc<Record>),
    /// An enumeration and the module that holds its variants.
    Enum {
        repr: Option<Rc<Type>>,
        module: usize,
    },
    Function(Rc<ItemFn>),
    Module(usize),
}

/// A struct or union.
pub(super) struct Record {
    /// Its name.
    pub(super) name: String,
    /// Whether its fields overlap.
    pub(super) union: bool,
    /// What stands before it.
    pub(super) attributes: Vec<Attribute>,
    /// Its parameters.
    pub(super) generics: Generics,
    /// Its fields.
    pub(super) fields: Fields,
}

/// A `use`.
pub(super) struct Import {
    /// Who sees what it brings.
    pub(super) level: Level,
    /// The path.
    pub(super) path: Vec<String>,
    /// The name it gives; none for all names of a module.
    pub(super) name: Option<String>,
}

/// A module.
#[derive(Default)]
pub(super) struct Module {
    /// The module around it.
    pub(super) parent: Option<usize>,
    /// Types and modules.
    pub(super) types: BTreeMap<String, Rc<Entry>>,
    /// Constants and functions.
    pub(super) values: BTreeMap<String, Rc<Entry>>,
    /// What it takes from elsewhere.
    pub(super) imports: Vec<Import>,
}

/// A crate.
pub(super) struct Crate {
    /// The target it is read for.
    pub(super) target: RustTarget,
    /// How reports call it.
    pub(super) witness: String,
    /// Its modules, the first of which is the whole.
    pub(super) modules: Vec<Module>,
    /// What was not understood.
    pub(super) silent: Vec<Silence>,
}

/// Where a module is read from.
#[derive(Clone)]
struct At {
    /// Its file as reports show it.
    file: Arc<str>,
    /// The folder that its file lies in, to which an attribute `path` is relative.
    here: String,
    /// The folder that holds the files of its own modules.
    folder: String,
    depth: usize,
}

struct Loader<'a> {
    files: &'a dyn Files,
    krate: Crate,
    read: usize,
}

impl Crate {
    /// Reads a crate.
    ///
    /// # Errors
    /// When its first file cannot be read.
    pub(super) fn load(files: &dyn Files, target: &RustTarget) -> Result<Self, String> {
        let shown = files.show("src/lib.rs");
        let text = files
            .text("src/lib.rs")
            .ok_or_else(|| format!("{shown}: it cannot be read; name the folder of a crate"))?;
        let krate =
            Self { target: *target, witness: files.show(""), modules: vec![Module::default()], silent: Vec::new() };
        let mut loader = Loader { files, krate, read: 0 };
        let at = At { file: Arc::from(shown.as_str()), here: "src".to_owned(), folder: "src".to_owned(), depth: 0 };
        let items = parse(&text).map_err(|reason| format!("{shown}: {reason}"))?;
        loader.items(items, 0, &at);
        Ok(loader.krate)
    }
}

/// The items of a file.
fn parse(text: &str) -> Result<Vec<Item>, String> {
    admit(text)?;
    match syn::parse_file(text) {
        Ok(file) => Ok(file.items),
        Err(error) => {
            let at = error.span().start();
            // What is no list of words at all has no place.
            if at.line == 0 {
                return Err(error.to_string());
            }
            Err(format!("line {}, column {}: {error}", at.line, at.column + 1))
        }
    }
}

fn source(at: &At, span: Span) -> Source {
    let start = span.start();
    let number = |value: usize| u32::try_from(value).unwrap_or(u32::MAX);
    Source::line(Arc::clone(&at.file), number(start.line), number(start.column + 1))
}

impl Loader<'_> {
    fn silence(&mut self, at: &At, span: Span, reason: impl Into<String>) {
        let source = source(at, span);
        self.krate.silent.push(Silence { subject: source.to_string(), reason: reason.into() });
    }

    fn module(&mut self, parent: usize) -> usize {
        self.krate.modules.push(Module { parent: Some(parent), ..Module::default() });
        self.krate.modules.len() - 1
    }

    fn items(&mut self, items: Vec<Item>, module: usize, at: &At) {
        for item in items {
            self.item(item, module, at);
        }
    }

    fn add(&mut self, module: usize, at: &At, span: Span, vis: &Visibility, name: String, what: What) {
        let entry = Entry { level: Level::of(vis), module, source: source(at, span), what };
        let Some(holder) = self.krate.modules.get_mut(module) else { return };
        let names = match entry.what {
            What::Const { .. } | What::Function(_) => &mut holder.values,
            What::Alias { .. } | What::Record(_) | What::Enum { .. } | What::Module(_) => &mut holder.types,
        };
        names.entry(name).or_insert_with(|| Rc::new(entry));
    }

    fn item(&mut self, item: Item, module: usize, at: &At) {
        if !self.krate.target.has(attributes(&item)) {
            return;
        }
        match item {
            Item::Const(found) => {
                let what = What::Const { ty: Rc::new(*found.ty), value: Rc::new(*found.expr) };
                self.add(module, at, found.ident.span(), &found.vis, found.ident.to_string(), what);
            }
            Item::Type(found) => {
                let what = What::Alias { ty: Rc::new(*found.ty), generics: Rc::new(found.generics) };
                self.add(module, at, found.ident.span(), &found.vis, found.ident.to_string(), what);
            }
            Item::Struct(found) => {
                let (span, name) = (found.ident.span(), found.ident.to_string());
                let record = Record {
                    name: name.clone(),
                    union: false,
                    attributes: found.attrs,
                    generics: found.generics,
                    fields: found.fields,
                };
                self.add(module, at, span, &found.vis, name, What::Record(Rc::new(record)));
            }
            Item::Union(found) => {
                let (span, name) = (found.ident.span(), found.ident.to_string());
                let record = Record {
                    name: name.clone(),
                    union: true,
                    attributes: found.attrs,
                    generics: found.generics,
                    fields: Fields::Named(found.fields),
                };
                self.add(module, at, span, &found.vis, name, What::Record(Rc::new(record)));
            }
            Item::Enum(found) => self.enumeration(found, module, at),
            Item::Fn(found) => {
                let (vis, span, name) = (found.vis.clone(), found.sig.ident.span(), found.sig.ident.to_string());
                self.add(module, at, span, &vis, name, What::Function(Rc::new(found)));
            }
            Item::Mod(found) => self.submodule(found, module, at),
            Item::Use(found) => {
                let level = Level::of(&found.vis);
                let mut imports = Vec::new();
                flatten(&found.tree, &mut Vec::new(), level, &mut imports);
                if let Some(holder) = self.krate.modules.get_mut(module) {
                    holder.imports.extend(imports);
                }
            }
            Item::Macro(found) => {
                let span = found.mac.path.span();
                match expand(&found, &self.krate.target) {
                    Expansion::Items(items) => self.items(items, module, at),
                    Expansion::Nothing => {}
                    Expansion::Prelude => self.submodule(
                        parse_quote!(
                            mod types;
                        ),
                        module,
                        at,
                    ),
                    Expansion::Unknown(reason) => self.silence(at, span, reason),
                }
            }
            // Functions of libraries, implementations and the like state no value and no layout.
            _ => {}
        }
    }

    fn enumeration(&mut self, found: ItemEnum, module: usize, at: &At) {
        let inner = self.module(module);
        let repr = found.attrs.iter().filter(|attribute| attribute.path().is_ident("repr"));
        let repr = repr.filter_map(|attribute| attribute.parse_args::<Type>().ok()).next();
        let ty = match repr {
            // As large as C makes it, which is an int here.
            Some(ty) if matches!(&ty, Type::Path(path) if path.path.is_ident("C")) => Some(parse_quote!(u32)),
            other => other,
        };
        let ty = ty.map(Rc::new);
        let (mut base, mut steps): (Expr, u32) = (parse_quote!(0), 0);
        let public: Visibility = parse_quote!(pub);
        for variant in found.variants {
            if !self.krate.target.has(&variant.attrs) {
                continue;
            }
            if let Some((_, value)) = variant.discriminant {
                (base, steps) = (value, 0);
            }
            let name = &variant.ident;
            if let (Some(ty), Fields::Unit) = (&ty, &variant.fields) {
                let what = What::Const { ty: Rc::clone(ty), value: Rc::new(following(&base, steps)) };
                self.add(inner, at, name.span(), &public, name.to_string(), what);
            }
            steps += 1;
        }
        let what = What::Enum { repr: ty, module: inner };
        self.add(module, at, found.ident.span(), &found.vis, found.ident.to_string(), what);
    }

    fn submodule(&mut self, found: ItemMod, parent: usize, at: &At) {
        let (span, name) = (found.ident.span(), found.ident.to_string());
        if at.depth >= DEPTH {
            self.silence(at, span, format!("modules are nested more than {DEPTH} deep"));
            return;
        }
        let inner = self.module(parent);
        self.add(parent, at, span, &found.vis, name.clone(), What::Module(inner));
        let path = path_attribute(&found.attrs, &self.krate.target);
        if let Some((_, items)) = found.content {
            let folder = format!("{}/{}", at.folder, path.unwrap_or(name));
            self.items(items, inner, &At { here: folder.clone(), folder, depth: at.depth + 1, ..at.clone() });
            return;
        }
        let places = match path {
            Some(path) => vec![format!("{}/{path}", at.here)],
            None => vec![format!("{}/{name}.rs", at.folder), format!("{}/{name}/mod.rs", at.folder)],
        };
        self.read += 1;
        if self.read > FILES {
            self.silence(at, span, format!("the crate has more than {FILES} files"));
            return;
        }
        let Some((place, text)) = places.iter().find_map(|place| self.files.text(place).map(|text| (place, text)))
        else {
            self.silence(at, span, format!("there is no file for the module `{name}`"));
            return;
        };
        let file: Arc<str> = Arc::from(self.files.show(place).as_str());
        let own = place.rsplit_once('/').map_or("", |(folder, _)| folder);
        let folder = if place.ends_with("/mod.rs") { own.to_owned() } else { format!("{own}/{name}") };
        let inside = At { file, here: own.to_owned(), folder, depth: at.depth + 1 };
        match parse(&text) {
            Ok(items) => self.items(items, inner, &inside),
            Err(reason) => self.krate.silent.push(Silence { subject: inside.file.to_string(), reason }),
        }
    }
}

/// The file that an attribute `path` names, where it is set on this target.
fn path_attribute(attributes: &[Attribute], target: &RustTarget) -> Option<String> {
    attributes.iter().find_map(|attribute| {
        let named = |meta: &Meta| match meta {
            Meta::NameValue(pair) if pair.path.is_ident("path") => match &pair.value {
                Expr::Lit(literal) => match &literal.lit {
                    Lit::Str(text) => Some(text.value()),
                    _ => None,
                },
                _ => None,
            },
            _ => None,
        };
        if attribute.path().is_ident("cfg_attr") {
            let parts = attribute
                .parse_args_with(syn::punctuated::Punctuated::<Meta, syn::Token![,]>::parse_terminated)
                .ok()?;
            let mut parts = parts.iter();
            let condition = parts.next()?;
            return target.holds(condition).then(|| parts.find_map(named)).flatten();
        }
        named(&attribute.meta)
    })
}

fn flatten(tree: &UseTree, path: &mut Vec<String>, level: Level, out: &mut Vec<Import>) {
    match tree {
        UseTree::Path(inner) => {
            path.push(inner.ident.to_string());
            flatten(&inner.tree, path, level, out);
            path.pop();
        }
        UseTree::Name(name) => {
            let name = name.ident.to_string();
            if name == "self" {
                out.push(Import { level, path: path.clone(), name: path.last().cloned() });
            } else {
                let path = path.iter().cloned().chain([name.clone()]).collect();
                out.push(Import { level, path, name: Some(name) });
            }
        }
        UseTree::Rename(rename) => {
            let own = rename.ident.to_string();
            let path = path.iter().cloned().chain((own != "self").then_some(own)).collect();
            out.push(Import { level, path, name: Some(rename.rename.to_string()) });
        }
        UseTree::Glob(_) => out.push(Import { level, path: path.clone(), name: None }),
        UseTree::Group(group) => group.items.iter().for_each(|inner| flatten(inner, path, level, out)),
    }
}

fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Union(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}
