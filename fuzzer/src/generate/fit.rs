//! Memory and the numbers that count it: what they say of each other fits together.

use super::Making;
use super::dice::Dice;
use super::values::Intent;
use crate::exec::layout::{self, CELL_RW_SIZE};
use crate::lower::POISON;
use crate::program::{Argument, Placement};
use crate::unmade::Unmade;
use abispec::expr::{Moment, evaluate};
use abispec::target::Variant;
use abispec::types::{Count, Type};

/// Bytes that the memory of a program may take, with a margin for what calls after this one need.
const ROOM: usize = CELL_RW_SIZE as usize - 1024;
/// Bytes of a page.
const PAGE: usize = layout::PAGE as usize;
/// Bytes around a block and for its alignment.
const AROUND: usize = 72;

/// Bytes that an argument takes of the program's memory.
fn taken(arg: &Argument) -> usize {
    fn of(block: &crate::program::Block) -> usize {
        block.bytes.len() + AROUND + block.links.iter().map(|(_, inner)| of(inner)).sum::<usize>()
    }
    if let Argument::Block(block) = arg { of(block) } else { 0 }
}

impl Making<'_> {
    /// Lets memory be as long as the arguments claim, as far as there is room for it.
    pub(super) fn grow(&self, variant: &Variant, args: &mut [Argument]) {
        let mut used: usize = self.program.calls.iter().flat_map(|call| &call.args).chain(&*args).map(taken).sum();
        for (position, param) in variant.params.iter().enumerate() {
            let Some(bytes) = param.memory.as_ref().and_then(|memory| memory.bytes.as_ref()) else { continue };
            let Some(claimed) = evaluate(bytes, &Unmade(args), Moment::Before) else { continue };
            let Some(Argument::Block(block)) = args.get_mut(position) else { continue };
            let length = block.bytes.len();
            let more = usize::try_from(claimed).ok().and_then(|claimed| claimed.checked_sub(length));
            let Some(more) = more.filter(|more| used.saturating_add(*more) <= ROOM && block.links.is_empty()) else {
                continue;
            };
            // What is missing behind an end of memory is missing on purpose.
            match block.placement {
                Placement::Edge(there) if (there as usize) < length => continue,
                Placement::Edge(_) => block.placement = Placement::Edge((length + more) as u32),
                Placement::ReadOnly if length + more > PAGE => block.placement = Placement::Middle,
                Placement::Middle | Placement::ReadOnly => {}
            }
            let filling = if param.ty.pointer().is_some_and(|(direction, _)| direction.reads()) { 0 } else { POISON };
            block.bytes.resize(length + more, filling);
            used += more;
        }
    }

    /// Lets one block alone end at the inaccessible page: what ends there whole may as well lie elsewhere.
    pub(super) fn keep_one_edge(&mut self, args: &mut [Argument]) {
        let at_the_edge =
            |arg: &Argument| matches!(arg, Argument::Block(block) if matches!(block.placement, Placement::Edge(_)));
        let mut edges = args.iter().filter(|arg| at_the_edge(arg)).count();
        if edges == 0 {
            return;
        }
        edges += self.program.calls.iter().flat_map(|call| &call.args).filter(|arg| at_the_edge(arg)).count();
        let earlier = self.program.calls.iter_mut().flat_map(|call| &mut call.args);
        for arg in earlier.chain(args) {
            if let Argument::Block(block) = arg
                && let Placement::Edge(there) = block.placement
                && edges > 1
                && there as usize >= block.bytes.len()
            {
                block.placement = Placement::Middle;
                edges -= 1;
            }
        }
        self.edge_free = false;
    }

    /// Lets no block claim more than it has, unless what lies behind it is inaccessible.
    pub(super) fn contain(&mut self, variant: &Variant, args: &mut [Argument]) {
        for position in 0..args.len() {
            let count = match &variant.params[position].ty {
                Type::Buffer { count: Count::Param(count), .. } => (usize::from(*count), 1),
                Type::Ptr { to, .. } => match &**to {
                    Type::Array { of, count: Count::Param(count) } => (usize::from(*count), self.element(of)),
                    Type::Extensible { size, .. } => (usize::from(*size), 1),
                    _ => continue,
                },
                _ => continue,
            };
            let claimed = match args.get(count.0) {
                Some(Argument::Number(value)) => value.saturating_mul(count.1),
                _ => u64::MAX,
            };
            let Argument::Block(block) = &mut args[position] else { continue };
            let length = block.bytes.len() as u64;
            if matches!(block.placement, Placement::Edge(_)) || claimed <= length {
                continue;
            }
            if self.edge_free && block.links.is_empty() {
                self.edge_free = false;
                block.placement = Placement::Edge(u32::try_from(length).unwrap_or(0));
            } else if let Some(slot) = args.get_mut(count.0) {
                *slot = Argument::Number(length / count.1.max(1));
            }
        }
    }

    fn element(&self, of: &Type) -> u64 {
        let word = self.generator.resolved.target.arch.data_model().word();
        match of {
            Type::Struct(name) | Type::Union(name) => {
                self.generator.resolved.structs.get(name).map_or(1, |found| u64::from(found.size))
            }
            Type::Int { int, .. } => u64::from(int.bytes(word)),
            Type::Resource(_) => 4,
            _ => 8,
        }
    }
}

