//! Addresses of each family: whole ones, and ones that lead nowhere.

use super::{Families, Sort, earlier_addresses, port};
use crate::generate::dice::Dice;
use crate::generate::producers::Names;
use crate::program::{Block, Program};
use abispec::target::Resolved;

/// Bytes of the struct that holds any address.
pub(super) const STORAGE: usize = 128;

/// The loopback interface's number, and one that no interface has.
pub(super) const LOOPBACK: u32 = 1;
pub(super) const NO_INTERFACE: u32 = 77;

/// An address in the room that every address has.
pub(super) fn block(address: &[u8]) -> Block {
    let mut bytes = address.to_vec();
    bytes.resize(STORAGE.max(bytes.len()), 0);
    Block::new(bytes)
}

fn begin(family: u64) -> Vec<u8> {
    (family as u16).to_le_bytes().to_vec()
}

/// A name that is no file's; with two NULs it is none whatever the order of bytes.
pub(super) fn abstract_name(family: u64, letter: u8) -> Vec<u8> {
    let mut address = begin(family);
    address.extend_from_slice(&[0, 0, letter]);
    address
}

/// A file's name.
pub(super) fn path(family: u64, path: &str) -> Vec<u8> {
    let mut address = begin(family);
    address.extend_from_slice(path.as_bytes());
    address.truncate(109);
    address.push(0);
    address
}

pub(super) fn inet(family: u64, port: u16, host: [u8; 4]) -> Vec<u8> {
    let mut address = begin(family);
    address.extend_from_slice(&port.to_be_bytes());
    address.extend_from_slice(&host);
    address.resize(16, 0);
    address
}

pub(super) fn inet6(family: u64, port: u16, host: [u8; 16], scope: u32) -> Vec<u8> {
    let mut address = begin(family);
    address.extend_from_slice(&port.to_be_bytes());
    address.extend_from_slice(&[0; 4]);
    address.extend_from_slice(&host);
    address.extend_from_slice(&scope.to_le_bytes());
    address
}

pub(super) fn netlink(family: u64, number: u32, groups: u32) -> Vec<u8> {
    let mut address = begin(family);
    address.extend_from_slice(&[0; 2]);
    address.extend_from_slice(&number.to_le_bytes());
    address.extend_from_slice(&groups.to_le_bytes());
    address
}

pub(super) fn packet(family: u64, protocol: u16, interface: u32, hardware: u8) -> Vec<u8> {
    let mut address = begin(family);
    address.extend_from_slice(&protocol.to_be_bytes());
    address.extend_from_slice(&interface.to_le_bytes());
    address.extend_from_slice(&[0, 0, 0, hardware]);
    address.extend_from_slice(&[0; 8]);
    address
}

const HERE: [u8; 4] = [127, 0, 0, 1];
const HERE6: [u8; 16] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];

/// This host's own address in a family of the internet.
pub(super) fn here(families: &Families, family: u64, port: u16) -> Vec<u8> {
    if family == families.inet6 { inet6(family, port, HERE6, 0) } else { inet(family, port, HERE) }
}

/// Names that are of interest to a socket: ones that can be made, that are there, and that lead nowhere.
const NAMES: [&str; 16] = [
    "n1",
    "n1",
    "n2",
    "s",
    "s",
    "f",
    "d",
    "missing/x",
    "f/x",
    "loop",
    "loop/x",
    "nowrite/n1",
    "nowrite/f",
    "closed/f",
    "nosearch/f",
    "/n1",
];

/// Hosts: this one, any, one that nobody has, broadcast and multicast addresses.
const HOSTS: [[u8; 4]; 9] =
    [HERE, HERE, HERE, [0; 4], [192, 0, 2, 1], [127, 255, 255, 255], [255; 4], [224, 0, 0, 1], [127, 0, 0, 2]];

fn host6(dice: &mut Dice<'_>) -> [u8; 16] {
    let mut host = [0; 16];
    match dice.below(9) {
        0..4 => host = HERE6,
        4 => {}
        5 => (host[0], host[1], host[15]) = (0xfe, 0x80, 1),
        6 => (host[0], host[1], host[15]) = (0xff, 0x02, 1),
        7 => (host[0], host[1], host[2], host[3], host[15]) = (0x20, 0x01, 0x0d, 0xb8, 1),
        _ => {
            host[10..12].fill(0xff);
            host[12..].copy_from_slice(&HERE);
        }
    }
    host
}

