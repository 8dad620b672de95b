//! What the guest's kernel says on its console, and whether it complains.

use std::collections::VecDeque;

/// Lines that are kept to be shown.
const KEPT: usize = 60;
/// Complaints that are kept; more say nothing new.
const COMPLAINTS: usize = 20;

/// How a kernel begins to say that something went wrong in it.
const MARKS: &[&str] = &[
    "BUG:",
    "WARNING: CPU:",
    "WARNING: possible",
    "WARNING: suspicious",
    "Oops:",
    "Kernel panic",
    "kernel BUG at",
    "general protection fault",
    "KASAN:",
    "UBSAN:",
    "INFO: task",
    "detected stall",
    "self-detected stall",
    "Unable to handle kernel",
];

/// The console's last lines, and its complaints.
#[derive(Debug, Default)]
pub struct Console {
    rest: Vec<u8>,
    last: VecDeque<String>,
    complaints: Vec<String>,
}

impl Console {
    /// Takes what came over the line.
    pub fn take(&mut self, bytes: &[u8]) {
        for byte in bytes {
            if *byte == b'\n' {
                let line = String::from_utf8_lossy(&self.rest).trim_end().to_owned();
                self.rest.clear();
                self.line(line);
            } else if self.rest.len() < 4096 {
                self.rest.push(*byte);
            }
        }
    }

    fn line(&mut self, line: String) {
        if self.complaints.len() < COMPLAINTS && MARKS.iter().any(|mark| line.contains(mark)) {
            self.complaints.push(line.clone());
        }
        if self.last.len() == KEPT {
            self.last.pop_front();
        }
        self.last.push_back(line);
    }

    /// The last lines, oldest first.
    pub fn last(&self) -> impl Iterator<Item = &str> {
        self.last.iter().map(String::as_str)
    }

    /// The first line of each complaint.
    pub fn complaints(&self) -> &[String] {
        &self.complaints
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn complaints_are_told_from_chatter() {
        let mut console = Console::default();
        console.take(b"[    0.0] Linux version 7.3\r\n[    1.2] clocksource: tsc: WARNING is no word of ours\r\n[   5");
        console.take(b".0] BUG: kernel NULL pointer dereference, address: 0\r\n[ 6.0] Run /init as init process\r\n");
        assert_eq!(console.complaints(), ["[   5.0] BUG: kernel NULL pointer dereference, address: 0"]);
        assert_eq!(console.last().last(), Some("[ 6.0] Run /init as init process"));
    }

    #[test]
    fn only_the_last_lines_are_kept() {
        let mut console = Console::default();
        for number in 0..500 {
            console.take(format!("{number}\n").as_bytes());
        }
        assert_eq!(console.last().count(), KEPT);
        assert_eq!(console.last().next(), Some("440"));
    }
}
