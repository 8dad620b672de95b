//! The compressions that kernels are packed with, each known by its mark, and how much may be unpacked.

use super::{lz4, lzop};
use std::io::{self, Read};

/// Bytes that may be unpacked for one image, failed tries included. A kernel with all its type information has 80 MiB.
pub(super) const LIMIT: usize = 512 << 20;

/// Kibibytes that the dictionary of xz or lzma may take.
const DICTIONARY: u32 = 256 << 10;

/// How many marks may be tried in one image.
const TRIES: u32 = 256;

/// What may still be unpacked.
#[derive(Debug)]
pub(super) struct Budget {
    bytes: usize,
    tries: u32,
}

impl Default for Budget {
    fn default() -> Self {
        Self { bytes: LIMIT, tries: TRIES }
    }
}

impl Budget {
    /// Takes some bytes out.
    ///
    /// # Errors
    /// When fewer are left.
    pub(super) fn spend(&mut self, bytes: usize) -> Result<(), String> {
        match self.bytes.checked_sub(bytes) {
            Some(left) => {
                self.bytes = left;
                Ok(())
            }
            None => {
                self.bytes = 0;
                Err(format!("it unpacks to more than {} MiB", LIMIT >> 20))
            }
        }
    }

    /// Whether another mark may be tried.
    pub(super) fn another(&mut self) -> bool {
        self.tries = self.tries.saturating_sub(1);
        self.tries > 0 && self.bytes > 0
    }
}

/// A compression.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Compression {
    Gzip,
    Xz,
    Lzma,
    Bzip2,
    Lzop,
    Lz4,
    Zstd,
}

impl Compression {
    pub(super) const ALL: [Self; 7] =
        [Self::Gzip, Self::Xz, Self::Zstd, Self::Lz4, Self::Bzip2, Self::Lzop, Self::Lzma];

    /// The name in messages.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Xz => "xz",
            Self::Lzma => "lzma",
            Self::Bzip2 => "bzip2",
            Self::Lzop => "lzo",
            Self::Lz4 => "lz4",
            Self::Zstd => "zstd",
        }
    }

    /// How it begins.
    pub(super) const fn mark(self) -> &'static [u8] {
        match self {
            Self::Gzip => &[0x1f, 0x8b, 8],
            Self::Xz => &[0xfd, b'7', b'z', b'X', b'Z', 0],
            // The parameters that xz-utils uses at every level.
            Self::Lzma => &[0x5d, 0, 0],
            Self::Bzip2 => b"BZh",
            Self::Lzop => &lzop::MARK,
            Self::Lz4 => &lz4::MARK,
            Self::Zstd => &[0x28, 0xb5, 0x2f, 0xfd],
        }
    }

    /// The compression that bytes begin with.
    pub(super) fn of(bytes: &[u8]) -> Option<Self> {
        Self::ALL.into_iter().find(|one| bytes.starts_with(one.mark()) && one.is_likely(bytes))
    }

    /// Looks a little further where the mark is short.
    fn is_likely(self, bytes: &[u8]) -> bool {
        match self {
            // Flags beyond those that are defined are no gzip.
            Self::Gzip => bytes.get(3).is_some_and(|flags| flags & 0xe0 == 0),
            Self::Bzip2 => {
                bytes.get(3).is_some_and(u8::is_ascii_digit) && bytes.get(4..10) == Some(b"\x31\x41\x59\x26\x53\x59")
            }
            // An unpacked size of eight bytes follows, or that it is unknown.
            Self::Lzma => bytes
                .get(5..13)
                .and_then(|size| size.try_into().ok())
                .map(u64::from_le_bytes)
                .is_some_and(|size| size == u64::MAX || (1..=LIMIT as u64).contains(&size)),
            Self::Xz | Self::Lzop | Self::Lz4 | Self::Zstd => true,
        }
    }

    /// Unpacks what bytes begin with; what follows is not looked at.
    ///
    /// # Errors
    /// When it is broken, or the budget is spent.
    pub(super) fn unpack(self, bytes: &[u8], budget: &mut Budget) -> Result<Vec<u8>, String> {
        let text = |error: io::Error| error.to_string();
        match self {
            Self::Gzip => drain(flate2::bufread::GzDecoder::new(bytes), budget),
            Self::Xz => drain(lzma_rust2::XzReader::new_mem_limit(bytes, false, DICTIONARY), budget),
            Self::Lzma => drain(lzma_rust2::LzmaReader::new_mem_limit(bytes, DICTIONARY, None).map_err(text)?, budget),
            Self::Bzip2 => drain(bzip2::bufread::BzDecoder::new(bytes), budget),
            Self::Zstd => {
                let decoder = ruzstd::decoding::StreamingDecoder::new(bytes).map_err(|error| error.to_string())?;
                drain(decoder, budget)
            }
            Self::Lzop => lzop::unpack(bytes, budget),
            Self::Lz4 => lz4::unpack(bytes, budget),
        }
    }
}

fn drain(mut reader: impl Read, budget: &mut Budget) -> Result<Vec<u8>, String> {
    let mut out = Vec::new();
    let mut buffer = vec![0; 256 << 10];
    loop {
        let read = reader.read(&mut buffer).map_err(|error| error.to_string())?;
        if read == 0 {
            return Ok(out);
        }
        budget.spend(read)?;
        out.extend_from_slice(&buffer[..read]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    #[test]
    fn what_unpacks_without_end_is_given_up() {
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packed.write_all(&vec![0; 2 << 20]).unwrap();
        let packed = packed.finish().unwrap();
        let mut budget = Budget { bytes: 3 << 20, tries: 10 };
        assert!(Compression::Gzip.unpack(&packed, &mut budget).is_ok());
        let error = Compression::Gzip.unpack(&packed, &mut budget).unwrap_err();
        assert_eq!(error, "it unpacks to more than 512 MiB");
        assert!(!budget.another());
    }

    #[test]
    fn short_marks_are_looked_at_closely() {
        assert_eq!(Compression::of(&[0x1f, 0x8b, 8, 0]), Some(Compression::Gzip));
        assert_eq!(Compression::of(&[0x1f, 0x8b, 8, 0xe0]), None);
        assert_eq!(Compression::of(b"BZhello, world"), None);
        assert_eq!(Compression::of(&[0x5d, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 1]), None);
        assert_eq!(Compression::of(&[0x5d, 0, 0, 0, 4, 0, 0, 1, 0, 0, 0, 0, 0]), Some(Compression::Lzma));
    }
}
