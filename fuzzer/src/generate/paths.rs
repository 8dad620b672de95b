//! Names of files: those of the fixture, those that are not there, and the forms that resolution treats in its own way.

use super::dice::Dice;
use super::producers::Names;
use super::values::Intent;
use crate::exec::EXECUTABLES;
use crate::exec::layout::WORK_DIRECTORY;
use crate::program::{Argument, Block, Placement};
use crate::world::fixture::{self, Build};
use abispec::expr::Expr;
use abispec::model::Effect;
use abispec::target::Variant;

/// Names that the fixture does not have, so that calls can make them.
const NEW: [&str; 5] = ["n1", "n2", "d/n1", "e/n1", "d/n2"];

/// The names of the fixture by what they are, relative to the working directory.
pub(super) fn names() -> Names {
    let mut names = Names { files: Vec::new(), directories: vec![".".to_owned()], fifos: Vec::new(), any: Vec::new() };
    let prefix = format!("{WORK_DIRECTORY}/");
    for build in fixture::setup_calls() {
        let (path, list) = match &build {
            Build::File { path, .. } => (path, Some(&mut names.files)),
            Build::Dir { path, .. } => (path, Some(&mut names.directories)),
            Build::Fifo { path, .. } => (path, Some(&mut names.fifos)),
            Build::Symlink { path, .. } | Build::HardLink { path, .. } | Build::Socket { path, .. } => (path, None),
            Build::Chmod { .. } | Build::Remove { .. } | Build::RemoveDir { .. } => continue,
        };
        let path = String::from_utf8_lossy(path);
        let path = path.strip_prefix(&prefix).unwrap_or(&path).to_owned();
        if let Some(list) = list {
            list.push(path.clone());
        }
        // Of a long chain of links its ends and its middle say it all.
        let link = path.strip_prefix("c/").and_then(|number| number.parse::<u32>().ok());
        if link.is_none_or(|number| matches!(number, 1 | 22 | 41)) {
            names.any.push(path);
        }
    }
    names
}

/// A path without its NUL. `create` prefers names that do not exist yet.
pub(super) fn path(dice: &mut Dice<'_>, fixture: &[String], create: bool, intent: Intent) -> Vec<u8> {
    let fresh = if create { 60 } else { 8 };
    let base = if dice.chance(fresh) {
        dice.of(NEW).to_owned()
    } else {
        dice.pick(fixture).cloned().unwrap_or_else(|| ".".to_owned())
    };
    let text = match intent {
        Intent::Valid => match dice.below(24) {
            0 => format!("./{base}"),
            1 => format!("/t/{base}"),
            2 => format!("{base}/"),
            3 => ".".to_owned(),
            4 => format!("d/../{base}"),
            5 | 6 if !create => "/dev/null".to_owned(),
            7 => "p".to_owned(),
            _ => base,
        },
        Intent::Odd => match dice.below(16) {
            0 => String::new(),
            1 => format!("{base}/"),
            2 => format!("{base}/."),
            3 => format!("{base}/.."),
            4 => format!("{base}/x"),
            5 => "missing/x".to_owned(),
            6 => "..".to_owned(),
            7 => "/".to_owned(),
            8 => "x".repeat(255),
            9 => "x".repeat(256),
            // The longest path, and the first that is too long.
            10 => "./".repeat(2046) + "abc",
            11 => "./".repeat(2047) + "ab",
            12 => format!("{base}//"),
            13 if create => dice.of(["/n1", "loop/x", "c/1/x", "nowrite/n1"]).to_owned(),
            13 => format!("/{base}"),
            14 => format!("../t/{base}"),
            _ => format!("{base}/../{base}"),
        },
    };
    text.into_bytes()
}

/// Of all files few are programs.
pub(super) fn executed(dice: &mut Dice<'_>, variant: &Variant, intents: &[Intent], args: &mut [Argument]) {
    for rule in &variant.effects {
        let Effect::Executes { file: Expr::Param(index) } = rule.effect.effect else { continue };
        let index = usize::from(index);
        if intents.get(index) == Some(&Intent::Valid)
            && dice.chance(30)
            && let Some(Argument::Block(block)) = args.get_mut(index)
        {
            let others = &EXECUTABLES[1..];
            let file = dice.pick(others).filter(|_| dice.chance(50)).unwrap_or(&EXECUTABLES[0]);
            *block = Block { placement: block.placement, ..Block::text(file.path.as_bytes()) };
            if let Placement::Edge(_) = block.placement {
                block.placement = Placement::Edge(u32::try_from(block.bytes.len()).unwrap_or(u32::MAX));
            }
        }
    }
}
