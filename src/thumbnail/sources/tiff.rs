//! TIFF, strip by strip or tile by tile.
//!
//! `tiff` reads the directory, and pieces that are JPEGs. All others are unpacked in `pieces`, because it
//! has no subsampled colour differences, no palettes and no L\*a\*b\*, mistakes some tiles of LZW for cut
//! short, and undoes predictions wrongly where there are channels to spare.

mod directory;
mod facsimile;
mod meaning;
mod pieces;
mod samples;
mod tags;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
mod ycc;

use std::borrow::Cow;

use moxcms::ColorProfile;
use tiff::TiffError;
use tiff::decoder::{ChunkType, Decoder, DecodingResult, Limits as TiffLimits};

use super::super::narrow::Narrowing;
use super::super::planar::rgb_of_levels;
use super::super::raster::{Channels, Raster};
use super::super::resize::premultiply;
use super::super::{Error, Format, Ignored, Limits, Stop, colour};
use super::{Header, Input, Pixels, SMALL_BUFFERS, area, ended_early, truncated, zeroed};
use meaning::{Layout, Meaning, layout, meaning};
use pieces::{Packing, Pieces, is_reversed, most_packed};
use samples::Samples;
use tags::{check_jpegs, icc, is_raw, orientation, places};
use ycc::Coding;

/// What is held of each piece's place in the file: by the decoder, while it reads them, and here.
const PLACE_BYTES: u64 = 72;

/// A TIFF before its pixels.
pub(super) struct Tiff<'a> {
    source: Source<'a>,
    width: u32,
    height: u32,
    meaning: Meaning,
    layout: Layout,
    /// That of YCbCr, if it is not the usual one.
    coding: Option<Coding>,
    profile: Option<ColorProfile>,
    stop: &'a Stop,
}

