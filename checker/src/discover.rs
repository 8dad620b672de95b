//! The witnesses that are found on a machine.

use crate::bindings::{CLibrary, RustTarget, find_bindings, read_bindings};
use crate::facts::{Claim, Facts, Position, Source, WitnessKind};
use crate::files::Folder;
use crate::headers::read_headers;
use crate::image::{options, read_image, unpacked};
use crate::man::read_man;
use crate::symbols::read_symbols;
use crate::tracefs::read_tracefs;
use abispec::arch::Arch;
use abispec::model::Spec;
use abispec::version::Release;
use rayon::prelude::*;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Where the running kernel shows its type information.
const RUNNING: &str = "/sys/kernel/btf/vmlinux";

/// Where it lists its symbols.
const SYMBOLS: &str = "/proc/kallsyms";

/// Where witnesses are looked for. `None` leaves one out.
#[derive(Clone, Debug)]
pub struct Places {
    /// The port that is asked for; without it the one that the witness names, and else the one this program runs on.
    pub arch: Option<Arch>,
    /// The folder that holds `linux/`.
    pub headers: Option<PathBuf>,
    /// Type information of the running kernel or of another; see [`read_image`].
    pub btf: Option<PathBuf>,
    /// A kernel image.
    pub kernel: Option<PathBuf>,
    /// Where tracefs is mounted.
    pub tracefs: Option<PathBuf>,
    /// The running kernel's list of its symbols, or a `System.map` of another one.
    pub symbols: Option<PathBuf>,
    /// A folder of man pages.
    pub man: Option<PathBuf>,
    /// Sources of bindings for Rust.
    pub rust: Bindings,
    /// Whether the kernel is also asked for the types and constants that only the headers name.
    pub between: bool,
    /// The file that names the running kernel's release.
    pub release: PathBuf,
}

/// Where bindings for Rust are looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Bindings {
    /// Nowhere.
    None,
    /// The newest versions of `libc` and `linux-raw-sys` that `cargo` has unpacked on this machine.
    Found,
    /// In these folders of crates.
    Named(Vec<PathBuf>),
}

impl Default for Places {
    fn default() -> Self {
        Self {
            arch: None,
            headers: Some(PathBuf::from("/usr/include")),
            btf: Some(PathBuf::from(RUNNING)),
            kernel: None,
            tracefs: Some(PathBuf::from("/sys/kernel/tracing")),
            symbols: Some(PathBuf::from(SYMBOLS)),
            // Pages describe no kernel in particular: only who asks for them is told what they lack.
            man: None,
            rust: Bindings::None,
            between: false,
            release: PathBuf::from("/proc/sys/kernel/osrelease"),
        }
    }
}

/// A witness that was looked for.
#[derive(Clone, Debug)]
pub struct Witness {
    /// Its kind.
    pub kind: WitnessKind,
    /// Where it was looked for.
    pub place: PathBuf,
    /// What it states, or why there is none.
    pub facts: Result<Facts, String>,
}

/// Looks for every witness. Of the kernel's many types and calls, those that the specification names are read, and those
/// that the headers name where witnesses are to be compared with each other.
pub fn witnesses_of_this_machine(places: &Places, spec: &Spec) -> Vec<Witness> {
    let arch = places.arch.unwrap_or(Arch::NATIVE);
    let headers = places.headers.as_ref().map(|place| Witness {
        kind: WitnessKind::Headers,
        place: place.clone(),
        facts: read_headers(place, arch),
    });
    let mut names = names_of(spec);
    if let Some(facts) = headers.as_ref().filter(|_| places.between).and_then(|witness| witness.facts.as_ref().ok()) {
        names.extend(facts.layouts.keys().chain(facts.constants.keys()).map(String::as_str));
    }
    let mut found = kernel_witnesses(places, &|name| names.contains(name));
    if let Some(place) = &places.man {
        let facts = read_man(&Folder(place.clone()), arch);
        found.push(Witness { kind: WitnessKind::Man, place: place.clone(), facts });
    }
    found.extend(bindings(&places.rust, arch));
    headers.into_iter().chain(found).collect()
}

/// What the running kernel or an image says.
fn kernel_witnesses(places: &Places, wanted: &dyn Fn(&str) -> bool) -> Vec<Witness> {
    let release = running_release(&places.release);
    let running = |facts: Result<Facts, String>| facts.map(|facts| Facts { release: release.clone(), ..facts });
    let mut found = Vec::new();
    let mut add = |kind, place: &Option<PathBuf>, read: &dyn Fn(&Path) -> Result<Facts, String>| {
        if let Some(place) = place {
            found.push(Witness { kind, place: place.clone(), facts: read(place) });
        }
    };
    add(WitnessKind::Btf, &places.btf, &|place| {
        if place == Path::new(RUNNING) {
            running(read_image(place, Some(Arch::NATIVE), wanted))
        } else {
            read_image(place, places.arch, wanted)
        }
    });
    add(WitnessKind::Btf, &places.kernel, &|place| read_image(place, places.arch, wanted));
    add(WitnessKind::Tracefs, &places.tracefs, &|place| running(read_tracefs(place, Arch::NATIVE, wanted)));
    // Which calls a kernel serves depends on how it was configured.
    let configured = |facts: Result<Facts, String>| facts.map(|facts| Facts { config: running_config(), ..facts });
    add(WitnessKind::Symbols, &places.symbols, &|place| {
        if place == Path::new(SYMBOLS) {
            configured(running(read_symbols(place, Arch::NATIVE, wanted)))
        } else {
            read_symbols(place, places.arch.unwrap_or(Arch::NATIVE), wanted).map(|facts| named(place, facts))
        }
    });
    found
}

