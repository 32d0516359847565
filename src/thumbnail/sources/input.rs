use std::io::{self, BufRead, Read, Seek, SeekFrom};

use super::super::Stop;

/// The file's bytes as the decoders read them, in pieces, so that a decoder that goes on reading
/// ends soon after the stop flag is set.
pub(super) struct Input<'a> {
    bytes: io::Cursor<&'a [u8]>,
    stop: &'a Stop,
    hidden: Option<Hidden<'a>>,
}

/// Words of four letters in the file that a decoder is shown as others: those that follow, ascending.
type Hidden<'a> = std::iter::Peekable<Box<dyn Iterator<Item = u64> + 'a>>;

/// What is shown instead: the type of a chunk that no PNG decoder knows, and every one passes over.
const SHOWN: &[u8; 4] = b"exIf";

impl<'a> Input<'a> {
    pub(super) const PIECE: usize = 64 << 10;

    pub(super) fn new(bytes: &'a [u8], stop: &'a Stop) -> Self {
        Self {
            bytes: io::Cursor::new(bytes),
            stop,
            hidden: None,
        }
    }

    /// The same with the types of chunks hidden that stand at these places, which ascend. They are, as
    /// long as nothing is read twice.
    pub(super) fn hiding(self, places: impl Iterator<Item = u64> + 'a) -> Self {
        let places: Box<dyn Iterator<Item = u64> + 'a> = Box::new(places);
        Self {
            hidden: Some(places.peekable()),
            ..self
        }
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
        if let Some(hidden) = &mut self.hidden {
            let length = SHOWN.len() as u64;
            while hidden.next_if(|at| at + length <= from).is_some() {}
            if let Some(&at) = hidden.peek() {
                match usize::try_from(from.saturating_sub(at)) {
                    Ok(within) if from >= at => return Ok(&SHOWN[within..]),
                    _ => most = most.min(usize::try_from(at - from).unwrap_or(most)),
                }
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
