//! Options of sockets, by level: what is set, and what is asked for with which memory.

use super::address::{LOOPBACK, NO_INTERFACE};
use super::{Families, Sort, Stage};
use crate::generate::dice::Dice;
use crate::program::Argument;
use abispec::target::Resolved;

/// An option with its value: what is set, or what lies where the answer goes.
pub(super) struct Choice {
    pub(super) level: u64,
    pub(super) name: u64,
    pub(super) value: Vec<u8>,
}

// Numbers of options that the specification has no names for, from the headers of their protocols.
const IP_XFRM_POLICY: u64 = 17;
const IP_ADD_MEMBERSHIP: u64 = 35;
const IP_DROP_MEMBERSHIP: u64 = 36;
const IP_MSFILTER: u64 = 41;
const IPT_GET_INFO: u64 = 64;
const IPT_GET_ENTRIES: u64 = 65;
const MRT_INIT: u64 = 200;
const MRT_ADD_VIF: u64 = 202;
const MRT_TABLE: u64 = 209;
const IPV6_ADDRFORM: u64 = 1;
const IPV6_JOIN_GROUP: u64 = 20;
const IPV6_FLOWLABEL: u64 = 32;
const TCP_CONGESTION: u64 = 13;
const TCP_REPAIR: u64 = 19;
const TCP_FASTOPEN_CONNECT: u64 = 30;
const TCP_ULP: u64 = 31;
const PACKET_ADD_MEMBERSHIP: u64 = 1;
const PACKET_RX_RING: u64 = 5;
const PACKET_VERSION: u64 = 10;
const PACKET_RESERVE: u64 = 12;
const PACKET_FANOUT: u64 = 18;
const NETLINK_ADD_MEMBERSHIP: u64 = 1;

fn words<const N: usize>(list: [u32; N]) -> Vec<u8> {
    list.into_iter().flat_map(u32::to_le_bytes).collect()
}

/// A group, an own address, and the number of an interface.
fn membership(interface: u32) -> Vec<u8> {
    words([u32::from_le_bytes([224, 0, 0, 5]), 0, interface])
}

/// The name of a table of packet filters, in the room of a request of so many bytes.
fn table(name: &str, bytes: usize) -> Vec<u8> {
    let mut value = name.as_bytes().to_vec();
    value.resize(bytes, 0);
    value
}

/// A label of flows: what is done with it, and how.
fn flow_label(label: u32, action: u8, flags: u16) -> Vec<u8> {
    let mut value = vec![0; 15];
    value.push(1);
    value.extend_from_slice(&label.to_be_bytes());
    // Nobody else may use it.
    value.extend_from_slice(&[action, 1]);
    value.extend_from_slice(&flags.to_le_bytes());
    value.resize(32, 0);
    value
}

