//! The bytes of strips and tiles, unpacked.

use std::io::Read;

use flate2::bufread::ZlibDecoder;
use tiff::decoder::Decoder;
use tiff::tags::{CompressionMethod, Tag};
use weezl::decode::{Configuration, Decoder as Lzw};
use weezl::{BitOrder, LzwStatus};

use super::super::super::{Error, Format, Stop};
use super::super::{Input, ended_early, truncated, zeroed};
use super::meaning::{Layout, number};
use super::{facsimile, malformed, unsupported};

/// How the bytes of a piece are packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Packing {
    None,
    Lzw,
    Deflate,
    PackBits,
    /// A file of its own (TIFF Technical Note 2).
    Jpeg,
    /// CCITT T.6.
    Facsimile,
}

impl Packing {
    pub(super) fn of(decoder: &mut Decoder<Input<'_>>) -> Result<Self, Error> {
        use CompressionMethod as By;
        let method = number(decoder, Tag::Compression)?.map(By::from_u16_exhaustive);
        Ok(match method {
            None | Some(By::None) => Self::None,
            Some(By::LZW) => Self::Lzw,
            Some(By::Deflate | By::OldDeflate) => Self::Deflate,
            Some(By::PackBits) => Self::PackBits,
            Some(By::ModernJPEG) => Self::Jpeg,
            Some(By::Fax4) => Self::Facsimile,
            Some(By::Huffman | By::Fax3) => {
                return unsupported("TIFF packed as a facsimile of group 3");
            }
            Some(other) => return unsupported(&format!("TIFF packed by {other:?}")),
        })
    }
}

/// Whether the first bit of a byte is its least significant one (TIFF 6.0, tag 266). JPEGs never have
/// that, and whoever says so of one is not believed.
pub(super) fn is_reversed(decoder: &mut Decoder<Input<'_>>) -> Result<bool, Error> {
    Ok(number(decoder, Tag::FillOrder)? == Some(2))
}

/// The pieces of a TIFF, to be unpacked one at a time.
pub(super) struct Pieces<'a> {
    file: &'a [u8],
    /// Where each begins, and how long it is.
    places: Vec<(u64, u64)>,
    packing: Packing,
    /// Whether each sample is the difference to that of the pixel before (TIFF 6.0, 14).
    predicted: bool,
    /// Whether the bits of each packed byte stand the other way round.
    reversed: bool,
    buffer: Vec<u8>,
    /// How many packed bytes may yet be read. Pieces may share their bytes, as empty tiles do, and there
    /// are codes without pixels: many times all bytes of a file could be read.
    left: u64,
    /// Its tables are made once for all pieces.
    lzw: Lzw,
    stop: &'a Stop,
}

impl<'a> Pieces<'a> {
    pub(super) fn new(
        decoder: &mut Decoder<Input<'a>>,
        file: &'a [u8],
        places: Vec<(u64, u64)>,
        packing: Packing,
        most_packed: u64,
        stop: &'a Stop,
    ) -> Result<Self, Error> {
        // The tag belongs to these two; others that have it, have it by mistake.
        let predictor = match packing {
            Packing::Lzw | Packing::Deflate => number(decoder, Tag::Predictor)?.unwrap_or(1),
            _ => 1,
        };
        if !matches!(predictor, 1 | 2) {
            return unsupported("TIFF with predicted floating point");
        }
        // What follows the last row that is asked for may be anything.
        let settings = Configuration::with_tiff_size_switch(BitOrder::Msb, 8);
        let lzw = settings.with_yield_on_full_buffer(true).build();
        Ok(Self {
            file,
            packing,
            predicted: predictor == 2,
            reversed: is_reversed(decoder)?,
            left: most_packed,
            places,
            buffer: Vec::new(),
            lzw,
            stop,
        })
    }

