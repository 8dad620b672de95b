//! The states of sockets that programs begin with: each is a few calls, and the socket that the next call is about.

use super::address::{LOOPBACK, NO_INTERFACE, abstract_name, here, inet, netlink, packet, path};
use super::{Families, Sort, Stage, options, port};
use crate::generate::dice::Dice;
use crate::generate::producers::Producers;
use crate::program::{Argument, Block, Program};

/// What a condition wants of a socket.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(in crate::generate) struct SocketWish {
    pub(in crate::generate) families: Vec<i128>,
    pub(in crate::generate) not_families: Vec<i128>,
    pub(in crate::generate) kinds: Vec<i128>,
    pub(in crate::generate) not_kinds: Vec<i128>,
    pub(in crate::generate) fresh: Option<bool>,
    pub(in crate::generate) nonblock: Option<bool>,
}

impl SocketWish {
    fn admits(&self, sort: Sort) -> bool {
        let (family, kind) = (i128::from(sort.family), i128::from(sort.kind));
        (self.families.is_empty() || self.families.contains(&family))
            && !self.not_families.contains(&family)
            && (self.kinds.is_empty() || self.kinds.contains(&kind))
            && !self.not_kinds.contains(&kind)
    }
}

/// Appends calls that make a socket and bring it into some state; gives the argument that refers to it.
pub(in crate::generate) fn scene(
    dice: &mut Dice<'_>,
    wish: &SocketWish,
    producers: &Producers<'_>,
    program: &mut Program,
) -> Option<Argument> {
    let families = producers.families;
    let sort = sort(dice, &families, wish);
    // Most sleepers are only waited for.
    let waits = wish.nonblock.map_or_else(|| dice.chance(8), |nonblock| !nonblock);
    let nonblock = if waits { 0 } else { families.nonblock };
    let mut stage = Stage { producers, program, families };
    let plain = wish.fresh == Some(true) || !stage.fits(8) || wish.fresh.is_none() && dice.chance(25);
    let f = families;
    let made = if plain {
        None
    } else if sort.family == f.unix {
        if sort.kind == f.datagram || sort.kind == f.raw {
            unix_messages(&mut stage, dice, sort.kind, nonblock)
        } else {
            unix_streams(&mut stage, dice, sort.kind, nonblock)
        }
    } else if sort.family == f.inet || sort.family == f.inet6 {
        if sort.kind == f.stream {
            tcp(&mut stage, dice, sort.family, nonblock)
        } else {
            datagrams(&mut stage, dice, sort, nonblock)
        }
    } else if sort.family == f.netlink {
        messages_of_the_kernel(&mut stage, dice, nonblock)
    } else if sort.family == f.packet {
        packets(&mut stage, dice, sort.kind, nonblock)
    } else {
        None
    };
    made.or_else(|| {
        let protocol = if sort.kind == f.raw && sort.family != f.netlink { dice.of([1, 2, 17, 255]) } else { 0 };
        stage.socket(sort.family, sort.kind | nonblock, protocol)
    })
}

/// A family and a type that fit together and to what is wished.
fn sort(dice: &mut Dice<'_>, families: &Families, wish: &SocketWish) -> Sort {
    let f = families;
    let sorts = [
        (f.unix, f.stream, 4),
        (f.unix, f.datagram, 4),
        (f.unix, f.seqpacket, 1),
        (f.inet, f.stream, 5),
        (f.inet, f.datagram, 3),
        (f.inet, f.raw, 2),
        (f.inet6, f.stream, 2),
        (f.inet6, f.datagram, 2),
        (f.inet6, f.raw, 1),
        (f.netlink, f.raw, 2),
        (f.packet, f.raw, 2),
        (f.packet, f.datagram, 1),
    ];
    // To bind or close a socket of packets takes the kernel a grace period of RCU, as long as thousands of other calls.
    let packets = !wish.families.is_empty() || !wish.not_families.is_empty() || dice.chance(10);
    let fitting: Vec<(Sort, usize)> = sorts
        .into_iter()
        .map(|(family, kind, weight)| (Sort { family, kind }, weight))
        .filter(|(sort, _)| (packets || sort.family != f.packet) && wish.admits(*sort))
        .collect();
    let mut ticket = dice.below(fitting.iter().map(|(_, weight)| weight).sum());
    for (sort, weight) in fitting {
        if ticket < weight {
            return sort;
        }
        ticket -= weight;
    }
    // What is wished has no recipe: the numbers themselves may say what it is.
    let first = |list: &[i128], other: u64| list.first().and_then(|first| u64::try_from(*first).ok()).unwrap_or(other);
    Sort { family: first(&wish.families, f.unix), kind: first(&wish.kinds, f.stream) }
}

