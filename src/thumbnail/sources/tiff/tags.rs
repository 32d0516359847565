//! What is to be known of a TIFF beside its samples, and what is to be feared.

use tiff::decoder::{ChunkType, Decoder};
use tiff::tags::Tag;

use super::super::super::jpeg::{Reader, Want};
use super::super::super::{Effort, Error, Format, Ignored, Limits, Orientation, Stop};
use super::super::{Input, truncated};
use super::meaning::Layout;
use super::{malformed, tiff_error};

/// Raw files of cameras are TIFFs whose first picture is a small one, with others below it; or say so
/// (DNG 1.7, `DNGVersion`).
pub(super) fn is_raw(decoder: &mut Decoder<Input<'_>>) -> bool {
    const DNG_VERSION: Tag = Tag::Unknown(50_706);
    let tags = decoder.image_ifd();
    let is_dng = tags.find_entry(DNG_VERSION).is_some();
    let has_others = tags.find_entry(Tag::SubIfd).is_some();
    let is_small = decoder.find_tag_unsigned::<u32>(Tag::NewSubfileType);
    is_dng || has_others && matches!(is_small, Ok(Some(kind)) if kind & 1 == 1)
}

/// The ICC profile, unless it is longer than allowed.
pub(super) fn icc(
    decoder: &mut Decoder<Input<'_>>,
    limits: &Limits,
    ignored: &mut Ignored,
) -> Option<Vec<u8>> {
    let mut tags = decoder.image_ifd();
    let length = usize::try_from(tags.find_entry(Tag::IccProfile)?.count()).ok()?;
    if !ignored.takes_icc(length, limits) {
        return None;
    }
    let mut profile = vec![0; length];
    let read = tags.find_tag_bytes(Tag::IccProfile, &mut profile, 0).ok()?;
    (read == Some(length)).then_some(profile)
}

/// Unreadable metadata does not spoil a readable picture.
pub(super) fn orientation(decoder: &mut Decoder<Input<'_>>) -> Orientation {
    let value = decoder
        .find_tag_unsigned::<u8>(Tag::Orientation)
        .ok()
        .flatten();
    value.and_then(Orientation::of_value).unwrap_or_default()
}

/// What is looked at of each JPEG in a TIFF.
const JPEG_HEADER_BYTES: usize = 64 << 10;

/// The most that their common tables may have, which are read again for each: enough for every table that
/// a JPEG can define (T.81, B.2.4) thrice.
const JPEG_TABLES_BYTES: usize = 8 << 10;

/// Where each strip or tile begins, and how long it is.
pub(super) fn places(decoder: &mut Decoder<Input<'_>>) -> Result<Vec<(u64, u64)>, Error> {
    let (begins, lengths) = match decoder.get_chunk_type() {
        ChunkType::Strip => (Tag::StripOffsets, Tag::StripByteCounts),
        ChunkType::Tile => (Tag::TileOffsets, Tag::TileByteCounts),
    };
    let begins = decoder.get_tag_u64_vec(begins).map_err(tiff_error)?;
    let lengths = decoder.get_tag_u64_vec(lengths).map_err(tiff_error)?;
    Ok(begins.into_iter().zip(lengths).collect())
}

/// JPEGs in a TIFF have a size of their own, which their decoder allocates by. Refuses those that are
/// larger than the piece that they are to fill.
pub(super) fn check_jpegs(
    decoder: &mut Decoder<Input<'_>>,
    bytes: &[u8],
    places: &[(u64, u64)],
    layout: &Layout,
    limits: &Limits,
    stop: &Stop,
) -> Result<(), Error> {
    let tables = if decoder
        .find_tag(Tag::JPEGTables)
        .map_err(tiff_error)?
        .is_some()
    {
        decoder
            .get_tag_u8_vec(Tag::JPEGTables)
            .map_err(tiff_error)?
    } else {
        Vec::new()
    };
    // Tables are a file without a picture: what follows its end goes before the picture's own begin.
    let tables = tables.strip_suffix(&[0xff, 0xd9]).unwrap_or(&tables);
    if tables.len() > JPEG_TABLES_BYTES {
        return Err(malformed("the JPEG tables in it are too long"));
    }
    // Pieces may share their bytes.
    let lengths = places.iter().map(|&(_, length)| length);
    if lengths.fold(0, u64::saturating_add) > limits.max_bytes {
        return Err(malformed("JPEGs that are longer than a file may be"));
    }
    for &(offset, length) in places {
        if stop.is_stopped() {
            return Err(Error::Stopped);
        }
        let end = offset
            .checked_add(length)
            .and_then(|end| usize::try_from(end).ok());
        let piece = end.and_then(|end| bytes.get(usize::try_from(offset).ok()?..end));
        let piece = piece.ok_or_else(|| truncated(Format::Tiff))?;
        let begin = &piece[..piece.len().min(JPEG_HEADER_BYTES)];
        let rest = match tables {
            [] => begin,
            _ => begin.strip_prefix(&[0xff, 0xd8]).unwrap_or(begin),
        };
        let file = [tables, rest].concat();
        let want = Want {
            largest: 1,
            effort: Effort::Default,
        };
        let header = Reader::new(want, *limits, stop.clone()).header(&file)?;
        let (wide, high) = layout.piece;
        // Whole blocks may be coded beyond the edge.
        let padded = |side: u32| side.checked_next_multiple_of(32).unwrap_or(u32::MAX);
        let fits = header
            .is_some_and(|header| header.width <= padded(wide) && header.height <= padded(high));
        if !fits {
            return Err(malformed("a JPEG in it is larger than its place"));
        }
    }
    Ok(())
}