/// Options that change what later calls find.
fn settings(dice: &mut Dice<'_>, f: &Families, sort: Sort, resolved: &Resolved) -> Choice {
    let number = |name: &str| resolved.constants.get(name).and_then(|value| u64::try_from(*value).ok()).unwrap_or(0);
    let general = |name: &str, value: Vec<u8>| Choice { level: number("SOL_SOCKET"), name: number(name), value };
    let at = |level: &str, name: u64, value: Vec<u8>| Choice { level: number(level), name, value };
    let interface = dice.of([LOOPBACK, LOOPBACK, NO_INTERFACE]);
    if dice.chance(20) {
        let any = dice.of([0, 1, u32::MAX]);
        return match dice.below(6) {
            0 => general("SO_BINDTOIFINDEX", words([NO_INTERFACE])),
            1 => general("SO_REUSEADDR", words([1])),
            2 => general("SO_BROADCAST", words([1])),
            3 => general("SO_LINGER", words([1, 0])),
            4 => general("SO_ZEROCOPY", words([1])),
            _ => {
                general(dice.of(["SO_PASSCRED", "SO_OOBINLINE", "SO_PEEK_OFF", "SO_SNDBUF", "SO_RCVBUF"]), words([any]))
            }
        };
    }
    if sort.family == f.packet {
        return match dice.below(6) {
            0 | 1 => at("SOL_PACKET", PACKET_FANOUT, words([1])),
            2 => at("SOL_PACKET", PACKET_RX_RING, words([4096, 1, 2048, 2])),
            3 => at("SOL_PACKET", PACKET_VERSION, words([dice.of([0, 1, 2, 3])])),
            4 => at("SOL_PACKET", PACKET_RESERVE, words([0])),
            _ => at("SOL_PACKET", PACKET_ADD_MEMBERSHIP, words([interface, 1, 0, 0])),
        };
    }
    if sort.family == f.netlink {
        return at("SOL_NETLINK", NETLINK_ADD_MEMBERSHIP, words([dice.of([0, 1, 2, 30, 31, 33, 1000])]));
    }
    if sort.kind == f.stream && dice.chance(60) {
        return match dice.below(6) {
            5 => at("SOL_TCP", TCP_REPAIR, words([1])),
            0 => at("SOL_TCP", TCP_ULP, dice.of([&b"tls"[..], b"nope"]).to_vec()),
            1 => at("SOL_TCP", TCP_CONGESTION, dice.of([&b"reno"[..], b"nope"]).to_vec()),
            2 => at("SOL_TCP", TCP_FASTOPEN_CONNECT, words([1])),
            _ => at("SOL_TCP", 1 + dice.below(44) as u64, words([dice.of([0, 1, 100]), 0])),
        };
    }
    if sort.family == f.inet6 && dice.chance(70) {
        let mut group = vec![0; 16];
        (group[0], group[1], group[15]) = (0xff, 2, 7);
        group.extend_from_slice(&interface.to_le_bytes());
        return match dice.below(5) {
            0 => at("SOL_IPV6", IPV6_ADDRFORM, words([f.inet as u32])),
            1 | 2 => {
                let (action, flags) = dice.of([(0, 1), (0, 3), (0, 3), (1, 0), (2, 0)]);
                at("SOL_IPV6", IPV6_FLOWLABEL, flow_label(5, action, flags))
            }
            3 => at("SOL_IPV6", IPV6_JOIN_GROUP, group),
            _ => at("SOL_IPV6", dice.below(80) as u64, words([dice.of([0, 1, 100]), 0])),
        };
    }
    match dice.below(8) {
        0..3 => at("SOL_IP", IP_ADD_MEMBERSHIP, membership(interface)),
        3 => at("SOL_IP", IP_DROP_MEMBERSHIP, membership(interface)),
        4 => at("SOL_IP", IP_XFRM_POLICY, vec![0; dice.of([0, 0, 8, 168])]),
        5 => at("SOL_IP", dice.of([MRT_INIT, MRT_INIT, MRT_ADD_VIF, MRT_TABLE]), words([1])),
        _ => at("SOL_IP", dice.below(55) as u64, words([dice.of([0, 1, 100]), 0])),
    }
}

/// An option to be set on a socket of this sort.
pub(super) fn set(dice: &mut Dice<'_>, f: &Families, sort: Sort, resolved: &Resolved) -> Choice {
    settings(dice, f, sort, resolved)
}

/// An option to be asked for.
pub(super) fn get(dice: &mut Dice<'_>, f: &Families, sort: Sort, resolved: &Resolved) -> Choice {
    let number = |name: &str| resolved.constants.get(name).and_then(|value| u64::try_from(*value).ok()).unwrap_or(0);
    let general =
        |name: &str, bytes: usize| Choice { level: number("SOL_SOCKET"), name: number(name), value: vec![0; bytes] };
    let at = |level: &str, name: u64, value: Vec<u8>| Choice { level: number(level), name, value };
    if sort.family == f.unix || dice.chance(40) {
        return match dice.below(6) {
            0 => general("SO_PEERPIDFD", 4),
            1 => general("SO_PEERGROUPS", dice.of([0, 0, 4, 64])),
            2 => general("SO_PEERSEC", dice.of([0, 1, 64])),
            3 => general("SO_PEERNAME", dice.of([2, 16, 128])),
            _ => general("SO_BINDTODEVICE", dice.of([4, 16, 16])),
        };
    }
    if sort.family == f.inet && dice.chance(60) {
        return match dice.below(4) {
            0 => at("SOL_IP", IPT_GET_INFO, table(dice.of(["filter", "nope"]), 84)),
            1 => at("SOL_IP", IPT_GET_ENTRIES, table(dice.of(["filter", "nope"]), 40)),
            2 => at(
                "SOL_IP",
                IP_MSFILTER,
                words([u32::from_le_bytes([224, 0, 0, 5]), dice.of([0, u32::from_le_bytes([127, 0, 0, 1])]), 0, 0]),
            ),
            _ => at("SOL_IP", MRT_INIT + dice.below(12) as u64, words([0, 0])),
        };
    }
    let choice = settings(dice, f, sort, resolved);
    Choice { value: vec![0; choice.value.len().max(4)], ..choice }
}

/// Sets an option in a scene; sometimes twice, which some take badly.
pub(super) fn alter(stage: &mut Stage<'_, '_>, dice: &mut Dice<'_>, fd: &Argument, sort: Sort) {
    let choice = settings(dice, &stage.families, sort, stage.producers.resolved);
    stage.option(fd, choice.level, choice.name, &choice.value);
}

/// Lets a connection be repaired.
pub(super) fn repair(stage: &mut Stage<'_, '_>, fd: &Argument) {
    let level = stage.constant("SOL_TCP");
    stage.option(fd, level, TCP_REPAIR, &words([1]));
}
