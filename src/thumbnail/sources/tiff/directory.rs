//! The first directory, before `tiff` reads it: it holds every value of a tag as it reads it, in 32
//! bytes each, before it can be told limits.

use super::super::super::directory::Directory;
use super::super::super::{Error, Format};
use super::super::truncated;
use super::malformed;

/// The most values of one tag: enough for the places of 100 megapixels in tiles of 32 x 32, or of as many
/// rows as there can be in four planes.
const MAX_VALUES: u64 = 1 << 18;

/// The tags whose values are read (TIFF 6.0, and its Technical Note 2 for 347). Others may be as long
/// as they like: nobody asks for them.
const READ: [u64; 26] = [
    254, 256, 257, 258, 259, 262, 266, 273, 274, 277, 278, 279, 284, 317, 320, 322, 323, 324, 325,
    332, 338, 339, 347, 529, 530, 532,
];

/// Refuses a file whose first directory promises more values than any picture needs.
pub(super) fn check(bytes: &[u8]) -> Result<(), Error> {
    let cut = || truncated(Format::Tiff);
    let directory = Directory::first(bytes).ok_or_else(cut)?;
    if directory.len > u16::MAX.into() {
        return Err(malformed("more tags than there are"));
    }
    for entry in directory.entries() {
        let entry = entry.ok_or_else(cut)?;
        if READ.contains(&entry.tag) && entry.count > MAX_VALUES {
            return Err(malformed("a tag with more values than any picture needs"));
        }
    }
    Ok(())
}
