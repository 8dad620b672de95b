//! Arguments of calls on sockets that fit the socket: its family's addresses, whole messages, options of its levels.

use super::message::{Contents, Headers};
use super::{Choice, Families, Sort, Stage, address, options, sort_of};
use crate::generate::dice::Dice;
use crate::generate::producers::Producers;
use crate::generate::values::UNMAPPED;
use crate::lower::POISON;
use crate::program::{Argument, Block, Output, Program};
use abispec::target::{ResolvedParam, Variant};
use abispec::types::{Direction, Type};

/// Gives the arguments of a call on a socket of the program a meaning there; other calls stay as they are.
pub(in crate::generate) fn dress(
    dice: &mut Dice<'_>,
    variant: &Variant,
    producers: &Producers<'_>,
    program: &mut Program,
    args: &mut [Argument],
) {
    let resolved = producers.resolved;
    let families = producers.families;
    notified(dice, variant, producers, program, args);
    let Some(sort) = args.iter().find_map(|arg| sort_of(resolved, &families, program, arg)) else { return };
    if !dice.chance(65) {
        return;
    }
    let stream = sort.kind == families.stream && sort.family != families.unix;
    let connects = stream && dice.chance(30);
    let mut dressing = Dressing { dice, producers, program, families, sort, connects };
    if variant.params.len() == 4 && descriptors(variant).len() == 2 {
        dressing.send_file(variant, args);
    }
    for (position, param) in variant.params.iter().enumerate() {
        match &param.ty {
            Type::Ptr { direction, to, .. } => match &**to {
                Type::Struct(name) if name == "socket_address" => {
                    dressing.address(variant, position, *direction, args);
                }
                Type::Struct(name) if name == "message_header" => dressing.message(position, *direction, args),
                Type::Array { of, .. } => match &**of {
                    Type::Struct(name) if name == "message_of_many" => dressing.messages(variant, position, args),
                    Type::Struct(name) if name == "iovec_in" => dressing.segment(variant, position, args),
                    _ => {}
                },
                _ => {}
            },
            Type::Buffer { direction: Direction::In, .. } => dressing.short(variant, position, args),
            Type::Enum { set, .. } if set == "socket_options" => dressing.option(variant, position, args),
            Type::Flags { set, .. } if set == "message_flags" => dressing.flags(position, args),
            Type::Flags { set, .. } if set == "splice_flags" => dressing.feed(variant, args),
            _ => {}
        }
    }
}

/// Tells a thread through a socket, where that may be asked for.
fn notified(
    dice: &mut Dice<'_>,
    variant: &Variant,
    producers: &Producers<'_>,
    program: &mut Program,
    args: &mut [Argument],
) {
    let told = |param: &ResolvedParam| match &param.ty {
        Type::Ptr { to, direction: Direction::In, .. } => matches!(&**to, Type::Struct(name) if name == "notification"),
        _ => false,
    };
    let Some(position) = variant.params.iter().position(told).filter(|_| dice.chance(40)) else { return };
    let resolved = producers.resolved;
    let Some(found) = resolved.structs.get("notification") else { return };
    let word = resolved.target.arch.data_model().word() as usize;
    let mut block = Block::new(vec![0; found.size as usize]);
    let mut put = |name: &str, value: u64| {
        let at = found.fields.iter().find(|field| field.name == name).map_or(0, |field| field.offset as usize);
        if let Some(slot) = block.bytes.get_mut(at..at + 4) {
            slot.copy_from_slice(&value.to_le_bytes()[..4]);
        }
    };
    if program.calls.len() + 2 < crate::generate::LONGEST {
        let family = producers.constant(dice.of(["AF_NETLINK", "AF_UNIX"]));
        let kind = producers.constant("SOCK_DGRAM");
        let number = Argument::Number;
        let _ = producers.push(program, "socket", vec![number(family), number(kind), number(0)]);
    }
    // The numbers that its descriptors are likely to have.
    put("sigev_signo", dice.of([0, 3, 3, 4, 5, 6, 30]));
    put("sigev_notify", producers.constant("SIGEV_THREAD"));
    block.links.push((0, Block::new(vec![0; 32.max(word)])));
    args[position] = Argument::Block(block);
}

