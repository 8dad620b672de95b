//! How types lie in memory on the target, for types that are laid out as C does.

use super::evaluate::Evaluator;
use super::krate::{Entry, Record, What};
use super::macros::text;
use super::names::Space;
use super::primitive::{Extent, primitive};
use crate::facts::{Field, Layout};
use std::collections::BTreeMap;
use std::rc::Rc;
use syn::{Fields, GenericArgument, GenericParam, Generics, PathArguments, Type, TypePath};

/// Types within each other, and constants within constants; real ones are 15 deep.
const DEPTH: u32 = 60;
const TOO_LARGE: &str = "it is larger than any memory";

/// Where an expression or a type stands: its module, and what the parameters around it are.
#[derive(Clone, Debug, Default)]
pub(super) struct Scope {
    /// The module.
    pub(super) module: usize,
    /// Parameters that are types.
    pub(super) types: BTreeMap<String, Extent>,
    /// Parameters and variables that are numbers.
    pub(super) values: BTreeMap<String, super::evaluate::Value>,
    /// How deep it is nested.
    pub(super) depth: u32,
}

impl Scope {
    /// A module.
    pub(super) fn of(module: usize) -> Self {
        Self { module, ..Self::default() }
    }

    /// One level further in.
    pub(super) fn deeper(&self) -> Result<Self, String> {
        if self.depth >= DEPTH {
            return Err("it is nested too deeply, or defined by itself".to_owned());
        }
        Ok(Self { depth: self.depth + 1, ..self.clone() })
    }

    /// Another module, one level further in.
    pub(super) fn enter(&self, module: usize) -> Result<Self, String> {
        Ok(Self { module, types: BTreeMap::new(), values: BTreeMap::new(), ..self.deeper()? })
    }
}