/// The crates, for each C library that they tell apart.
fn bindings(places: &Bindings, arch: Arch) -> Vec<Witness> {
    let named = |place: &PathBuf| {
        let folder = place.canonicalize().unwrap_or_else(|_| place.clone());
        let name = folder.file_name().and_then(|name| name.to_str()).unwrap_or_default().to_owned();
        (crate_name(&name).to_owned(), Ok(place.clone()))
    };
    let crates: Vec<(String, Result<PathBuf, String>)> = match places {
        Bindings::None => Vec::new(),
        Bindings::Found => ["libc", "linux-raw-sys"].map(|name| (name.to_owned(), find_bindings(name))).to_vec(),
        Bindings::Named(places) => places.iter().map(named).collect(),
    };
    let (mut found, mut wanted) = (Vec::new(), Vec::new());
    for (name, place) in crates {
        match place {
            Ok(place) if name == "libc" => {
                wanted.extend([CLibrary::Gnu, CLibrary::Musl].map(|library| (name.clone(), place.clone(), library)));
            }
            Ok(place) => wanted.push((name, place, CLibrary::Gnu)),
            Err(reason) => {
                found.push(Witness { kind: WitnessKind::Rust, place: PathBuf::from(name), facts: Err(reason) });
            }
        }
    }
    let read = |(name, place, library): (String, PathBuf, CLibrary)| {
        let facts =
            RustTarget::new(arch, library).and_then(|target| read_bindings(&Folder(place.clone()), &name, &target));
        Witness { kind: WitnessKind::Rust, place, facts }
    };
    // Each takes as long as all headers together.
    found.par_extend(wanted.into_par_iter().map(read));
    found
}

/// The name in front of the version, as `cargo` calls the folders of crates.
fn crate_name(folder: &str) -> &str {
    match folder.rsplit_once('-') {
        Some((name, version)) if version.starts_with(|c: char| c.is_ascii_digit()) => name,
        Some(_) | None => folder,
    }
}

/// Every name that a check may ask the kernel's own witnesses for.
fn names_of(spec: &Spec) -> BTreeSet<&str> {
    let members = spec.sets.values().flat_map(|set| &set.members).map(|member| member.name.value.as_str());
    let structs = spec.structs.values().filter_map(|found| found.btf.as_deref());
    let calls = spec.syscalls.values().map(|call| call.entry.as_deref().unwrap_or(&call.name.value));
    members.chain(structs).chain(calls).collect()
}

fn running_release(path: &Path) -> Claim<Release> {
    let read = fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()));
    match read.and_then(|text| Release::from_uname(text.trim()).map_err(|error| error.to_string())) {
        Ok(value) => {
            Claim::Says { value, source: Source { file: Arc::from(path.display().to_string()), at: Position::Whole } }
        }
        Err(reason) => Claim::Silent { reason },
    }
}

/// What the name of a `System.map-6.1` and a `config-6.1` beside it say of its kernel.
fn named(map: &Path, facts: Facts) -> Facts {
    let name = map.file_name().and_then(|name| name.to_str()).and_then(|name| name.strip_prefix("System.map-"));
    let Some(name) = name else { return facts };
    let whole = |file: &Path| Source { file: Arc::from(file.display().to_string()), at: Position::Whole };
    let release = match Release::from_uname(name) {
        Ok(value) => Claim::Says { value, source: whole(map) },
        Err(_) => return facts,
    };
    let beside = map.with_file_name(format!("config-{name}"));
    let config = match fs::read_to_string(&beside) {
        Ok(text) => Claim::Says { value: options(&text), source: whole(&beside) },
        Err(_) => facts.config,
    };
    Facts { release, config, ..facts }
}

/// The running kernel's options, as it says them itself or its distribution has put them down.
fn running_config() -> Claim<BTreeSet<String>> {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let own = Path::new("/proc/config.gz");
    let packed = fs::read(own).ok().and_then(|bytes| unpacked(&bytes)).map(|text| (own.to_owned(), text));
    let beside = || {
        let release = release.trim();
        let places = [format!("/boot/config-{release}"), format!("/lib/modules/{release}/config")].map(PathBuf::from);
        places.into_iter().find_map(|place| fs::read_to_string(&place).ok().map(|text| (place, text)))
    };
    match packed.or_else(beside) {
        Some((place, text)) => Claim::Says {
            value: options(&text),
            source: Source { file: Arc::from(place.display().to_string()), at: Position::Whole },
        },
        None => Claim::Silent { reason: "the kernel's configuration cannot be read".to_owned() },
    }
}

#[cfg(test)]
mod tests {
    use super::crate_name;

    #[test]
    fn a_crate_is_named_without_its_version() {
        let names = ["libc-0.2.191", "libc-1.0.0", "linux-raw-sys-0.12.1", "linux-raw-sys", "libc"].map(crate_name);
        assert_eq!(names, ["libc", "libc", "linux-raw-sys", "linux-raw-sys", "libc"]);
    }
}