/// A socket that listens, mostly with a connection that waits.
pub(in crate::generate) fn listener(
    dice: &mut Dice<'_>,
    producers: &Producers<'_>,
    program: &mut Program,
) -> Option<Argument> {
    let f = producers.families;
    let mut stage = Stage { producers, program, families: f };
    let streams =
        [(f.unix, f.stream), (f.unix, f.stream), (f.unix, f.seqpacket), (f.inet, f.stream), (f.inet6, f.stream)];
    let (family, kind) = dice.of(streams);
    let address = if family == f.unix { server_address(dice, family) } else { here(&f, family, port(dice)) };
    // Who waits for ever is only waited for.
    let nonblock = if dice.chance(15) { 0 } else { f.nonblock };
    let server = stage.socket(family, kind | nonblock, 0)?;
    stage.bind(&server, &address);
    stage.listen(&server, 5);
    time_out(&mut stage, dice, &server, nonblock);
    if nonblock != 0 && dice.chance(80) && stage.fits(3) {
        let client = stage.socket(family, kind | nonblock, 0)?;
        stage.connect(&client, &address);
        if dice.chance(10) {
            stage.close(&client);
        }
    }
    Some(server)
}

fn unix_streams(stage: &mut Stage<'_, '_>, dice: &mut Dice<'_>, kind: u64, nonblock: u64) -> Option<Argument> {
    let family = stage.families.unix;
    match dice.below(10) {
        // Two ends: one has something to read, or is gone, or says no more.
        0..5 => {
            let [one, other] = stage.pair(kind | nonblock)?;
            match dice.below(6) {
                // Who writes and waits needs one that is full.
                _ if nonblock == 0 && dice.chance(40) => fill(stage, &one),
                0 => stage.write(&other, dice.of([1, 8, 20])).map(drop),
                1 => stage.close(&other).map(drop),
                2 => stage.shutdown(if dice.chance(50) { &one } else { &other }, dice.below(3) as u64).map(drop),
                3 => fill(stage, &one),
                4 => urgent(stage, &other),
                _ => Some(()),
            };
            Some(one)
        }
        other => {
            let address = server_address(dice, family);
            let server = stage.socket(family, kind | nonblock, 0)?;
            stage.bind(&server, &address);
            stage.listen(&server, dice.of([0, 1, 5]));
            let client = stage.socket(family, kind | nonblock, 0)?;
            match other {
                5 | 6 => {
                    stage.connect(&client, &address);
                    time_out(stage, dice, &server, nonblock);
                    Some(server)
                }
                7 => {
                    time_out(stage, dice, &server, nonblock);
                    Some(server)
                }
                8 => {
                    // Nobody else comes in: connections wait until one of these is accepted.
                    stage.connect(&client, &address);
                    let next = stage.socket(family, kind | nonblock, 0)?;
                    stage.connect(&next, &address);
                    stage.socket(family, kind | nonblock, 0)
                }
                _ => Some(client),
            }
        }
    }
}

/// Where a server of the program is: a name that is no file's mostly, since files are to be removed again.
fn server_address(dice: &mut Dice<'_>, family: u64) -> Vec<u8> {
    if dice.chance(80) { abstract_name(family, b'a' + dice.below(4) as u8) } else { path(family, "n1") }
}

