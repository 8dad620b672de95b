//! What the kernel says of itself while programs run: its log, and whether it counts as tainted.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read, Seek, SeekFrom};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// Where a kernel speaks.
#[derive(Clone, Debug)]
pub struct Source {
    /// Its log, one record a line as /dev/kmsg gives them.
    pub log: PathBuf,
    /// The bits of its taint as a decimal number.
    pub taint: PathBuf,
}

impl Default for Source {
    fn default() -> Self {
        Self { log: PathBuf::from("/dev/kmsg"), taint: PathBuf::from("/proc/sys/kernel/tainted") }
    }
}

/// What a kernel said that no program should be able to make it say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alarm {
    /// Id of the finding.
    pub id: &'static str,
    /// Its words.
    pub text: String,
}

/// The ids of alarms, with what each means.
pub const EXPLANATIONS: &[(&str, &str)] = &[
    (
        "kernel-splat",
        "While the programs ran, the kernel wrote to its log that something is wrong with itself: a warning, a bug, an oops, the report of a sanitizer or of lockdep, a task that hangs.\n\nThe trace says which program it was, where running each alone showed it again; otherwise the replay files beside it hold all that were in flight. Look at the whole report with dmesg. Anything else that ran on the machine at that moment may have caused it as well.",
    ),
    (
        "kernel-tainted",
        "While the programs ran, the kernel became tainted (/proc/sys/kernel/tainted), and its log told nothing of it, or cannot be read.\n\nDocumentation/admin-guide/tainted-kernels.rst of the kernel says what each bit means.",
    ),
];

/// How records begin in which a kernel complains of itself.
const COMPLAINTS: [&str; 17] = [
    "WARNING: ",
    "BUG: ",
    "BUG ",
    "kernel BUG at ",
    "Oops: ",
    "Oops ",
    "general protection fault, ",
    "Unable to handle kernel ",
    "Internal error: ",
    "UBSAN: ",
    "KASAN: ",
    "KCSAN: ",
    "INFO: task ",
    "INFO: rcu",
    "rcu: INFO: ",
    "watchdog: BUG: ",
    "Kernel panic ",
];

/// Bytes of one record at most, with room.
const RECORD: usize = 16 << 10;
/// Records read in one look: a log that is written faster is read on in the next one.
const RECORDS: usize = 4096;

/// Bits of the taint that say something went wrong: a machine check (4), a bad page (5), a fault of its own (7), a warning (9), a
/// processor that was stuck (14). The others say what is done with the kernel: modules, firmware, features whose use is a risk.
/// Source: include/linux/panic.h.
const ALARMING: u64 = 1 << 4 | 1 << 5 | 1 << 7 | 1 << 9 | 1 << 14;

/// A kernel under watch, from when the watch began.
#[derive(Debug)]
pub struct Watch {
    log: Option<File>,
    /// Room for one record of it: the log is looked at after every batch.
    record: Vec<u8>,
    taint: Option<(File, u64)>,
    /// What cannot be watched, and why.
    pub silent: Vec<(&'static str, String)>,
}

impl Watch {
    /// Begins with what is written from now on.
    pub fn begin(source: &Source) -> Self {
        let mut silent = Vec::new();
        let mut opened = |what, file: std::io::Result<File>| {
            file.map_err(|error| silent.push((what, format!("it cannot be read: {error}")))).ok()
        };
        let log = opened("the kernel's log", open_at_end(&source.log));
        let taint = opened("the kernel's taint", File::open(&source.taint));
        let taint = taint.and_then(|file| number(&file).map(|bits| (file, bits)));
        Self { log, record: vec![0; RECORD], taint, silent }
    }

