//! What waits in a pipe.
//!
//! A pipe holds pages, not bytes: a write may fill up the last page if its odd part fits there, and starts pages of its own
//! otherwise. Following the pages makes `room` exact: a write of n bytes goes in whole if and only if n is at most the free
//! pages plus what is left of the last one.

/// Pages of a new pipe.
const SLOTS: usize = 16;

/// The contents of a pipe or FIFO.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pages {
    /// Bytes to be read.
    available: Option<u64>,
    /// Bytes to be read in each page.
    lens: [u32; SLOTS],
    count: usize,
    /// Where the data of the last page ends.
    end: u32,
    /// Whether the pages are as described.
    exact: bool,
}

impl Default for Pages {
    fn default() -> Self {
        Self { available: Some(0), lens: [0; SLOTS], count: 0, end: 0, exact: true }
    }
}

impl Pages {
    /// Bytes that a read could return.
    pub fn available(&self) -> Option<u64> {
        self.available
    }

    /// Bytes that a write could put without waiting.
    pub fn room(&self, page: u64) -> Option<u64> {
        if !self.exact {
            return None;
        }
        let rest = if self.count == 0 { 0 } else { page.saturating_sub(u64::from(self.end)) };
        Some((SLOTS - self.count) as u64 * page + rest)
    }

    /// Whether a write found no page left.
    pub fn full(&self) -> bool {
        self.exact && self.count == SLOTS
    }

    /// Puts bytes in; `None` is an unknown number.
    pub fn queue(&mut self, bytes: Option<u64>, page: u64) {
        let Some(bytes) = bytes else { return self.forget() };
        self.available = self.available.and_then(|available| available.checked_add(bytes));
        let mut left = bytes;
        let odd = left % page;
        if self.count > 0 && odd > 0 && u64::from(self.end) + odd <= page {
            self.lens[self.count - 1] += odd as u32;
            self.end += odd as u32;
            left -= odd;
        }
        while self.exact && left > 0 {
            if self.count == SLOTS {
                self.exact = false;
                return;
            }
            let part = left.min(page) as u32;
            self.lens[self.count] = part;
            self.count += 1;
            self.end = part;
            left -= u64::from(part);
        }
    }

    /// Takes bytes out.
    pub fn drain(&mut self, bytes: Option<u64>) {
        let Some(bytes) = bytes else { return self.forget() };
        match self.available {
            Some(available) if available >= bytes => self.available = Some(available - bytes),
            _ => return self.forget(),
        }
        let mut left = bytes;
        while self.exact && left > 0 {
            let taken = left.min(u64::from(self.lens[0]));
            self.lens[0] -= taken as u32;
            left -= taken;
            if self.lens[0] == 0 {
                self.lens.rotate_left(1);
                self.count = self.count.saturating_sub(1);
            }
        }
        if self.available == Some(0) && self.exact {
            self.count = 0;
        }
    }

    /// Makes the division into pages unknown.
    pub fn blur(&mut self) {
        self.exact = false;
    }

    /// Makes everything unknown.
    pub fn forget(&mut self) {
        self.available = None;
        self.exact = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: u64 = 4096;

    /// Writes are positive, reads negative; then available and room.
    const CASES: &[(&[i64], u64, u64)] = &[
        (&[], 0, 65536),
        (&[1], 1, 65535),
        (&[1, 1], 2, 65534),
        (&[1, -1], 0, 65536),
        (&[1, 4096], 4097, 57344),
        (&[4095, 2], 4097, 61440 - 2),
        (&[100, -99], 1, 65436),
        (&[5000, -4096], 904, 61440 + 4096 - 904),
        (&[65536], 65536, 0),
        (&[65536, -1], 65535, 0),
        (&[65536, -4096], 61440, 4096),
    ];

    #[test]
    fn room_follows_the_pages() {
        for (steps, available, room) in CASES {
            let mut pages = Pages::default();
            for step in *steps {
                let bytes = Some(step.unsigned_abs());
                if *step > 0 { pages.queue(bytes, PAGE) } else { pages.drain(bytes) }
            }
            assert_eq!((pages.available(), pages.room(PAGE)), (Some(*available), Some(*room)), "{steps:?}");
        }
    }

    #[test]
    fn what_cannot_be_is_unknown() {
        let mut pages = Pages::default();
        pages.drain(Some(1));
        assert_eq!((pages.available(), pages.room(PAGE)), (None, None));
        let mut pages = Pages::default();
        pages.queue(Some(70000), PAGE);
        assert_eq!((pages.available(), pages.room(PAGE)), (Some(70000), None));
    }
}