/// Gives parameters that measure another one their value, but for those that are `settled`, a bit for each.
pub(super) fn lengths(dice: &mut Dice<'_>, variant: &Variant, intents: &[Intent], settled: u8, args: &mut [Argument]) {
    for (position, param) in variant.params.iter().enumerate() {
        let (Type::Len(of) | Type::Bytesize(of)) = &param.ty else { continue };
        let Some(Argument::Block(block)) = args.get(usize::from(*of)) else { continue };
        if settled >> position & 1 != 0 || intents[position] == Intent::Odd && dice.chance(80) {
            continue;
        }
        let bytes = block.bytes.len() as u64;
        args[position] = Argument::Number(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generate::Generator;
    use crate::program::{Block, Invocation};
    use abispec::arch::Arch;
    use abispec::target::{Resolved, Target};
    use abispec::version::Release;
    use std::sync::Arc;

    #[test]
    fn memory_grows_to_what_is_claimed_and_one_block_keeps_the_edge() {
        let resolved: Arc<Resolved> =
            abispec::resolve(abispec::embedded(), &Target::new(Arch::X86_64, Release::new(7, 3))).into();
        let generator = Generator::new(resolved.clone(), &|call| call.name == "write", &|_| true);
        let index = resolved.calls.iter().position(|call| call.name == "write").expect("write");
        let variant = &resolved.calls[index].variants[0];
        let edge = |bytes: usize, there: u32| {
            Argument::Block(Block { placement: Placement::Edge(there), ..Block::new(vec![7; bytes]) })
        };
        let args = |block: Argument, count: u64| vec![Argument::Number(1), block, Argument::Number(count)];
        let bytes = |args: &[Argument]| match &args[1] {
            Argument::Block(block) => (block.bytes.len(), block.placement),
            other => panic!("{other:?}"),
        };
        let mut making = Making::new(&generator);
        let cases = [
            (Argument::Block(Block::new(vec![7; 8])), 4097, (4097, Placement::Middle)),
            (edge(8, 8), 4097, (4097, Placement::Edge(4097))),
            (edge(8, 3), 4097, (8, Placement::Edge(3))),
            (Argument::Block(Block::new(vec![7; 8])), u64::MAX, (8, Placement::Middle)),
        ];
        for (block, count, expected) in cases {
            let mut args = args(block, count);
            making.grow(variant, &mut args);
            assert_eq!(bytes(&args), expected, "{count}");
        }
        making.program.calls.push(Invocation { call: index, args: args(edge(8, 8), 8) });
        let mut own = args(edge(8, 3), 8);
        making.keep_one_edge(&mut own);
        assert_eq!(bytes(&own), (8, Placement::Edge(3)));
        assert_eq!(bytes(&making.program.calls[0].args), (8, Placement::Middle));
    }
}
