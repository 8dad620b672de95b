//! Names of files: those of the fixture, those that are not there, and the forms that resolution treats in its own way.

use super::dice::Dice;
use super::values::Intent;

/// Names that the fixture does not have, so that calls can make them.
const NEW: [&str; 5] = ["n1", "n2", "d/n1", "e/n1", "d/n2"];

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
