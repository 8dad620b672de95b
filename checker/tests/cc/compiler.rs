//! The compilers that judge, one row for each port.

use abispec::arch::Arch;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A port and the compiler that speaks for it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Row {
    /// The port.
    pub(crate) arch: Arch,
    /// Its folder below `arch/` in a kernel's tree.
    pub(crate) kernel: &'static str,
    /// The compiler; the first one that is there counts.
    pub(crate) programs: &'static [&'static str],
    /// What it takes to speak for the port.
    pub(crate) arguments: &'static [&'static str],
    /// Where the port's headers are installed.
    pub(crate) roots: &'static [&'static str],
}

const fn row(
    arch: Arch,
    kernel: &'static str,
    programs: &'static [&'static str],
    arguments: &'static [&'static str],
    roots: &'static [&'static str],
) -> Row {
    Row { arch, kernel, programs, arguments, roots }
}

/// Debian has a compiler for each of these.
pub(crate) const ROWS: &[Row] = &[
    row(Arch::X86_64, "x86", &["x86_64-linux-gnu-gcc", "cc"], &[], &["/usr/include/x86_64-linux-gnu", "/usr/include"]),
    row(Arch::I386, "x86", &["i686-linux-gnu-gcc"], &["-Ui386"], &["/usr/i686-linux-gnu/include"]),
    row(Arch::X32, "x86", &["x86_64-linux-gnux32-gcc"], &[], &["/usr/x86_64-linux-gnux32/include"]),
    row(Arch::Arm64, "arm64", &["aarch64-linux-gnu-gcc"], &[], &["/usr/aarch64-linux-gnu/include"]),
    row(Arch::Riscv64, "riscv", &["riscv64-linux-gnu-gcc"], &[], &["/usr/riscv64-linux-gnu/include"]),
    row(
        Arch::Riscv32,
        "riscv",
        &["riscv64-linux-gnu-gcc"],
        &["-march=rv32imafdc", "-mabi=ilp32d"],
        &["/usr/riscv64-linux-gnu/include"],
    ),
    row(Arch::Arm, "arm", &["arm-linux-gnueabihf-gcc"], &["-marm"], &["/usr/arm-linux-gnueabihf/include"]),
    row(Arch::S390x, "s390", &["s390x-linux-gnu-gcc"], &[], &["/usr/s390x-linux-gnu/include"]),
    row(Arch::Powerpc64, "powerpc", &["powerpc64-linux-gnu-gcc"], &[], &["/usr/powerpc64-linux-gnu/include"]),
    row(
        Arch::Powerpc,
        "powerpc",
        &["powerpc-linux-gnu-gcc"],
        &["-Upowerpc", "-UPPC"],
        &["/usr/powerpc-linux-gnu/include"],
    ),
    row(Arch::MipsO32, "mips", &["mips-linux-gnu-gcc"], &["-Umips"], &["/usr/mips-linux-gnu/include"]),
    row(Arch::MipsN64, "mips", &["mips64-linux-gnuabi64-gcc"], &["-Umips"], &["/usr/mips64-linux-gnuabi64/include"]),
    row(
        Arch::MipsN32,
        "mips",
        &["mips64-linux-gnuabi64-gcc"],
        &["-mabi=n32", "-Umips"],
        &["/usr/mips64-linux-gnuabi64/include"],
    ),
    row(Arch::Sparc64, "sparc", &["sparc64-linux-gnu-gcc"], &["-Usparc"], &["/usr/sparc64-linux-gnu/include"]),
    row(Arch::Sparc, "sparc", &["sparc64-linux-gnu-gcc"], &["-m32", "-Usparc"], &["/usr/sparc64-linux-gnu/include"]),
    row(Arch::Parisc, "parisc", &["hppa-linux-gnu-gcc"], &[], &["/usr/hppa-linux-gnu/include"]),
    row(Arch::Parisc64, "parisc", &["hppa64-linux-gnu-gcc"], &[], &["/usr/hppa64-linux-gnu/include"]),
    row(Arch::Alpha, "alpha", &["alpha-linux-gnu-gcc"], &[], &["/usr/alpha-linux-gnu/include"]),
    row(Arch::M68k, "m68k", &["m68k-linux-gnu-gcc"], &[], &["/usr/m68k-linux-gnu/include"]),
    row(Arch::Sh, "sh", &["sh4-linux-gnu-gcc"], &[], &["/usr/sh4-linux-gnu/include"]),
    row(Arch::Arc, "arc", &["arc-linux-gnu-gcc"], &[], &["/usr/arc-linux-gnu/include"]),
    row(Arch::Loongarch64, "loongarch", &["loongarch64-linux-gnu-gcc"], &[], &["/usr/loongarch64-linux-gnu/include"]),
];

/// The compiler of a port, ready to be asked.
#[derive(Clone, Debug)]
pub(crate) struct Compiler {
    program: &'static str,
    arguments: Vec<String>,
}

impl Compiler {
    /// The row's compiler with these folders to look for headers in; `None` where it is not there.
    pub(crate) fn of(row: &Row, folders: &[&Path]) -> Option<Self> {
        let works = |program: &&&str| {
            let asked = Command::new(program).args(row.arguments).args(["-E", "-x", "c", "/dev/null"]).output();
            asked.is_ok_and(|output| output.status.success())
        };
        let program = row.programs.iter().find(works)?;
        // A function that nothing declares is a macro that is missing.
        let undeclared = "-Werror=implicit-function-declaration";
        let fixed = ["-std=gnu17", "-Ulinux", "-Uunix", undeclared, "-fmax-errors=0", "-ftrack-macro-expansion=0"];
        let mut arguments: Vec<String> = fixed.iter().chain(row.arguments).map(|word| (*word).to_owned()).collect();
        for folder in folders {
            arguments.extend(["-I".to_owned(), folder.display().to_string()]);
        }
        Some(Self { program, arguments })
    }

    /// A call of it.
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(self.program);
        // Its complaints are read.
        command.args(&self.arguments).env("LC_ALL", "C");
        command
    }

    /// How reports call it.
    pub(crate) fn name(&self) -> &str {
        self.program
    }
}

/// Where a port's headers are installed on this machine.
pub(crate) fn roots(row: &Row) -> Vec<PathBuf> {
    row.roots.iter().map(PathBuf::from).filter(|root| root.is_dir()).collect()
}
