//! The graph of resources: which calls make them and which take them.

use super::Selection;
use crate::model::{Param, Spec, Syscall};
use crate::types::Type;
use std::collections::BTreeSet;
use std::fmt::Write;

/// Writes the graph in the language of Graphviz. Ellipses are resources, boxes calls; a dashed arrow leads from a resource
/// to the more general one that it may stand for.
pub fn dot(selection: &Selection<'_>) -> String {
    let mut out = String::new();
    let _ = write!(
        out,
        "digraph resources {{\n  label=\"resources of {}\";\n  rankdir=LR;\n  node [fontname=\"sans-serif\"];\n",
        selection.title()
    );
    let mut resources = BTreeSet::new();
    let mut edges = BTreeSet::new();
    for (call, _) in &selection.calls {
        let (made, taken) = made_and_taken(selection.spec, call);
        if made.is_empty() && taken.is_empty() {
            continue;
        }
        let name = &call.name.value;
        let _ = writeln!(out, "  \"call {name}\" [shape=box, label=\"{name}\"];");
        edges.extend(made.iter().map(|resource| format!("  \"call {name}\" -> \"{resource}\";\n")));
        edges.extend(taken.iter().map(|resource| format!("  \"{resource}\" -> \"call {name}\";\n")));
        resources.extend(made.into_iter().chain(taken));
    }
    for mut name in resources {
        let _ = writeln!(out, "  \"{name}\" [shape=ellipse];");
        while let Some(parent) = selection.spec.resources.get(name).and_then(|found| found.parent.as_deref()) {
            edges.insert(format!("  \"{name}\" -> \"{parent}\" [style=dashed];\n"));
            name = parent;
        }
    }
    edges.iter().for_each(|edge| out.push_str(edge));
    out.push_str("}\n");
    out
}

/// The resources that a call makes and that it takes, in any of its commands.
pub(crate) fn made_and_taken<'a>(spec: &'a Spec, call: &'a Syscall) -> (BTreeSet<&'a str>, BTreeSet<&'a str>) {
    let (mut made, mut taken) = (BTreeSet::new(), BTreeSet::new());
    let own = call.commands.iter().flat_map(|command| command.params.iter().map(|(_, param)| param));
    for Param { ty, .. } in call.params.iter().chain(own) {
        find(spec, &ty.value, false, &mut made, &mut taken);
    }
    let contracts = std::iter::once(&call.contract).chain(call.commands.iter().map(|command| &command.contract));
    for returned in contracts.filter_map(|contract| contract.returns.as_ref()) {
        find(spec, &returned.value, true, &mut made, &mut taken);
    }
    (made, taken)
}

fn find<'a>(spec: &'a Spec, ty: &'a Type, out: bool, made: &mut BTreeSet<&'a str>, taken: &mut BTreeSet<&'a str>) {
    match ty {
        Type::Resource(name) => {
            if out {
                made.insert(name)
            } else {
                taken.insert(name)
            };
        }
        Type::Ptr { direction, to, .. } => {
            if direction.writes() {
                find(spec, to, true, made, taken);
            }
            if direction.reads() {
                find(spec, to, false, made, taken);
            }
        }
        Type::Array { of, .. } => find(spec, of, out, made, taken),
        Type::Struct(name) | Type::Union(name) | Type::Extensible { name, .. } => {
            for field in spec.structs.get(name).into_iter().flat_map(|found| &found.fields) {
                // A struct that holds a pointer to its own kind holds no more resources for that.
                if !matches!(field.ty.value, Type::Ptr { .. }) {
                    find(spec, &field.ty.value, out, made, taken);
                }
            }
        }
        Type::Int { .. } | Type::Const(_) | Type::Bool | Type::Flags { .. } | Type::Enum { .. } => {}
        Type::Buffer { .. } | Type::Text { .. } | Type::Path { .. } | Type::Len(_) | Type::Bytesize(_) => {}
        Type::Offset | Type::Size | Type::Mode | Type::Signal | Type::Vma | Type::Addr => {}
        Type::Unused | Type::ByCommand | Type::Zero | Type::Never => {}
    }
}
