//! Macros whose contents are items. A crate's own macros are known by what they are called.

use super::target::RustTarget;
use proc_macro2::{TokenStream, TokenTree};
use quote::quote;
use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::{Attribute, Expr, Ident, Item, ItemMacro, Meta, Token, Type, Visibility, braced, parse_quote};

/// What an invocation stands for.
pub(super) enum Expansion {
    /// These items.
    Items(Vec<Item>),
    /// Nothing that states a fact: functions, opaque types.
    Nothing,
    /// The items that the crate `libc` begins with.
    Prelude,
    /// It is not known.
    Unknown(String),
}

/// The items of an invocation.
pub(super) fn expand(item: &ItemMacro, target: &RustTarget) -> Expansion {
    let name = item.mac.path.segments.last().map(|segment| segment.ident.to_string()).unwrap_or_default();
    let tokens = item.mac.tokens.clone();
    let items = match name.as_str() {
        "cfg_if" => syn::parse2::<Choice>(tokens).map(|choice| choice.items(target)),
        "s" | "s_no_extra_traits" | "s2" | "s_no_extra_traits2" => {
            syn::parse2::<Items>(tokens).map(|items| items.like_c())
        }
        "s_paren" | "e" => syn::parse2::<Items>(tokens).map(|items| items.0),
        "c_enum" => syn::parse2::<Enumerations>(tokens).map(|all| all.0),
        "macro_rules" | "f" | "safe_f" | "const_fn" | "extern_ty" | "assert" | "debug_assert" | "deprecated_mach" => {
            return Expansion::Nothing;
        }
        "prelude" => return Expansion::Prelude,
        _ => return Expansion::Unknown(format!("the macro `{name}!` is not known")),
    };
    match items {
        Ok(items) => Expansion::Items(items),
        Err(error) => Expansion::Unknown(format!("`{name}!`: {error}")),
    }
}

struct Items(Vec<Item>);

impl Parse for Items {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let mut items = Vec::new();
        while !input.is_empty() {
            items.push(input.parse()?);
        }
        Ok(Self(items))
    }
}

impl Items {
    /// The same with every struct and union laid out as C does.
    fn like_c(mut self) -> Vec<Item> {
        for item in &mut self.0 {
            match item {
                Item::Struct(found) => found.attrs.push(parse_quote!(#[repr(C)])),
                Item::Union(found) => found.attrs.push(parse_quote!(#[repr(C)])),
                _ => {}
            }
        }
        self.0
    }
}

/// `if #[cfg(..)] {..} else if #[cfg(..)] {..} else {..}`
struct Choice {
    branches: Vec<(Option<Meta>, TokenStream)>,
}

impl Parse for Choice {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let mut branches = Vec::new();
        while !input.is_empty() {
            let condition = if input.peek(Token![if]) {
                input.parse::<Token![if]>()?;
                let attributes = input.call(Attribute::parse_outer)?;
                let mut conditions = Vec::new();
                for attribute in &attributes {
                    // Several conditions of one `cfg` must all hold here; the language itself takes only one.
                    conditions.extend(attribute.parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated)?);
                }
                Some(parse_quote!(all(#(#conditions),*)))
            } else {
                None
            };
            let body;
            braced!(body in input);
            branches.push((condition, body.parse()?));
            if input.peek(Token![else]) {
                input.parse::<Token![else]>()?;
            }
        }
        Ok(Self { branches })
    }
}

impl Choice {
    fn items(self, target: &RustTarget) -> Vec<Item> {
        let mut branches = self.branches.into_iter();
        let chosen = branches.find(|(condition, _)| condition.as_ref().is_none_or(|meta| target.holds(meta)));
        // What a branch of another target holds need not even be Rust.
        chosen.and_then(|(_, body)| syn::parse2::<Items>(body).ok()).map(|items| items.0).unwrap_or_default()
    }
}

/// Enumerations of C: a type, and a constant for each enumerator.
struct Enumerations(Vec<Item>);

impl Parse for Enumerations {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let mut items = Vec::new();
        while !input.is_empty() {
            let attributes = input.call(Attribute::parse_outer)?;
            let repr = attributes.iter().find(|attribute| attribute.path().is_ident("repr"));
            let ty: Type = match repr {
                Some(repr) => repr.parse_args()?,
                None => parse_quote!(c_uint),
            };
            let vis: Visibility = input.parse()?;
            input.parse::<Token![enum]>()?;
            if input.peek(Token![#]) {
                input.parse::<Token![#]>()?;
                input.parse::<Ident>()?;
            } else {
                let name: Ident = input.parse()?;
                items.push(parse_quote!(#vis type #name = #ty;));
            }
            let body;
            braced!(body in input);
            // The last value that is written out, and how many enumerators ago.
            let (mut base, mut steps): (Expr, u32) = (parse_quote!(0), 0);
            while !body.is_empty() {
                let attributes = body.call(Attribute::parse_outer)?;
                let vis: Visibility = body.parse()?;
                let name: Ident = body.parse()?;
                if body.peek(Token![=]) {
                    body.parse::<Token![=]>()?;
                    (base, steps) = (body.parse()?, 0);
                }
                let value: Expr = following(&base, steps);
                items.push(parse_quote!(#(#attributes)* #vis const #name: #ty = #value;));
                steps += 1;
                if !body.is_empty() {
                    body.parse::<Token![,]>()?;
                }
            }
        }
        Ok(Self(items))
    }
}

/// The value that is some steps after another.
pub(super) fn following(base: &Expr, steps: u32) -> Expr {
    let steps = proc_macro2::Literal::u32_unsuffixed(steps);
    parse_quote!((#base) + #steps)
}

/// The text of tokens on one line, as reports show types.
pub(super) fn text(tokens: &impl quote::ToTokens) -> String {
    fn write(tokens: TokenStream, out: &mut String) {
        for token in tokens {
            match token {
                TokenTree::Group(group) => {
                    let (open, close) = match group.delimiter() {
                        proc_macro2::Delimiter::Parenthesis => ("(", ")"),
                        proc_macro2::Delimiter::Brace => ("{", "}"),
                        proc_macro2::Delimiter::Bracket => ("[", "]"),
                        proc_macro2::Delimiter::None => ("", ""),
                    };
                    out.push_str(open);
                    write(group.stream(), out);
                    out.push_str(close);
                }
                TokenTree::Punct(punct) => {
                    out.push(punct.as_char());
                    if matches!(punct.as_char(), ';' | ',') {
                        out.push(' ');
                    }
                }
                TokenTree::Ident(ident) => {
                    if out.ends_with(|last: char| last.is_alphanumeric() || last == '_') {
                        out.push(' ');
                    }
                    out.push_str(&ident.to_string());
                }
                TokenTree::Literal(literal) => out.push_str(&literal.to_string()),
            }
        }
    }
    let mut out = String::new();
    write(quote!(#tokens), &mut out);
    out
}
