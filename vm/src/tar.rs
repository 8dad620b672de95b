//! Reads what `tar` wrote: the files and nothing else of it.

use std::ffi::OsStr;
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// Bytes of a record: headers are one, contents are padded to whole ones.
const RECORD: usize = 512;

/// Gives each regular file of an archive, with its path as it stands there, to `take`, which may leave its content unread.
///
/// # Errors
/// When the archive breaks off or is none, or `take` says so.
pub(crate) fn read(
    mut archive: impl Read,
    take: &mut dyn FnMut(&Path, &mut dyn Read) -> io::Result<()>,
) -> io::Result<()> {
    let mut header = [0; RECORD];
    // The name of the file that follows, where it has no room in a header.
    let mut long: Option<PathBuf> = None;
    loop {
        archive.read_exact(&mut header)?;
        if header.iter().all(|byte| *byte == 0) {
            // What follows the end is padding; whoever writes it wants it read.
            io::copy(&mut archive, &mut io::sink())?;
            return Ok(());
        }
        let size = size(&header)?;
        let mut content = (&mut archive).take(size);
        match header[156] {
            b'L' => {
                let mut name = Vec::new();
                content.read_to_end(&mut name)?;
                long = Some(PathBuf::from(OsStr::from_bytes(until_nul(&name))));
            }
            b'0' | 0 => {
                let path = long.take().unwrap_or_else(|| name(&header));
                take(&path, &mut content)?;
            }
            // A link, a folder; or words about the next file, whose name then stands there too.
            b'g' | b'x' | b'K' => {}
            _ => long = None,
        }
        io::copy(&mut content, &mut io::sink())?;
        if content.limit() > 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let padding = size.next_multiple_of(RECORD as u64) - size;
        let skipped = io::copy(&mut (&mut archive).take(padding), &mut io::sink())?;
        if skipped < padding {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
}

fn until_nul(bytes: &[u8]) -> &[u8] {
    bytes.split(|byte| *byte == 0).next().unwrap_or_default()
}

fn name(header: &[u8; RECORD]) -> PathBuf {
    let name = Path::new(OsStr::from_bytes(until_nul(&header[..100])));
    let prefix = until_nul(&header[345..500]);
    if header[257..262] == *b"ustar" && !prefix.is_empty() {
        return Path::new(OsStr::from_bytes(prefix)).join(name);
    }
    name.to_owned()
}

/// Octal digits, or, of what is too long for those, bytes behind a first one whose highest bit is set.
fn size(header: &[u8; RECORD]) -> io::Result<u64> {
    let field = &header[124..136];
    if field[0] & 0x80 != 0 {
        return Ok(field[4..].iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte)));
    }
    let text = std::str::from_utf8(until_nul(field)).unwrap_or_default().trim();
    u64::from_str_radix(text, 8)
        .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "it is no archive that tar wrote"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::process::Command;

    fn listed(archive: &[u8]) -> io::Result<Vec<(String, String)>> {
        let mut found = Vec::new();
        read(archive, &mut |path, content| {
            let mut text = String::new();
            content.read_to_string(&mut text)?;
            found.push((path.to_string_lossy().into_owned(), text));
            Ok(())
        })?;
        Ok(found)
    }

    #[test]
    fn files_come_out_as_tar_put_them_in() {
        let folder = std::env::temp_dir().join(format!("abispec-tar-{}", std::process::id()));
        let deep = format!("boot/{}", "long".repeat(40));
        fs::create_dir_all(folder.join("boot")).unwrap();
        for (path, text) in [("boot/config-1", "CONFIG=y\n"), ("boot/empty", ""), (&deep, "deep")] {
            fs::write(folder.join(path), text).unwrap();
        }
        std::os::unix::fs::symlink("config-1", folder.join("boot/link")).unwrap();
        for format in ["gnu", "ustar", "v7"] {
            let mut tar = Command::new("tar");
            tar.arg("-C").arg(&folder).args(["--sort=name", "--format", format, "-cf", "-"]);
            // The oldest form has no room for the long name.
            tar.args(if format == "gnu" { &["boot"][..] } else { &["boot/config-1", "boot/empty", "boot/link"] });
            let archive = tar.output().unwrap();
            assert!(archive.status.success(), "{format}: {}", String::from_utf8_lossy(&archive.stderr));
            let files = listed(&archive.stdout).unwrap();
            assert!(files.contains(&("boot/config-1".to_owned(), "CONFIG=y\n".to_owned())), "{format}: {files:?}");
            assert!(files.contains(&("boot/empty".to_owned(), String::new())), "{format}: {files:?}");
            assert_eq!(files.contains(&(deep.clone(), "deep".to_owned())), format == "gnu", "{files:?}");
            assert!(!files.iter().any(|(path, _)| path.ends_with("link")), "{files:?}");
            assert!(listed(&archive.stdout[..1000]).is_err(), "{format}: it breaks off");
        }
        assert!(listed(&[b'x'; 2048]).is_err());
        fs::remove_dir_all(folder).unwrap();
    }
}
