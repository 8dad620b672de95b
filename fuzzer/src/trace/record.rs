//! Recordings: everything that the checker was told, so that it can be told again without the program.
//!
//! A recording is gzip over a header and frames, each with its length before it and encoded by postcard. A frame is one event
//! and every answer that was given while it was taken in. A specification that has changed meanwhile may ask what nobody
//! asked then: that is unknown.

use super::checker::Event;
use super::witness::{Answer, Question, Witness};
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::Path;

/// The first bytes of every recording, with the number of its format.
const MARK: &[u8; 16] = b"abispec trace 1\n";
/// No frame is longer: it would be no recording.
const FRAME_MAX: usize = 64 << 20;

/// What a recording was made on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// The port.
    pub arch: String,
    /// The kernel's own name for its release.
    pub release: String,
    /// Kernel options that are y or m, where they could be read.
    pub config: Option<BTreeSet<String>>,
    /// The program and its arguments; empty where a process was attached to.
    pub command: Vec<String>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Frame {
    tid: i32,
    event: Event,
    answers: Vec<(i32, Question, Answer)>,
}

/// A witness that keeps what another one answers.
#[derive(Debug)]
pub struct Recorder<W> {
    inner: W,
    out: Option<GzEncoder<BufWriter<File>>>,
    frame: Option<Frame>,
    failed: Option<io::Error>,
}

impl<W: Witness> Recorder<W> {
    /// Records nothing.
    pub fn idle(inner: W) -> Self {
        Self { inner, out: None, frame: None, failed: None }
    }

    /// Records into a file.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn new(inner: W, path: &Path, header: &Header) -> io::Result<Self> {
        let mut file = BufWriter::new(File::create(path)?);
        file.write_all(MARK)?;
        let mut out = GzEncoder::new(file, Compression::fast());
        write(&mut out, header)?;
        Ok(Self { inner, out: Some(out), frame: None, failed: None })
    }

    fn flush_frame(&mut self) {
        let (Some(frame), Some(out)) = (self.frame.take(), &mut self.out) else { return };
        if self.failed.is_none()
            && let Err(error) = write(out, &frame)
        {
            self.failed = Some(error);
        }
    }

    /// Writes what is left.
    ///
    /// # Errors
    /// The first failure of the whole recording.
    pub fn finish(&mut self) -> io::Result<()> {
        self.flush_frame();
        if let Some(error) = self.failed.take() {
            return Err(error);
        }
        match self.out.take() {
            Some(out) => out.finish()?.flush(),
            None => Ok(()),
        }
    }
}

fn write<T: Serialize>(out: &mut impl Write, value: &T) -> io::Result<()> {
    let bytes = postcard::to_allocvec(value).map_err(io::Error::other)?;
    let len = u32::try_from(bytes.len()).map_err(io::Error::other)?;
    out.write_all(&len.to_le_bytes())?;
    out.write_all(&bytes)
}

impl<W: Witness> Witness for Recorder<W> {
    fn event(&mut self, tid: i32, event: &Event) {
        if self.out.is_some() {
            self.flush_frame();
            self.frame = Some(Frame { tid, event: *event, answers: Vec::new() });
        }
    }

    fn ask(&mut self, tid: i32, question: Question) -> Answer {
        let answer = self.inner.ask(tid, question);
        if let Some(frame) = &mut self.frame {
            frame.answers.push((tid, question, answer.clone()));
        }
        answer
    }

    fn read(&mut self, tid: i32, address: u64, bytes: &mut [u8]) -> usize {
        let read = self.inner.read(tid, address, bytes);
        if let Some(frame) = &mut self.frame {
            let len = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
            frame.answers.push((tid, Question::Memory(address, len), Answer::Bytes(bytes[..read].to_vec())));
        }
        read
    }
}

/// A recording that is read.
pub struct Tape {
    /// What it was made on.
    pub header: Header,
    input: GzDecoder<BufReader<File>>,
}

/// Answers of a recording, one frame at a time.
#[derive(Debug, Default)]
pub struct Recorded {
    answers: Vec<(i32, Question, Answer)>,
}

/// An event of a recording with the answers that belong to it.
#[derive(Debug)]
pub struct Step {
    /// The task.
    pub tid: i32,
    /// What happened to it.
    pub event: Event,
    /// What was answered.
    pub answers: Recorded,
}

impl Tape {
    /// Opens a recording.
    ///
    /// # Errors
    /// When the file cannot be read, or is none.
    pub fn open(path: &Path) -> io::Result<Self> {
        let no_recording = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what.to_owned());
        let mut file = BufReader::new(File::open(path)?);
        let mut mark = [0; MARK.len()];
        file.read_exact(&mut mark).map_err(|_| no_recording("it is too short for a recording"))?;
        if mark != *MARK {
            return Err(no_recording("it is no recording of this version"));
        }
        let mut input = GzDecoder::new(file);
        let header = read(&mut input)?.ok_or_else(|| no_recording("it ends within its header"))?;
        Ok(Self { header, input })
    }

    /// The next event; nothing at the end.
    ///
    /// # Errors
    /// When the recording is cut off or damaged.
    pub fn step(&mut self) -> io::Result<Option<Step>> {
        let frame: Option<Frame> = read(&mut self.input)?;
        Ok(frame.map(|frame| Step { tid: frame.tid, event: frame.event, answers: Recorded { answers: frame.answers } }))
    }
}

fn read<T: for<'de> Deserialize<'de>>(input: &mut impl Read) -> io::Result<Option<T>> {
    let damaged = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what.to_owned());
    let mut len = [0; 4];
    let mut done = 0;
    while done < len.len() {
        match input.read(&mut len[done..])? {
            0 if done == 0 => return Ok(None),
            0 => return Err(damaged("it is cut off")),
            read => done += read,
        }
    }
    let len = u32::from_le_bytes(len) as usize;
    if len > FRAME_MAX {
        return Err(damaged("it is damaged: a part of it would be too long"));
    }
    let mut bytes = vec![0; len];
    input.read_exact(&mut bytes).map_err(|_| damaged("it is cut off"))?;
    postcard::from_bytes(&bytes).map(Some).map_err(|_| damaged("it is damaged"))
}

impl Witness for Recorded {
    fn ask(&mut self, tid: i32, question: Question) -> Answer {
        let same = |(of, asked, _): &&(i32, Question, Answer)| *of == tid && *asked == question;
        if let Some((_, _, answer)) = self.answers.iter().find(same) {
            return answer.clone();
        }
        let Question::Memory(address, len) = question else { return Answer::Nothing };
        // Somebody may have asked for more of it.
        let within = self.answers.iter().find_map(|(of, asked, answer)| {
            let (Question::Memory(start, _) | Question::Text(start), Answer::Bytes(bytes)) = (asked, answer) else {
                return None;
            };
            let from = usize::try_from(address.checked_sub(*start)?).ok()?;
            (*of == tid).then(|| bytes.get(from..from.checked_add(len as usize)?)).flatten()
        });
        within.map_or(Answer::Nothing, |bytes| Answer::Bytes(bytes.to_vec()))
    }
}
