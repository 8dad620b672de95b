//! A small encoder of the kernel's type information, for tests.

/// Writes type information.
#[derive(Default)]
pub(crate) struct Encoder {
    types: Vec<u32>,
    count: u32,
    names: Vec<u8>,
}

impl Encoder {
    /// Nothing so far.
    pub(crate) fn new() -> Self {
        Self { names: vec![0], ..Self::default() }
    }

    /// The offset of a name.
    pub(crate) fn name(&mut self, text: &str) -> u32 {
        if text.is_empty() {
            return 0;
        }
        let at = self.names.len() as u32;
        self.names.extend(text.bytes().chain([0]));
        at
    }

    /// Adds a type; returns its number.
    pub(crate) fn add(&mut self, name: &str, kind: u32, flag: bool, length: usize, value: u32, data: &[u32]) -> u32 {
        let name = self.name(name);
        self.types.extend([name, u32::from(flag) << 31 | kind << 24 | length as u32, value]);
        self.types.extend(data);
        self.count += 1;
        self.count
    }

    /// Adds a struct of (name, type, place) members.
    pub(crate) fn record(&mut self, name: &str, size: u32, flag: bool, members: &[(&str, u32, u32)]) -> u32 {
        let data: Vec<u32> = members.iter().flat_map(|(name, ty, at)| [self.name(name), *ty, *at]).collect();
        self.add(name, 4, flag, members.len(), size, &data)
    }

    /// The whole, in either byte order.
    pub(crate) fn bytes(&self, big: bool) -> Vec<u8> {
        let word = |number: u32| if big { number.to_be_bytes() } else { number.to_le_bytes() };
        let magic: u16 = 0xeb9f;
        let mut out = if big { magic.to_be_bytes() } else { magic.to_le_bytes() }.to_vec();
        out.extend([1, 0]);
        let length = self.types.len() as u32 * 4;
        for number in [24, 0, length, length, self.names.len() as u32] {
            out.extend(word(number));
        }
        self.types.iter().for_each(|number| out.extend(word(*number)));
        out.extend(&self.names);
        out
    }

    /// Adds a function with (name, type) parameters.
    pub(crate) fn function(&mut self, name: &str, returns: u32, params: &[(&str, u32)]) -> u32 {
        let data: Vec<u32> = params.iter().flat_map(|(name, ty)| [self.name(name), *ty]).collect();
        let prototype = self.add("", 13, false, params.len(), returns, &data);
        self.add(name, 12, false, 0, prototype, &[])
    }
}
