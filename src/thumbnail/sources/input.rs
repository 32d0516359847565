use std::io::{self, BufRead, Read, Seek, SeekFrom};

use super::super::Stop;

/// The file's bytes as the decoders read them, in pieces, so that a decoder that goes on reading
/// ends soon after the stop flag is set.
#[derive(Debug)]
pub(super) struct Input<'a> {
    bytes: io::Cursor<&'a [u8]>,
    stop: &'a Stop,
    patch: Option<Patch>,
}

/// Bytes that a decoder is shown instead of those in the file.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patch {
    pub(super) at: u64,
    pub(super) bytes: [u8; 2],
}

impl<'a> Input<'a> {
    const PIECE: usize = 64 << 10;

    pub(super) fn new(bytes: &'a [u8], stop: &'a Stop) -> Self {
        Self {
            bytes: io::Cursor::new(bytes),
            stop,
            patch: None,
        }
    }

    pub(super) fn patched(self, patch: Option<Patch>) -> Self {
        Self { patch, ..self }
    }

    fn go_on(&self) -> io::Result<()> {
        if self.stop.is_stopped() {
            return Err(io::Error::other("stopped"));
        }
        Ok(())
    }
}

impl Read for Input<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let next = self.fill_buf()?;
        let length = next.len().min(buffer.len());
        buffer[..length].copy_from_slice(&next[..length]);
        self.consume(length);
        Ok(length)
    }
}

impl BufRead for Input<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.go_on()?;
        let from = self.bytes.position();
        let mut most = Self::PIECE;
        if let Some(Patch { at, bytes }) = &self.patch {
            let patched = at.checked_add(bytes.len() as u64).map(|end| *at..end);
            if patched.is_some_and(|patched| patched.contains(&from)) {
                let within = usize::from(from > *at);
                return Ok(&bytes[within..]);
            }
            if from < *at {
                most = most.min(usize::try_from(at - from).unwrap_or(most));
            }
        }
        let rest = self.bytes.fill_buf()?;
        Ok(&rest[..rest.len().min(most)])
    }

    fn consume(&mut self, amount: usize) {
        self.bytes.consume(amount);
    }
}

impl Seek for Input<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.bytes.seek(to)
    }
}
