//! What `make headers_install` makes of a kernel's source tree for one port: which headers there are, where each stands
//! in the tree, and the text of those that are generated.

use super::kbuild::{Context, Kbuild};
use crate::facts::Silence;
use crate::files::Files;
use crate::tree::table::Table;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

/// Where an installed header comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// A file of the tree, by its path.
    File(String),
    /// Generated.
    Made {
        /// The file that its facts stand in; they keep their lines.
        path: String,
        /// Its text.
        text: String,
    },
}

/// What is installed for the ports that share a folder, beside the headers of all ports.
#[derive(Clone, Debug, Default)]
pub(crate) struct Installed {
    /// Their own headers, by the name they are included by.
    pub(crate) own: BTreeMap<String, Origin>,
    /// Headers of all ports that are not installed for these.
    pub(crate) hidden: BTreeSet<String>,
    /// What could not be found out.
    pub(crate) silent: Vec<Silence>,
}

/// The folder of the headers that all ports share.
pub(crate) const SHARED: &str = "include/uapi";

/// Whether the files are a kernel's source tree.
pub(crate) fn is_tree(files: &dyn Files) -> bool {
    files.list(SHARED).iter().any(|name| name == "linux/")
}

/// What is installed for the ports whose folder below `arch/` is `port`. `shared` are the paths of the headers below
/// [`SHARED`].
pub(crate) fn installed(files: &dyn Files, shared: &[String], port: &str) -> Result<Installed, String> {
    let folder = format!("arch/{port}/include/uapi");
    let sources: BTreeSet<String> = files.below(&folder, ".h").into_iter().collect();
    if sources.is_empty() {
        return Err(format!("{} has no such port (no headers in {folder})", files.show("")));
    }
    let mut reader = Reader { files, port, silent: Vec::new() };
    let generic = reader.kbuild("include/uapi/asm-generic/Kbuild", &|path| sources.contains(path));
    let asm = reader.kbuild(&format!("{folder}/asm/Kbuild"), &|path| sources.contains(path));
    let mut own = BTreeMap::new();
    let mut wrap = |name: &String| {
        let path = format!("arch/{port}/include/generated/uapi/asm/{name}");
        let text = format!("#include <asm-generic/{name}>\n");
        own.insert(format!("asm/{name}"), Origin::Made { path, text });
    };
    asm.list("generic-y").iter().for_each(&mut wrap);
    let missing =
        |name: &&String| !asm.list("generated-y").contains(name) && !sources.contains(&format!("{folder}/asm/{name}"));
    generic.list("mandatory-y").iter().filter(missing).for_each(&mut wrap);
    for name in asm.list("generated-y").iter().chain(asm.list("syscall-y")) {
        if let Some(origin) = reader.numbers(name) {
            own.insert(format!("asm/{name}"), origin);
        }
    }
    own.extend(reader.version().map(|origin| ("linux/version.h".to_owned(), origin)));
    let generated = format!("arch/{port}/include/generated/uapi/");
    let exists =
        |path: &str| sources.contains(path) || path.strip_prefix(&generated).is_some_and(|name| own.contains_key(name));
    let kbuild = reader.kbuild("include/uapi/Kbuild", &exists);
    let hidden: BTreeSet<String> = kbuild.list("no-export-headers").iter().cloned().collect();
    // A header that stands in a folder counts more than one that is generated.
    own.retain(|name, _| shared.binary_search(&format!("{SHARED}/{name}")).is_err());
    own.extend(sources.iter().filter_map(|path| named(path, &folder)));
    own.retain(|name, _| !hidden.contains(name));
    Ok(Installed { own, hidden, silent: reader.silent })
}

/// A header's name and origin; those that stand in no folder are not installed.
pub(crate) fn named(path: &str, folder: &str) -> Option<(String, Origin)> {
    let name = path.strip_prefix(folder)?.strip_prefix('/')?;
    name.contains('/').then(|| (name.to_owned(), Origin::File(path.to_owned())))
}

struct Reader<'a> {
    files: &'a dyn Files,
    port: &'a str,
    silent: Vec<Silence>,
}