impl Evaluator<'_> {
    /// Size and alignment of a type.
    pub(super) fn extent(&self, ty: &Type, scope: &Scope) -> Result<Extent, String> {
        let scope = &scope.deeper()?;
        let target = &self.krate.target;
        match ty {
            Type::Paren(inner) => self.extent(&inner.elem, scope),
            Type::Group(inner) => self.extent(&inner.elem, scope),
            Type::Ptr(_) | Type::Reference(_) | Type::FnPtr(_) => Ok(Extent::pointer(target)),
            Type::Array(array) => {
                let element = self.extent(&array.elem, scope)?;
                let count = u64::try_from(self.value(&array.len, Some(self.usize()), scope)?.number);
                let count = count.map_err(|_| "an array has a negative length")?;
                let size = element.size.checked_mul(count).ok_or(TOO_LARGE)?;
                Ok(Extent { size, align: element.align, int: None })
            }
            Type::Tuple(tuple) if tuple.elems.is_empty() => Ok(Extent::NOTHING),
            Type::Never(_) => Ok(Extent::NOTHING),
            Type::Path(path) => self.named(path, scope),
            other => Err(format!("the type `{}` is not understood", text(other))),
        }
    }

    fn named(&self, path: &TypePath, scope: &Scope) -> Result<Extent, String> {
        let names: Vec<String> = path.path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        let last = path.path.segments.last().ok_or("a type has no name")?;
        if let [name] = names.as_slice()
            && let Some(known) = scope.types.get(name)
        {
            return Ok(*known);
        }
        let arguments: Vec<&Type> = match &last.arguments {
            PathArguments::AngleBracketed(list) => list
                .args
                .iter()
                .filter_map(|one| if let GenericArgument::Type(ty) = one { Some(ty) } else { None })
                .collect(),
            PathArguments::None | PathArguments::Parenthesized(_) => Vec::new(),
        };
        if let Some(entry) = self.find(scope.module, Space::Types, &names) {
            return self.declared(&entry, &arguments, scope);
        }
        let name = last.ident.to_string();
        let first = || arguments.first().map(|ty| self.extent(ty, scope));
        match name.as_str() {
            "PhantomData" | "PhantomPinned" => Ok(Extent::NOTHING),
            "MaybeUninit" | "ManuallyDrop" | "UnsafeCell" | "Cell" | "Wrapping" => {
                first().unwrap_or_else(|| Err(format!("`{name}` of nothing")))
            }
            // Only pointers have room for nothing without growing.
            "Option" => match arguments.first() {
                Some(Type::FnPtr(_) | Type::Reference(_)) => Ok(Extent::pointer(&self.krate.target)),
                Some(Type::Path(inner)) => {
                    let inner_name = inner.path.segments.last().map(|segment| segment.ident.to_string());
                    let names: Vec<String> =
                        inner.path.segments.iter().map(|segment| segment.ident.to_string()).collect();
                    let entry = self.find(scope.module, Space::Types, &names);
                    match (inner_name.as_deref(), entry.as_deref().map(|entry| &entry.what)) {
                        (Some("NonNull" | "Box"), _) => Ok(Extent::pointer(&self.krate.target)),
                        (_, Some(What::Alias { ty, .. })) if matches!(**ty, Type::FnPtr(_)) => {
                            Ok(Extent::pointer(&self.krate.target))
                        }
                        _ => Err("an `Option` of what is no pointer has no layout of C".to_owned()),
                    }
                }
                _ => Err("an `Option` of what is no pointer has no layout of C".to_owned()),
            },
            "NonNull" | "Box" => Ok(Extent::pointer(&self.krate.target)),
            name => primitive(&self.krate.target, name).ok_or_else(|| format!("the type `{name}` is not known")),
        }
    }

    fn declared(&self, entry: &Rc<Entry>, arguments: &[&Type], scope: &Scope) -> Result<Extent, String> {
        match &entry.what {
            What::Alias { ty, generics } => {
                let inner = self.with_arguments(entry.module, generics, arguments, scope)?;
                self.extent(ty, &inner)
            }
            What::Record(record) => {
                let inner = self.with_arguments(entry.module, &record.generics, arguments, scope)?;
                let (size, align, _) = self.record(record, &inner)?;
                Ok(Extent { size, align, int: None })
            }
            What::Enum { repr: Some(ty), .. } => self.extent(ty, &scope.enter(entry.module)?),
            What::Enum { repr: None, .. } => Err("an enumeration without `repr` has no layout of C".to_owned()),
            What::Const { .. } | What::Function(_) | What::Module(_) => {
                Err("what is no type is used as one".to_owned())
            }
        }
    }

    /// The scope of something declared with parameters, given what they stand for.
    fn with_arguments(
        &self,
        module: usize,
        generics: &Generics,
        arguments: &[&Type],
        scope: &Scope,
    ) -> Result<Scope, String> {
        let mut inner = scope.enter(module)?;
        let params =
            generics.params.iter().filter_map(|param| if let GenericParam::Type(ty) = param { Some(ty) } else { None });
        let mut given = arguments.iter();
        for param in params {
            let name = param.ident.to_string();
            if let Some(ty) = given.next() {
                inner.types.insert(name, self.extent(ty, scope)?);
            }
        }
        Ok(inner)
    }

    /// Size, alignment and fields of a struct or union.
    pub(super) fn record(&self, record: &Record, scope: &Scope) -> Result<(u64, u64, Vec<Field>), String> {
        let repr = Repr::of(record, self)?;
        let mut fields = Vec::new();
        let (mut end, mut align) = (0_u64, 1_u64);
        for (index, field) in record.fields.iter().enumerate() {
            if !self.krate.target.has(&field.attrs) {
                continue;
            }
            let extent = self.extent(&field.ty, scope)?;
            let own = repr.packed.map_or(extent.align, |limit| extent.align.min(limit));
            align = align.max(own);
            let offset = if record.union { 0 } else { end.checked_next_multiple_of(own).ok_or(TOO_LARGE)? };
            end = end.max(offset.checked_add(extent.size).ok_or(TOO_LARGE)?);
            let name = field.ident.as_ref().map_or_else(|| index.to_string(), ToString::to_string);
            // A raw identifier stands for the word itself.
            let name = name.trim_start_matches("r#").to_owned();
            fields.push(Field {
                name,
                offset_bits: offset.checked_mul(8).ok_or(TOO_LARGE)?,
                size_bits: extent.size.checked_mul(8).ok_or(TOO_LARGE)?,
                bitfield: false,
                c_type: text(&field.ty),
            });
        }
        let align = align.max(repr.align.unwrap_or(1));
        Ok((end.checked_next_multiple_of(align).ok_or(TOO_LARGE)?, align, fields))
    }

    /// The layout of a public struct or union as a fact.
    pub(super) fn layout(&self, record: &Record, module: usize) -> Result<Layout, String> {
        let (size, align, fields) = self.record(record, &Scope::of(module))?;
        let word = if record.union { "union" } else { "struct" };
        Ok(Layout { c_name: format!("{word} {}", record.name), union: record.union, size, align: Some(align), fields })
    }
}

