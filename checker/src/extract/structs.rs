//! Structs that a call points to: those of the specification by their tag, others with their layout from the headers.

use super::propose::Sheet;
use super::sets::header;
use crate::facts::{Claim, Facts, Layout};
use abispec::arch::{Arch, DataModel};

/// A struct that the specification does not have yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct NewStruct {
    pub(super) name: String,
    /// The tag, where it is another.
    pub(super) tag: Option<String>,
    pub(super) header: String,
    /// With 64-bit longs.
    pub(super) wide: Layout,
    /// With 32-bit longs.
    pub(super) narrow: Option<Layout>,
    /// The port whose layout it is, where others order the fields in their own way.
    pub(super) only: Option<Arch>,
}

/// The name of the struct that has a tag; `None` where neither the specification nor a header has it.
pub(super) fn propose(sheet: &mut Sheet<'_>, tag: &str) -> Option<String> {
    let by_tag = |tag: &str| sheet.spec.structs.values().find(|one| one.c == tag).map(|one| one.name.value.clone());
    let known = by_tag(tag).or_else(|| by_tag(tag.strip_prefix("__kernel_")?));
    if let Some(known) = known.or_else(|| {
        sheet.spec.structs.values().find(|one| one.btf.as_deref() == Some(tag)).map(|one| one.name.value.clone())
    }) {
        return Some(known);
    }
    let name = tag.trim_start_matches("__kernel_").to_owned();
    if sheet.structs.iter().any(|one| one.name == name) {
        return Some(name);
    }
    let of = |model: DataModel| sheet.headers.iter().find(|facts| facts.data_model() == model);
    let layout = |facts: &Facts| match facts.layout(tag, None) {
        Claim::Says { value, source } => Some((value.value.clone(), source)),
        Claim::Silent { .. } => None,
    };
    let wide = of(DataModel::Lp64)?;
    let (layout_wide, source) = layout(wide)?;
    let names = |layout: &Layout| layout.fields.iter().map(|field| field.name.clone()).collect::<Vec<_>>();
    let other = of(DataModel::Ilp32).and_then(layout).map(|(layout, _)| layout);
    let narrow = other.clone().filter(|other| names(other) == names(&layout_wide));
    sheet.structs.push(NewStruct {
        tag: (name != tag).then(|| tag.to_owned()),
        header: header(wide, &source.file)?,
        only: (other.is_some() && narrow.is_none()).then_some(wide.arch),
        wide: layout_wide,
        narrow,
        name: name.clone(),
    });
    Some(name)
}
