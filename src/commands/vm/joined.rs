//! What guests did together: one journal, one report, one exit code.

use super::guests::{Line, Turn};
use crate::commands::merge;
use crate::context::Context;
use crate::engine::{self, EngineResult};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::journal;
use abispec::journal::Run;
use abispec::model::Spec;
use std::io::{self, Write};

/// All that guests said, and how their machines fared.
pub(super) fn runs(spec: &Spec, lines: &[Line]) -> Vec<Run> {
    let turns: Vec<&Turn> = lines.iter().flat_map(|line| &line.turns).collect();
    let said = turns.iter().flat_map(|turn| turn.runs.iter().cloned());
    said.chain([journal::run(spec, &fared(&turns), "")]).collect()
}

/// How machines fared, as one result.
fn fared(turns: &[&Turn]) -> EngineResult {
    let mut all = EngineResult { name: "vm".into(), ..EngineResult::default() };
    for turn in turns {
        let own = turn.ended.result();
        // What never came up has no name but its file's.
        if all.origin.is_none() || turn.ended.received.release.is_some() {
            all.origin = own.origin;
        }
        all.compared += own.compared;
        all.findings.extend(own.findings);
        all.skipped.extend(own.skipped);
        all.took += own.took;
        if turns.len() > 1 {
            let seed = turn.share.map(|share| format!("seed {}, ", share.seed)).unwrap_or_default();
            let (name, told, folder) = (&turn.name, turn.ended.told(), turn.ended.folder.display());
            all.summary.push(format!("{name}: {seed}{told}, {:.1} s, {folder}", turn.ended.took.as_secs_f64()));
        }
    }
    all
}

/// Reports what guests did together. `told` are the engines whose part has been told already.
pub(super) fn report(runs: Vec<Run>, told: &[String], context: &Context, out: &mut dyn Write) -> Result<Exit, Failure> {
    let joined = abispec::journal::merge(runs).map_err(|conflict| {
        Failure::new("what the guests did cannot be joined")
            .why(conflict.to_string())
            .help("their journals lie in --out; `abispec merge` takes them")
    })?;
    let results = merge::results(&joined);
    // Where there are several kernels' names, a result has its kernel's behind its own.
    let is_told = |result: &EngineResult| told.iter().any(|name| result.name.split(' ').next() == Some(name));
    for result in results.iter().filter(|result| context.document.is_some() || !is_told(result)) {
        engine::write_part(result, context, out)?;
    }
    engine::write_total(&results, context, out)?;
    Ok(engine::exit(&results))
}

/// Says what the guests' report has no place for.
pub(super) fn notes(lines: &[Line]) -> io::Result<()> {
    let mut err = io::stderr();
    for turn in lines.iter().flat_map(|line| &line.turns) {
        if let Some(why) = &turn.unread {
            writeln!(err, "note: what {} did is not counted: {why}", turn.name)?;
        }
    }
    Ok(())
}

/// How the command ends, where its report ends with `exit`.
pub(super) fn conclude(lines: &[Line], exit: Exit) -> Result<Exit, Failure> {
    let mut worst = exit;
    for line in lines {
        if let Some(why) = &line.given_up {
            return Err(Failure::new("the run was given up").why(why.clone()).help(
                "what had been found until then is told above and lies in the folder of --out; more --memory or --patience may be all that is missing",
            ));
        }
        let Some(turn) = line.turns.last() else { continue };
        // Its time was over when it broke off: that is told as a finding.
        if !turn.ended.broke_off() && turn.ended.conclude()? == Exit::CouldNotRun {
            worst = Exit::CouldNotRun;
        }
    }
    Ok(worst)
}
