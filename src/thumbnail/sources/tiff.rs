//! TIFF, strip by strip or tile by tile.

mod meaning;
mod tags;

use std::ops::Range;

use moxcms::ColorProfile;
use tiff::TiffError;
use tiff::decoder::{ChunkType, Decoder, DecodingResult, Limits as TiffLimits};
use tiff::tags::PhotometricInterpretation;

use super::super::planar::rgb_of_levels;
use super::super::raster::{Channels, Raster, narrow};
use super::super::resize::premultiply;
use super::super::{Error, Format, Limits, Stop, colour};
use super::{Header, Input, Pixels, SMALL_BUFFERS, area, ended_early, truncated, zeroed};
use meaning::{Layout, Meaning, as_grey, colour_map, layout, meaning, photometric};
use tags::{check_pieces, icc, is_raw, orientation};

/// A TIFF before its pixels.
pub(super) struct Tiff<'a> {
    decoder: Decoder<Input<'a>>,
    width: u32,
    height: u32,
    meaning: Meaning,
    layout: Layout,
    profile: Option<ColorProfile>,
    stop: &'a Stop,
}

impl<'a> Tiff<'a> {
    pub(super) fn open(
        bytes: &'a [u8],
        limits: &Limits,
        stop: &'a Stop,
    ) -> Result<(Header, Self), Error> {
        let mut decoder = Decoder::new(Input::new(bytes, stop)).map_err(tiff_error)?;
        let (width, height) = decoder.dimensions().map_err(tiff_error)?;
        limits.check_size(width, height)?;
        if is_raw(&mut decoder) {
            return unsupported("camera raw");
        }
        let mut palette = None;
        if photometric(&mut decoder)? == Some(PhotometricInterpretation::RGBPalette) {
            palette = Some(colour_map(&mut decoder)?);
            // The decoder does not know what palettes are. Shown grey instead, it gives the indices.
            let patch = as_grey(&mut decoder, bytes)?;
            let input = Input::new(bytes, stop).patched(Some(patch));
            decoder = Decoder::new(input).map_err(tiff_error)?;
        }
        let color_type = decoder.colortype().map_err(tiff_error)?;
        let (meaning, bits) = meaning(&mut decoder, color_type, palette)?;
        let layout = layout(&mut decoder, &meaning, bits)?;
        check_pieces(&mut decoder, bytes, &layout, limits, stop)?;

        let icc = icc(&mut decoder, limits);
        let pixels = area(width, height);
        let (kept, shown) = match &meaning {
            Meaning::Pixels { channels, .. } => (channels.count(), 0),
            other => (other.kept(), 3),
        };
        let across = if layout.piece.0 == width { 1 } else { 2 };
        // A tile is held whole, however little of it is in the picture; the last strip ends with it.
        let rows = match decoder.get_chunk_type() {
            ChunkType::Tile => layout.piece.1,
            ChunkType::Strip => layout.piece.1.min(height),
        };
        let depth = layout.stored as u64 * u64::from(bits.div_ceil(8));
        // A piece at its own depth, and what packs it: for JPEG all of its coefficients besides.
        let piece = area(layout.piece.0, rows).saturating_mul(depth * 5 * across);
        let samples_bytes = pixels * (kept.max(shown)) as u64;
        let icc_bytes = icc.as_ref().map_or(0, Vec::len) as u64;
        let header = Header {
            width,
            height,
            orientation: orientation(&mut decoder),
            samples_bytes,
            reading_bytes: (pixels * (kept + shown) as u64
                + icc_bytes
                + colour::predicted_bytes(icc_bytes)
                + SMALL_BUFFERS)
                .saturating_add(piece),
        };
        limits.check_peak(header.reading_bytes)?;
        let mut bounded = TiffLimits::default();
        let most = usize::try_from(header.reading_bytes).unwrap_or(usize::MAX);
        bounded.decoding_buffer_size = most;
        bounded.intermediate_buffer_size = most;
        let tiff = Self {
            decoder: decoder.with_limits(bounded),
            width,
            height,
            meaning,
            layout,
            profile: icc.as_deref().and_then(colour::profile),
            stop,
        };
        Ok((header, tiff))
    }

