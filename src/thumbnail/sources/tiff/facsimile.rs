//! Facsimiles (ITU-T T.6), as `fax` reads them.

use std::convert::Infallible;

use fax::decoder::{DecodeStatus, Group4Decoder};

use super::super::super::{Error, Stop};
use super::malformed;

/// Fills rows of one bit a pixel, 1 for black.
pub(super) fn unpack(packed: &[u8], width: u32, rows: &mut [u8], stop: &Stop) -> Result<(), Error> {
    let side = u16::try_from(width).map_err(|_| malformed("a facsimile wider than one can be"))?;
    let line = usize::from(side).div_ceil(8).max(1);
    // No pixel needs more than seven bits; but there are codes for no pixels at all, without end, and the
    // decoder holds what they give.
    let most = (rows.len() / line).saturating_mul(usize::from(side) + 16);
    let bytes = packed.iter().take(most);
    let Ok(mut decoder) = Group4Decoder::new(bytes.map(|&byte| Ok::<_, Infallible>(byte)), side);
    rows.fill(0);
    for row in rows.chunks_exact_mut(line) {
        if stop.is_stopped() {
            return Err(Error::Stopped);
        }
        match decoder.advance() {
            Ok(DecodeStatus::Incomplete) => {}
            // White rows at the end may be left out.
            Ok(DecodeStatus::End) => break,
            Err(_) => return Err(malformed("a facsimile that is cut short or damaged")),
        }
        // Where the colour changes; the first run is white.
        for black in decoder.transition().chunks(2) {
            let to = black.get(1).copied().unwrap_or(side).min(side);
            for x in black[0].min(to)..to {
                row[usize::from(x / 8)] |= 0x80 >> (x % 8);
            }
        }
    }
    Ok(())
}
