//! From the bytes of an unpacked strip or tile to levels of 8 bits.

use super::super::super::narrow::{Narrowing, narrow};
use super::meaning::{Layout, Meaning};

/// A strip or a tile, unpacked.
pub(super) struct Samples<'a> {
    bytes: &'a [u8],
    layout: &'a Layout,
    meaning: &'a Meaning,
    narrowing: &'a Narrowing,
    /// The length of a row, if it stands for itself.
    line: usize,
}

impl<'a> Samples<'a> {
    /// `wide` is the width in pixels of what is there.
    pub(super) fn new(
        bytes: &'a [u8],
        layout: &'a Layout,
        meaning: &'a Meaning,
        narrowing: &'a Narrowing,
        wide: usize,
    ) -> Self {
        let samples = wide * layout.stored_in_piece();
        Self {
            bytes,
            layout,
            meaning,
            narrowing,
            line: (samples * usize::from(layout.bits)).div_ceil(8),
        }
    }

    /// Fills as much of a row as is asked for; or one channel of it. `None` if there is too little.
    pub(super) fn row(&self, y: usize, target: &mut [u8], plane: Option<usize>) -> Option<()> {
        let layout = self.layout;
        if layout.subsampling != (1, 1) {
            return self.subsampled_row(y, target);
        }
        let row = self.bytes.get(y * self.line..(y + 1) * self.line)?;
        let words = row.as_chunks::<2>().0;
        let word = |at: usize| layout.word(words[at]);
        match (layout.bits, self.meaning) {
            (8, Meaning::Lab { signed: true }) => self.place(target, plane, |at, channel| {
                // L* alone has no sign.
                row[at] ^ if channel == 0 { 0 } else { 0x80 }
            }),
            (8, _) if layout.stored_in_piece() == layout.kept => {
                target.copy_from_slice(row.get(..target.len())?);
            }
            (8, _) => self.place(target, plane, |at, _| row[at]),
            (16, Meaning::Lab { signed }) => self.place(target, plane, |at, channel| {
                let high = |word: u16| (word.saturating_add(0x80) >> 8).to_le_bytes()[0];
                match (signed, channel) {
                    (true, 0) => narrow(word(at)),
                    (true, _) => high(word(at) ^ 0x8000),
                    // Where 0xFF00 is 100 (ICC.1:2022, 6.3.4.2).
                    (false, _) => high(word(at)),
                }
            }),
            (16, _) => self.place(target, plane, |at, channel| {
                self.narrowing.level(word(at), channel)
            }),
            (bits, Meaning::Palette(_)) => {
                self.place(target, plane, |at, _| small(row, at, bits));
            }
            (bits, _) => {
                let step = u8::MAX / (u8::MAX >> (8 - bits));
                self.place(target, plane, |at, _| small(row, at, bits) * step);
            }
        }
        if let Meaning::Pixels { inverted: true, .. } = self.meaning
            && plane.unwrap_or_default() == 0
        {
            // Alpha, which may follow, is as usual.
            let first = target.iter_mut().step_by(layout.kept);
            first.for_each(|level| *level = 255 - *level);
        }
        Some(())
    }

    /// Takes each sample by its place in the row, and its channel.
    fn place(&self, target: &mut [u8], plane: Option<usize>, level: impl Fn(usize, usize) -> u8) {
        let stored = self.layout.stored_in_piece();
        for (x, pixel) in target.chunks_exact_mut(self.layout.kept).enumerate() {
            match plane {
                Some(plane) => pixel[plane] = level(x, plane),
                None => {
                    for (channel, of) in pixel.iter_mut().enumerate() {
                        *of = level(x * stored + channel, channel);
                    }
                }
            }
        }
    }

    /// Some levels of brightness, row by row, then the two colour differences that they have in common.
    fn subsampled_row(&self, y: usize, target: &mut [u8]) -> Option<()> {
        let (across, down) = self.layout.subsampling;
        let (across, down) = (across as usize, down as usize);
        let line = usize::try_from(self.layout.line_bytes()).ok()?;
        let line = self.bytes.get(y / down * line..(y / down + 1) * line)?;
        let units = line.chunks_exact(across * down + 2);
        for (unit, pixels) in units.zip(target.chunks_mut(3 * across)) {
            let (levels, differences) = unit.split_at(across * down);
            let levels = &levels[y % down * across..];
            for (level, pixel) in levels.iter().zip(pixels.as_chunks_mut::<3>().0) {
                *pixel = [*level, differences[0], differences[1]];
            }
        }
        Some(())
    }
}

/// A sample of less than 8 bits, or of 8.
fn small(row: &[u8], at: usize, bits: u8) -> u8 {
    let first = at * usize::from(bits);
    let byte = row.get(first / 8).copied().unwrap_or_default();
    byte >> (8 - usize::from(bits) - first % 8) & (u8::MAX >> (8 - bits))
}
