//! A kernel tree as the witnesses that it holds for each port: its source, and the headers that it would install.

use super::Tree;
use crate::facts::Facts;
use crate::files::Files;
use crate::headers::read_tree_headers_of;
use abispec::arch::Arch;
use rayon::prelude::*;
use std::collections::BTreeSet;
use std::sync::Arc;

/// What is read of a tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parts {
    /// Tables, definitions, options.
    pub source: bool,
    /// The headers for user space.
    pub headers: bool,
}

/// What a tree states of a port, or why that could not be read.
pub type OfPort = Result<Facts, (Arch, String)>;

/// Reads a tree for some ports, and, where one is given, an older tree whose calls are not new. Ports that the tree lacks
/// are left out; what could not be read of the others comes with the reason.
///
/// # Errors
/// When one of the two is no kernel source tree, or has none of the ports.
pub fn witnesses_of_tree(
    files: &Arc<dyn Files>,
    older: Option<&Arc<dyn Files>>,
    ports: &[Arch],
    parts: Parts,
) -> Result<Vec<OfPort>, String> {
    let tree = Tree::read(&**files)?;
    let older = older.map(|files| Tree::read(&**files)).transpose()?;
    let present: Vec<Arch> = ports.iter().copied().filter(|arch| tree.has(*arch)).collect();
    if present.is_empty() {
        return Err(format!("{} has no folder arch/ of any port that was asked for", files.show("")));
    }
    let source = || -> Vec<Facts> {
        let one = |arch: &Arch| Facts { older: older.as_ref().map(|older| calls(older, *arch)), ..tree.facts(*arch) };
        if parts.source { present.par_iter().map(one).collect() } else { Vec::new() }
    };
    let headers = || if parts.headers { read_tree_headers_of(files, &present) } else { Vec::new() };
    let (source, headers) = rayon::join(source, headers);
    let headers = present.iter().zip(headers).map(|(arch, read)| read.map_err(|reason| (*arch, reason)));
    Ok(source.into_iter().map(Ok).chain(headers).collect())
}

/// The calls that a tree serves on a port.
fn calls(tree: &Tree<'_>, arch: Arch) -> BTreeSet<String> {
    let entries = tree.facts(arch).entries.into_iter();
    entries.filter(|(_, fact)| fact.value.entry.is_some()).map(|(name, _)| name).collect()
}
