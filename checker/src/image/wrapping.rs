//! The wrappings of kernels: boot headers, compressions, and images without any header.

use super::compression::{Budget, Compression};
use super::{Image, elf, kernel};
use crate::btf::{find_btf, is_btf};
use abispec::arch::Arch;
use memchr::memmem;
use std::collections::BTreeSet;

/// Wrappings lie in each other; real ones are three deep.
const DEPTH: usize = 5;

/// Unwraps an image until its type information is found.
///
/// # Errors
/// When there is none.
pub(super) fn unwrap(bytes: &[u8]) -> Result<Image, String> {
    let mut opener = Opener::default();
    match opener.open(bytes, 0) {
        Some(image) => Ok(image),
        None => Err(opener.failure()),
    }
}

#[derive(Default)]
struct Opener {
    budget: Budget,
    wrappings: Vec<String>,
    arch: Option<Arch>,
    banner: Option<String>,
    config: Option<BTreeSet<String>>,
    /// Tries that failed, and why.
    failed: Vec<String>,
    /// Whether a kernel was reached, though without type information.
    kernel: bool,
}

impl Opener {
    fn failure(&self) -> String {
        let inside =
            if self.wrappings.is_empty() { String::new() } else { format!(" ({})", self.wrappings.join(", ")) };
        if self.kernel {
            let which = self.banner.as_deref().unwrap_or("a kernel");
            let which = which.split(" (").next().unwrap_or(which);
            return format!("it is {which}{inside} without type information: it needs CONFIG_DEBUG_INFO_BTF");
        }
        match self.failed.first() {
            Some(reason) => format!("no kernel could be unpacked from it{inside}: {reason}"),
            None => format!("it is neither a kernel image nor type information{inside}"),
        }
    }

    fn image(&self, btf: &[u8], wrapping: Option<&str>) -> Option<Image> {
        let mut wrappings = self.wrappings.clone();
        wrappings.extend(wrapping.map(str::to_owned));
        Some(Image {
            wrappings,
            arch: self.arch,
            banner: self.banner.clone(),
            config: self.config.clone(),
            btf: btf.to_vec(),
        })
    }

    /// Opens one wrapping; the first that leads to type information wins.
    fn open(&mut self, bytes: &[u8], depth: usize) -> Option<Image> {
        if depth > DEPTH {
            return None;
        }
        if is_btf(bytes) {
            return self.image(bytes, None);
        }
        let elf = elf::read(bytes);
        if let Some(elf) = &elf {
            self.arch = elf.arch.or(self.arch);
            if elf.btf.is_some() || depth > 0 {
                self.texts(bytes);
            }
            if let Some(btf) = elf.btf {
                return self.image(btf, Some("ELF"));
            }
        }
        self.arch = header_arch(bytes).or(self.arch);
        let declared = boot_header(bytes, &mut self.banner).or_else(|| zboot(bytes));
        if let Some((name, payload)) = declared
            && let Some(found) = self.within(name, payload, depth)
        {
            return Some(found);
        }
        if let Some(found) = self.packed(bytes, depth) {
            return Some(found);
        }
        if declared.is_none() {
            // A kernel without sections, as arm64, arm and riscv boot it.
            if let Some(btf) = find_btf(bytes) {
                self.texts(bytes);
                return self.image(btf, Some("raw"));
            }
        }
        self.scan(bytes, depth).or_else(|| {
            self.texts(bytes);
            None
        })
    }

    fn texts(&mut self, bytes: &[u8]) {
        let banner = kernel::banner(bytes);
        self.kernel |= banner.is_some();
        self.banner = banner.or(self.banner.take());
        self.config = kernel::config(bytes).or(self.config.take());
    }

    fn within(&mut self, name: &str, payload: &[u8], depth: usize) -> Option<Image> {
        self.wrappings.push(name.to_owned());
        let found = self.packed(payload, depth).or_else(|| self.plain(payload, depth));
        if found.is_none() && !self.kernel {
            self.wrappings.pop();
        }
        found
    }

    /// A payload that was not compressed.
    fn plain(&mut self, payload: &[u8], depth: usize) -> Option<Image> {
        payload.starts_with(b"\x7fELF").then(|| self.open(payload, depth + 1)).flatten()
    }

    /// Unpacks what the bytes begin with.
    fn packed(&mut self, bytes: &[u8], depth: usize) -> Option<Image> {
        let compression = Compression::of(bytes)?;
        if !self.budget.another() {
            return None;
        }
        match compression.unpack(bytes, &mut self.budget) {
            Ok(inner) => {
                self.wrappings.push(compression.name().to_owned());
                let found = self.open(&inner, depth + 1);
                if found.is_none() && !self.kernel {
                    self.wrappings.pop();
                }
                found
            }
            Err(reason) => {
                self.failed.push(format!("{}: {reason}", compression.name()));
                None
            }
        }
    }

