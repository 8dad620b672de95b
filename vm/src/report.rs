//! What becomes of frames on the host: text goes to the terminal, files into a folder.

use crate::wire::Frame;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Component, Path, PathBuf};

/// What has been received.
#[derive(Debug, Default)]
pub struct Received {
    /// The guest's kernel, once it was up.
    pub release: Option<String>,
    /// What the guest could not do.
    pub troubles: Vec<String>,
    /// Files that were brought out.
    pub files: usize,
    /// How the command ended.
    pub code: Option<i32>,
}

/// Where frames go.
pub struct Receiving<'a> {
    /// The command's standard output.
    pub out: &'a mut dyn Write,
    /// The command's standard error.
    pub err: &'a mut dyn Write,
    /// The folder for files.
    pub folder: &'a Path,
    /// What has come so far.
    pub received: Received,
}

impl Receiving<'_> {
    /// Takes a frame.
    ///
    /// # Errors
    /// When it cannot be written, or a file would lie outside the folder.
    pub fn take(&mut self, frame: Frame) -> io::Result<()> {
        match frame {
            Frame::Up(release) => self.received.release = Some(release),
            Frame::Out(bytes) => {
                self.out.write_all(&bytes)?;
                self.out.flush()?;
            }
            Frame::Err(bytes) => self.err.write_all(&bytes)?,
            Frame::File { path, content } => {
                let path = self.within(&path)?;
                put(&path, &content).map_err(|error| {
                    io::Error::new(error.kind(), format!("{} cannot be written: {error}", path.display()))
                })?;
                self.received.files += 1;
            }
            Frame::More { path, content } => {
                let path = self.within(&path)?;
                let added = OpenOptions::new().append(true).open(&path).and_then(|mut file| file.write_all(&content));
                added.map_err(|error| {
                    io::Error::new(error.kind(), format!("{} cannot be written: {error}", path.display()))
                })?;
            }
            Frame::Gone(path) => {
                let path = self.within(&path)?;
                match fs::remove_file(path) {
                    Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                    _ => {}
                }
            }
            Frame::Alive => {}
            Frame::Trouble(text) => self.received.troubles.push(text),
            Frame::Ended(code) => self.received.code = Some(code),
        }
        Ok(())
    }

    /// A path in the folder. The guest is not trusted: its kernel may be broken.
    fn within(&self, path: &str) -> io::Result<PathBuf> {
        let relative = Path::new(path);
        let plain = relative.components().all(|part| matches!(part, Component::Normal(_)));
        if path.is_empty() || !plain {
            let why = format!("the guest named a file outside its folder: `{}`", path.escape_default());
            return Err(io::Error::new(io::ErrorKind::InvalidData, why));
        }
        Ok(self.folder.join(relative))
    }
}

fn put(path: &Path, content: &[u8]) -> io::Result<()> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    // A link that lies there from before would lead elsewhere.
    if path.is_symlink() {
        fs::remove_file(path)?;
    }
    fs::write(path, content)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_stay_in_the_folder() {
        let folder = std::env::temp_dir().join(format!("abispec-vm-report-{}", std::process::id()));
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let mut to = Receiving { out: &mut out, err: &mut err, folder: &folder, received: Received::default() };
        let file = |path: &str| Frame::File { path: path.to_owned(), content: b"x".to_vec() };
        to.take(file("a/b")).expect("inside");
        assert_eq!(fs::read(folder.join("a/b")).expect("written"), b"x");
        to.take(Frame::More { path: "a/b".to_owned(), content: b"y".to_vec() }).expect("inside");
        assert_eq!(fs::read(folder.join("a/b")).expect("written"), b"xy");
        to.take(Frame::Gone("a/b".to_owned())).expect("inside");
        to.take(Frame::Gone("a/b".to_owned())).expect("gone already");
        assert!(!folder.join("a/b").exists());
        for path in ["", "/etc/passwd", "../x", "a/../../x", "a/.."] {
            let error = to.take(file(path)).expect_err(path);
            assert!(error.to_string().contains("outside its folder"), "{error}");
        }
        assert_eq!(to.received.files, 1);
        fs::remove_dir_all(folder).expect("there");
    }

    #[test]
    fn text_and_code_arrive() {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let mut to =
            Receiving { out: &mut out, err: &mut err, folder: Path::new("/nowhere"), received: Received::default() };
        for frame in [Frame::Up("6.1".into()), Frame::Out(b"o".to_vec()), Frame::Err(b"e".to_vec()), Frame::Ended(1)] {
            to.take(frame).expect("memory takes it");
        }
        assert_eq!((to.received.release.as_deref(), to.received.code), (Some("6.1"), Some(1)));
        assert_eq!((out, err), (b"o".to_vec(), b"e".to_vec()));
    }
}