    /// So many rows, if nothing is to be done to them, and each piece begins where the one before it ends.
    pub(super) fn adjoining(&self, layout: &Layout, height: u32) -> Option<&'a [u8]> {
        if self.packing != Packing::None || self.reversed {
            return None;
        }
        let lines = layout.lines(layout.piece.1);
        let piece = layout.line_bytes().saturating_mul(lines);
        let (first, _) = self.places.first()?;
        if self.places.len() < height.div_ceil(layout.piece.1) as usize {
            return None;
        }
        let mut at = *first;
        for (place, _) in &self.places {
            if *place != at {
                return None;
            }
            at = at.saturating_add(piece);
        }
        let first = usize::try_from(*first).ok()?;
        let bytes = usize::try_from(layout.line_bytes() * layout.lines(height)).ok()?;
        self.file.get(first..)?.get(..bytes)
    }

    /// The bytes of so many of the piece's first rows.
    pub(super) fn unpacked(
        &mut self,
        index: usize,
        layout: &Layout,
        rows: usize,
    ) -> Result<&[u8], Error> {
        let lines = layout.lines(u32::try_from(rows).unwrap_or(u32::MAX));
        let bytes = layout.line_bytes().saturating_mul(lines);
        if self.packing == Packing::None && !self.reversed {
            // However long the piece is said to be.
            let (at, _) = self.place(index)?;
            let bytes = usize::try_from(bytes).ok();
            let unpacked = bytes.and_then(|bytes| self.file.get(at..)?.get(..bytes));
            return unpacked.ok_or_else(|| truncated(Format::Tiff));
        }
        let mut buffer = std::mem::take(&mut self.buffer);
        // All but the last one are as long: nothing is allocated for them.
        if buffer.len() as u64 != bytes {
            drop(buffer);
            buffer = zeroed(Format::Tiff, bytes)?;
        }
        self.unpack(index, layout, &mut buffer)?;
        self.buffer = buffer;
        Ok(&self.buffer)
    }

    /// Fills so many bytes with the piece's first rows.
    pub(super) fn unpack(
        &mut self,
        index: usize,
        layout: &Layout,
        rows: &mut [u8],
    ) -> Result<(), Error> {
        let (at, length) = self.place(index)?;
        let packed = self.file.get(at..);
        let packed = packed.ok_or_else(|| truncated(Format::Tiff))?;
        // What is not packed may be longer than it is said to be.
        let length = match self.packing {
            Packing::None => rows.len(),
            _ => length,
        };
        let packed = &packed[..length.min(packed.len())];
        // Turning them reads all of them, however few are needed then.
        let turned = if self.reversed {
            self.count(packed.len() as u64)?;
            Some(turned(packed))
        } else {
            None
        };
        let packed = turned.as_deref().unwrap_or(packed);
        let read = match self.packing {
            Packing::Lzw => unpack_lzw(&mut self.lzw, packed, rows, self.stop)?,
            Packing::Deflate => inflate(packed, rows, self.stop)?,
            Packing::Facsimile => {
                facsimile::unpack(packed, layout.piece.0, rows, self.stop)?;
                packed.len() as u64
            }
            Packing::None => {
                let whole = packed.get(..rows.len());
                rows.copy_from_slice(whole.ok_or_else(|| truncated(Format::Tiff))?);
                0
            }
            _ => unpack_bits(packed, rows).ok_or_else(|| truncated(Format::Tiff))?,
        };
        if !self.reversed {
            self.count(read)?;
        }
        if self.predicted {
            let line = usize::try_from(layout.line_bytes()).unwrap_or(usize::MAX);
            for line in rows.chunks_exact_mut(line.max(1)) {
                undo_prediction(line, layout)?;
            }
        }
        Ok(())
    }

    /// Where a piece begins, and how long it is.
    fn place(&self, index: usize) -> Result<(usize, usize), Error> {
        let &(at, length) = self
            .places
            .get(index)
            .ok_or_else(|| malformed("fewer pieces than the picture has"))?;
        let far = |place: u64| usize::try_from(place).unwrap_or(usize::MAX);
        Ok((far(at), far(length)))
    }

    fn count(&mut self, packed: u64) -> Result<(), Error> {
        let left = self.left.checked_sub(packed);
        self.left = left.ok_or_else(|| {
            malformed("pieces that share their bytes, more of them than a file may have")
        })?;
        Ok(())
    }
}