    /// Tries every place that looks like the beginning of something compressed.
    fn scan(&mut self, bytes: &[u8], depth: usize) -> Option<Image> {
        let mut places = Vec::new();
        for compression in Compression::ALL {
            places.extend(memmem::find_iter(bytes, compression.mark()).filter(|at| *at > 0));
        }
        places.sort_unstable();
        for at in places {
            if self.kernel || !self.budget.another() {
                return None;
            }
            let rest = bytes.get(at..).unwrap_or_default();
            if let Some(found) = self.packed(rest, depth) {
                return Some(found);
            }
        }
        None
    }
}

fn le16(bytes: &[u8], at: usize) -> Option<usize> {
    bytes.get(at..)?.first_chunk().map(|two| usize::from(u16::from_le_bytes(*two)))
}

fn le32(bytes: &[u8], at: usize) -> Option<usize> {
    bytes.get(at..)?.first_chunk().map(|four| u32::from_le_bytes(*four) as usize)
}

/// The boot header of x86 and what it says to be the payload (Documentation/arch/x86/boot.rst).
fn boot_header<'a>(bytes: &'a [u8], banner: &mut Option<String>) -> Option<(&'static str, &'a [u8])> {
    if bytes.get(0x202..0x206)? != b"HdrS" {
        return None;
    }
    let version = le16(bytes, 0x206)?;
    // A pointer to the release, from the second sector on.
    if let Some(at) = le16(bytes, 0x20e).filter(|at| *at > 0)
        && let Some(text) = bytes.get(at + 0x200..)
        && text.first().is_some_and(u8::is_ascii_digit)
        && let Some(end) = text.iter().take(1000).position(|byte| *byte == 0)
    {
        *banner = Some(format!("{}{}", kernel::BANNER, String::from_utf8_lossy(&text[..end])));
    }
    if version < 0x208 {
        return None;
    }
    let sectors = match bytes.get(0x1f1)? {
        // What a zero has meant since the days of floppy disks.
        0 => 4,
        given => usize::from(*given),
    };
    let start = (sectors + 1).checked_mul(512)?.checked_add(le32(bytes, 0x248)?)?;
    let end = start.checked_add(le32(bytes, 0x24c)?)?;
    Some(("bzImage", bytes.get(start..end)?))
}

/// The EFI wrapping of arm64, riscv and loongarch, which unpacks itself.
fn zboot(bytes: &[u8]) -> Option<(&'static str, &[u8])> {
    if bytes.get(..2)? != b"MZ" || bytes.get(4..8)? != b"zimg" {
        return None;
    }
    let start = le32(bytes, 8)?;
    Some(("EFI zboot", bytes.get(start..start.checked_add(le32(bytes, 12)?)?)?))
}

/// The port that an image without sections names in its boot header.
fn header_arch(bytes: &[u8]) -> Option<Arch> {
    let at = |offset: usize, mark: &[u8]| bytes.get(offset..offset + mark.len()) == Some(mark);
    if at(0x202, b"HdrS") {
        // Bit 0: it can be entered with 64-bit code.
        let wide = le16(bytes, 0x236).is_some_and(|flags| flags & 1 == 1);
        return Some(if wide { Arch::X86_64 } else { Arch::I386 });
    }
    // The EFI wrapping names its machine where every such executable does.
    let machine = (at(0, b"MZ")).then(|| le32(bytes, 0x3c)).flatten().filter(|pe| at(*pe, b"PE\0\0"));
    let machine = machine.and_then(|pe| le16(bytes, pe.checked_add(4)?));
    match machine {
        Some(0xaa64) => return Some(Arch::Arm64),
        Some(0x5064) => return Some(Arch::Riscv64),
        Some(0x5032) => return Some(Arch::Riscv32),
        Some(0x6264) => return Some(Arch::Loongarch64),
        Some(0x01c0 | 0x01c2 | 0x01c4) => return Some(Arch::Arm),
        Some(_) | None => {}
    }
    if at(0x38, b"ARM\x64") {
        Some(Arch::Arm64)
    } else if at(0x38, b"RSC\x05") {
        Some(Arch::Riscv64)
    } else if at(0x24, &[0x18, 0x28, 0x6f, 0x01]) {
        Some(Arch::Arm)
    } else {
        None
    }
}
