//! GIF, WebP and BMP, as `image` reads them.

use image::codecs::{bmp, gif, webp};
use image::{ColorType, ImageDecoder, ImageError};
use moxcms::ColorProfile;

use super::super::raster::{Channels, Raster};
use super::super::resize::premultiply;
use super::super::{Error, Format, Limits, Orientation, Stop, colour, whole};
use super::{Header, Input, Pixels, SMALL_BUFFERS, area, ended_early, truncated, zeroed};

/// A picture before its pixels.
pub(super) struct Codec<'a> {
    format: Format,
    decoder: Box<dyn ImageDecoder + 'a>,
    profile: Option<ColorProfile>,
}

impl<'a> Codec<'a> {
    pub(super) fn open(
        format: Format,
        bytes: &'a [u8],
        limits: &Limits,
        stop: &'a Stop,
    ) -> Result<(Header, Self), Error> {
        let input = Input::new(bytes, stop);
        let refused = |error| decoder_error(format, error);
        // What a decoder holds beside the samples that it fills.
        let mut beside = SMALL_BUFFERS;
        let (mut icc, mut exif) = (None, None);
        let decoder: Box<dyn ImageDecoder + 'a> = match format {
            Format::Gif => {
                let (width, height) = first_gif_frame(bytes)?;
                limits.check_size(width, height)?;
                beside += 4 * area(width, height);
                Box::new(gif::GifDecoder::new(input).map_err(refused)?)
            }
            Format::WebP => {
                whole::check(format, bytes)?;
                let chunks = whole::webp(bytes);
                let (width, height) = chunks.lossy_size;
                limits.check_size(width, height)?;
                // Planes at 4:2:0 with borders, and the decoder's copy of the frame.
                beside += area(width + 16, height + 16) * 2 + bytes.len() as u64;
                icc = chunks.icc.and_then(|icc| limits.icc(icc));
                exif = chunks.exif.and_then(|exif| limits.exif(exif));
                Box::new(webp::WebPDecoder::new(input).map_err(refused)?)
            }
            _ => Box::new(bmp::BmpDecoder::new(input).map_err(refused)?),
        };
        let (width, height) = decoder.dimensions();
        limits.check_size(width, height)?;
        if format == Format::WebP {
            // Lossless data is decoded as RGBA; an animation has a canvas beside its frame; alpha has
            // its own plane, decoded as one more RGBA picture.
            beside += 9 * area(width, height);
        }
        beside += colour::predicted_bytes(icc.map_or(0, <[u8]>::len) as u64);
        let samples_bytes = decoder.total_bytes();
        let header = Header {
            width,
            height,
            // Unreadable metadata does not spoil a readable picture. Some writers put before the
            // block what JPEG has before it.
            orientation: exif
                .map(|block| block.strip_prefix(b"Exif\0\0").unwrap_or(block))
                .and_then(Orientation::of_exif)
                .unwrap_or_default(),
            samples_bytes,
            reading_bytes: samples_bytes.saturating_add(beside),
        };
        let codec = Self {
            format,
            decoder,
            profile: icc.and_then(colour::profile),
        };
        Ok((header, codec))
    }

    pub(super) fn read(self, header: Header) -> Result<Pixels, Error> {
        let Self {
            format,
            mut decoder,
            profile,
        } = self;
        let refused = |error| decoder_error(format, error);
        let channels = match decoder.color_type() {
            ColorType::L8 => Channels::Grey,
            ColorType::La8 => Channels::GreyAlpha,
            ColorType::Rgb8 => Channels::Rgb,
            ColorType::Rgba8 => Channels::Rgba,
            other => {
                return Err(Error::Unsupported {
                    what: format!("{format} with samples as {other:?}"),
                });
            }
        };
        // What was predicted is what the decoder gets; those that keep count refuse to exceed it.
        let mut bounded = image::Limits::no_limits();
        bounded.max_alloc = Some(header.reading_bytes);
        decoder.set_limits(bounded).map_err(refused)?;
        let mut samples = zeroed(format, decoder.total_bytes())?;
        decoder.read_image_boxed(&mut samples).map_err(refused)?;
        let mut raster = Raster {
            width: header.width,
            height: header.height,
            channels,
            samples,
        };
        premultiply(&mut raster)?;
        Ok(Pixels { raster, profile })
    }
}

/// The first frame may be larger than the screen that the header announces.
fn first_gif_frame(bytes: &[u8]) -> Result<(u32, u32), Error> {
    let mut options = ::gif::DecodeOptions::new();
    options.skip_frame_decoding(true);
    let mut frames = options
        .read_info(bytes)
        .map_err(|e| gif_error(e, "the header"))?;
    match frames.next_frame_info() {
        Ok(Some(frame)) => Ok((frame.width.into(), frame.height.into())),
        Ok(None) => Err(Error::malformed(Format::Gif, "no frame")),
        Err(e) => Err(gif_error(e, "the first frame")),
    }
}

fn gif_error(error: ::gif::DecodingError, missing: &'static str) -> Error {
    match error {
        ::gif::DecodingError::UnexpectedEof | ::gif::DecodingError::Io(_) => Error::Truncated {
            format: Format::Gif,
            missing,
        },
        error => Error::malformed(Format::Gif, error),
    }
}

/// Says what a decoder's error means here.
fn decoder_error(format: Format, error: ImageError) -> Error {
    match error {
        error if ended_early(&error) => truncated(format),
        ImageError::Unsupported(error) => Error::Unsupported {
            what: format!("this kind of {format} ({error})"),
        },
        error => Error::malformed(format, error),
    }
}