    pub(super) fn read(mut self) -> Result<Pixels, Error> {
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
                    self.piece(&mut kept, index, (column, row), plane)?;
                }
            }
        }
        self.shown(kept)
    }

    /// Reads a strip or a tile into its place.
    fn piece(
        &mut self,
        kept: &mut [u8],
        index: usize,
        (column, row): (usize, usize),
        plane: usize,
    ) -> Result<(), Error> {
        let index = u32::try_from(index).map_err(|_| malformed("too many pieces"))?;
        let read = self.decoder.read_chunk(index).map_err(tiff_error)?;
        // Tiles go on beyond the picture, and may or may not have been cut at its edges.
        let (wide, _) = self.decoder.chunk_data_dimensions(index);
        let layout = &self.layout;
        let (left, top) = (
            column * layout.piece.0 as usize,
            row * layout.piece.1 as usize,
        );
        let (width, height) = (self.width as usize, self.height as usize);
        let columns = left..(left + wide as usize).min(width);
        let rows = top..top.saturating_add(layout.piece.1 as usize).min(height);
        let stored = if layout.planar { 1 } else { layout.stored };
        let line = (wide as usize * stored * usize::from(layout.bits)).div_ceil(8);
        let is_index = matches!(self.meaning, Meaning::Palette(_));
        for (n, y) in rows.enumerate() {
            let places = Places {
                row: &mut kept[y * width * layout.kept..][..width * layout.kept],
                columns: columns.clone(),
                kept: layout.kept,
                stored,
                plane: layout.planar.then_some(plane),
            };
            match &read {
                DecodingResult::U8(samples) => {
                    let samples = samples.get(n * line..(n + 1) * line);
                    let samples = samples.ok_or_else(|| truncated(Format::Tiff))?;
                    match layout.bits {
                        8 => places.fill(|at| samples[at]),
                        bits => places.fill(|at| unpacked(samples, at, bits, is_index)),
                    }
                }
                DecodingResult::U16(samples) => {
                    let line = wide as usize * stored;
                    let samples = samples.get(n * line..(n + 1) * line);
                    let samples = samples.ok_or_else(|| truncated(Format::Tiff))?;
                    places.fill(|at| narrow(samples[at]));
                }
                _ => return unsupported("TIFF with samples of this kind"),
            }
        }
        Ok(())
    }

    /// The picture as a raster.
    fn shown(self, kept: Vec<u8>) -> Result<Pixels, Error> {
        let mut profile = self.profile;
        let mut multiplied = false;
        let (channels, samples) = match self.meaning {
            Meaning::Pixels {
                channels,
                multiplied: already,
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
                let pixels = kept.as_chunks::<3>().0;
                (
                    Channels::Rgb,
                    pixels.iter().copied().flat_map(rgb_of_levels).collect(),
                )
            }
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
        Ok(Pixels { raster, profile })
    }
}

/// Where the samples of a row of a piece go to.
struct Places<'a> {
    row: &'a mut [u8],
    columns: Range<usize>,
    kept: usize,
    stored: usize,
    plane: Option<usize>,
}

impl Places<'_> {
    /// Takes each sample by its place in the piece's row.
    fn fill(self, sample: impl Fn(usize) -> u8) {
        let pixels = &mut self.row[self.columns.start * self.kept..self.columns.end * self.kept];
        for (x, pixel) in pixels.chunks_exact_mut(self.kept).enumerate() {
            match self.plane {
                Some(plane) => pixel[plane] = sample(x),
                None => {
                    for (channel, level) in pixel.iter_mut().enumerate() {
                        *level = sample(x * self.stored + channel);
                    }
                }
            }
        }
    }
}

/// A sample of less than 8 bits: a level of 8, or an index as it is.
fn unpacked(row: &[u8], at: usize, bits: u8, is_index: bool) -> u8 {
    let first = at * usize::from(bits);
    let most = u8::MAX >> (8 - bits);
    let byte = row.get(first / 8).copied().unwrap_or_default();
    let value = byte >> (8 - usize::from(bits) - first % 8) & most;
    if is_index {
        value
    } else {
        value * (u8::MAX / most)
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
