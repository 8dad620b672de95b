//! Kernels to boot: an image, what a Debian package holds, or what was built in a tree of the kernel's source.

use crate::machine::config_beside;
use crate::tar;
use nix::sys::memfd::{MFdFlags, memfd_create};
use std::ffi::OsStr;
use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A kernel to boot, with its configuration where that is known.
#[derive(Debug)]
pub struct Kernel {
    /// Where an emulator finds the image.
    pub image: PathBuf,
    /// What people know it by.
    pub name: PathBuf,
    /// Its configuration.
    pub config: Option<Vec<u8>>,
    /// An image that lies in memory is there as long as this is open.
    _memory: Option<OwnedFd>,
}

/// Why there is no kernel to boot.
#[derive(Debug)]
pub struct NoKernel {
    /// Where it was looked for.
    pub at: PathBuf,
    /// What is wrong.
    pub why: String,
    /// What to do about it.
    pub help: &'static str,
}

impl fmt::Display for NoKernel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.at.display(), self.why)
    }
}

impl std::error::Error for NoKernel {}

const IMAGE_HELP: &str = "--kernel takes the image that a boot loader would load: vmlinuz or bzImage";
const PACKAGE_HELP: &str =
    "name linux-image-*.deb, or linux-binary-*.deb and linux-base-*.deb with a comma between them";
const TREE_HELP: &str = "build it first: make defconfig bzImage";

impl Kernel {
    /// The image in a file, with the configuration beside it.
    ///
    /// # Errors
    /// When there is no such file, or the configuration cannot be read.
    pub fn of_image(image: &Path) -> Result<Self, NoKernel> {
        if !image.is_file() {
            return Err(NoKernel { at: image.to_owned(), why: "there is no such file".to_owned(), help: IMAGE_HELP });
        }
        let config = config_beside(image).map(|config| read(&config)).transpose()?;
        Ok(Self { image: image.to_owned(), name: image.to_owned(), config, _memory: None })
    }

    /// The image and the configuration that Debian packages hold; they may be in different ones.
    ///
    /// # Errors
    /// When a package cannot be unpacked, or none has an image.
    pub fn of_packages(packages: &[PathBuf]) -> Result<Self, NoKernel> {
        let (mut image, mut config) = (None, None);
        for package in packages {
            let bad = |why: String| NoKernel { at: package.clone(), why, help: PACKAGE_HELP };
            if !package.is_file() {
                return Err(bad("there is no such file".to_owned()));
            }
            unpack(package, &mut |path, content| {
                let slot = match part(path) {
                    Some((Part::Image, name)) if image.is_none() => &mut image.insert((name, Vec::new())).1,
                    Some((Part::Config, _)) if config.is_none() => config.insert(Vec::new()),
                    _ => return Ok(()),
                };
                content.read_to_end(slot).map(|_| ())
            })
            .map_err(|error| bad(error.to_string()))?;
        }
        let Some((name, bytes)) = image else {
            let at = packages.first().cloned().unwrap_or_default();
            return Err(NoKernel { at, why: "no package has an image".to_owned(), help: PACKAGE_HELP });
        };
        let memory = in_memory(&bytes).map_err(|error| NoKernel {
            at: name.clone(),
            why: error.to_string(),
            help: "free some memory",
        })?;
        // The emulator inherits the descriptor under its number.
        let image = PathBuf::from(format!("/proc/self/fd/{}", memory.as_raw_fd()));
        Ok(Self { image, name, config, _memory: Some(memory) })
    }

    /// What was built in a tree of the kernel's source, or in the folder that `O=` named.
    ///
    /// # Errors
    /// When it is no such tree, or nothing was built in it.
    pub fn of_tree(tree: &Path) -> Result<Self, NoKernel> {
        let image = tree.join("arch/x86/boot/bzImage");
        if !image.is_file() {
            return Err(NoKernel { at: image, why: "there is no such file".to_owned(), help: TREE_HELP });
        }
        let config = Some(read(&tree.join(".config"))?);
        Ok(Self { name: image.clone(), image, config, _memory: None })
    }
}

fn read(path: &Path) -> Result<Vec<u8>, NoKernel> {
    fs::read(path).map_err(|error| NoKernel {
        at: path.to_owned(),
        why: format!("the configuration could not be read: {error}"),
        help: "--config names another one",
    })
}

/// What a package's file is to a machine.
#[derive(Debug, PartialEq, Eq)]
enum Part {
    Image,
    Config,
}

/// What a file is, and the name that the kernel goes by: `boot/vmlinuz-RELEASE`, or `vmlinuz` in the folder of its modules.
fn part(path: &Path) -> Option<(Part, PathBuf)> {
    let folder = path.parent()?;
    let (name, above) = (path.file_name()?.to_str()?, folder.parent().and_then(Path::file_name));
    if folder.file_name() == Some(OsStr::new("boot")) {
        let part = match name.split_once('-')?.0 {
            "vmlinuz" => Part::Image,
            "config" => Part::Config,
            _ => return None,
        };
        return Some((part, PathBuf::from(name)));
    }
    let part = match name {
        "vmlinuz" => Part::Image,
        "config" => Part::Config,
        _ => return None,
    };
    let release = folder.file_name()?.to_str()?;
    (above == Some(OsStr::new("modules"))).then(|| (part, PathBuf::from(format!("{name}-{release}"))))
}

fn in_memory(bytes: &[u8]) -> io::Result<OwnedFd> {
    let memory = memfd_create(c"kernel", MFdFlags::empty()).map_err(io::Error::from)?;
    File::from(memory.try_clone()?).write_all(bytes)?;
    Ok(memory)
}

/// Gives each file of a package to `take`.
fn unpack(package: &Path, take: &mut dyn FnMut(&Path, &mut dyn Read) -> io::Result<()>) -> io::Result<()> {
    let mut child = Command::new("dpkg-deb")
        .arg("--fsys-tarfile")
        .arg(package)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| {
            io::Error::new(error.kind(), format!("dpkg-deb, which unpacks it, cannot be started: {error}"))
        })?;
    let files = child.stdout.take().map_or(Ok(()), |out| tar::read(io::BufReader::new(out), take));
    let ended = child.wait_with_output()?;
    if !ended.status.success() {
        let said = String::from_utf8_lossy(&ended.stderr);
        return Err(io::Error::other(said.trim().to_owned()));
    }
    files
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packages_of_both_kinds_are_known() {
        let of = |path: &str| part(Path::new(path)).map(|(part, name)| (part, name.display().to_string()));
        let is = |part, name: &str| Some((part, name.to_owned()));
        assert_eq!(of("./boot/vmlinuz-6.1.0-50-amd64"), is(Part::Image, "vmlinuz-6.1.0-50-amd64"));
        assert_eq!(of("./boot/config-6.1.0-50-amd64"), is(Part::Config, "config-6.1.0-50-amd64"));
        assert_eq!(of("./usr/lib/modules/7.3.4-amd64/vmlinuz"), is(Part::Image, "vmlinuz-7.3.4-amd64"));
        assert_eq!(of("./usr/lib/modules/7.3.4-amd64/config"), is(Part::Config, "config-7.3.4-amd64"));
        for other in
            ["./boot/System.map-6.1", "./usr/share/doc/config", "./lib/modules/6.1/kernel/fs/vmlinuz", "vmlinuz"]
        {
            assert_eq!(of(other), None, "{other}");
        }
    }
}
