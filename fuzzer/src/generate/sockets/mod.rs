//! Sockets in the states in which their rarer rules apply: listening, connected, full, half closed, being connected.

mod address;
mod dress;
mod message;
mod options;
mod scenes;

pub(super) use dress::dress;
pub(super) use scenes::{SocketWish, listener, scene};

use options::Choice;

use super::dice::Dice;
use super::producers::Producers;
use crate::lower::POISON;
use crate::program::{Argument, Block, Invocation, Output, Program};
use abispec::target::Resolved;

/// The family and the type of a socket, as numbers of the target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sort {
    pub(super) family: u64,
    pub(super) kind: u64,
}

/// The numbers of families and types on a target.
#[derive(Clone, Copy, Debug)]
pub(super) struct Families {
    pub(super) unix: u64,
    pub(super) inet: u64,
    pub(super) inet6: u64,
    pub(super) netlink: u64,
    pub(super) packet: u64,
    pub(super) stream: u64,
    pub(super) datagram: u64,
    pub(super) raw: u64,
    pub(super) seqpacket: u64,
    nonblock: u64,
    type_mask: u64,
}

impl Families {
    pub(super) fn of(resolved: &Resolved) -> Self {
        let number =
            |name: &str| resolved.constants.get(name).and_then(|value| u64::try_from(*value).ok()).unwrap_or(0);
        Self {
            unix: number("AF_UNIX"),
            inet: number("AF_INET"),
            inet6: number("AF_INET6"),
            netlink: number("AF_NETLINK"),
            packet: number("AF_PACKET"),
            stream: number("SOCK_STREAM"),
            datagram: number("SOCK_DGRAM"),
            raw: number("SOCK_RAW"),
            seqpacket: number("SOCK_SEQPACKET"),
            nonblock: number("SOCK_NONBLOCK"),
            type_mask: number("SOCK_TYPE_MASK"),
        }
    }
}

/// What sort of socket an argument of a program is, where its making says so.
fn sort_of(resolved: &Resolved, families: &Families, program: &Program, argument: &Argument) -> Option<Sort> {
    let Argument::Result { of, .. } = argument else { return None };
    let made = program.calls.get(*of)?;
    match (resolved.calls[made.call].name.as_str(), &made.args[..]) {
        ("socket" | "socketpair", [Argument::Number(family), Argument::Number(kind), ..]) => {
            Some(Sort { family: *family & 0xffff_ffff, kind: *kind & families.type_mask })
        }
        ("accept" | "accept4" | "dup" | "dup2" | "dup3", [from, ..]) => sort_of(resolved, families, program, from),
        _ => None,
    }
}

/// Appends calls on sockets to a program.
struct Stage<'s, 'p> {
    producers: &'s Producers<'s>,
    program: &'p mut Program,
    families: Families,
}

impl Stage<'_, '_> {
    fn push(&mut self, name: &str, args: Vec<Argument>) -> Option<usize> {
        self.producers.push(self.program, name, args)
    }

    fn socket(&mut self, family: u64, kind: u64, protocol: u64) -> Option<Argument> {
        let args = [family, kind, protocol].map(Argument::Number).to_vec();
        self.push("socket", args).map(Argument::ret)
    }

    fn pair(&mut self, kind: u64) -> Option<[Argument; 2]> {
        let ends = Argument::Block(Block::new(vec![POISON; 8]));
        let number = Argument::Number;
        let of = self.push("socketpair", vec![number(self.families.unix), number(kind), number(0), ends])?;
        let end = |offset| Argument::Result { of, output: Output::Written { param: 3, offset }, high: None };
        Some([end(0), end(4)])
    }

    fn at(&mut self, name: &str, fd: &Argument, address: &[u8]) -> Option<usize> {
        let length = Argument::Number(address.len() as u64);
        self.push(name, vec![fd.clone(), Argument::Block(address::block(address)), length])
    }

    fn bind(&mut self, fd: &Argument, address: &[u8]) -> Option<usize> {
        self.at("bind", fd, address)
    }

    fn connect(&mut self, fd: &Argument, address: &[u8]) -> Option<usize> {
        self.at("connect", fd, address)
    }

    fn listen(&mut self, fd: &Argument, backlog: u64) -> Option<usize> {
        self.push("listen", vec![fd.clone(), Argument::Number(backlog)])
    }

    fn accept(&mut self, fd: &Argument, flags: u64) -> Option<Argument> {
        let number = Argument::Number;
        self.push("accept4", vec![fd.clone(), number(0), number(0), number(flags)]).map(Argument::ret)
    }

    fn write(&mut self, fd: &Argument, bytes: usize) -> Option<usize> {
        let data = Argument::Block(Block::new(vec![7; bytes]));
        self.push("write", vec![fd.clone(), data, Argument::Number(bytes as u64)])
    }

    fn close(&mut self, fd: &Argument) -> Option<usize> {
        self.push("close", vec![fd.clone()])
    }

    fn shutdown(&mut self, fd: &Argument, how: u64) -> Option<usize> {
        self.push("shutdown", vec![fd.clone(), Argument::Number(how)])
    }

    fn option(&mut self, fd: &Argument, level: u64, name: u64, value: &[u8]) -> Option<usize> {
        let number = Argument::Number;
        let args = vec![
            fd.clone(),
            number(level),
            number(name),
            Argument::Block(Block::new(value.to_vec())),
            number(value.len() as u64),
        ];
        self.push("setsockopt", args)
    }

    fn constant(&self, name: &str) -> u64 {
        self.producers.constant(name)
    }

    /// An option of every socket, by its name.
    fn general(&mut self, fd: &Argument, name: &str, value: &[u8]) -> Option<usize> {
        let (level, option) = (self.constant("SOL_SOCKET"), self.constant(name));
        self.option(fd, level, option, value)
    }

    /// Whether so many calls, and the one that they are for, fit into the program.
    fn fits(&self, calls: usize) -> bool {
        self.program.calls.len() + calls < super::LONGEST
    }
}

/// Addresses that earlier calls of a program were given, the last ones first.
fn earlier_addresses<'p>(resolved: &Resolved, program: &'p Program) -> Vec<&'p Block> {
    let address = |call: &'p Invocation| match (resolved.calls[call.call].name.as_str(), call.args.get(1)) {
        ("bind" | "connect", Some(Argument::Block(block))) => Some(block),
        _ => None,
    };
    program.calls.iter().rev().filter_map(address).collect()
}

/// A port that nobody else is likely to have.
fn port(dice: &mut Dice<'_>) -> u16 {
    u16::try_from(1200 + dice.below(30_000)).unwrap_or(1200)
}
