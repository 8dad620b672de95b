//! The files that there are to be executed in a sandbox: one program, which ends at once, and what leads to it or to nothing.

/// A file with execute permission on the sandbox's root, which nobody can write to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Executable {
    /// Its absolute path.
    pub path: &'static str,
    /// Whether the program runs where it is executed.
    pub runnable: bool,
}

/// All of them; the first is the program itself.
pub const EXECUTABLES: [Executable; 5] = [
    Executable { path: "/program", runnable: true },
    // A text whose first line names the program.
    Executable { path: "/script", runnable: true },
    // A text that names what does not exist.
    Executable { path: "/orphan", runnable: false },
    // A text that names itself.
    Executable { path: "/circle", runnable: false },
    // A program whose interpreter is a text.
    Executable { path: "/foreign", runnable: false },
];

/// Their permissions.
pub const EXECUTABLE_MODE: u16 = 0o755;

/// The program's exit status, by which it is known.
pub const PROGRAM_STATUS: i32 = 113;

/// Where it is loaded.
const ADDRESS: u64 = 0x40_0000;

const HEADER: u16 = 64;
const SEGMENT: u16 = 56;

/// The machine's number in ELF, and `exit_group(PROGRAM_STATUS)` in its code.
#[cfg(target_arch = "x86_64")]
const MACHINE: (u16, [u8; 12]) = (62, [0xbf, PROGRAM_STATUS as u8, 0, 0, 0, 0xb8, 231, 0, 0, 0, 0x0f, 0x05]);
#[cfg(target_arch = "aarch64")]
const MACHINE: (u16, [u8; 12]) = (183, [0x20, 0x0e, 0x80, 0xd2, 0xc8, 0x0b, 0x80, 0xd2, 0x01, 0, 0, 0xd4]);

/// What each of [`EXECUTABLES`] holds.
pub(super) fn contents() -> [Vec<u8>; EXECUTABLES.len()] {
    let [program, script, ..] = EXECUTABLES.map(|one| one.path);
    let text = |names: &str| format!("#!{names}\n# {}\n", "a comment ".repeat(8)).into_bytes();
    [elf(None), text(program), text("/nowhere"), text("/circle"), elf(Some(script))]
}

/// An ELF header, its segments, the code and the interpreter's name.
fn elf(interpreter: Option<&str>) -> Vec<u8> {
    let (machine, code) = MACHINE;
    let segments = 1 + u16::from(interpreter.is_some());
    let begin = u64::from(HEADER + segments * SEGMENT);
    let name = begin + code.len() as u64;
    let bytes: Vec<u8> = interpreter.into_iter().flat_map(|name| name.bytes().chain([0])).collect();
    let size = name + bytes.len() as u64;
    let mut file = vec![0x7f, b'E', b'L', b'F', 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let half = |file: &mut Vec<u8>, value: u16| file.extend_from_slice(&value.to_le_bytes());
    let word = |file: &mut Vec<u8>, value: u32| file.extend_from_slice(&value.to_le_bytes());
    let long = |file: &mut Vec<u8>, value: u64| file.extend_from_slice(&value.to_le_bytes());
    half(&mut file, 2);
    half(&mut file, machine);
    word(&mut file, 1);
    long(&mut file, ADDRESS + begin);
    long(&mut file, HEADER.into());
    long(&mut file, 0);
    word(&mut file, 0);
    for value in [HEADER, SEGMENT, segments, 0, 0, 0] {
        half(&mut file, value);
    }
    // Loaded as it is, to be read and executed.
    let load = (1, 5, [0, ADDRESS, ADDRESS, size, size, super::layout::PAGE]);
    let interpreter = (3, 4, [name, ADDRESS + name, ADDRESS + name, size - name, size - name, 1]);
    for (kind, flags, values) in [load, interpreter].into_iter().take(segments.into()) {
        word(&mut file, kind);
        word(&mut file, flags);
        values.into_iter().for_each(|value| long(&mut file, value));
    }
    file.extend_from_slice(&code);
    file.extend_from_slice(&bytes);
    file
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::OpenOptionsExt;
    use std::process::Command;

    #[test]
    fn it_ends_with_its_status() {
        let path = std::env::temp_dir().join(format!("abispec-image-{}", std::process::id()));
        let file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o700).open(&path);
        std::io::Write::write_all(&mut file.unwrap(), &elf(None)).unwrap();
        let status = Command::new(&path).status();
        std::fs::remove_file(&path).unwrap();
        assert_eq!(status.unwrap().code(), Some(PROGRAM_STATUS));
    }
}
