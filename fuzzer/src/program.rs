//! Programs: short lists of calls whose arguments may refer to the results of earlier ones.

use abispec::target::Resolved;
use serde::{Deserialize, Serialize};

/// A list of calls, made in order by one process.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Program {
    /// The calls.
    pub calls: Vec<Invocation>,
}

/// One call with its arguments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invocation {
    /// Index into [`Resolved::calls`].
    pub call: usize,
    /// One argument per parameter.
    pub args: Vec<Argument>,
}

/// What is put into a register.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Argument {
    /// A number, all 64 bits of it.
    Number(u64),
    /// What an earlier call of the program gave.
    Result {
        /// Index of that call in the program.
        of: usize,
        /// Which of its outputs.
        output: Output,
        /// What the upper half of the register holds; `None` leaves the sign extension.
        high: Option<u32>,
    },
    /// The address of memory made for this argument.
    Block(Block),
}

/// An output of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Output {
    /// The returned value.
    Ret,
    /// A 32-bit integer that the call writes.
    Written {
        /// The pointer parameter.
        param: u8,
        /// Bytes from where it points to.
        offset: u32,
    },
}

/// Memory for an argument.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    /// What it holds before the call.
    pub bytes: Vec<u8>,
    /// Where it lies.
    pub placement: Placement,
    /// Pointers inside it: at this offset, the address of another block.
    pub links: Vec<(u32, Self)>,
}

/// Where a block lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Placement {
    /// Between red zones.
    Middle,
    /// So that this many of its bytes lie before an inaccessible page; the others do not exist.
    Edge(u32),
    /// On a page that can only be read.
    ReadOnly,
}

impl Block {
    /// A block between red zones.
    pub fn new(bytes: Vec<u8>) -> Self {
        Self { bytes, placement: Placement::Middle, links: Vec::new() }
    }

    /// A NUL-terminated text.
    pub fn text(text: &[u8]) -> Self {
        let mut bytes = text.to_vec();
        bytes.push(0);
        Self::new(bytes)
    }

    /// The little-endian number of so many bytes, eight at most, that lies at an offset; `None` beyond the block.
    pub fn word(&self, at: usize, bytes: usize) -> Option<u64> {
        let mut whole = [0; 8];
        whole.get_mut(..bytes)?.copy_from_slice(self.bytes.get(at..at.checked_add(bytes)?)?);
        Some(u64::from_le_bytes(whole))
    }

    /// How many bytes exist.
    pub fn present(&self) -> usize {
        match self.placement {
            Placement::Middle | Placement::ReadOnly => self.bytes.len(),
            Placement::Edge(mapped) => self.bytes.len().min(mapped as usize),
        }
    }
}

impl Argument {
    /// The result of an earlier call.
    pub fn ret(of: usize) -> Self {
        Self::Result { of, output: Output::Ret, high: None }
    }
}

impl Program {
    /// Whether every reference leads to an earlier call, and every call has its arguments.
    pub fn is_sound(&self, resolved: &Resolved) -> bool {
        self.calls.iter().enumerate().all(|(index, call)| {
            resolved.calls.get(call.call).is_some_and(|found| found.variants[0].params.len() == call.args.len())
                && call.args.iter().all(|arg| match arg {
                    Argument::Result { of, .. } => *of < index,
                    Argument::Number(_) | Argument::Block(_) => true,
                })
        })
    }

    /// Removes a call; arguments that referred to it become `replacement`.
    #[must_use]
    pub fn without(&self, index: usize, replacement: u64) -> Self {
        let mut calls = self.calls.clone();
        calls.remove(index);
        for arg in calls.iter_mut().flat_map(|call| &mut call.args) {
            if let Argument::Result { of, .. } = arg {
                match (*of).cmp(&index) {
                    std::cmp::Ordering::Less => {}
                    std::cmp::Ordering::Equal => *arg = Argument::Number(replacement),
                    std::cmp::Ordering::Greater => *of -= 1,
                }
            }
        }
        Self { calls }
    }

    /// The program as lines that people read: `r0 = openat(-100, "d/f", 0x0, 0x0)`.
    pub fn lines(&self, resolved: &Resolved) -> Vec<String> {
        self.calls.iter().enumerate().map(|(index, call)| format!("r{index} = {}", call.line(resolved))).collect()
    }
}

impl Invocation {
    /// The call as people read it.
    pub fn line(&self, resolved: &Resolved) -> String {
        line(resolved.calls.get(self.call).map_or("?", |call| call.name.as_str()), &self.args)
    }
}

/// A call of a name as people read it.
pub(crate) fn line(name: &str, args: &[Argument]) -> String {
    let args: Vec<String> = args.iter().map(Argument::text).collect();
    format!("{name}({})", args.join(", "))
}

impl Argument {
    fn text(&self) -> String {
        match self {
            Self::Number(value) => number_text(*value),
            Self::Result { of, output, high } => {
                let value = match output {
                    Output::Ret => format!("r{of}"),
                    Output::Written { param, offset } => format!("r{of}.{param}@{offset}"),
                };
                high.map_or(value.clone(), |high| format!("{value}|{high:#x}<<32"))
            }
            Self::Block(block) => block.text_form(),
        }
    }
}

impl Block {
    fn text_form(&self) -> String {
        let shown = &self.bytes[..self.present().min(48)];
        let printable = shown.iter().position(|byte| *byte == 0).filter(|end| *end > 0).is_some_and(|end| {
            end + 1 == self.bytes.len() && shown[..end].iter().all(|byte| (0x20..0x7f).contains(byte))
        });
        let mut text = if printable {
            format!("\"{}\"", String::from_utf8_lossy(&shown[..shown.len() - 1]))
        } else {
            let hex: String = shown.iter().take(24).map(|byte| format!("{byte:02x}")).collect();
            let more = if self.bytes.len() > 24 { ".." } else { "" };
            format!("&[{hex}{more}; {}]", self.bytes.len())
        };
        match self.placement {
            Placement::Middle => {}
            Placement::Edge(mapped) => text.push_str(&format!("@edge({mapped})")),
            Placement::ReadOnly => text.push_str("@ro"),
        }
        for (offset, link) in &self.links {
            text.push_str(&format!(" +{offset}->{}", link.text_form()));
        }
        text
    }
}

/// A register as people read it: small and small negative numbers in decimal, the rest in hexadecimal.
fn number_text(value: u64) -> String {
    let signed = value.cast_signed();
    if (-4096..4096).contains(&signed) { signed.to_string() } else { format!("{value:#x}") }
}