/// How many packed bytes of a file may be read: all of them, and of those that pieces share eight times what
/// they unpack to. None is longer: of noise, T.6 makes seven bits of a pixel, LZW twelve of a byte.
pub(super) fn most_packed(file: &[u8], (width, height): (u32, u32), layout: &Layout) -> u64 {
    let (across, down) = layout.pieces(width, height);
    let planes = if layout.planar { layout.kept } else { 1 };
    let lines = layout.lines(layout.piece.1.min(height));
    let piece = layout.line_bytes().saturating_mul(lines);
    let unpacked = piece.saturating_mul((across * down * planes) as u64);
    unpacked.saturating_mul(8).saturating_add(file.len() as u64)
}

/// Bytes with their bits the other way round.
fn turned(bytes: &[u8]) -> Vec<u8> {
    bytes.iter().map(|byte| byte.reverse_bits()).collect()
}

/// Fills the buffer, as the others do, and says how many packed bytes that took.
fn inflate(packed: &[u8], buffer: &mut [u8], stop: &Stop) -> Result<u64, Error> {
    let mut decoder = ZlibDecoder::new(Input::new(packed, stop));
    decoder.read_exact(buffer).map_err(|error| match error {
        error if ended_early(&error) => truncated(Format::Tiff),
        error => Error::malformed(Format::Tiff, error),
    })?;
    Ok(decoder.total_in())
}

fn unpack_lzw(
    decoder: &mut Lzw,
    mut packed: &[u8],
    mut rest: &mut [u8],
    stop: &Stop,
) -> Result<u64, Error> {
    decoder.reset();
    let all = packed.len();
    while !rest.is_empty() {
        if stop.is_stopped() {
            return Err(Error::Stopped);
        }
        let result = decoder.decode_bytes(&packed[..packed.len().min(Input::PIECE)], rest);
        packed = &packed[result.consumed_in..];
        rest = &mut rest[result.consumed_out..];
        match result.status {
            Ok(LzwStatus::Ok) if result.consumed_in + result.consumed_out > 0 => {}
            Ok(_) => break,
            Err(error) => return Err(Error::malformed(Format::Tiff, error)),
        }
    }
    if rest.is_empty() {
        Ok((all - packed.len()) as u64)
    } else {
        Err(truncated(Format::Tiff))
    }
}

/// Runs of equal bytes, and of others (TIFF 6.0, 9). `None` if there are too few.
fn unpack_bits(mut packed: &[u8], mut rest: &mut [u8]) -> Option<u64> {
    let all = packed.len();
    while !rest.is_empty() {
        let (&head, behind) = packed.split_first()?;
        packed = behind;
        let length = match head {
            // Nothing.
            128 => continue,
            // The bytes as they are.
            ..128 => usize::from(head) + 1,
            129.. => 257 - usize::from(head),
        };
        let (run, after) = rest.split_at_mut(length.min(rest.len()));
        if head < 128 {
            let (bytes, behind) = packed.split_at_checked(run.len())?;
            run.copy_from_slice(bytes);
            packed = behind;
        } else {
            let (&byte, behind) = packed.split_first()?;
            run.fill(byte);
            packed = behind;
        }
        rest = after;
    }
    Some((all - packed.len()) as u64)
}

/// Adds to each sample that of the pixel before.
fn undo_prediction(line: &mut [u8], layout: &Layout) -> Result<(), Error> {
    let distance = layout.stored_in_piece();
    match (layout.bits, layout.subsampling) {
        (8, (1, 1)) => {
            for n in distance..line.len() {
                line[n] = line[n].wrapping_add(line[n - distance]);
            }
        }
        (16, (1, 1)) => {
            let words = line.as_chunks_mut::<2>().0;
            for n in distance..words.len() {
                let sum = layout
                    .word(words[n])
                    .wrapping_add(layout.word(words[n - distance]));
                words[n] = if layout.little_endian {
                    sum.to_le_bytes()
                } else {
                    sum.to_be_bytes()
                };
            }
        }
        _ => return unsupported("TIFF with predictions of such samples"),
    }
    Ok(())
}
