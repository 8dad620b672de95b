//! Standard output as commands see it: colour where it is wanted, and silence when the reader has gone.

use std::io::{self, ErrorKind, Write};

/// A writer that goes silent when nobody reads on, so that `abispec list | head -1` ends as if all had been read.
#[derive(Debug)]
pub(crate) struct Patient<W> {
    inner: W,
    gone: bool,
}

impl<W: Write> Patient<W> {
    /// Wraps a writer.
    pub(crate) fn new(inner: W) -> Self {
        Self { inner, gone: false }
    }

    fn forgive<T>(&mut self, result: io::Result<T>, instead: T) -> io::Result<T> {
        match result {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => {
                self.gone = true;
                Ok(instead)
            }
            other => other,
        }
    }
}

impl<W: Write> Write for Patient<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.gone {
            return Ok(bytes.len());
        }
        let result = self.inner.write(bytes);
        self.forgive(result, bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.gone {
            return Ok(());
        }
        let result = self.inner.flush();
        self.forgive(result, ())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Broken(ErrorKind);

    impl Write for Broken {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(self.0.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Err(self.0.into())
        }
    }

    #[test]
    fn a_closed_pipe_is_no_error_and_a_full_disk_is() {
        let mut closed = Patient::new(Broken(ErrorKind::BrokenPipe));
        assert!(closed.write_all(b"text").is_ok());
        assert!(closed.flush().is_ok());
        assert!(Patient::new(Broken(ErrorKind::StorageFull)).write_all(b"text").is_err());
    }
}
