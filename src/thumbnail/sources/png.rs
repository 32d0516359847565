//! PNG, row by row.

mod meaning;

use std::borrow::Cow;
use std::io::Read;

use flate2::bufread::ZlibDecoder;
use moxcms::ColorProfile;
use png::{BitDepth, ColorType, Decoder, DecodingError, Reader, Transformations};

use super::super::narrow::Narrowing;
use super::super::raster::{Channels, Raster};
use super::super::resize::premultiply;
use super::super::{Error, Format, Ignored, Limits, Orientation, Stop, colour, whole};
use super::{Header, Input, Pixels, SMALL_BUFFERS, area, ended_early, truncated, zeroed};

/// A PNG before its pixels.
pub(super) struct Png<'a> {
    reader: Reader<Input<'a>>,
    channels: Channels,
    /// That of the iCCP chunk.
    profile: Option<ColorProfile>,
}

impl<'a> Png<'a> {
    pub(super) fn open(
        bytes: &'a [u8],
        limits: &Limits,
        stop: &'a Stop,
    ) -> Result<(Header, Self), Error> {
        let chunks = whole::png(bytes);
        let (width, height) = chunks.size.ok_or(Error::Truncated {
            format: Format::Png,
            missing: "the header chunk",
        })?;
        limits.check_size(width, height)?;
        let rows = 64 * u64::from(width) + SMALL_BUFFERS;
        let mut ignored = Ignored::default();
        let icc = chunks
            .icc
            .and_then(|chunk| unpacked(chunk, limits, &mut ignored));
        let icc_bytes = icc.as_ref().map_or(0, Vec::len) as u64;
        let beside = rows + icc_bytes + colour::predicted_bytes(icc_bytes);
        limits.check_peak(beside)?;
        let profile = icc.as_deref().and_then(colour::profile);

        // The decoder would hold every eXIf chunk that it knows, however long; so it is shown none.
        // Orientations that come after the pixels would be missed besides.
        let exif = whole::png_chunks(bytes).filter(|chunk| chunk.kind == *b"eXIf");
        let input = Input::new(bytes, stop).hiding(exif.map(|chunk| chunk.at));
        let bounded = png::Limits {
            bytes: usize::try_from(rows).unwrap_or(usize::MAX),
        };
        let mut decoder = Decoder::new_with_limits(input, bounded);
        decoder.set_transformations(Transformations::EXPAND);
        decoder.set_ignore_text_chunk(true);
        decoder.set_ignore_iccp_chunk(true);
        let reader = decoder.read_info().map_err(png_error)?;
        let channels = match reader.output_color_type().0 {
            ColorType::Grayscale => Channels::Grey,
            ColorType::GrayscaleAlpha => Channels::GreyAlpha,
            ColorType::Rgb | ColorType::Indexed => Channels::Rgb,
            ColorType::Rgba => Channels::Rgba,
        };
        let samples_bytes = area(width, height) * channels.count() as u64;
        // An interlaced picture is put together at its own depth.
        let wide = reader.output_color_type().1 == BitDepth::Sixteen;
        let put_together = u64::from(wide && reader.info().interlaced) * samples_bytes;
        let exif = chunks
            .exif
            .filter(|block| ignored.takes_exif(block.len(), limits));
        let header = Header {
            width,
            height,
            orientation: exif.and_then(Orientation::of_exif).unwrap_or_default(),
            ignored,
            samples_bytes,
            reading_bytes: samples_bytes + put_together + beside,
            missing: chunks.missing,
        };
        let png = Self {
            reader,
            channels,
            profile,
        };
        Ok((header, png))
    }

    pub(super) fn read(mut self) -> Result<Pixels<'a>, Error> {
        let mut profile = meaning::profile(self.reader.info(), self.profile.take());
        let (width, height) = self.reader.info().size();
        let line = width as usize * self.channels.count();
        let wide = self.reader.output_color_type().1 == BitDepth::Sixteen;
        let narrowing = wide.then(|| Narrowing::by(profile.as_mut(), self.channels));
        let mut samples;
        if self.reader.info().interlaced {
            let depth = 1 + u64::from(wide);
            samples = zeroed(Format::Png, line as u64 * u64::from(height) * depth)?;
            self.reader.next_frame(&mut samples).map_err(png_error)?;
            if let Some(narrowing) = narrowing {
                narrowing.in_place(&mut samples);
            }
        } else {
            samples = zeroed(Format::Png, line as u64 * u64::from(height))?;
            for row in samples.chunks_exact_mut(line) {
                if let Some(narrowing) = &narrowing {
                    let read = self.reader.next_row().map_err(png_error)?;
                    let read = read.ok_or_else(|| truncated(Format::Png))?;
                    narrowing.row(read.data(), row);
                } else {
                    let read = self.reader.read_row(row).map_err(png_error)?;
                    read.ok_or_else(|| truncated(Format::Png))?;
                }
            }
        }
        let mut raster = Raster {
            width,
            height,
            channels: self.channels,
            samples,
        };
        premultiply(&mut raster)?;
        Ok(Pixels {
            raster: raster.held(Cow::Owned),
            profile,
        })
    }
}

/// The ICC profile of an iCCP chunk, unless it is longer than allowed: a name, the number of the
/// packing, which is 0, and a zlib stream (PNG third edition, 11.3.2.3). Of that so much is unpacked as
/// the profile itself says that it is long (ICC.1:2022, 7.2.2).
fn unpacked(chunk: &[u8], limits: &Limits, ignored: &mut Ignored) -> Option<Vec<u8>> {
    let name = chunk.iter().take(80).position(|&byte| byte == 0)?;
    let packed = chunk.get(name + 1..)?.strip_prefix(&[0])?;
    let mut stream = ZlibDecoder::new(packed);
    let mut length = [0; 4];
    stream.read_exact(&mut length).ok()?;
    let bytes = u32::from_be_bytes(length) as usize;
    if !ignored.takes_icc(bytes, limits) {
        return None;
    }
    let mut profile = Vec::with_capacity(bytes);
    profile.extend(length);
    let rest = bytes.saturating_sub(length.len()) as u64;
    stream.take(rest).read_to_end(&mut profile).ok()?;
    Some(profile)
}

fn png_error(error: DecodingError) -> Error {
    match error {
        error if ended_early(&error) => truncated(Format::Png),
        error => Error::malformed(Format::Png, error),
    }
}
