//! The kernel's own list of system calls and their parameters, as its tracing file system shows it.

use crate::facts::{Fact, Facts, Parameter, Prototype, Source, WitnessKind};
use abispec::arch::Arch;
use nom::bytes::complete::{tag, take_until};
use nom::character::complete::{char, multispace0};
use nom::sequence::{delimited, preceded};
use nom::{IResult, Parser};
use std::fs;
use std::path::Path;
use std::sync::Arc;

/// Reads the formats of the system calls that `wanted` accepts from a mounted tracefs, `/sys/kernel/tracing` for example.
///
/// # Errors
/// When there is none to read: not mounted, not permitted, or a kernel that does not trace system calls.
pub fn read_tracefs(root: &Path, arch: Arch, wanted: &dyn Fn(&str) -> bool) -> Result<Facts, String> {
    let folder = root.join("events/syscalls");
    let entries = fs::read_dir(&folder).map_err(|error| reason(root, &folder, &error))?;
    let mut facts = Facts::new(WitnessKind::Tracefs, root.display().to_string(), arch);
    let mut names: Vec<_> = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok()).collect();
    names.sort();
    let mut calls = names.iter().filter_map(|name| name.strip_prefix("sys_enter_")).peekable();
    if calls.peek().is_none() {
        return Err(format!(
            "{} lists no system call: the kernel was built without tracing of system calls",
            folder.display()
        ));
    }
    for name in calls.filter(|name| wanted(name)) {
        let path = folder.join(format!("sys_enter_{name}/format"));
        match fs::read_to_string(&path) {
            Ok(text) => read_format(name, &path.display().to_string(), &text, &mut facts),
            Err(error) => facts.silence(name, format!("{}: {error}", path.display())),
        }
    }
    Ok(facts)
}

fn reason(root: &Path, folder: &Path, error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::PermissionDenied => format!("{} may be read by root only", root.display()),
        std::io::ErrorKind::NotFound => {
            format!("tracefs is not mounted at {} (root can: mount -t tracefs nodev {0})", root.display())
        }
        _ => format!("{}: {error}", folder.display()),
    }
}

/// Reads one format: the parameters are the fields after the call's number.
fn read_format(name: &str, path: &str, text: &str, facts: &mut Facts) {
    let file: Arc<str> = Arc::from(path);
    let mut params = Vec::new();
    let mut after_number = false;
    for (line, text) in text.lines().enumerate() {
        let Ok((_, declaration)) = field(text) else { continue };
        let Some((c_type, field)) = split(declaration) else {
            facts.silence(name, format!("{path}:{}: the field `{declaration}` has no name", line + 1));
            return;
        };
        // Newer kernels put the texts that arguments point to behind them (7.2); a parameter is never of such a type.
        if after_number && !c_type.starts_with("__data_loc") {
            params.push(Parameter { name: field.to_owned(), c_type: Ok(c_type.to_owned()) });
        }
        after_number |= matches!(field, "__syscall_nr" | "nr");
    }
    if after_number {
        facts.prototypes.insert(name.to_owned(), Fact::new(Prototype { params }, Source::line(file, 1, 1)));
    } else {
        facts.silence(name, format!("{path}: it has no field for the number of the call"));
    }
}

/// The declaration of a field, what stands between `field:` and the first semicolon.
fn field(line: &str) -> IResult<&str, &str> {
    preceded(multispace0, delimited(tag("field:"), take_until(";"), char(';'))).parse(line)
}

/// A declaration's type and name.
fn split(declaration: &str) -> Option<(&str, &str)> {
    let declaration = declaration.trim();
    let start = declaration.rfind(|c: char| !c.is_ascii_alphanumeric() && c != '_')? + 1;
    let (c_type, name) = declaration.split_at(start);
    (!name.is_empty() && !c_type.trim().is_empty()).then(|| (c_type.trim(), name))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FORMAT: &str = "name: sys_enter_example\nID: 7\nformat:\n\tfield:unsigned short common_type;\toffset:0;\tsize:2;\tsigned:0;\n\n\
        \tfield:int __syscall_nr;\toffset:8;\tsize:4;\tsigned:1;\n\tfield:const char * name;\toffset:16;\tsize:8;\tsigned:0;\n\
        \tfield:unsigned int flags;\toffset:24;\tsize:8;\tsigned:0;\n\nprint fmt: \"...\"\n";

    fn read(text: &str) -> Facts {
        let mut facts = Facts::new(WitnessKind::Tracefs, "trace", Arch::X86_64);
        read_format("example", "trace/format", text, &mut facts);
        facts
    }

    #[test]
    fn parameters_follow_the_number() {
        let facts = read(FORMAT);
        let params = &facts.prototypes["example"].value.params;
        let found: Vec<_> =
            params.iter().map(|param| (param.name.as_str(), param.c_type.as_deref().unwrap())).collect();
        assert_eq!(found, [("name", "const char *"), ("flags", "unsigned int")]);
    }

    #[test]
    fn texts_behind_the_arguments_are_no_parameters() {
        let facts =
            read(&FORMAT.replace(
                "\n\nprint",
                "\n\tfield:__data_loc char[] __name_val;\toffset:32;\tsize:4;\tsigned:0;\n\nprint",
            ));
        assert_eq!(facts.prototypes["example"].value.params.len(), 2);
    }

    #[test]
    fn what_is_not_understood_is_silent() {
        assert_eq!(read("").silent.len(), 1);
        assert_eq!(read("field:int __syscall_nr;\nfield:;\n").silent.len(), 1);
        assert!(read("field:int __syscall_nr;\n").prototypes["example"].value.params.is_empty());
        assert!(read_tracefs(Path::new("/nonexistent"), Arch::X86_64, &|_| true).unwrap_err().contains("not mounted"));
    }
}
