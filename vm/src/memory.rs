//! A guest's memory, which its host still has when the guest has ended.

use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::unistd::{Whence, ftruncate, lseek};
use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;

/// Bytes of a page.
const PAGE: usize = 4096;
/// Bytes that are read at once.
const CHUNK: usize = 256 * PAGE;
/// Pages that are picked at most: a broken guest may have filled its memory with them.
const MOST: usize = 16_384;

/// The memory of a guest. It is no file of the host's, and gone with the last process that has it open.
#[derive(Debug)]
pub struct Memory {
    memory: File,
    /// Mebibytes.
    size: u32,
}

impl Memory {
    /// Memory of so many mebibytes, none of it used yet.
    ///
    /// # Errors
    /// When the host has none.
    pub fn of(mebibytes: u32) -> io::Result<Self> {
        let memory = memfd_create(c"guest", MFdFlags::empty())?;
        ftruncate(&memory, i64::from(mebibytes) << 20)?;
        Ok(Self { memory: File::from(memory), size: mebibytes })
    }

    /// Options of the emulator that make it the guest's.
    pub(crate) fn options(&self) -> [String; 6] {
        let place = format!("/proc/self/fd/{}", self.memory.as_raw_fd());
        let size = self.size;
        let object = format!("memory-backend-file,id=memory,size={size}M,mem-path={place},share=on");
        ["-object".into(), object, "-machine".into(), "memory-backend=memory".into(), "-m".into(), format!("{size}M")]
    }

    /// The pages, 4096 bytes each, that `wanted` picks.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn pages(&self, wanted: &dyn Fn(&[u8]) -> bool) -> io::Result<Vec<Vec<u8>>> {
        let end = u64::from(self.size) << 20;
        let mut found = Vec::new();
        let mut chunk = vec![0; CHUNK];
        let mut at = self.used(0)?;
        while let Some(from) = at.filter(|at| *at < end) {
            let length = usize::try_from(end - from).unwrap_or(CHUNK).min(CHUNK);
            let chunk = chunk.get_mut(..length).unwrap_or_default();
            self.memory.read_exact_at(chunk, from)?;
            for page in chunk.chunks(PAGE).filter(|page| wanted(page)) {
                if found.len() == MOST {
                    return Ok(found);
                }
                found.push(page.to_vec());
            }
            at = self.used(from + length as u64)?;
        }
        Ok(found)
    }

    /// The first place from `at` on that the guest has ever used.
    fn used(&self, at: u64) -> io::Result<Option<u64>> {
        let offset = i64::try_from(at).map_err(io::Error::other)?;
        match lseek(&self.memory, offset, Whence::SeekData) {
            Ok(found) => Ok(u64::try_from(found).ok()),
            Err(nix::errno::Errno::ENXIO) => Ok(None),
            Err(errno) => Err(errno.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_found_wherever_they_lie() {
        let memory = Memory::of(64).expect("memory");
        let mark = |page: &[u8]| page.starts_with(b"here");
        assert!(memory.pages(&mark).expect("it can be read").is_empty());
        for number in [0_u64, 1, 300, 16_383] {
            let text = format!("here {number}");
            memory.memory.write_all_at(text.as_bytes(), number * PAGE as u64).expect("it can be written");
        }
        memory.memory.write_all_at(b"here too", 77 * PAGE as u64 + 8).expect("it can be written");
        let found = memory.pages(&mark).expect("it can be read");
        let texts: Vec<_> = found.iter().map(|page| String::from_utf8_lossy(&page[..12]).into_owned()).collect();
        let texts: Vec<_> = texts.iter().map(|text| text.trim_end_matches('\0')).collect();
        assert_eq!(texts, ["here 0", "here 1", "here 300", "here 16383"]);
        assert!(found.iter().all(|page| page.len() == PAGE));
    }
}
