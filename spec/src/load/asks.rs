//! What a call asks of the file system of a file: `asks:`.

use super::reader::Log;
use super::sets::names;
use super::yaml::Yaml;
use crate::model::Operation;
use crate::suggest::nearest;
use crate::types::Type;

/// Reads it, of a parameter of this type.
pub(super) fn load(log: &Log<'_>, ty: &Type, yaml: Yaml) -> Vec<Operation> {
    let at = yaml.at;
    let listed = names(log, "asks", yaml);
    let of_files = match ty {
        Type::Path { .. } | Type::Vma => true,
        Type::Resource(name) => name == "fd" || name.starts_with("fd["),
        _ => false,
    };
    if !of_files {
        log.report("vacuous-key", at, "`asks` has a meaning for descriptors, paths and mapped pages only", None);
    }
    let mut found = Vec::new();
    for word in listed {
        match Operation::ALL.iter().copied().find(|known| known.name() == word.value) {
            Some(operation) => found.push(operation),
            None => {
                let known = Operation::ALL.iter().map(|known| known.name());
                let help = nearest(&word.value, known.clone()).map(|found| format!("did you mean `{found}`?"));
                let help = help.or_else(|| Some(format!("write some of {}", known.collect::<Vec<_>>().join(", "))));
                log.report("bad-operation", word.at, format!("`{}` is no operation of file systems", word.value), help);
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use crate::finding::{Finding, SourceFile};
    use crate::load::load;
    use crate::model::{Operation, Spec};

    fn read(param: &str) -> (Spec, Vec<Finding>) {
        let file = |path: &str, text: String| SourceFile { path: path.to_owned(), text };
        let head = "syscall: x\nsummary: a test\nnr: {x86_64: 1}\nreturns: zero\nparams:\n";
        let call = format!("{head}  - {{name: a, c: int, {param}}}\n");
        load(vec![
            file("syscalls/x.yaml", call),
            file("resources/r.yaml", "fd: {base: int32}\npid: {base: int32}\n".to_owned()),
        ])
    }

    #[test]
    fn descriptors_paths_and_pages_have_file_systems() {
        for ty in ["fd", "path", "vma"] {
            let (spec, findings) = read(&format!("type: {ty}, asks: [read, space]"));
            assert!(findings.is_empty(), "{ty}: {findings:?}");
            assert_eq!(spec.syscalls["x"].params[0].asks, [Operation::Read, Operation::Space]);
        }
    }

    #[test]
    fn what_nobody_asks_is_reported_once() {
        for (param, id, message) in [
            ("type: pid, asks: [read]", "vacuous-key", "descriptors, paths and mapped pages only"),
            ("type: fd, asks: [raed]", "bad-operation", "`raed` is no operation"),
            ("type: fd, asks: 7", "wrong-type", "`asks`"),
        ] {
            let (_, findings) = read(param);
            let told: Vec<_> = findings.iter().map(|finding| (finding.id.as_str(), finding.message.as_str())).collect();
            assert!(matches!(&told[..], [(own, text)] if *own == id && text.contains(message)), "{param}: {told:?}");
        }
    }
}