    /// What the kernel complained of since the last look: the first complaint.
    pub fn look(&mut self) -> Option<Alarm> {
        let complaint = self.log.as_mut().and_then(|log| complaint(log, &mut self.record));
        let tainted = self.taint.as_mut().and_then(|(file, before)| {
            let now = number(file).filter(|now| now & !*before & ALARMING != 0)?;
            let text = format!("tainted: {before} became {now}");
            *before |= now;
            Some(text)
        });
        match (complaint, tainted) {
            (Some(text), None) => Some(Alarm { id: "kernel-splat", text }),
            (Some(text), Some(tainted)) => Some(Alarm { id: "kernel-splat", text: format!("{text} ({tainted})") }),
            (None, Some(text)) => Some(Alarm { id: "kernel-tainted", text }),
            (None, None) => None,
        }
    }
}

fn open_at_end(path: &Path) -> std::io::Result<File> {
    let mut file = OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(path)?;
    file.seek(SeekFrom::End(0))?;
    Ok(file)
}

fn number(file: &File) -> Option<u64> {
    let mut bytes = [0; 32];
    let count = file.read_at(&mut bytes, 0).ok()?;
    std::str::from_utf8(bytes.get(..count)?).ok()?.trim().parse().ok()
}

/// Reads all records that there are; the first complaint among them.
fn complaint(log: &mut File, record: &mut [u8]) -> Option<String> {
    let mut found = None;
    for _ in 0..RECORDS {
        match log.read(record) {
            Ok(0) => break,
            Ok(count) => {
                let text = String::from_utf8_lossy(record.get(..count).unwrap_or_default());
                found = found.or_else(|| text.lines().find_map(complains).map(str::to_owned));
            }
            // Records were overwritten before they were read; the next ones are there.
            Err(error) if matches!(error.kind(), ErrorKind::BrokenPipe | ErrorKind::Interrupted) => {}
            // There are no more.
            Err(_) => break,
        }
    }
    found
}

/// The text of a record in which the kernel complains. `priority,number,time,flags;text`: what programs write to the log
/// has another facility than the kernel's, which is 0.
fn complains(record: &str) -> Option<&str> {
    let (head, text) = record.split_once(';')?;
    let priority: u32 = head.split(',').next()?.parse().ok()?;
    let complaint = COMPLAINTS.iter().any(|begin| text.starts_with(begin));
    (priority >> 3 == 0 && complaint).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    struct Fake {
        source: Source,
        log: File,
    }

    impl Fake {
        fn new(name: &str) -> Self {
            let path = |what: &str| std::env::temp_dir().join(format!("abispec-{what}-{name}-{}", std::process::id()));
            let source = Source { log: path("log"), taint: path("taint") };
            std::fs::write(&source.log, "4,1,1,-;WARNING: CPU: 0 PID: 1 at before.c:1\n").unwrap();
            std::fs::write(&source.taint, "512\n").unwrap();
            let log = OpenOptions::new().append(true).open(&source.log).unwrap();
            Self { source, log }
        }

        fn says(&mut self, record: &str) {
            writeln!(self.log, "{record}").unwrap();
        }
    }

    impl Drop for Fake {
        fn drop(&mut self) {
            for path in [&self.source.log, &self.source.taint] {
                let _ = std::fs::remove_file(path);
            }
        }
    }

    #[test]
    fn complaints_since_the_beginning_are_heard_once() {
        let mut fake = Fake::new("complaints");
        let mut watch = Watch::begin(&fake.source);
        assert_eq!(watch.look(), None);
        fake.says("6,2,2,-;usb 1-1: new device");
        assert_eq!(watch.look(), None);
        fake.says("4,3,3,-;------------[ cut here ]------------");
        fake.says("4,4,3,-;WARNING: CPU: 1 PID: 7 at fs/x.c:9 f+0x1/0x2");
        fake.says(" SUBSYSTEM=x");
        let text = "WARNING: CPU: 1 PID: 7 at fs/x.c:9 f+0x1/0x2".to_owned();
        assert_eq!(watch.look(), Some(Alarm { id: "kernel-splat", text }));
        assert_eq!(watch.look(), None);
    }

    #[test]
    fn what_programs_write_to_the_log_is_no_complaint() {
        let mut fake = Fake::new("programs");
        let mut watch = Watch::begin(&fake.source);
        for record in
            ["12,5,5,-;BUG: written by a program", "6,6,6,-;traps: executor[7] general protection fault, ip:0"]
        {
            fake.says(record);
        }
        assert_eq!(watch.look(), None);
        for text in [
            "BUG: KASAN: use-after-free in f",
            "INFO: task x:1 blocked for more than 120 seconds.",
            "UBSAN: shift-out-of-bounds in x.c:1",
        ] {
            fake.says(&format!("3,7,7,-;{text}"));
            assert_eq!(watch.look().map(|alarm| alarm.text).as_deref(), Some(text));
        }
    }

    #[test]
    fn a_new_taint_is_an_alarm_and_an_old_one_is_none() {
        let fake = Fake::new("taint");
        let mut watch = Watch::begin(&fake.source);
        assert_eq!(watch.look(), None);
        std::fs::write(&fake.source.taint, "640\n").unwrap();
        let text = "tainted: 512 became 640".to_owned();
        assert_eq!(watch.look(), Some(Alarm { id: "kernel-tainted", text }));
        // Permission events of fanotify are such a feature.
        std::fs::write(&fake.source.taint, "66176\n").unwrap();
        assert_eq!(watch.look(), None);
        assert_eq!(watch.look(), None);
    }

    #[test]
    fn what_cannot_be_read_is_said() {
        let source = Source { log: PathBuf::from("/nowhere/log"), taint: PathBuf::from("/nowhere/taint") };
        let mut watch = Watch::begin(&source);
        assert_eq!(watch.silent.len(), 2);
        assert_eq!(watch.look(), None);
    }
}
