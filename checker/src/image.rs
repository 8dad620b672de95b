//! A kernel image as a witness: vmlinux, vmlinuz in any of its wrappings, or type information alone.
//!
//! What is looked for is the kernel's type information ([`crate::btf`]). An image also says of which port, release and
//! configuration it is.

mod compression;
mod elf;
mod kernel;
mod lz4;
mod lzop;
mod wrapping;

pub(crate) use kernel::{options, unpacked};

use crate::btf::{Btf, Order, facts_of};
use crate::facts::{Claim, Facts, Position, Source};
use abispec::arch::{Arch, DataModel};
use abispec::version::Release;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A kernel image, unwrapped as far as its type information.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// The wrappings from the outside to the inside: `bzImage`, `zstd`, `ELF`.
    pub wrappings: Vec<String>,
    /// The port, where a header names it.
    pub arch: Option<Arch>,
    /// What the kernel says about itself: `Linux version 6.12.117 (...) ...`.
    pub banner: Option<String>,
    /// The options that are y or m, where the image carries its configuration.
    pub config: Option<BTreeSet<String>>,
    /// The type information.
    pub btf: Vec<u8>,
}

impl Image {
    /// Takes an image apart. At most 512 MiB are decompressed.
    ///
    /// # Errors
    /// When no type information is found; the message says how far the image was understood.
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        wrapping::unwrap(bytes)
    }

    /// The release that the banner names.
    ///
    /// # Errors
    /// When there is no banner, or it begins with no release.
    pub fn release(&self) -> Result<Release, String> {
        let banner = self.banner.as_deref().ok_or("the image does not say of which release it is")?;
        let text = banner.trim_start_matches(kernel::BANNER);
        Release::from_uname(text).map_err(|error| error.to_string())
    }
}

/// Reads a kernel image or a file of type information; `arch` says of which port it is taken to be, where the image does
/// not say it. See [`crate::btf::read_btf_bytes`] for `wanted`.
///
/// # Errors
/// When it cannot be read, holds no type information, or is of another port than `arch`.
pub fn read_image(path: &Path, arch: Option<Arch>, wanted: &dyn Fn(&str) -> bool) -> Result<Facts, String> {
    let shown = path.display().to_string();
    // Files of sysfs say that they are large or empty; only reading tells.
    let bytes = fs::read(path).map_err(|error| format!("{shown}: {error}"))?;
    let mut facts = read_image_bytes(&shown, &bytes, arch, wanted)?;
    if matches!(facts.config, Claim::Silent { .. })
        && let Some((file, config)) = beside(path)
    {
        let source = Source { file: Arc::from(file.display().to_string()), at: Position::Whole };
        facts.config = Claim::Says { value: config, source };
    }
    Ok(facts)
}

/// Reads a kernel image from memory; see [`read_image`].
///
/// # Errors
/// When it holds no type information or is of another port than `arch`.
pub fn read_image_bytes(
    witness: &str,
    bytes: &[u8],
    arch: Option<Arch>,
    wanted: &dyn Fn(&str) -> bool,
) -> Result<Facts, String> {
    let image = Image::parse(bytes).map_err(|reason| format!("{witness}: {reason}"))?;
    let btf = Btf::parse(&image.btf).map_err(|reason| format!("{witness}: {reason}"))?;
    let port = port(&image, &btf, arch).map_err(|reason| format!("{witness}: {reason}"))?;
    let mut facts = facts_of(witness, &btf, port, wanted);
    let source = Source { file: Arc::from(witness), at: Position::Whole };
    facts.release = match image.release() {
        Ok(value) => Claim::Says { value, source: source.clone() },
        Err(reason) => Claim::Silent { reason },
    };
    if let Some(value) = image.config {
        facts.config = Claim::Says { value, source };
    }
    Ok(facts)
}

fn port(image: &Image, btf: &Btf<'_>, asked: Option<Arch>) -> Result<Arch, String> {
    match (image.arch, asked) {
        (Some(found), Some(asked)) if found != asked => {
            Err(format!("it is a kernel of {found}, not of {asked}; leave out `--arch` or name another image"))
        }
        (Some(found), _) => Ok(found),
        (None, asked) => {
            let arch = asked.unwrap_or(Arch::NATIVE);
            let fits = |word: DataModel| word == arch.data_model();
            // Powerpc runs in both orders with one ABI of layouts and numbers.
            let order = btf.order() == if arch.is_big_endian() { Order::Big } else { Order::Little };
            let order =
                order || matches!(arch, Arch::Powerpc64 | Arch::Arm | Arch::Arm64 | Arch::MipsO32 | Arch::MipsN64);
            if btf.data_model().is_some_and(|model| !fits(model)) || !order {
                let word = btf.data_model().map_or("unknown", |model| match model {
                    DataModel::Lp64 => "64",
                    DataModel::Ilp32 => "32",
                });
                let order = match btf.order() {
                    Order::Big => "big",
                    Order::Little => "little",
                };
                return Err(format!(
                    "it is of a kernel with {word}-bit words, {order}-endian, which {arch} is not; name its port with `--arch`"
                ));
            }
            Ok(arch)
        }
    }
}

/// The configuration that distributions put beside an image: `config-6.1` beside `vmlinuz-6.1`, `config` beside
/// `vmlinuz`, `.config` beside `vmlinux` or above `arch/x86/boot/bzImage`.
fn beside(path: &Path) -> Option<(PathBuf, BTreeSet<String>)> {
    let name = path.file_name()?.to_str()?;
    let folder = path.parent()?;
    let mut places = Vec::new();
    for stem in ["vmlinuz", "vmlinux", "bzImage", "Image", "Image.gz", "zImage"] {
        match name.strip_prefix(stem) {
            Some("") => places.extend([folder.join("config"), folder.join(".config"), folder.join("../../../.config")]),
            Some(suffix) if suffix.starts_with('-') => places.push(folder.join(format!("config{suffix}"))),
            Some(_) | None => {}
        }
    }
    places.into_iter().find_map(|place| {
        let text = fs::read_to_string(&place).ok()?;
        Some((place, options(&text)))
    })
}
