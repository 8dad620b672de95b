//! The witnesses that are found on a machine.

use crate::facts::{Claim, Facts, Position, Source, WitnessKind};
use crate::files::Folder;
use crate::headers::read_headers;
use crate::image::read_image;
use crate::man::read_man;
use crate::tracefs::read_tracefs;
use abispec::arch::Arch;
use abispec::model::Spec;
use abispec::version::Release;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Where the running kernel shows its type information.
const RUNNING: &str = "/sys/kernel/btf/vmlinux";

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
    /// A folder of man pages.
    pub man: Option<PathBuf>,
    /// The file that names the running kernel's release.
    pub release: PathBuf,
}

impl Default for Places {
    fn default() -> Self {
        Self {
            arch: None,
            headers: Some(PathBuf::from("/usr/include")),
            btf: Some(PathBuf::from(RUNNING)),
            kernel: None,
            tracefs: Some(PathBuf::from("/sys/kernel/tracing")),
            // Pages describe no kernel in particular: only who asks for them is told what they lack.
            man: None,
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

/// Looks for every witness. Of the kernel's many types and calls, those that the specification names are read.
pub fn witnesses_of_this_machine(places: &Places, spec: &Spec) -> Vec<Witness> {
    let names = names_of(spec);
    let wanted = |name: &str| names.contains(name);
    let release = running_release(&places.release);
    let running = |facts: Result<Facts, String>| facts.map(|facts| Facts { release: release.clone(), ..facts });
    let mut found = Vec::new();
    let mut add = |kind, place: &Option<PathBuf>, read: &dyn Fn(&Path) -> Result<Facts, String>| {
        if let Some(place) = place {
            found.push(Witness { kind, place: place.clone(), facts: read(place) });
        }
    };
    add(WitnessKind::Headers, &places.headers, &|place| read_headers(place, places.arch.unwrap_or(Arch::NATIVE)));
    add(WitnessKind::Btf, &places.btf, &|place| {
        if place == Path::new(RUNNING) {
            running(read_image(place, Some(Arch::NATIVE), &wanted))
        } else {
            read_image(place, places.arch, &wanted)
        }
    });
    add(WitnessKind::Btf, &places.kernel, &|place| read_image(place, places.arch, &wanted));
    add(WitnessKind::Tracefs, &places.tracefs, &|place| running(read_tracefs(place, Arch::NATIVE, &wanted)));
    add(WitnessKind::Man, &places.man, &|place| {
        read_man(&Folder(place.to_path_buf()), places.arch.unwrap_or(Arch::NATIVE))
    });
    found
}

/// Every name that a check may ask the kernel's own witnesses for.
pub fn names_of(spec: &Spec) -> BTreeSet<&str> {
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
