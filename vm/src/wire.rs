//! What guest and host tell each other: frames of a kind, a length and that many bytes.

use std::io::{self, Read, Write};

/// What comes before the first frame. Whatever the line carried before, such as a firmware's greeting, is not meant.
const BEGIN: &[u8] = b"\0abispec-guest 1\n";
/// Bytes that a frame may have.
const LONGEST: u32 = 64 << 20;

/// One message of the guest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    /// The guest is up; this is its kernel's own name for its release.
    Up(String),
    /// The command wrote this to its standard output.
    Out(Vec<u8>),
    /// The command wrote this to its standard error.
    Err(Vec<u8>),
    /// A file below the command's working directory is new or has changed.
    File {
        /// Its path from there.
        path: String,
        /// What it holds.
        content: Vec<u8>,
    },
    /// Something was added at the end of such a file.
    More {
        /// Its path from there.
        path: String,
        /// What was added.
        content: Vec<u8>,
    },
    /// A file below the command's working directory is gone.
    Gone(String),
    /// The guest is still there.
    Alive,
    /// The guest could not do something.
    Trouble(String),
    /// The command ended with this code; for a signal, 128 and its number.
    Ended(i32),
}

impl Frame {
    fn kind(&self) -> u8 {
        match self {
            Self::Up(_) => b'u',
            Self::Out(_) => b'o',
            Self::Err(_) => b'e',
            Self::File { .. } => b'f',
            Self::More { .. } => b'm',
            Self::Gone(_) => b'g',
            Self::Alive => b'a',
            Self::Trouble(_) => b't',
            Self::Ended(_) => b'x',
        }
    }

    fn payload(&self) -> Vec<u8> {
        match self {
            Self::Up(text) | Self::Gone(text) | Self::Trouble(text) => text.as_bytes().to_vec(),
            Self::Out(bytes) | Self::Err(bytes) => bytes.clone(),
            Self::File { path, content } | Self::More { path, content } => [path.as_bytes(), &[0], content].concat(),
            Self::Alive => Vec::new(),
            Self::Ended(code) => code.to_le_bytes().to_vec(),
        }
    }

    fn read_payload(kind: u8, bytes: Vec<u8>) -> Option<Self> {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).ok();
        Some(match kind {
            b'u' => Self::Up(text(bytes)?),
            b'o' => Self::Out(bytes),
            b'e' => Self::Err(bytes),
            b'f' | b'm' => {
                let end = bytes.iter().position(|byte| *byte == 0)?;
                let content = bytes.get(end + 1..)?.to_vec();
                let path = text(bytes.get(..end)?.to_vec())?;
                if kind == b'f' { Self::File { path, content } } else { Self::More { path, content } }
            }
            b'g' => Self::Gone(text(bytes)?),
            b'a' if bytes.is_empty() => Self::Alive,
            b't' => Self::Trouble(text(bytes)?),
            b'x' => Self::Ended(i32::from_le_bytes(bytes.try_into().ok()?)),
            _ => return None,
        })
    }
}

/// Begins a conversation.
///
/// # Errors
/// When the line does not take it.
pub fn begin(line: &mut dyn Write) -> io::Result<()> {
    line.write_all(BEGIN)
}

/// Sends one frame.
///
/// # Errors
/// When the line does not take it, or the frame is longer than any may be.
pub fn send(line: &mut dyn Write, frame: &Frame) -> io::Result<()> {
    let payload = frame.payload();
    let length = u32::try_from(payload.len()).ok().filter(|length| *length <= LONGEST);
    let length = length.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "a frame is too long"))?;
    let mut bytes = vec![frame.kind()];
    bytes.extend_from_slice(&length.to_le_bytes());
    bytes.extend_from_slice(&payload);
    line.write_all(&bytes)
}

/// The host's end.
#[derive(Debug)]
pub struct Receiver<R> {
    line: R,
    begun: bool,
}

impl<R: Read> Receiver<R> {
    /// Listens on a line.
    pub fn new(line: R) -> Self {
        Self { line, begun: false }
    }

    /// The next frame; none once the line is closed.
    ///
    /// # Errors
    /// When the line breaks within a frame, or carries something that is none.
    pub fn receive(&mut self) -> io::Result<Option<Frame>> {
        if !self.begun && !self.synchronise()? {
            return Ok(None);
        }
        self.begun = true;
        let mut kind = [0];
        if self.line.read(&mut kind)? == 0 {
            return Ok(None);
        }
        let mut length = [0; 4];
        self.line.read_exact(&mut length)?;
        let wrong = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what.to_owned());
        let length = u32::from_le_bytes(length);
        if length > LONGEST {
            return Err(wrong("the guest sent a frame that is too long"));
        }
        let mut payload = vec![0; length as usize];
        self.line.read_exact(&mut payload)?;
        Frame::read_payload(kind[0], payload).map(Some).ok_or_else(|| wrong("the guest sent a frame of no known kind"))
    }

    /// Reads up to where frames begin; false if the line ends before.
    fn synchronise(&mut self) -> io::Result<bool> {
        let mut matched = 0;
        let mut byte = [0];
        while matched < BEGIN.len() {
            if self.line.read(&mut byte)? == 0 {
                return Ok(false);
            }
            // The first byte stands nowhere else in the mark.
            matched = if byte[0] == BEGIN[matched] { matched + 1 } else { usize::from(byte[0] == BEGIN[0]) };
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frames() -> Vec<Frame> {
        vec![
            Frame::Up("7.3.4+deb13".to_owned()),
            Frame::Out(vec![0, 255, 10]),
            Frame::Err(Vec::new()),
            Frame::File { path: "a/b.yaml".to_owned(), content: vec![0, 0, 1] },
            Frame::File { path: "empty".to_owned(), content: Vec::new() },
            Frame::More { path: "a/b.yaml".to_owned(), content: vec![1, 0] },
            Frame::Gone("a/b.yaml".to_owned()),
            Frame::Alive,
            Frame::Trouble("no /proc".to_owned()),
            Frame::Ended(137),
        ]
    }

    #[test]
    fn what_is_sent_arrives_behind_any_noise() {
        let mut line = b"SeaBIOS\r\n\0\0abispec-guest".to_vec();
        begin(&mut line).expect("memory takes it");
        for frame in frames() {
            send(&mut line, &frame).expect("memory takes it");
        }
        let mut receiver = Receiver::new(line.as_slice());
        for frame in frames() {
            assert_eq!(receiver.receive().expect("right"), Some(frame));
        }
        assert_eq!(receiver.receive().expect("the end"), None);
    }

    #[test]
    fn broken_lines_are_errors_and_silent_ones_an_end() {
        assert_eq!(Receiver::new(&b"noise only"[..]).receive().expect("no frame"), None);
        let rest: [&[u8]; 4] = [b"o\x05\0\0\0abc", b"?\0\0\0\0", b"o\xff\xff\xff\xff", b"x\x01\0\0\0a"];
        for rest in rest {
            let line = [BEGIN, rest].concat();
            assert!(Receiver::new(line.as_slice()).receive().is_err(), "{rest:?}");
        }
    }
}
