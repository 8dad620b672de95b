//! Reads the headers of one or more ports: what they share is taken apart once.

use super::clib::PROGRAM;
use super::gather::gather;
use super::install::{self, Installed, SHARED};
use super::machine::Machine;
use super::pool::on_all_processors;
use super::shelf::{KERNEL_FOLDERS, Shelf};
use super::stock::{Place, Stock};
use super::view::{Route, View, kernel_headers};
use crate::facts::{Claim, Facts, Silence};
use crate::files::Files;
use abispec::arch::Arch;
use abispec::version::Release;
use rayon::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// How often what was found missing is fetched before it counts as not there: names of headers that macros make.
const ROUNDS: usize = 4;

/// Ports, and the search path of each.
struct Plan {
    witness: String,
    shelves: Vec<Shelf>,
    ports: Vec<PortPlan>,
}

struct PortPlan {
    arch: Arch,
    path: Vec<usize>,
    hidden: BTreeSet<String>,
    silent: Vec<Silence>,
}

/// Reads installed headers: the files and the folder in them, for each place of the search path.
pub(crate) fn installed(witness: &str, places: Vec<(Arc<dyn Files>, String)>, arch: Arch) -> Result<Facts, String> {
    let holds = |(files, folder): &(Arc<dyn Files>, String)| {
        KERNEL_FOLDERS.iter().any(|name| !files.list(&format!("{folder}{name}")).is_empty())
    };
    if !places.iter().any(holds) {
        return Err(format!("{witness} holds no kernel headers (no folder linux/ or asm/)"));
    }
    let shelves = places.into_iter().map(|(files, folder)| Shelf::Installed { files, folder }).collect();
    Ok(one(witness, shelves, arch))
}

/// Reads headers from memory.
pub(crate) fn texts(witness: &str, texts: BTreeMap<String, String>, arch: Arch) -> Facts {
    one(witness, vec![Shelf::Texts { name: format!("{witness}/"), texts }], arch)
}

fn one(witness: &str, shelves: Vec<Shelf>, arch: Arch) -> Facts {
    let path = (0..shelves.len()).collect();
    let port = PortPlan { arch, path, hidden: BTreeSet::new(), silent: Vec::new() };
    let mut facts = read(Plan { witness: witness.to_owned(), shelves, ports: vec![port] });
    facts.pop().unwrap_or_else(|| Facts::new(crate::facts::WitnessKind::Headers, witness, arch))
}

/// Reads what a kernel's source tree installs for some ports.
pub(crate) fn tree(files: &Arc<dyn Files>, ports: &[Arch]) -> Vec<Result<Facts, String>> {
    if !install::is_tree(&**files) {
        let reason = format!("{} holds no kernel source (no folder {SHARED}/linux)", files.show(""));
        return ports.iter().map(|_| Err(reason.clone())).collect();
    }
    on_all_processors(|| {
        let (plan, refused) = tree_plan(files, ports);
        let mut read = read(plan).into_iter();
        let lost = || Err("the port was not read".to_owned());
        refused.into_iter().map(|refused| refused.map_or_else(|| read.next().map_or_else(lost, Ok), Err)).collect()
    })
}

/// What belongs to a folder of ports: its shelf, the headers that it hides, and what it is silent about.
type Own = (usize, BTreeSet<String>, Vec<Silence>);

/// How to read a tree, and for each port why it is not read, if it is not.
fn tree_plan(files: &Arc<dyn Files>, ports: &[Arch]) -> (Plan, Vec<Option<String>>) {
    let shared = files.below(SHARED, ".h");
    let folders: BTreeSet<&str> = ports.iter().map(|arch| arch.machine()).collect();
    let folders: Vec<&str> = folders.into_iter().collect();
    let installed: Vec<Result<Installed, String>> =
        folders.par_iter().map(|folder| install::installed(&**files, &shared, folder)).collect();
    // The first shelf holds what all ports may install, one more for each folder its own headers.
    let common = shared.iter().filter_map(|path| install::named(path, SHARED));
    let mut shelves = vec![Shelf::Tree { files: Arc::clone(files), headers: common.collect() }];
    let mut known: BTreeMap<&str, Result<Own, String>> = BTreeMap::new();
    for (folder, installed) in folders.into_iter().zip(installed) {
        let plan = installed.map(|Installed { own, hidden, silent }| {
            shelves.push(Shelf::Tree { files: Arc::clone(files), headers: own });
            (shelves.len() - 1, hidden, silent)
        });
        known.insert(folder, plan);
    }
    let mut plan = Plan { witness: files.show(""), shelves, ports: Vec::new() };
    let mut refused = Vec::new();
    for arch in ports {
        refused.push(match known.get(arch.machine()) {
            Some(Ok((shelf, hidden, silent))) => {
                let (path, hidden, silent) = (vec![*shelf, 0], hidden.clone(), silent.clone());
                plan.ports.push(PortPlan { arch: *arch, path, hidden, silent });
                None
            }
            Some(Err(reason)) => Some(reason.clone()),
            None => Some(format!("{} has no port {arch}", files.show(""))),
        });
    }
    (plan, refused)
}