/// What a record's attributes say about its layout.
struct Repr {
    packed: Option<u64>,
    align: Option<u64>,
}

impl Repr {
    fn of(record: &Record, evaluator: &Evaluator<'_>) -> Result<Self, String> {
        let mut found = Self { packed: None, align: None };
        let mut like_c = false;
        for attribute in &record.attributes {
            let mut read = |meta: syn::meta::ParseNestedMeta<'_>| {
                let number = |meta: &syn::meta::ParseNestedMeta<'_>| -> syn::Result<u64> {
                    let inner;
                    syn::parenthesized!(inner in meta.input);
                    inner.parse::<syn::LitInt>()?.base10_parse()
                };
                if meta.path.is_ident("C") || meta.path.is_ident("transparent") {
                    like_c = true;
                } else if meta.path.is_ident("packed") {
                    found.packed = Some(if meta.input.peek(syn::token::Paren) { number(&meta)? } else { 1 });
                } else if meta.path.is_ident("align") {
                    found.align = Some(number(&meta)?.max(found.align.unwrap_or(1)));
                }
                Ok(())
            };
            let done = if attribute.path().is_ident("repr") {
                attribute.parse_nested_meta(&mut read)
            } else if attribute.path().is_ident("cfg_attr") {
                conditional(attribute, evaluator, &mut read)
            } else {
                continue;
            };
            done.map_err(|error| error.to_string())?;
        }
        let odd = |align: Option<u64>| align.is_some_and(|align| !align.is_power_of_two() || align > 1 << 29);
        if odd(found.packed) || odd(found.align) {
            return Err("an alignment is no power of two".to_owned());
        }
        if like_c || matches!(record.fields, Fields::Unit) {
            Ok(found)
        } else {
            Err("it is not laid out as C does (`repr(C)`)".to_owned())
        }
    }
}

/// `cfg_attr(condition, repr(..))`
fn conditional(
    attribute: &syn::Attribute,
    evaluator: &Evaluator<'_>,
    read: &mut dyn FnMut(syn::meta::ParseNestedMeta<'_>) -> syn::Result<()>,
) -> syn::Result<()> {
    use syn::parse::Parser as _;
    let parts = attribute.parse_args_with(syn::punctuated::Punctuated::<syn::Meta, syn::Token![,]>::parse_terminated);
    // Conditions of other targets may hold what is no list.
    let Ok(parts) = parts else { return Ok(()) };
    let mut parts = parts.iter();
    if !parts.next().is_some_and(|condition| evaluator.krate.target.holds(condition)) {
        return Ok(());
    }
    for part in parts {
        if let syn::Meta::List(list) = part
            && list.path.is_ident("repr")
        {
            syn::meta::parser(&mut *read).parse2(list.tokens.clone())?;
        }
    }
    Ok(())
}
