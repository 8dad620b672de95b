//! The one program that there is to be executed in a sandbox: it ends at once.

/// Where it lies: on the sandbox's root, which nobody can write to.
pub const PROGRAM_FILE: &str = "/program";

/// Its permissions.
pub const PROGRAM_MODE: u16 = 0o755;

/// Its exit status, by which it is known.
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

/// The file: an ELF header, one segment, the code.
pub(super) fn program() -> Vec<u8> {
    let (machine, code) = MACHINE;
    let size = u64::from(HEADER + SEGMENT) + code.len() as u64;
    let mut file = vec![0x7f, b'E', b'L', b'F', 2, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let half = |file: &mut Vec<u8>, value: u16| file.extend_from_slice(&value.to_le_bytes());
    let word = |file: &mut Vec<u8>, value: u32| file.extend_from_slice(&value.to_le_bytes());
    let long = |file: &mut Vec<u8>, value: u64| file.extend_from_slice(&value.to_le_bytes());
    half(&mut file, 2);
    half(&mut file, machine);
    word(&mut file, 1);
    long(&mut file, ADDRESS + u64::from(HEADER + SEGMENT));
    long(&mut file, HEADER.into());
    long(&mut file, 0);
    word(&mut file, 0);
    for value in [HEADER, SEGMENT, 1, 0, 0, 0] {
        half(&mut file, value);
    }
    // Loaded as it is, to be read and executed.
    word(&mut file, 1);
    word(&mut file, 5);
    for value in [0, ADDRESS, ADDRESS, size, size, super::layout::PAGE] {
        long(&mut file, value);
    }
    file.extend_from_slice(&code);
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
        std::io::Write::write_all(&mut file.unwrap(), &program()).unwrap();
        let status = Command::new(&path).status();
        std::fs::remove_file(&path).unwrap();
        assert_eq!(status.unwrap().code(), Some(PROGRAM_STATUS));
    }
}