impl Reader<'_> {
    fn silence(&mut self, subject: &str, reason: String) {
        self.silent.push(Silence { subject: subject.to_owned(), reason });
    }

    fn kbuild(&mut self, path: &str, exists: &dyn Fn(&str) -> bool) -> Kbuild {
        let text = self.files.text(path).unwrap_or_default();
        let read = Kbuild::read(&text, &Context { port: self.port, exists });
        for (line, condition) in &read.unknown {
            let place = format!("{}:{line}", self.files.show(path));
            self.silence(
                path,
                format!("{place}: the condition `{condition}` is not understood; what it guards is left out"),
            );
        }
        read
    }

    /// A header that is generated from a table of system calls. Each number keeps the line of its entry.
    fn numbers(&mut self, name: &str) -> Option<Origin> {
        let Some(source) = self.source(name) else {
            let reason = format!("how asm/{name} is generated for {} is not known", self.port);
            self.silence(&format!("asm/{name}"), reason);
            return None;
        };
        let Some(text) = self.files.text(&source.path) else {
            let reason = format!("{} is not there, from which it is generated", self.files.show(&source.path));
            self.silence(&format!("asm/{name}"), reason);
            return None;
        };
        let table = Table::read(&text);
        for bad in &table.bad {
            let place = format!("{}:{}", self.files.show(&source.path), bad.line);
            self.silence(&format!("asm/{name}"), format!("{place}: {}", bad.reason));
        }
        let mut out = String::new();
        let mut line = 1;
        for row in table.of(&source.abis) {
            while line < row.line {
                out.push('\n');
                line += 1;
            }
            let number = match source.offset {
                Some(offset) => format!("({offset} + {})", row.number),
                None => row.number.to_string(),
            };
            let _ = writeln!(out, "#define __NR_{} {number}", row.name);
            line += 1;
        }
        Some(Origin::Made { path: source.path, text: out })
    }

    /// The table that a header is generated from. The shared rules are stated in makefiles; the older ports' rules, each
    /// a script of its own, are repeated here.
    fn source(&mut self, name: &str) -> Option<TableSource> {
        let port = self.port;
        let source = |path: String, abis: &[&str], offset: Option<&'static str>| {
            let abis = abis.iter().map(|abi| (*abi).to_owned()).collect();
            Some(TableSource { path, abis, offset })
        };
        let table = |file: &str| format!("arch/{port}/kernel/syscalls/{file}");
        let stem = name.strip_prefix("unistd")?.strip_suffix(".h")?;
        let bits = stem.trim_start_matches(['_', '-']);
        match (port, stem) {
            ("x86", "_32") => source("arch/x86/entry/syscalls/syscall_32.tbl".to_owned(), &["i386"], None),
            ("x86", "_64") => source("arch/x86/entry/syscalls/syscall_64.tbl".to_owned(), &["common", "64"], None),
            ("x86", "_x32") => source(
                "arch/x86/entry/syscalls/syscall_64.tbl".to_owned(),
                &["common", "x32"],
                Some("__X32_SYSCALL_BIT"),
            ),
            ("arm", "-oabi" | "-eabi") => {
                source("arch/arm/tools/syscall.tbl".to_owned(), &["common", bits], Some("__NR_SYSCALL_BASE"))
            }
            ("mips", "_n32" | "_n64" | "_o32") => source(table(&format!("syscall{stem}.tbl")), &[], Some("__NR_Linux")),
            ("powerpc", "_32" | "_64") => source(table("syscall.tbl"), &["common", "nospu", bits], None),
            ("parisc" | "s390" | "sparc", "_32" | "_64") => source(table("syscall.tbl"), &["common", bits], None),
            ("alpha" | "m68k" | "microblaze" | "sh" | "xtensa", "_32") => source(table("syscall.tbl"), &[], None),
            (_, "_32" | "_64") => self.shared_table(bits),
            _ => None,
        }
    }

    fn shared_table(&mut self, bits: &str) -> Option<TableSource> {
        let rules = self.kbuild(&format!("arch/{}/kernel/Makefile.syscalls", self.port), &|_| false);
        let mut abis = vec!["common".to_owned(), bits.to_owned()];
        abis.extend(rules.list(&format!("syscall_abis_{bits}")).iter().cloned());
        let path = rules.list("syscalltbl").first().map_or("scripts/syscall.tbl", String::as_str);
        Some(TableSource { path: path.replace("$(srctree)/", "").replace('%', bits), abis, offset: None })
    }

    /// `linux/version.h`, from the makefile at the root.
    fn version(&mut self) -> Option<Origin> {
        let path = "Makefile";
        let text = self.files.text(path).unwrap_or_default();
        let mut found = [None; 3];
        for (line, text) in text.lines().enumerate().take(16) {
            let Some((name, value)) = text.split_once('=') else { continue };
            let at = ["VERSION", "PATCHLEVEL", "SUBLEVEL"].iter().position(|known| *known == name.trim());
            if let Some(at) = at {
                // A release may leave the last ones out.
                found[at] = Some((line, value.trim().parse::<u32>().unwrap_or(0)));
            }
        }
        let [Some((first, version)), Some((second, level)), Some((third, sublevel))] = found else {
            let reason =
                format!("{}: expected VERSION, PATCHLEVEL and SUBLEVEL in its first lines", self.files.show(path));
            self.silence("linux/version.h", reason);
            return None;
        };
        // Each number keeps its line; what they make together comes after them.
        let mut lines = vec![String::new(); first.max(second).max(third) + 1];
        if text.contains("LINUX_VERSION_MAJOR") {
            lines[first] = format!("#define LINUX_VERSION_MAJOR {version}");
            lines[second] = format!("#define LINUX_VERSION_PATCHLEVEL {level}");
            lines[third] = format!("#define LINUX_VERSION_SUBLEVEL {sublevel}");
        }
        let code = (u64::from(version) << 16) + (u64::from(level) << 8) + u64::from(sublevel.min(255));
        lines.push(format!("#define LINUX_VERSION_CODE {code}"));
        lines.push("#define KERNEL_VERSION(a,b,c) (((a) << 16) + ((b) << 8) + ((c) > 255 ? 255 : (c)))\n".to_owned());
        Some(Origin::Made { path: path.to_owned(), text: lines.join("\n") })
    }
}

/// A table of system calls, and which of its entries go into a header.
struct TableSource {
    path: String,
    abis: Vec<String>,
    /// What is added to each number.
    offset: Option<&'static str>,
}
