//! The first directory, before `tiff` reads it: it holds every value of a tag as it reads it, in 32
//! bytes each, before it can be told limits.

use super::super::super::{Error, Format};
use super::super::truncated;
use super::malformed;

/// The most values of one tag: enough for the places of 100 megapixels in tiles of 32 x 32, or of as many
/// rows as there can be in four planes.
const MAX_VALUES: u64 = 1 << 18;

/// The tags whose values are read (TIFF 6.0, and its Technical Note 2 for 347). Others may be as long
/// as they like: nobody asks for them.
const READ: [u64; 25] = [
    254, 256, 257, 258, 259, 262, 273, 274, 277, 278, 279, 284, 317, 320, 322, 323, 324, 325, 332,
    338, 339, 347, 529, 530, 532,
];

/// Refuses a file whose first directory promises more values than any picture needs.
pub(super) fn check(bytes: &[u8]) -> Result<(), Error> {
    let little_endian = bytes.starts_with(b"II");
    let number = |at: u64, length: usize| {
        let at = usize::try_from(at).ok();
        let digits = at.and_then(|at| bytes.get(at..)?.get(..length));
        let digits = digits.ok_or_else(|| truncated(Format::Tiff))?;
        let shifted = |number: u64, digit: &u8| number << 8 | u64::from(*digit);
        Ok::<u64, Error>(if little_endian {
            digits.iter().rev().fold(0, shifted)
        } else {
            digits.iter().fold(0, shifted)
        })
    };
    // BigTIFF has the wider numbers.
    let big = number(2, 2)? == 43;
    let (directory, counted, entry, count) = if big {
        (number(8, 8)?, 8, 20, 8)
    } else {
        (number(4, 4)?, 2, 12, 4)
    };
    let entries = number(directory, counted)?;
    if entries > u16::MAX.into() {
        return Err(malformed("more tags than there are"));
    }
    for n in 0..entries {
        let at = directory.saturating_add(counted as u64 + n * entry);
        if READ.contains(&number(at, 2)?) && number(at.saturating_add(4), count)? > MAX_VALUES {
            return Err(malformed("a tag with more values than any picture needs"));
        }
    }
    Ok(())
}
