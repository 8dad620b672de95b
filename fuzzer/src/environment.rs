//! What this machine is, as far as it decides what a call may answer: release, configuration, and what stands between.

use crate::exec::Entry;
use abispec::arch::Arch;
use abispec::target::Target;
use abispec::version::Release;
use flate2::read::GzDecoder;
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::Read;

/// A fingerprint of the machine.
#[derive(Clone, Debug)]
pub struct Environment {
    /// The kernel's own name for its release.
    pub release_text: String,
    /// The release.
    pub release: Release,
    /// Kernel options that are y or m, where the configuration can be read.
    pub config: Option<BTreeSet<String>>,
    /// Active security modules, where they can be read.
    pub security_modules: Option<String>,
    /// Whether a seccomp filter already sits on this process.
    pub filtered: bool,
    /// What kind of container this is, if it is one.
    pub container: Option<String>,
}

impl Environment {
    /// Looks at this machine.
    ///
    /// # Errors
    /// When the kernel's release cannot be read.
    pub fn of_this_machine() -> Result<Self, String> {
        let read = |path: &str| fs::read_to_string(path).ok().map(|text| text.trim().to_owned());
        let names =
            nix::sys::utsname::uname().map_err(|error| format!("the kernel does not say its release: {error}"))?;
        let release_text = names.release().to_string_lossy().into_owned();
        let release = Release::from_uname(&release_text).map_err(|error| error.to_string())?;
        let status = read("/proc/self/status").unwrap_or_default();
        let filtered = status.lines().any(|line| line.starts_with("Seccomp:") && !line.ends_with('0'));
        Ok(Self {
            config: config(&release_text),
            release_text,
            release,
            security_modules: read("/sys/kernel/security/lsm").filter(|text| !text.is_empty()),
            filtered,
            container: container(),
        })
    }

    /// What the specification is resolved for.
    pub fn target(&self) -> Target {
        self.target_through(Entry::Native)
    }

    /// What the specification is resolved for where programs take this entry.
    pub fn target_through(&self, entry: Entry) -> Target {
        let arch = match entry {
            Entry::Native | Entry::Vdso => Arch::NATIVE,
            Entry::Ia32 => Arch::I386,
        };
        Target { config: self.config.clone(), caller: Arch::NATIVE, ..Target::new(arch, self.release) }
    }
}

/// The running kernel's options.
fn config(release: &str) -> Option<BTreeSet<String>> {
    let mut text = String::new();
    let packed = File::open("/proc/config.gz").ok();
    let unpacked = packed.and_then(|file| GzDecoder::new(file).read_to_string(&mut text).ok());
    if unpacked.is_none() {
        text = [format!("/boot/config-{release}"), format!("/lib/modules/{release}/config")]
            .iter()
            .find_map(|path| fs::read_to_string(path).ok())?;
    }
    let set = |line: &str| {
        let (name, value) = line.split_once('=')?;
        matches!(value, "y" | "m").then(|| name.to_owned())
    };
    Some(text.lines().filter_map(set).collect())
}

fn container() -> Option<String> {
    let said = fs::read_to_string("/run/systemd/container").ok().map(|text| text.trim().to_owned());
    said.or_else(|| fs::exists("/.dockerenv").unwrap_or(false).then(|| "docker".to_owned()))
        .or_else(|| fs::exists("/run/.containerenv").unwrap_or(false).then(|| "podman".to_owned()))
}
