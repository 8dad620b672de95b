//! A law on a terminal.

use super::View;
use super::names::span;
use abispec::expr::print;
use abispec::law::{Form, Law};
use abispec::types;
use anstyle::{AnsiColor, Style};
use std::io::{self, Write};

/// Writes a law.
pub(super) fn human(view: &View<'_>, law: &Law, out: &mut dyn Write) -> io::Result<()> {
    let (bold, dim) = (Style::new().bold(), Style::new().dimmed());
    let word = AnsiColor::Cyan.on_default();
    let names = law.names();
    writeln!(out, "{bold}{}{bold:#}  {}", law.name.value, law.summary)?;
    let mut facts = vec!["law".to_owned()];
    facts.extend(view.kernel.map(|kernel| format!("Linux {kernel}")));
    facts.extend(span(law.span));
    facts.push(view.spec.place(law.name.at).to_string());
    writeln!(out, "{dim}{}{dim:#}", facts.join(" · "))?;
    match &law.form {
        Form::Same { left, right } => {
            writeln!(
                out,
                "\n{bold}in any program{bold:#}\n  {}\n{bold}does what this does{bold:#}\n  {}",
                left.text, right.text
            )?;
        }
        Form::Relation { given, calls, that } => {
            if *given > 0 {
                writeln!(out, "\n{bold}given{bold:#}")?;
                let given = &law.variables[..usize::from(*given)];
                let width = given.iter().map(|variable| variable.name.value.len()).max().unwrap_or(0);
                for variable in given {
                    writeln!(out, "  {:<width$}  {}", variable.name.value, types::print(&variable.ty.value, &names))?;
                }
            }
            writeln!(out, "\n{bold}calls{bold:#}")?;
            for line in calls {
                writeln!(out, "  {}", line.text)?;
            }
            writeln!(out, "\n{bold}then{bold:#}\n  {}", print(&that.value, &names))?;
        }
    }
    if let Some(when) = &law.when {
        writeln!(out, "      {word}when{word:#} {}", print(&when.value, &names))?;
    }
    if let Some(because) = &law.because {
        writeln!(out, "      {dim}{because}{dim:#}")?;
    }
    Ok(())
}