/// Lets waiting end by itself, mostly.
fn time_out(stage: &mut Stage<'_, '_>, dice: &mut Dice<'_>, fd: &Argument, nonblock: u64) {
    if nonblock == 0 && dice.chance(70) {
        let mut millisecond = vec![0; 16];
        millisecond[8..10].copy_from_slice(&1000_u16.to_le_bytes());
        stage.general(fd, dice.of(["SO_RCVTIMEO_NEW", "SO_RCVTIMEO_NEW", "SO_SNDTIMEO_NEW"]), &millisecond);
    }
}

/// Puts as much into a socket as it takes, and makes that little before.
fn fill(stage: &mut Stage<'_, '_>, fd: &Argument) -> Option<()> {
    stage.general(fd, "SO_SNDBUF", &[0; 4])?;
    for _ in 0..4 {
        stage.push("sendto", message(fd, 2000, stage.constant("MSG_DONTWAIT"), None))?;
    }
    Some(())
}

/// The arguments of `sendto`.
fn message(fd: &Argument, bytes: usize, flags: u64, to: Option<&[u8]>) -> Vec<Argument> {
    let number = Argument::Number;
    let (address, length) = match to {
        Some(to) => (Argument::Block(super::address::block(to)), to.len() as u64),
        None => (number(0), 0),
    };
    let data = Argument::Block(Block::new(vec![7; bytes]));
    vec![fd.clone(), data, number(bytes as u64), number(flags), address, number(length)]
}

fn urgent(stage: &mut Stage<'_, '_>, fd: &Argument) -> Option<()> {
    stage.push("sendto", message(fd, 1, stage.constant("MSG_OOB"), None)).map(drop)
}

fn unix_messages(stage: &mut Stage<'_, '_>, dice: &mut Dice<'_>, kind: u64, nonblock: u64) -> Option<Argument> {
    let family = stage.families.unix;
    match dice.below(9) {
        8 => {
            // Streams are taken there.
            let server = stage.socket(family, stage.families.stream, 0)?;
            stage.bind(&server, &path(family, "n1"));
            stage.socket(family, kind | nonblock, 0)
        }
        0..4 => {
            let [one, other] = stage.pair(kind | nonblock)?;
            match dice.below(6) {
                _ if nonblock == 0 && dice.chance(40) => fill(stage, &one),
                0 | 1 => stage.write(&other, dice.of([1, 8, 20])).map(drop),
                2 => stage.close(&other).map(drop),
                3 => stage.shutdown(if dice.chance(50) { &one } else { &other }, dice.below(3) as u64).map(drop),
                4 => fill(stage, &one),
                // Little room: what is longer is refused.
                _ => stage.general(&one, "SO_SNDBUF", &[0; 4]).map(drop),
            };
            Some(one)
        }
        other => {
            let address = server_address(dice, family);
            let server = stage.socket(family, kind | nonblock, 0)?;
            stage.bind(&server, &address);
            let client = stage.socket(family, kind | nonblock, 0)?;
            match other {
                4 => {
                    stage.connect(&client, &address);
                    stage.write(&client, 8);
                    Some(server)
                }
                5 => {
                    // The server takes messages from itself alone.
                    if dice.chance(60) {
                        stage.connect(&client, &address);
                    }
                    stage.connect(&server, &address);
                    Some(client)
                }
                6 => {
                    stage.connect(&client, &address);
                    stage.close(&server);
                    Some(client)
                }
                _ => Some(client),
            }
        }
    }
}

