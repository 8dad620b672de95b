//! Where a kernel tree keeps what belongs to a port: its folder, its table of system calls, and what the port settles.

use super::table::Table;
use crate::files::Files;
use abispec::arch::{Arch, DataModel};

/// A port's place in a kernel tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Home {
    /// The folder below `arch/`.
    pub(crate) folder: &'static str,
    /// The generated header that numbers the port's calls.
    pub(crate) header: &'static str,
    /// Options that make the kernel one of this port.
    pub(crate) options: &'static [(&'static str, bool)],
    /// Bits of the kernel's own `long`.
    pub(crate) bits: u32,
}

const WIDE: &[(&str, bool)] = &[("64BIT", true), ("32BIT", false)];
const NARROW: &[(&str, bool)] = &[("64BIT", false), ("32BIT", true)];

/// The place of a port.
pub(crate) fn home(arch: Arch) -> Home {
    let home = |header, options, bits| Home { folder: arch.machine(), header, options, bits };
    let wide = || home("unistd_64.h", WIDE, 64);
    let narrow = || home("unistd_32.h", NARROW, 32);
    match arch {
        Arch::X86_64
        | Arch::Arm64
        | Arch::Riscv64
        | Arch::Loongarch64
        | Arch::S390x
        | Arch::Sparc64
        | Arch::Parisc64 => wide(),
        Arch::I386
        | Arch::Riscv32
        | Arch::Sparc
        | Arch::Parisc
        | Arch::M68k
        | Arch::Sh
        | Arch::Xtensa
        | Arch::Microblaze
        | Arch::Arc
        | Arch::Csky
        | Arch::Hexagon
        | Arch::Nios2
        | Arch::Openrisc => narrow(),
        Arch::X32 => {
            home("unistd_x32.h", &[("64BIT", true), ("32BIT", false), ("X86_X32_ABI", true), ("COMPAT", true)], 64)
        }
        Arch::Arm => home("unistd-eabi.h", &[("64BIT", false), ("32BIT", true), ("AEABI", true)], 32),
        Arch::Powerpc64 => home("unistd_64.h", &[("64BIT", true), ("32BIT", false), ("PPC64", true)], 64),
        Arch::Powerpc => home("unistd_32.h", &[("64BIT", false), ("32BIT", true), ("PPC64", false)], 32),
        Arch::MipsO32 => home("unistd_o32.h", NARROW, 32),
        Arch::MipsN32 => {
            home("unistd_n32.h", &[("64BIT", true), ("32BIT", false), ("MIPS32_N32", true), ("COMPAT", true)], 64)
        }
        Arch::MipsN64 => home("unistd_n64.h", WIDE, 64),
        // Its one header has the name that ports of 32 bits use.
        Arch::Alpha => home("unistd_32.h", WIDE, 64),
    }
}

/// What a generated header with numbers of system calls is made from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Numbering {
    /// The table, by its path in the tree.
    pub table: String,
    /// The ABIs whose entries count; empty for all.
    pub abis: Vec<String>,
    /// What is added to each number.
    pub offset: u32,
    /// The macro that the header adds, where it adds one.
    pub base: Option<&'static str>,
}