/// What gives the samples of a strip or a tile.
enum Source<'a> {
    Pieces(Pieces<'a>),
    Decoder(Box<Decoder<Input<'a>>>),
}

impl<'a> Tiff<'a> {
    pub(super) fn open(
        bytes: &'a [u8],
        limits: &Limits,
        stop: &'a Stop,
    ) -> Result<(Header, Self), Error> {
        directory::check(bytes)?;
        let mut decoder = Decoder::new(Input::new(bytes, stop)).map_err(tiff_error)?;
        let (width, height) = decoder.dimensions().map_err(tiff_error)?;
        limits.check_size(width, height)?;
        if is_raw(&mut decoder) {
            return unsupported("camera raw");
        }
        let packing = Packing::of(&mut decoder)?;
        let (meaning, bits) = meaning(&mut decoder, packing)?;
        let layout = layout(&mut decoder, &meaning, bits, packing)?;
        let coding = match meaning {
            Meaning::YCbCr => Coding::of(&mut decoder)?,
            _ => None,
        };
        let places = places(&mut decoder)?;
        if packing == Packing::Jpeg {
            check_jpegs(&mut decoder, bytes, &places, &layout, limits, stop)?;
        }

        let mut ignored = Ignored::default();
        let icc = icc(&mut decoder, limits, &mut ignored);
        let icc_bytes = icc.as_ref().map_or(0, Vec::len) as u64;
        let pixels = area(width, height);
        let (kept, shown) = match &meaning {
            Meaning::Pixels { channels, .. } => (channels.count(), 0),
            other => (other.kept(), 3),
        };
        // A tile may go on below the picture, a strip ends with it.
        let rows = match decoder.get_chunk_type() {
            ChunkType::Tile => layout.piece.1,
            ChunkType::Strip => layout.piece.1.min(height),
        };
        let piece = match packing {
            // Whole, at its own depth, with all of its coefficients, and cut to the picture.
            Packing::Jpeg | Packing::Facsimile => {
                area(layout.piece.0, rows).saturating_mul(layout.stored as u64 * 10)
            }
            Packing::None => 0,
            Packing::Lzw | Packing::Deflate | Packing::PackBits => layout
                .line_bytes()
                .saturating_mul(layout.lines(rows.min(height))),
        };
        // A piece whose bits stand the other way round is turned, in a copy.
        let reversed = if is_reversed(&mut decoder)? {
            bytes.len() as u64
        } else {
            0
        };
        let samples_bytes = pixels * kept.max(shown) as u64;
        let header = Header {
            width,
            height,
            orientation: orientation(&mut decoder),
            ignored,
            samples_bytes,
            reading_bytes: (pixels * (kept + shown) as u64
                + icc_bytes
                + colour::predicted_bytes(icc_bytes)
                + PLACE_BYTES * places.len() as u64
                + reversed
                + SMALL_BUFFERS)
                .saturating_add(piece),
            missing: None,
        };
        limits.check_peak(header.reading_bytes)?;
        let source = if packing == Packing::Jpeg {
            let mut bounded = TiffLimits::default();
            let most = usize::try_from(header.reading_bytes).unwrap_or(usize::MAX);
            bounded.decoding_buffer_size = most;
            bounded.intermediate_buffer_size = most;
            Source::Decoder(Box::new(decoder.with_limits(bounded)))
        } else {
            let most = most_packed(bytes, (width, height), &layout).min(limits.max_bytes);
            let pieces = Pieces::new(&mut decoder, bytes, places, packing, most, stop);
            Source::Pieces(pieces?)
        };
        // The profile of L*a*b* is known.
        let profile = icc
            .filter(|_| !matches!(meaning, Meaning::Lab { .. }))
            .and_then(|icc| colour::profile(&icc));
        let tiff = Self {
            source,
            width,
            height,
            meaning,
            layout,
            coding,
            profile,
            stop,
        };
        Ok((header, tiff))
    }

    pub(super) fn read(mut self) -> Result<Pixels<'a>, Error> {
        if let Some(raster) = self.as_stored() {
            let raster = raster.held(Cow::Borrowed);
            let profile = self.profile;
            return Ok(Pixels { raster, profile });
        }
        let narrowing = match self.meaning {
            Meaning::Pixels {
                channels,
                multiplied: false,
                inverted: false,
            } if self.layout.bits == 16 => Narrowing::by(self.profile.as_mut(), channels),
            // Of others, samples are not what a profile speaks of.
            _ => Narrowing::NEAREST,
        };
        let bytes = area(self.width, self.height) * self.layout.kept as u64;
        let mut kept = zeroed(Format::Tiff, bytes)?;
        let (across, down) = self.layout.pieces(self.width, self.height);
        let planes = if self.layout.planar {
            self.layout.kept
        } else {
            1
        };
        for plane in 0..planes {
            for row in 0..down {
                for column in 0..across {
                    if self.stop.is_stopped() {
                        return Err(Error::Stopped);
                    }
                    let index = (plane * down + row) * across + column;
                    self.piece(&mut kept, index, (column, row), plane, &narrowing)?;
                }
            }
        }
        self.shown(kept)
    }

    /// The picture as it stands in the file, if it does: as many files do that are not packed.
    fn as_stored(&self) -> Option<Raster<&'a [u8]>> {
        let Meaning::Pixels {
            channels,
            multiplied,
            ..
        } = self.meaning
        else {
            return None;
        };
        let (width, height) = (self.width, self.height);
        let whole_rows = self.layout.piece.0 == width;
        let as_it_is = whole_rows && self.layout.is_kept_as_it_is(&self.meaning);
        match &self.source {
            Source::Pieces(pieces) if as_it_is && (multiplied || !channels.have_alpha()) => {
                Some(Raster {
                    width,
                    height,
                    channels,
                    samples: pieces.adjoining(&self.layout, height)?,
                })
            }
            _ => None,
        }
    }

    /// Reads a strip or a tile into its place.
    fn piece(
        &mut self,
        kept: &mut [u8],
        index: usize,
        (column, row): (usize, usize),
        plane: usize,
        narrowing: &Narrowing,
    ) -> Result<(), Error> {
        let (layout, width, height) = (&self.layout, self.width as usize, self.height as usize);
        let (wide, high) = (layout.piece.0 as usize, layout.piece.1 as usize);
        let (left, top) = (column * wide, row * high);
        // Tiles go on beyond the picture.
        let columns = left..left.saturating_add(wide).min(width);
        let rows = top..top.saturating_add(high).min(height);
        let (samples, wide) = match &mut self.source {
            Source::Pieces(pieces) if layout.is_kept_as_it_is(&self.meaning) && wide == width => {
                let line = width * layout.kept;
                let part = &mut kept[rows.start * line..rows.end * line];
                return pieces.unpack(index, layout, part);
            }
            Source::Pieces(pieces) => (
                Cow::Borrowed(pieces.unpacked(index, layout, rows.len())?),
                wide,
            ),
            Source::Decoder(decoder) => {
                let index = u32::try_from(index).map_err(|_| malformed("too many pieces"))?;
                let read = decoder.read_chunk(index).map_err(tiff_error)?;
                let DecodingResult::U8(samples) = read else {
                    return unsupported("TIFF with a JPEG of more than 8 bits");
                };
                // They have been cut at the picture's edge.
                (
                    Cow::Owned(samples),
                    decoder.chunk_data_dimensions(index).0 as usize,
                )
            }
        };
        let plane = layout.planar.then_some(plane);
        let from = Samples::new(&samples, layout, &self.meaning, narrowing, wide);
        let part = kept
            .chunks_exact_mut(width * layout.kept)
            .skip(rows.start)
            .take(rows.len());
        for (y, row) in part.enumerate() {
            let row = &mut row[columns.start * layout.kept..columns.end * layout.kept];
            from.row(y, row, plane)
                .ok_or_else(|| truncated(Format::Tiff))?;
        }
        Ok(())
    }

    /// The picture as a raster.
    fn shown(self, kept: Vec<u8>) -> Result<Pixels<'a>, Error> {
        let mut profile = self.profile;
        let mut multiplied = false;
        let (channels, samples) = match self.meaning {
            Meaning::Pixels {
                channels,
                multiplied: already,
                ..
            } => {
                multiplied = already;
                (channels, kept)
            }
            Meaning::Palette(colours) => {
                let of = |&index: &u8| colours.get(usize::from(index)).copied().unwrap_or_default();
                (Channels::Rgb, kept.iter().flat_map(of).collect())
            }
            Meaning::Inks => (
                Channels::Rgb,
                colour::of_inks(&kept, profile.take().as_ref()),
            ),
            Meaning::YCbCr => {
                let pixels = kept.as_chunks::<3>().0.iter().copied();
                let rgb = match self.coding {
                    Some(coding) => pixels.flat_map(|pixel| coding.rgb(pixel)).collect(),
                    None => pixels.flat_map(rgb_of_levels).collect(),
                };
                (Channels::Rgb, rgb)
            }
            Meaning::Lab { .. } => (Channels::Rgb, colour::of_lab(&kept)?),
        };
        let mut raster = Raster {
            width: self.width,
            height: self.height,
            channels,
            samples,
        };
        if !multiplied {
            premultiply(&mut raster)?;
        }
        let raster = raster.held(Cow::Owned);
        Ok(Pixels { raster, profile })
    }
}

fn unsupported<T>(what: &str) -> Result<T, Error> {
    Err(Error::Unsupported { what: what.into() })
}

fn malformed(what: &'static str) -> Error {
    Error::malformed(Format::Tiff, what)
}

fn tiff_error(error: TiffError) -> Error {
    match error {
        error if ended_early(&error) => truncated(Format::Tiff),
        TiffError::UnsupportedError(error) => Error::Unsupported {
            what: format!("this kind of TIFF ({error})"),
        },
        error => Error::malformed(Format::Tiff, error),
    }
}