fn tcp(stage: &mut Stage<'_, '_>, dice: &mut Dice<'_>, family: u64, nonblock: u64) -> Option<Argument> {
    let stream = stage.families.stream;
    let address = here(&stage.families, family, port(dice));
    match dice.below(12) {
        0 => return connected_twice(stage, family, &address, nonblock),
        1 => return at_one_address(stage, family, &address),
        3 => {
            // Nothing is read from a connection that is repaired.
            let client = stage.socket(family, stream | nonblock, 0)?;
            options::repair(stage, &client);
            return Some(client);
        }
        2 => {
            let client = stage.socket(family, stream | nonblock, 0)?;
            options::alter(stage, dice, &client, Sort { family, kind: stream });
            return Some(client);
        }
        _ => {}
    }
    let server = stage.socket(family, stream | nonblock, 0)?;
    stage.bind(&server, &address);
    let crowded = dice.chance(30);
    stage.listen(&server, if crowded { 0 } else { 5 });
    if dice.chance(12) {
        time_out(stage, dice, &server, nonblock);
        return Some(server);
    }
    let client = stage.socket(family, stream | nonblock, 0)?;
    stage.connect(&client, &address);
    if crowded {
        // The queue is full: another one's connection is not answered.
        let next = stage.socket(family, stream | stage.families.nonblock, 0)?;
        if dice.chance(60) {
            stage.connect(&next, &address);
        }
        return Some(next);
    }
    if dice.chance(30) {
        time_out(stage, dice, &server, nonblock);
        return Some(server);
    }
    if dice.chance(30) {
        return Some(client);
    }
    let accepted = stage.accept(&server, nonblock)?;
    match dice.below(7) {
        0 => {
            stage.write(&accepted, 8);
        }
        1 => {
            stage.shutdown(if dice.chance(50) { &client } else { &accepted }, dice.below(3) as u64);
        }
        2 => {
            stage.close(&accepted);
            // Nobody is there any more: that is answered, and found out by the next call.
            stage.write(&client, 1);
        }
        3 => {
            urgent(stage, &accepted);
        }
        4 => {
            options::alter(stage, dice, &client, Sort { family, kind: stream });
        }
        5 => {
            stage.close(&server);
        }
        _ => {}
    }
    Some(if dice.chance(75) { client } else { accepted })
}

/// A socket that is connected to itself, and another one with its address, which cannot be.
fn connected_twice(stage: &mut Stage<'_, '_>, family: u64, address: &[u8], nonblock: u64) -> Option<Argument> {
    let stream = stage.families.stream;
    let mut last = None;
    for turn in 0..2 {
        let flags = if turn == 0 { 0 } else { nonblock };
        let fd = stage.socket(family, stream | flags, 0)?;
        stage.general(&fd, "SO_REUSEADDR", &1_u32.to_le_bytes());
        stage.bind(&fd, address);
        if turn == 0 {
            stage.connect(&fd, address);
        }
        last = Some(fd);
    }
    last
}

/// One of two sockets of an address, where the other one listens.
fn at_one_address(stage: &mut Stage<'_, '_>, family: u64, address: &[u8]) -> Option<Argument> {
    let stream = stage.families.stream;
    let both = [stage.socket(family, stream, 0)?, stage.socket(family, stream, 0)?];
    for fd in &both {
        stage.general(fd, "SO_REUSEADDR", &1_u32.to_le_bytes());
        stage.bind(fd, address);
    }
    stage.listen(&both[0], 5);
    let [_, other] = both;
    Some(other)
}

fn datagrams(stage: &mut Stage<'_, '_>, dice: &mut Dice<'_>, sort: Sort, nonblock: u64) -> Option<Argument> {
    let Sort { family, kind } = sort;
    let raw = kind == stage.families.raw;
    let protocol = if raw { dice.of([1, 2, 17, 58, 255]) } else { 0 };
    let address = here(&stage.families, family, port(dice));
    let server = stage.socket(family, kind | nonblock, protocol)?;
    match dice.below(8) {
        0 => {
            options::alter(stage, dice, &server, sort);
            Some(server)
        }
        1 => {
            // An interface that is not there, or not any more.
            if dice.chance(50) {
                stage.connect(&server, &address);
            }
            stage.general(&server, "SO_BINDTOIFINDEX", &NO_INTERFACE.to_le_bytes());
            Some(server)
        }
        2 if family == stage.families.inet => {
            // Everybody may be written to, and then not any more.
            stage.general(&server, "SO_BROADCAST", &1_u32.to_le_bytes());
            stage.connect(&server, &inet(family, port(dice), [127, 255, 255, 255]));
            stage.general(&server, "SO_BROADCAST", &[0; 4]);
            Some(server)
        }
        3 => {
            // Nobody is there, which is told to the next call.
            stage.connect(&server, &address);
            stage.write(&server, 8);
            Some(server)
        }
        4 => {
            stage.connect(&server, &address);
            Some(server)
        }
        5 => {
            stage.bind(&server, &address);
            stage.connect(&server, &address);
            stage.write(&server, dice.of([1, 8, 20]));
            Some(server)
        }
        _ => {
            stage.bind(&server, &address);
            let client = stage.socket(family, kind | nonblock, protocol)?;
            stage.connect(&client, &address);
            if dice.chance(70) {
                stage.write(&client, dice.of([1, 8, 20]));
            }
            Some(if dice.chance(70) { server } else { client })
        }
    }
}

