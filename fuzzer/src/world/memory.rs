//! The caller's memory as bytes.

/// Memory at one moment.
pub trait Memory {
    /// Reads bytes; false if not all of them are known.
    fn read(&self, address: u64, bytes: &mut [u8]) -> bool;

    /// Whether the caller, and the kernel for it, can read and write the range.
    fn access(&self, address: u64, len: u64) -> (Option<bool>, Option<bool>);
}

/// Below this address nothing is mapped unless a program does it.
pub const LOW: u64 = 0x1_0000;

/// Where an address range begins and ends, and what may be done there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Region {
    /// First byte.
    pub start: u64,
    /// First byte behind it.
    pub end: u64,
    /// Whether it can be read.
    pub read: bool,
    /// Whether it can be written.
    pub write: bool,
}

/// Regions whose protection is known: arena cells and their guards. Below [`LOW`] and from the end of the address space
/// nothing is mapped; elsewhere nothing is known.
#[derive(Clone, Debug)]
pub struct Regions {
    list: Vec<Region>,
    task_size: u64,
}

impl Regions {
    /// Regions in any order, without overlap.
    pub fn new(mut list: Vec<Region>, task_size: u64) -> Self {
        list.sort_unstable_by_key(|region| region.start);
        Self { list, task_size }
    }

    /// Whether a range can be read and written.
    pub fn access(&self, address: u64, len: u64) -> (Option<bool>, Option<bool>) {
        if len == 0 {
            return (Some(true), Some(true));
        }
        let end = match address.checked_add(len) {
            Some(end) if end <= self.task_size => end,
            _ => return (Some(false), Some(false)),
        };
        if address < LOW {
            return (Some(false), Some(false));
        }
        let (mut readable, mut writable, mut at) = (true, true, address);
        let first = self.list.partition_point(|region| region.end <= address);
        for region in self.list.iter().skip(first).take_while(|region| region.start < end) {
            if region.start > at {
                break;
            }
            readable &= region.read;
            writable &= region.write;
            at = region.end;
        }
        let known = |so_far: bool| if at >= end || !so_far { Some(so_far) } else { None };
        (known(readable), known(writable))
    }
}

/// Memory as one slice of bytes and the protection around it.
#[derive(Clone, Copy, Debug)]
pub struct Snapshot<'a> {
    /// What may be done where.
    pub regions: &'a Regions,
    /// Address of the first byte.
    pub base: u64,
    /// The bytes.
    pub bytes: &'a [u8],
}

impl Memory for Snapshot<'_> {
    fn read(&self, address: u64, bytes: &mut [u8]) -> bool {
        let range = address.checked_sub(self.base).and_then(|start| {
            let start = usize::try_from(start).ok()?;
            self.bytes.get(start..start.checked_add(bytes.len())?)
        });
        match range {
            Some(range) if self.regions.access(address, bytes.len() as u64).0 == Some(true) => {
                bytes.copy_from_slice(range);
                true
            }
            _ => false,
        }
    }

    fn access(&self, address: u64, len: u64) -> (Option<bool>, Option<bool>) {
        self.regions.access(address, len)
    }
}

/// Memory of which nothing is known.
#[derive(Clone, Copy, Debug)]
pub struct Dark;

impl Memory for Dark {
    fn read(&self, _: u64, _: &mut [u8]) -> bool {
        false
    }

    fn access(&self, _: u64, _: u64) -> (Option<bool>, Option<bool>) {
        (None, None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASE: u64 = 0x10_0000;

    fn regions() -> Regions {
        let region = |page: u64, pages: u64, read, write| Region {
            start: BASE + page * 4096,
            end: BASE + (page + pages) * 4096,
            read,
            write,
        };
        // The last page is a hole: nothing is known of it.
        Regions::new(vec![region(1, 1, true, false), region(0, 1, true, true), region(2, 1, false, false)], 1 << 47)
    }

    #[test]
    fn what_can_be_accessed() {
        let regions = regions();
        let (yes, no) = (Some(true), Some(false));
        let table: &[(u64, u64, Option<bool>, Option<bool>)] = &[
            (BASE, 4096, yes, yes),
            (BASE, 4097, yes, no),
            (BASE + 4096, 4096, yes, no),
            (BASE + 4096, 4097, no, no),
            (BASE + 3 * 4096, 1, None, None),
            (BASE - 1, 2, None, None),
            (0, 1, no, no),
            (0, 0, yes, yes),
            (u64::MAX, 2, no, no),
            (1 << 47, 1, no, no),
            ((1 << 47) - 1, 1, None, None),
        ];
        for (address, len, read, write) in table {
            assert_eq!(regions.access(*address, *len), (*read, *write), "{address:#x}+{len}");
        }
    }

    #[test]
    fn bytes_are_read_where_they_are_readable() {
        let regions = regions();
        let mut bytes = vec![0; 3 * 4096];
        bytes[4095] = 7;
        bytes[4096] = 8;
        let snapshot = Snapshot { regions: &regions, base: BASE, bytes: &bytes };
        let mut two = [0; 2];
        assert!(snapshot.read(BASE + 4095, &mut two));
        assert_eq!(two, [7, 8]);
        assert!(!snapshot.read(BASE + 2 * 4096 - 1, &mut two));
        assert!(!snapshot.read(BASE - 1, &mut two));
        assert!(!Dark.read(BASE, &mut two));
    }
}
