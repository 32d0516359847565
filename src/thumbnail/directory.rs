//! The first directory of a TIFF structure (TIFF 6.0, section 2, and `BigTIFF`), as TIFF files and EXIF
//! blocks have it. Nothing is held of it, and no other directory is followed: decoders hold all that they
//! find before they can be told limits, and directories may overlap without end.

/// The type of text, of 7-bit characters and a NUL.
const ASCII: u64 = 2;

/// The first directory of a structure.
#[derive(Debug, Clone, Copy)]
pub(super) struct Directory<'a> {
    bytes: &'a [u8],
    little_endian: bool,
    /// `BigTIFF`, which has the wider numbers.
    big: bool,
    /// Where the entries begin.
    at: u64,
    /// How many there are said to be.
    pub(super) len: u64,
}

/// A tag of a directory.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry {
    pub(super) tag: u64,
    kind: u64,
    /// How many values it is said to have.
    pub(super) count: u64,
    /// Where its values stand, or the place where they do if they are too long for it.
    at: u64,
}

impl<'a> Directory<'a> {
    /// Finds it; `None` if the bytes end before.
    pub(super) fn first(bytes: &'a [u8]) -> Option<Self> {
        let mut found = Self {
            bytes,
            little_endian: bytes.starts_with(b"II"),
            big: false,
            at: 0,
            len: 0,
        };
        found.big = found.number(2, 2)? == 43;
        let (directory, counted) = if found.big {
            (found.number(8, 8)?, 8)
        } else {
            (found.number(4, 4)?, 2)
        };
        found.len = found.number(directory, counted)?;
        found.at = directory.saturating_add(counted as u64);
        Some(found)
    }

    /// Its entries, with `None` for those behind the end of the bytes.
    pub(super) fn entries(self) -> impl Iterator<Item = Option<Entry>> {
        let length = if self.big { 20 } else { 12 };
        (0..self.len).map(move |n| {
            let at = self.at.saturating_add(n.saturating_mul(length));
            Some(Entry {
                tag: self.number(at, 2)?,
                kind: self.number(at.checked_add(2)?, 2)?,
                count: self.number(at.checked_add(4)?, self.width())?,
                at: at.checked_add(4 + self.width() as u64)?,
            })
        })
    }

    /// The characters of a tag that is text, with its NULs.
    pub(super) fn text(self, entry: Entry) -> Option<&'a [u8]> {
        if entry.kind != ASCII {
            return None;
        }
        let length = usize::try_from(entry.count).ok()?;
        let at = if length <= self.width() {
            entry.at
        } else {
            self.number(entry.at, self.width())?
        };
        self.bytes.get(usize::try_from(at).ok()?..)?.get(..length)
    }

    /// Bytes of a count, and of a place.
    fn width(self) -> usize {
        if self.big { 8 } else { 4 }
    }

    fn number(self, at: u64, length: usize) -> Option<u64> {
        let digits = self.bytes.get(usize::try_from(at).ok()?..)?.get(..length)?;
        let shifted = |number: u64, digit: &u8| number << 8 | u64::from(*digit);
        Some(if self.little_endian {
            digits.iter().rev().fold(0, shifted)
        } else {
            digits.iter().fold(0, shifted)
        })
    }
}