/// An address for a socket of this sort: in so many of a hundred cases one that the program has used before.
pub(super) fn any(
    dice: &mut Dice<'_>,
    families: &Families,
    sort: Sort,
    names: &Names,
    resolved: &Resolved,
    program: &Program,
    known: u32,
) -> Vec<u8> {
    if dice.chance(known) {
        let earlier = earlier_addresses(resolved, program);
        let fitting: Vec<&&Block> =
            earlier.iter().filter(|block| block.bytes.starts_with(&begin(sort.family))).collect();
        if let Some(block) = dice.pick(&fitting) {
            return whole(families, sort.family, &block.bytes);
        }
    }
    let mut address = fresh(dice, families, sort.family, names);
    match dice.below(16) {
        // No family, or another one.
        0 => address[..2].fill(0),
        1 => {
            let other = dice.of([families.unix, families.inet, families.inet6, families.netlink, families.packet]);
            address[..2].copy_from_slice(&begin(other));
        }
        _ => {}
    }
    address
}

/// How long an address in its room is.
fn whole(families: &Families, family: u64, room: &[u8]) -> Vec<u8> {
    let length = match family {
        _ if family == families.inet => 16,
        _ if family == families.inet6 => 28,
        _ if family == families.netlink => 12,
        _ if family == families.packet => 20,
        // A name ends with its last letter, and a file's with one more byte.
        _ => {
            let letters = room.iter().rposition(|byte| *byte != 0).map_or(2, |last| last + 1);
            (letters + usize::from(room.get(2).is_some_and(|first| *first != 0))).min(110)
        }
    };
    room.get(..length).unwrap_or(room).to_vec()
}

fn fresh(dice: &mut Dice<'_>, families: &Families, family: u64, names: &Names) -> Vec<u8> {
    if family == families.inet {
        let port = ports(dice);
        return inet(family, port, dice.of(HOSTS));
    }
    if family == families.inet6 {
        let (port, host) = (ports(dice), host6(dice));
        return inet6(family, port, host, dice.of([0, 0, LOOPBACK, NO_INTERFACE]));
    }
    if family == families.netlink {
        return netlink(family, dice.of([0, 0, 1, 2, 4_000_000]), dice.of([0, 0, 1, 1 << 29, 1 << 30, u32::MAX]));
    }
    if family == families.packet {
        let (protocol, hardware) = (dice.of([0, 3, 0x800]), dice.of([0, 6, 6, 8, 255]));
        return packet(family, protocol, dice.of([0, LOOPBACK, LOOPBACK, NO_INTERFACE]), hardware);
    }
    match dice.below(10) {
        0 => begin(family),
        1..3 => abstract_name(family, b'a' + dice.below(4) as u8),
        3 => {
            let name = dice.pick(&names.any).map_or("f", String::as_str);
            path(family, name)
        }
        4 => path(family, &"x".repeat(dice.of([100, 107, 108]))),
        _ => path(family, dice.of(NAMES)),
    }
}

fn ports(dice: &mut Dice<'_>) -> u16 {
    match dice.below(6) {
        0 => 0,
        1 => 80,
        2 => 1,
        _ => port(dice),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use abispec::arch::Arch;
    use abispec::target::Target;
    use abispec::version::Release;

    #[test]
    fn addresses_are_as_long_in_their_room_as_they_were() {
        let resolved = abispec::resolve(abispec::embedded(), &Target::new(Arch::X86_64, Release::new(7, 3)));
        let f = Families::of(&resolved);
        let table: [(u64, Vec<u8>, usize); 7] = [
            (f.unix, abstract_name(f.unix, b'a'), 5),
            (f.unix, path(f.unix, "n1"), 5),
            (f.unix, path(f.unix, &"x".repeat(200)), 110),
            (f.inet, here(&f, f.inet, 80), 16),
            (f.inet6, here(&f, f.inet6, 80), 28),
            (f.netlink, netlink(f.netlink, 1, 0), 12),
            (f.packet, packet(f.packet, 3, LOOPBACK, 6), 20),
        ];
        for (family, address, length) in table {
            assert_eq!(address.len(), length, "{address:?}");
            let room = block(&address);
            assert_eq!(room.bytes.len(), STORAGE, "{address:?}");
            assert_eq!(whole(&f, family, &room.bytes), address);
        }
    }
}