struct Dressing<'s, 'd, 'r> {
    dice: &'d mut Dice<'r>,
    producers: &'s Producers<'s>,
    program: &'s mut Program,
    families: Families,
    sort: Sort,
    /// The first message makes the connection.
    connects: bool,
}

/// The parameter that measures another one, or counts it.
fn measure(variant: &Variant, position: usize) -> Option<usize> {
    variant
        .params
        .iter()
        .position(|param| matches!(param.ty, Type::Len(of) | Type::Bytesize(of) if usize::from(of) == position))
}

/// The positions of descriptors.
fn descriptors(variant: &Variant) -> Vec<usize> {
    let descriptor = |param: &ResolvedParam| param.ty.is_descriptor();
    variant.params.iter().enumerate().filter(|(_, param)| descriptor(param)).map(|(position, _)| position).collect()
}

/// So many bytes, from where the file is to where the other one is.
fn plain_transfer(variant: &Variant, bytes: u64, args: &mut [Argument]) {
    for (param, arg) in variant.params.iter().zip(args) {
        match &param.ty {
            Type::Ptr { .. } => *arg = Argument::Number(0),
            Type::Size => *arg = Argument::Number(bytes),
            _ => {}
        }
    }
}

impl<'s> Dressing<'s, '_, '_> {
    fn headers(&self) -> Headers<'s> {
        Headers { resolved: self.producers.resolved, families: self.families }
    }

    fn flags(&mut self, position: usize, args: &mut [Argument]) {
        if self.connects {
            args[position] = Argument::Number(self.producers.constant("MSG_FASTOPEN"));
        }
    }

    /// Sends more of a file through a socket than some take at once.
    fn send_file(&mut self, variant: &Variant, args: &mut [Argument]) {
        let Self { producers, program, families, .. } = self;
        let [to, from] = descriptors(variant)[..] else { return };
        if sort_of(producers.resolved, families, program, &args[to]).is_none() || !self.dice.chance(50) {
            return;
        }
        if let Some(file) = producers.open(program, "big", 0) {
            args[from] = file;
            plain_transfer(variant, 5000, args);
        }
    }

    /// Lets a socket be fed by a pipe in which something waits.
    fn feed(&mut self, variant: &Variant, args: &mut [Argument]) {
        let Self { dice, producers, program, families, .. } = self;
        let [from, to] = descriptors(variant)[..] else { return };
        let fed = sort_of(producers.resolved, families, program, &args[to]).is_some();
        let parts = dice.of([1, 1, 3]);
        if !fed || program.calls.len() + parts + 2 > crate::generate::LONGEST {
            return;
        }
        let ends = Argument::Block(Block::new(vec![POISON; 8]));
        let Some(of) = producers.push(program, "pipe2", vec![ends, Argument::Number(0)]) else { return };
        let end = |offset| Argument::Result { of, output: Output::Written { param: 0, offset }, high: None };
        let bytes = if parts == 1 { dice.of([1, 8]) } else { 2000 };
        for _ in 0..parts {
            let data = Argument::Block(Block::new(vec![7; bytes]));
            let _ = producers.push(program, "write", vec![end(4), data, Argument::Number(bytes as u64)]);
        }
        plain_transfer(variant, (bytes * parts) as u64, args);
        args[from] = end(0);
    }

    fn any_address(&mut self) -> Vec<u8> {
        let Self { dice, producers, program, families, sort, connects } = self;
        if sort.family == families.unix && dice.chance(3) && program.calls.len() + 2 < crate::generate::LONGEST {
            // The only way to a name that is too long: what a link holds may be longer than an address.
            let text = |text: &[u8]| Argument::Block(Block::text(text));
            let args = vec![text(&[b'x'; 256]), text(b"n3")];
            let _ = producers.push(program, "symlink", args);
            return address::path(sort.family, "n3/x");
        }
        // Where there is a server, or where the socket itself is.
        let known = if *connects { 85 } else { 45 };
        address::any(dice, families, *sort, producers.names, producers.resolved, program, known)
    }

    fn address(&mut self, variant: &Variant, position: usize, direction: Direction, args: &mut [Argument]) {
        let length = measure(variant, position);
        match (direction, length) {
            (Direction::In, Some(length)) => {
                let address = self.any_address();
                let bytes = address.len() as u64;
                let odd = if self.dice.chance(10) { self.dice.below(8) as u64 } else { 0 };
                args[position] = Argument::Block(address::block(&address));
                args[length] = Argument::Number(bytes.saturating_sub(odd));
            }
            (Direction::Out, _) => {
                // Where the address goes, and the room that is there for it.
                if self.dice.chance(40) {
                    return;
                }
                let room = self.dice.of([0_u32, 2, 16, 110, 128, 128, 200, u32::MAX]);
                if let Some(behind @ Argument::Block(_)) = args.get_mut(position + 1) {
                    *behind = Argument::Block(Block::new(room.to_le_bytes().to_vec()));
                }
            }
            _ => {}
        }
    }

    fn contents(&mut self, direction: Direction) -> Contents {
        let received = direction.writes();
        let name = if self.dice.chance(if received { 40 } else { 55 }) {
            Some(if received { vec![0; self.dice.of([0, 2, 16, 128])] } else { self.any_address() })
        } else {
            None
        };
        let bytes = self.dice.of([0, 1, 8, 20, 20, 100, 2000]);
        let control = match self.dice.below(10) {
            0..5 => Vec::new(),
            _ if received => vec![0; self.dice.of([1, 16, 24, 64])],
            _ => {
                let headers = self.headers();
                headers.control(self.dice, self.sort)
            }
        };
        Contents { name, bytes, control }
    }

    fn message(&mut self, position: usize, direction: Direction, args: &mut [Argument]) {
        if !direction.writes() {
            self.fill_the_way(args);
        }
        let contents = self.contents(direction);
        if let Some(block) = self.headers().one("message_header", "iovec_in", contents, direction.writes()) {
            args[position] = Argument::Block(block);
        }
    }

    fn messages(&mut self, variant: &Variant, position: usize, args: &mut [Argument]) {
        let sends = variant.params.len() == 4;
        let direction = if sends { Direction::In } else { Direction::InOut };
        if sends {
            self.fill_the_way(args);
        }
        let count = self.dice.of([1, 1, 1, 2]);
        let list = (0..count).map(|_| self.contents(direction)).collect();
        let block = self.headers().many("message_of_many", "message_header", "iovec_in", list, !sends);
        if let (Some(block), Some(length)) = (block, measure(variant, position)) {
            args[position] = Argument::Block(block);
            args[length] = Argument::Number(count as u64);
        }
    }

    /// Lets few descriptors be open, with more of them on their way than that, now and then.
    fn fill_the_way(&mut self, args: &[Argument]) {
        let Self { dice, producers, program, families, sort, .. } = self;
        if sort.family != families.unix || !dice.chance(10) || program.calls.len() + 3 > crate::generate::LONGEST {
            return;
        }
        let Some(fd) = args.first().cloned() else { return };
        let mut stage = Stage { producers, program, families: *families };
        producers.few_descriptors(stage.program);
        let headers = Headers { resolved: producers.resolved, families: *families };
        let control = headers.descriptors(8);
        let contents = Contents { name: None, bytes: 1, control };
        if let Some(block) = headers.one("message_header", "iovec_in", contents, false) {
            stage.push("sendmsg", vec![fd, Argument::Block(block), Argument::Number(0)]);
        }
    }

    /// A message that is shorter than the head of its protocol.
    fn short(&mut self, variant: &Variant, position: usize, args: &mut [Argument]) {
        if let Some(length) = measure(variant, position)
            && self.sort.kind == self.families.raw
            && self.dice.chance(25)
        {
            let bytes = self.dice.below(2);
            args[position] = Argument::Block(Block::new(vec![7; bytes]));
            args[length] = Argument::Number(bytes as u64);
        }
    }

    /// A segment that is longer than any message may be, or shorter than the head of its protocol. Whether there is memory behind a
    /// long one is not looked at before.
    fn segment(&mut self, variant: &Variant, position: usize, args: &mut [Argument]) {
        let raw = self.sort.kind == self.families.raw;
        let Some(count) = measure(variant, position).filter(|_| self.dice.chance(if raw { 40 } else { 15 })) else {
            return;
        };
        let word = self.producers.resolved.target.arch.data_model().word() as usize;
        if raw && self.dice.chance(60) {
            let mut segment = Block::new(vec![0; 2 * word]);
            segment.bytes[word] = 1;
            segment.links.push((0, Block::new(vec![7])));
            args[position] = Argument::Block(segment);
            args[count] = Argument::Number(1);
            return;
        }
        let mut bytes = UNMAPPED.to_le_bytes()[..word].to_vec();
        bytes.extend_from_slice(&300_000_u64.to_le_bytes()[..word]);
        args[position] = Argument::Block(Block::new(bytes));
        args[count] = Argument::Number(1);
    }

    fn option(&mut self, variant: &Variant, position: usize, args: &mut [Argument]) {
        let Self { dice, producers, program, families, sort, .. } = self;
        let (Some(level), value, length) = (position.checked_sub(1), position + 1, position + 2) else { return };
        let sets = matches!(variant.params.get(value).map(|param| &param.ty), Some(Type::Buffer { .. }));
        let resolved = producers.resolved;
        let Choice { level: number, name, value: bytes } = if sets {
            options::set(dice, families, *sort, resolved)
        } else {
            options::get(dice, families, *sort, resolved)
        };
        args[level] = Argument::Number(number);
        args[position] = Argument::Number(name);
        let room = bytes.len() as u64;
        if sets {
            // What an option does a second time is often another thing.
            if dice.chance(50)
                && program.calls.len() + 2 < crate::generate::LONGEST
                && let Some(fd) = args.first().cloned()
            {
                let mut stage = Stage { producers, program, families: *families };
                stage.option(&fd, number, name, &bytes);
            }
            args[value] = Argument::Block(Block::new(bytes));
            args[length] = Argument::Number(room);
        } else if let Some(Argument::Block(block)) = args.get_mut(value) {
            let mut bytes = bytes;
            bytes.resize(block.bytes.len().max(bytes.len()), 0);
            *block = Block::new(bytes);
            args[length] = Argument::Block(Block::new((room as u32).to_le_bytes().to_vec()));
            if program.calls.len() + 3 > crate::generate::LONGEST {
                return;
            }
            if name == producers.constant("SO_BINDTODEVICE") && dice.chance(40) {
                // An interface that is not there has no name.
                let mut stage = Stage { producers, program, families: *families };
                stage.general(&args[0], "SO_BINDTOIFINDEX", &address::NO_INTERFACE.to_le_bytes());
            } else if name == producers.constant("SO_PEERGROUPS") && dice.chance(50) {
                // Who makes a socket leaves its groups in it.
                let groups = Argument::Block(Block::new(vec![0; 4]));
                let _ = producers.push(program, "setgroups", vec![Argument::Number(1), groups]);
                let mut stage = Stage { producers, program, families: *families };
                if let Some([one, _]) = stage.pair(families.stream) {
                    args[0] = one;
                }
            } else if dice.chance(if name == producers.constant("SO_PEERPIDFD") { 30 } else { 3 }) {
                producers.few_descriptors(program);
            }
        }
    }
}