type Own = (&'static str, &'static str, &'static str, &'static str, Option<(&'static str, u32)>);

/// The headers that are made from tables of the port's own: folder, header, table, ABIs, and the base of the numbers.
const OWN: &[Own] = &[
    ("x86", "unistd_64.h", "entry/syscalls/syscall_64.tbl", "common,64", None),
    ("x86", "unistd_x32.h", "entry/syscalls/syscall_64.tbl", "common,x32", Some(("__X32_SYSCALL_BIT", 0x4000_0000))),
    ("x86", "unistd_32.h", "entry/syscalls/syscall_32.tbl", "i386", None),
    ("arm", "unistd-eabi.h", "tools/syscall.tbl", "common,eabi", Some(("__NR_SYSCALL_BASE", 0))),
    ("arm", "unistd-oabi.h", "tools/syscall.tbl", "common,oabi", Some(("__NR_SYSCALL_BASE", 0x90_0000))),
    ("s390", "unistd_64.h", "kernel/syscalls/syscall.tbl", "common,64", None),
    ("s390", "unistd_32.h", "kernel/syscalls/syscall.tbl", "common,32", None),
    ("powerpc", "unistd_64.h", "kernel/syscalls/syscall.tbl", "common,nospu,64", None),
    ("powerpc", "unistd_32.h", "kernel/syscalls/syscall.tbl", "common,nospu,32", None),
    ("mips", "unistd_o32.h", "kernel/syscalls/syscall_o32.tbl", "", Some(("__NR_Linux", 4000))),
    ("mips", "unistd_n64.h", "kernel/syscalls/syscall_n64.tbl", "", Some(("__NR_Linux", 5000))),
    ("mips", "unistd_n32.h", "kernel/syscalls/syscall_n32.tbl", "", Some(("__NR_Linux", 6000))),
    ("sparc", "unistd_64.h", "kernel/syscalls/syscall.tbl", "common,64", None),
    ("sparc", "unistd_32.h", "kernel/syscalls/syscall.tbl", "common,32", None),
    ("parisc", "unistd_64.h", "kernel/syscalls/syscall.tbl", "common,64", None),
    ("parisc", "unistd_32.h", "kernel/syscalls/syscall.tbl", "common,32", None),
    ("alpha", "unistd_32.h", "kernel/syscalls/syscall.tbl", "", None),
    ("m68k", "unistd_32.h", "kernel/syscalls/syscall.tbl", "", None),
    ("sh", "unistd_32.h", "kernel/syscalls/syscall.tbl", "", None),
    ("xtensa", "unistd_32.h", "kernel/syscalls/syscall.tbl", "", None),
    ("microblaze", "unistd_32.h", "kernel/syscalls/syscall.tbl", "", None),
];

/// What is added to the numbers in a port's table.
pub(crate) fn base(arch: Arch) -> u32 {
    let home = home(arch);
    let own = OWN.iter().find(|own| (own.0, own.1) == (home.folder, home.header));
    own.and_then(|own| own.4).map_or(0, |(_, base)| base)
}

/// The table that most newer ports share.
const SHARED: &str = "scripts/syscall.tbl";

/// What a generated header `asm/unistd_64.h` and the like is made from; `None` where the tree makes no such header.
pub fn numbering(files: &dyn Files, folder: &str, header: &str) -> Option<Numbering> {
    if let Some((_, _, table, abis, base)) = OWN.iter().find(|own| (own.0, own.1) == (folder, header)) {
        return Some(Numbering {
            table: format!("arch/{folder}/{table}"),
            abis: abis.split(',').filter(|abi| !abi.is_empty()).map(str::to_owned).collect(),
            offset: base.map_or(0, |(_, offset)| offset),
            base: base.map(|(name, _)| name),
        });
    }
    let width = header.strip_prefix("unistd_")?.strip_suffix(".h").filter(|width| matches!(*width, "32" | "64"))?;
    let (mut table, mut abis) = (SHARED.to_owned(), Vec::new());
    for makefile in ["scripts/Makefile.asm-headers".to_owned(), format!("arch/{folder}/kernel/Makefile.syscalls")] {
        let text = files.text(&makefile).unwrap_or_default();
        for (name, adds, value) in assignments(&text) {
            if name == format!("syscall_abis_{width}") {
                if !adds {
                    abis.clear();
                }
                // `--abis` takes them with commas or blanks between them.
                abis.extend(value.split([',', ' ', '\t']).filter(|abi| !abi.is_empty()).map(str::to_owned));
            } else if name == "syscalltbl" {
                table = value.trim_start_matches("$(srctree)/").replace('%', width);
            }
        }
    }
    let made = !abis.is_empty() && files.text(&table).is_some();
    made.then_some(Numbering { table, abis, offset: 0, base: None })
}

/// A makefile's assignments: name, whether it adds, value.
fn assignments(text: &str) -> impl Iterator<Item = (&str, bool, &str)> {
    text.lines().filter_map(|line| {
        let (left, right) = line.split('#').next()?.split_once('=')?;
        let name = left.trim_end_matches([':', '+', '?']).trim();
        Some((name, left.ends_with('+'), right.trim()))
    })
}

/// The path of a table and its entries for a header. A link that is kept as its target's path is followed.
pub fn entries(files: &dyn Files, numbering: &Numbering) -> Option<(String, Table)> {
    let text = files.text(&numbering.table)?;
    let target = text.trim();
    if target.ends_with(".tbl") && !target.contains(char::is_whitespace) {
        let path = joined(&numbering.table, target);
        let text = files.text(&path)?;
        return Some((path, Table::read(&text)));
    }
    Some((numbering.table.clone(), Table::read(&text)))
}

fn joined(from: &str, to: &str) -> String {
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    for part in to.split('/') {
        match part {
            ".." => drop(parts.pop()),
            "." | "" => {}
            part => parts.push(part),
        }
    }
    parts.join("/")
}

/// The macros that a port's compiler predefines and kernel code asks for.
pub(crate) fn predefined(folder: &str, name: &str) -> Option<bool> {
    let port = name.strip_prefix("__").and_then(|name| name.strip_suffix("__"))?;
    const PORTS: &[&str] = &[
        "alpha", "arm", "aarch64", "hppa", "i386", "ia64", "m68k", "mips", "powerpc", "riscv", "s390", "sh", "sparc",
        "x86_64",
    ];
    let folder = match folder {
        "arm64" => "aarch64",
        "parisc" => "hppa",
        folder => folder,
    };
    PORTS.contains(&port).then_some(port == folder).filter(|_| folder != "x86")
}

/// Bits of `long` as user space of the port sees it.
pub(crate) fn user_bits(arch: Arch) -> u32 {
    match arch.data_model() {
        DataModel::Lp64 => 64,
        DataModel::Ilp32 => 32,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::Memory;

    fn tree(files: &[(&str, &str)]) -> Memory {
        let files = files.iter().map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec())).collect();
        Memory { name: "tree".to_owned(), files }
    }

    #[test]
    fn ports_choose_entries_of_the_shared_table() {
        let table = "1\tcommon\tmoor\tsys_moor\n2\t32\twait\tsys_wait32\n2\t64\twait\tsys_wait\n3 old cast sys_cast\n";
        let memory = tree(&[
            (
                "scripts/Makefile.asm-headers",
                "syscall_abis_32  += common,32\nsyscall_abis_64  += common,64\nsyscalltbl := $(srctree)/scripts/syscall.tbl\n",
            ),
            ("scripts/syscall.tbl", table),
            ("arch/arc/kernel/Makefile.syscalls", "# more\nsyscall_abis_32 += arc old\n"),
            (
                "arch/arm64/kernel/Makefile.syscalls",
                "syscall_abis_32 +=\nsyscalltbl = arch/arm64/tools/syscall_%.tbl\n",
            ),
            ("arch/arm64/tools/syscall_64.tbl", "../../../scripts/syscall.tbl"),
        ]);
        let names = |folder: &str, header: &str| {
            let numbering = numbering(&memory, folder, header).expect("a table");
            let (path, table) = entries(&memory, &numbering).expect("entries");
            let names: Vec<_> = table.of(&numbering.abis).map(|row| row.native.clone().unwrap_or_default()).collect();
            (path, names.join(" "))
        };
        let shared = "scripts/syscall.tbl".to_owned();
        assert_eq!(names("arc", "unistd_32.h"), (shared.clone(), "sys_moor sys_wait32 sys_cast".to_owned()));
        assert_eq!(names("riscv", "unistd_64.h"), (shared.clone(), "sys_moor sys_wait".to_owned()));
        assert_eq!(names("arm64", "unistd_64.h"), (shared, "sys_moor sys_wait".to_owned()));
        assert_eq!(numbering(&memory, "riscv", "unistd_x32.h"), None);
        assert_eq!(numbering(&tree(&[]), "riscv", "unistd_64.h"), None);
    }

    #[test]
    fn ports_with_tables_of_their_own_have_one() {
        for arch in Arch::ALL {
            let home = home(*arch);
            let own = OWN.iter().any(|own| own.0 == home.folder && own.1 == home.header);
            assert_eq!(own, !arch.uses_generic_table(), "{arch}");
        }
    }
}