/// How much of a tree was taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Apart {
    /// Header files, each once however many ports share it.
    pub headers: usize,
    /// Words and signs of C in them.
    pub tokens: usize,
    /// Macros that they define.
    pub macros: usize,
}

/// Takes the headers of a kernel's source tree apart for some ports, and reads no facts: the part of reading that the
/// ports share, for measurements.
///
/// # Errors
/// When it is no kernel tree.
pub fn take_tree_apart(files: &Arc<dyn Files>, ports: &[Arch]) -> Result<Apart, String> {
    if !install::is_tree(&**files) {
        return Err(format!("{} holds no kernel source (no folder {SHARED}/linux)", files.show("")));
    }
    on_all_processors(|| {
        let (plan, _) = tree_plan(files, ports);
        let mut prepared = Prepared::new(plan);
        prepared.stock.read(std::mem::take(&mut prepared.wanted), &prepared.paths);
        let (headers, tokens) = prepared.stock.size();
        Ok(Apart { headers, tokens, macros: prepared.stock.macros as usize })
    })
}

/// A plan whose ports have their routes through a stock that is still empty.
struct Prepared {
    witness: String,
    stock: Stock,
    routes: Vec<Route>,
    paths: Vec<Vec<usize>>,
    silent: Vec<Vec<Silence>>,
    wanted: BTreeSet<Place>,
}

impl Prepared {
    fn new(plan: Plan) -> Self {
        let Plan { witness, mut shelves, ports } = plan;
        let last = [shelves.len(), shelves.len() + 1];
        shelves.extend([Shelf::Compiler, Shelf::Library]);
        let mut stock = Stock::new(shelves);
        let mut routes = Vec::new();
        let mut silent = Vec::new();
        for PortPlan { arch, mut path, hidden, silent: unknown } in ports {
            path.extend(last);
            let machine = Machine::new(arch);
            let predefined = stock.predefine(&machine.predefined());
            let headers = kernel_headers(&stock, &path, &hidden);
            routes.push(Route { machine, path, hidden, predefined, headers });
            silent.push(unknown);
        }
        let paths: Vec<Vec<usize>> = routes.iter().map(|route| route.path.clone()).collect();
        let headers = routes.iter().flat_map(|route| &route.headers);
        let mut wanted: BTreeSet<Place> = headers.map(|(name, shelf)| (*shelf, name.clone())).collect();
        let shelves = paths.iter().flatten().copied();
        wanted.extend(shelves.map(|shelf| (shelf, PROGRAM.to_owned())));
        Self { witness, stock, routes, paths, silent, wanted }
    }
}

fn read(plan: Plan) -> Vec<Facts> {
    on_all_processors(|| read_side_by_side(plan))
}

fn read_side_by_side(plan: Plan) -> Vec<Facts> {
    let Prepared { witness, mut stock, routes, paths, silent, wanted } = Prepared::new(plan);
    stock.read(wanted, &paths);
    let mut all: Vec<Facts> = Vec::new();
    let mut open: Vec<usize> = (0..routes.len()).collect();
    for _ in 0..ROUNDS {
        let read = |number: &usize| {
            let view = View::new(&stock, routes.get(*number)?);
            Some((*number, gather(&witness, &view), view.missing()))
        };
        let found: Vec<(usize, Facts, BTreeSet<Place>)> = open.par_iter().filter_map(read).collect();
        let mut missing = Vec::with_capacity(found.len());
        for (number, facts, places) in found {
            missing.push((number, places));
            match all.get_mut(number) {
                Some(known) => *known = facts,
                None => all.push(facts),
            }
        }
        stock.read(missing.iter().flat_map(|(_, places)| places).cloned().collect(), &paths);
        // What is not there changes nothing: only ports that see something new are read again.
        missing
            .retain(|(_, places)| places.iter().any(|(shelf, name)| matches!(stock.find(*shelf, name), Some(Some(_)))));
        open = missing.into_iter().map(|(number, _)| number).collect();
        if open.is_empty() {
            break;
        }
    }
    all.into_iter().zip(silent).map(|(facts, silent)| finish(facts, silent)).collect()
}

fn finish(mut facts: Facts, silent: Vec<Silence>) -> Facts {
    facts.silent.extend(silent);
    facts.silent.sort();
    if let Claim::Says { value, source } = facts.constant("LINUX_VERSION_CODE", None) {
        let part = |shift: u32, mask: i128| u16::try_from(value.value.value >> shift & mask).unwrap_or(0);
        let release = Release { major: part(16, 0xffff), minor: part(8, 0xff), patch: part(0, 0xff) };
        facts.release = Claim::Says { value: release, source };
    }
    facts
}
