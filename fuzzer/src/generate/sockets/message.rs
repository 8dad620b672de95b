//! Messages with an address, in pieces, and with what comes beside them.

use super::address;
use super::{Families, Sort};
use crate::generate::dice::Dice;
use crate::lower::POISON;
use crate::program::Block;
use abispec::target::{Resolved, ResolvedStruct};

/// What comes beside a message of a socket of this machine.
const SCM_RIGHTS: u64 = 1;
const SCM_CREDENTIALS: u64 = 2;

/// Lays out the headers of messages of a target.
pub(super) struct Headers<'r> {
    pub(super) resolved: &'r Resolved,
    pub(super) families: Families,
}

/// What goes into a header.
pub(super) struct Contents {
    pub(super) name: Option<Vec<u8>>,
    /// Bytes that are sent.
    pub(super) bytes: usize,
    pub(super) control: Vec<u8>,
}

impl Headers<'_> {
    fn word(&self) -> usize {
        self.resolved.target.arch.data_model().word() as usize
    }

    fn found(&self, name: &str) -> Option<&ResolvedStruct> {
        self.resolved.structs.get(name)
    }

    /// Puts one header at an offset of a block.
    fn put(
        &self,
        block: &mut Block,
        at: usize,
        header: &str,
        segment: &str,
        contents: Contents,
        poison: bool,
    ) -> Option<()> {
        let found = self.found(header)?;
        let offset =
            |name: &str| found.fields.iter().find(|field| field.name == name).map(|field| at + field.offset as usize);
        let word = self.word();
        let number = |block: &mut Block, name: &str, bytes: usize, value: u64| -> Option<()> {
            let at = offset(name)?;
            block.bytes.get_mut(at..at + bytes)?.copy_from_slice(&value.to_le_bytes()[..bytes]);
            Some(())
        };
        let link = |block: &mut Block, name: &str, inner: Block| -> Option<()> {
            block.links.push((u32::try_from(offset(name)?).ok()?, inner));
            Some(())
        };
        if let Some(name) = contents.name {
            number(block, "msg_namelen", 4, name.len() as u64)?;
            link(block, "msg_name", address::block(&name))?;
        }
        let fill = if poison { POISON } else { 7 };
        let mut piece = Block::new(vec![0; self.found(segment)?.size as usize]);
        piece.bytes.get_mut(word..2 * word)?.copy_from_slice(&(contents.bytes as u64).to_le_bytes()[..word]);
        piece.links.push((0, Block::new(vec![fill; contents.bytes])));
        number(block, "msg_iovlen", word, 1)?;
        link(block, "msg_iov", piece)?;
        if !contents.control.is_empty() {
            number(block, "msg_controllen", word, contents.control.len() as u64)?;
            link(block, "msg_control", Block::new(contents.control))?;
        }
        Some(())
    }

    /// A block that holds one header.
    pub(super) fn one(&self, header: &str, segment: &str, contents: Contents, poison: bool) -> Option<Block> {
        let mut block = Block::new(vec![0; self.found(header)?.size as usize]);
        self.put(&mut block, 0, header, segment, contents, poison)?;
        Some(block)
    }

    /// A block that holds a list of headers.
    pub(super) fn many(
        &self,
        element: &str,
        header: &str,
        segment: &str,
        list: Vec<Contents>,
        poison: bool,
    ) -> Option<Block> {
        let size = self.found(element)?.size as usize;
        let mut block = Block::new(vec![0; size * list.len()]);
        for (index, contents) in list.into_iter().enumerate() {
            self.put(&mut block, index * size, header, segment, contents, poison)?;
        }
        Some(block)
    }

    /// What comes beside a message: descriptors, credentials, or something for the protocol.
    pub(super) fn control(&self, dice: &mut Dice<'_>, sort: Sort) -> Vec<u8> {
        let (level, kind, data) = if sort.family == self.families.unix {
            let level = self.number("SOL_SOCKET");
            match dice.below(6) {
                0 | 1 => (level, SCM_RIGHTS, vec![0; 4 * dice.of([1, 8, 8])]),
                2 => (level, SCM_RIGHTS, dice.of([3_i32, 77, -1]).to_le_bytes().to_vec()),
                _ => {
                    let (process, user) = dice.of([(0_u32, 0_u32), (2, 0), (30_000, 0), (2, 7)]);
                    (level, SCM_CREDENTIALS, [process, user, 0].iter().flat_map(|id| id.to_le_bytes()).collect())
                }
            }
        } else {
            let level = dice.of(["SOL_SOCKET", "SOL_IP", "SOL_IPV6", "SOL_UDP"]);
            let kind = dice.of([8_u64, 2, 7, 11, 50, 103, 36, 61]);
            (self.number(level), kind, vec![0; dice.of([0, 4, 8, 12, 20])])
        };
        let mut control = self.beside(level, kind, &data);
        if dice.chance(10) {
            let odd = dice.of([0, 7, control.len() as u64 + 1, u64::MAX]);
            let word = self.word();
            control[..word].copy_from_slice(&odd.to_le_bytes()[..word]);
        }
        control
    }

    /// So many copies of the first descriptor.
    pub(super) fn descriptors(&self, copies: usize) -> Vec<u8> {
        self.beside(self.number("SOL_SOCKET"), SCM_RIGHTS, &vec![0; 4 * copies])
    }

    fn beside(&self, level: u64, kind: u64, data: &[u8]) -> Vec<u8> {
        let word = self.word();
        let mut control = ((word + 8 + data.len()) as u64).to_le_bytes()[..word].to_vec();
        control.extend_from_slice(&(level as u32).to_le_bytes());
        control.extend_from_slice(&(kind as u32).to_le_bytes());
        control.extend_from_slice(data);
        control
    }

    fn number(&self, name: &str) -> u64 {
        self.resolved.constants.get(name).and_then(|value| u64::try_from(*value).ok()).unwrap_or(0)
    }
}
