//! A batch as bytes. Blocks that point to others are laid out flat: who reads it trusts nothing, and nesting has no end.

use crate::program::{Argument, Block, Output, Placement};
use serde::{Deserialize, Serialize};

/// Blocks below one another; more than a program has.
const DEEPEST: usize = 16;

/// Programs that run together.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Batch<'a> {
    /// The sandbox that they run in, by the name in its control record.
    pub(super) sandbox: u64,
    pub(super) entry: &'a str,
    pub(super) capabilities: bool,
    pub(super) file_system: &'a str,
    pub(super) privileged: bool,
    #[serde(borrow)]
    pub(super) programs: Vec<Flat<'a>>,
}

/// A program.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct Flat<'a> {
    #[serde(borrow)]
    pub(super) calls: Vec<FlatCall<'a>>,
    blocks: Vec<FlatBlock<'a>>,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct FlatCall<'a> {
    pub(super) name: &'a str,
    /// The operation of the batch that it is.
    pub(super) op: u32,
    args: Vec<FlatArg>,
}

#[derive(Debug, Serialize, Deserialize)]
enum FlatArg {
    Number(u64),
    Result { of: u32, output: Output, high: Option<u32> },
    Block(u32),
}

#[derive(Debug, Serialize, Deserialize)]
struct FlatBlock<'a> {
    bytes: &'a [u8],
    placement: Placement,
    /// Offset, and which of the blocks before it.
    links: Vec<(u32, u32)>,
}

impl<'a> Flat<'a> {
    pub(super) fn push(&mut self, name: &'a str, op: usize, args: &'a [Argument]) {
        let args = args
            .iter()
            .map(|arg| match arg {
                Argument::Number(value) => FlatArg::Number(*value),
                Argument::Result { of, output, high } => {
                    FlatArg::Result { of: *of as u32, output: *output, high: *high }
                }
                Argument::Block(block) => FlatArg::Block(self.block(block)),
            })
            .collect();
        self.calls.push(FlatCall { name, op: op as u32, args });
    }

    fn block(&mut self, block: &'a Block) -> u32 {
        let links = block.links.iter().map(|(at, to)| (*at, self.block(to))).collect();
        self.blocks.push(FlatBlock { bytes: &block.bytes, placement: block.placement, links });
        (self.blocks.len() - 1) as u32
    }

    /// The arguments of each call; nothing where it is none of a program that was written here.
    pub(super) fn args(&self) -> Option<Vec<Vec<Argument>>> {
        // Each block hangs in one place, so that the whole grows no larger than what was read.
        let mut made: Vec<Option<(Block, usize)>> = Vec::with_capacity(self.blocks.len());
        for flat in &self.blocks {
            let (mut links, mut depth) = (Vec::new(), 0);
            for (at, to) in &flat.links {
                let (inner, below) = made.get_mut(*to as usize)?.take()?;
                depth = depth.max(below + 1);
                links.push((*at, inner));
            }
            if depth > DEEPEST {
                return None;
            }
            made.push(Some((Block { bytes: flat.bytes.to_vec(), placement: flat.placement, links }, depth)));
        }
        let mut argument = |arg: &FlatArg| {
            Some(match arg {
                FlatArg::Number(value) => Argument::Number(*value),
                FlatArg::Result { of, output, high } => {
                    Argument::Result { of: *of as usize, output: *output, high: *high }
                }
                FlatArg::Block(index) => Argument::Block(made.get_mut(*index as usize)?.take()?.0),
            })
        };
        self.calls.iter().map(|call| call.args.iter().map(&mut argument).collect()).collect()
    }
}
