//! How much memory processes had at their peak, as the kernel counts it.

use std::fs;

/// The most memory that a process had at once, in bytes; `None` where it is gone.
pub(super) fn peak(process: &str) -> Option<u64> {
    Some(number(&status(process)?, "VmHWM:")? << 10)
}

/// The same for a sandbox: its own process and that one's children.
pub(super) fn of_sandbox(pid: u32) -> u64 {
    let children = fs::read_dir("/proc").into_iter().flatten().flatten().filter_map(|entry| {
        let name = entry.file_name().into_string().ok()?;
        let status = status(&name)?;
        (number(&status, "PPid:")? == u64::from(pid)).then(|| number(&status, "VmHWM:")).flatten()
    });
    peak(&pid.to_string()).unwrap_or(0) + children.map(|kibibytes| kibibytes << 10).sum::<u64>()
}

fn status(process: &str) -> Option<String> {
    fs::read_to_string(format!("/proc/{process}/status")).ok()
}

fn number(status: &str, key: &str) -> Option<u64> {
    status.lines().find_map(|line| line.strip_prefix(key))?.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_has_memory() {
        let before = peak("self").unwrap();
        let grown = vec![1_u8; 8 << 20];
        assert!(peak("self").unwrap() >= before + (4 << 20), "{}", grown.len());
        assert_eq!(peak("0"), None);
    }

    #[test]
    fn fields_are_found_by_their_names() {
        let text = "Name:\tx\nPPid:\t12\nVmHWM:\t    1234 kB\n";
        assert_eq!(
            (number(text, "PPid:"), number(text, "VmHWM:"), number(text, "VmRSS:")),
            (Some(12), Some(1234), None)
        );
    }
}