/// Protocols: routes, packet filters, audit, its own, generic ones.
const PROTOCOLS: [u64; 6] = [0, 0, 12, 9, 6, 16];

fn messages_of_the_kernel(stage: &mut Stage<'_, '_>, dice: &mut Dice<'_>, nonblock: u64) -> Option<Argument> {
    let f = stage.families;
    let fd = stage.socket(f.netlink, f.raw | nonblock, dice.of(PROTOCOLS))?;
    match dice.below(4) {
        0 => {
            stage.bind(&fd, &netlink(f.netlink, 0, 0));
        }
        1 => {
            // Whatever is asked for, an answer comes.
            let mut request = 16_u32.to_le_bytes().to_vec();
            request.extend_from_slice(&dice.of([18_u16, 22, 26]).to_le_bytes());
            request.extend_from_slice(&0x301_u16.to_le_bytes());
            request.resize(32, 0);
            let number = Argument::Number;
            let length = number(request.len() as u64);
            let data = Argument::Block(Block::new(request));
            stage.push("sendto", vec![fd.clone(), data, length, number(0), number(0), number(0)]);
        }
        2 => options::alter(stage, dice, &fd, Sort { family: f.netlink, kind: f.raw }),
        _ => {}
    }
    Some(fd)
}

fn packets(stage: &mut Stage<'_, '_>, dice: &mut Dice<'_>, kind: u64, nonblock: u64) -> Option<Argument> {
    let f = stage.families;
    // The protocol's number has its bytes in the order of the net.
    let protocol = dice.of([0, 0x0300, 0x0008]);
    let fd = stage.socket(f.packet, kind | nonblock, protocol)?;
    match dice.below(4) {
        0 | 1 => {
            stage.bind(&fd, &packet(f.packet, 3, LOOPBACK, 6));
        }
        2 => options::alter(stage, dice, &fd, Sort { family: f.packet, kind }),
        _ => {}
    }
    Some(fd)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generate::producers::Names;
    use abispec::arch::Arch;
    use abispec::target::Target;
    use abispec::version::Release;
    use proptest::test_runner::{RngAlgorithm, TestRng};

    #[test]
    fn scenes_leave_room_for_the_call_that_they_are_for() {
        let resolved = abispec::resolve(abispec::embedded(), &Target::new(Arch::X86_64, Release::new(7, 3)));
        let names = Names { files: Vec::new(), directories: Vec::new(), fifos: Vec::new(), any: vec!["f".to_owned()] };
        let families = Families::of(&resolved);
        let producers = Producers { resolved: &resolved, names: &names, families, served: &[] };
        let mut source = TestRng::from_seed(RngAlgorithm::XorShift, &[3; 16]);
        let mut dice = Dice::new(&mut source);
        for family in [families.unix, families.inet, families.inet6, families.netlink, families.packet] {
            let wish = SocketWish { families: vec![family.into()], ..SocketWish::default() };
            for _ in 0..500 {
                let mut program = Program::default();
                let made = scene(&mut dice, &wish, &producers, &mut program).expect("a socket");
                assert!(program.calls.len() < crate::generate::LONGEST, "{:?}", program.lines(&resolved));
                assert!(program.is_sound(&resolved), "{:?}", program.lines(&resolved));
                let sort = super::super::sort_of(&resolved, &families, &program, &made).expect("its sort");
                assert_eq!(sort.family, family, "{:?}", program.lines(&resolved));
            }
        }
    }
}
