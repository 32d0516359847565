//! WebP, as `image-webp` reads it. Of a lossy picture without alpha the planes are taken as they are
//! stored, and shrunk so, as those of a JPEG, without a way through RGB at full size.

use std::borrow::Cow;

use image_webp::vp8::Vp8Decoder;
use image_webp::{DecodingError, WebPDecoder};
use moxcms::{ColorProfile, DataColorSpace};

use super::super::planes::Plane;
use super::super::raster::{Channels, Raster};
use super::super::resize::premultiply;
use super::super::{Error, Format, Ignored, Limits, Orientation, Stop, colour, whole};
use super::{Header, Input, Pixels, SMALL_BUFFERS, Shown, area, ended_early, truncated, zeroed};

mod tables;

/// A WebP before its pixels.
pub(super) enum WebP<'a> {
    /// A lossy picture whose colours need no conversion.
    Planes {
        /// Its frame (RFC 6386).
        frame: Input<'a>,
        size: (u32, u32),
    },
    Pixels {
        decoder: Box<WebPDecoder<Input<'a>>>,
        profile: Option<Box<ColorProfile>>,
    },
}

impl<'a> WebP<'a> {
    pub(super) fn open(
        bytes: &'a [u8],
        limits: &Limits,
        stop: &'a Stop,
    ) -> Result<(Header, Self), Error> {
        let chunks = whole::webp(bytes);
        if let Some(missing) = chunks.missing {
            return Err(Error::Truncated {
                format: Format::WebP,
                missing,
            });
        }
        let (lossy_width, lossy_height) = chunks.lossy_size;
        limits.check_size(lossy_width, lossy_height)?;
        let decoder = WebPDecoder::new(Input::new(bytes, stop)).map_err(webp_error)?;
        let (width, height) = decoder.dimensions();
        limits.check_size(width, height)?;

        let mut ignored = Ignored::default();
        let icc = chunks
            .icc
            .filter(|icc| ignored.takes_icc(icc.len(), limits));
        let profile = icc.and_then(colour::profile);
        let exif = chunks
            .exif
            .filter(|exif| ignored.takes_exif(exif.len(), limits));
        // Unreadable metadata does not spoil a readable picture. Some writers put before the block
        // what JPEG has before it.
        let orientation = exif
            .map(|block| block.strip_prefix(b"Exif\0\0").unwrap_or(block))
            .and_then(Orientation::of_exif)
            .unwrap_or_default();
        // Planes at 4:2:0 in whole blocks, what is known of each block, and the decoder's copies of the
        // frame, of which one may have room for another one and one is shortened in a third.
        let lossy = area(lossy_width + 16, lossy_height + 16) * 2 + 4 * bytes.len() as u64;
        let mut tables = 0;
        for lossless in &chunks.lossless {
            let (width, height) = lossless.size;
            limits.check_size(width, height)?;
            let most = limits.max_decoded_bytes;
            let bytes = tables::table_bytes(lossless.bytes, lossless.size, most, stop);
            tables += bytes.ok_or_else(|| {
                if stop.is_stopped() {
                    return Error::Stopped;
                }
                Error::malformed(Format::WebP, "prefix codes that break their rules")
            })?;
        }
        let still = chunks.still.filter(|_| !decoder.has_alpha());
        let (samples_bytes, beside, webp) = match still {
            Some(frame) if colour::keeps(profile.as_ref(), DataColorSpace::Rgb) => {
                let planes = WebP::Planes {
                    frame: Input::new(frame, stop),
                    size: (width, height),
                };
                // When it is turned, the largest plane is there twice.
                (area(width + 1, height + 1) * 3 / 2, lossy, planes)
            }
            _ => {
                let channels = if decoder.has_alpha() { 4 } else { 3 };
                // Lossless data is decoded as RGBA; an animation has a canvas beside its frame; alpha
                // has its own plane, decoded as one more RGBA picture.
                let beside = lossy
                    + 9 * area(width, height)
                    + colour::predicted_bytes(icc.map_or(0, <[u8]>::len) as u64);
                let pixels = WebP::Pixels {
                    decoder: Box::new(decoder),
                    profile: profile.map(Box::new),
                };
                (area(width, height) * channels, beside, pixels)
            }
        };
        let header = Header {
            width,
            height,
            orientation,
            ignored,
            samples_bytes,
            reading_bytes: samples_bytes + beside + tables + SMALL_BUFFERS,
            missing: None,
        };
        Ok((header, webp))
    }

    pub(super) fn read(self) -> Result<Shown<'a>, Error> {
        match self {
            Self::Planes { frame, size } => planes(frame, size).map(Shown::Planes),
            Self::Pixels { decoder, profile } => {
                let pixels = pixels(*decoder, profile.map(|profile| *profile))?;
                Ok(Shown::Pixels(Box::new(pixels)))
            }
        }
    }
}

fn pixels(
    mut decoder: WebPDecoder<Input<'_>>,
    profile: Option<ColorProfile>,
) -> Result<Pixels<'static>, Error> {
    let (width, height) = decoder.dimensions();
    let channels = if decoder.has_alpha() {
        Channels::Rgba
    } else {
        Channels::Rgb
    };
    if decoder.is_animated() && !decoder.has_alpha() {
        // A first frame may fill a part of the picture, which otherwise is white on most pages.
        let white = [u8::MAX; 4];
        decoder.set_background_color(white).map_err(webp_error)?;
    }
    let mut samples = zeroed(Format::WebP, area(width, height) * channels.count() as u64)?;
    decoder.read_image(&mut samples).map_err(webp_error)?;
    let mut raster = Raster {
        width,
        height,
        channels,
        samples,
    };
    premultiply(&mut raster)?;
    Ok(Pixels {
        raster: raster.held(Cow::Owned),
        profile,
    })
}

/// The stop flag is not seen in between: the decoder has read all of a frame before it begins with the
/// first block. What bounds its work is the number of pixels.
fn planes(frame: Input<'_>, (width, height): (u32, u32)) -> Result<Vec<Plane>, Error> {
    let frame = Vp8Decoder::decode_frame(frame).map_err(webp_error)?;
    if (u32::from(frame.width), u32::from(frame.height)) != (width, height) {
        return Err(Error::malformed(
            Format::WebP,
            "a frame of another size than the picture",
        ));
    }
    // 16 to 235 for brightness, 16 to 240 for the differences (RFC 6386, 9.2).
    let stored = [
        (frame.ybuf, 1, range(16, 219, 0)),
        (frame.ubuf, 2, range(128, 224, 128)),
        (frame.vbuf, 2, range(128, 224, 128)),
    ];
    let plane = |(samples, step, levels): (Vec<u8>, u32, [u8; 256])| {
        let span = [width, height].map(|side| f64::from(side) / f64::from(step));
        let [wide, high] = [width, height].map(|side| side.div_ceil(step) as usize);
        // Rows are as long as the blocks that they are coded in.
        let stride = (width.next_multiple_of(16) / step) as usize;
        Plane {
            width: wide,
            height: high,
            samples: cut(samples, stride, (wide, high), &levels),
            span: (span[0], span[1]),
        }
    };
    Ok(stored.map(plane).into())
}

/// For each level of a range around or from `zero`, which is `wide`, that of the full one.
fn range(zero: i32, wide: i32, full_zero: i32) -> [u8; 256] {
    std::array::from_fn(|level| {
        let level = i32::try_from(level).unwrap_or_default() - zero;
        // To the nearest, below 0 too.
        let full = (level * 255 * 2 + wide).div_euclid(2 * wide) + full_zero;
        u8::try_from(full.clamp(0, 255)).unwrap_or_default()
    })
}

/// The rows of a plane without what is behind them, at other levels; in place.
fn cut(
    mut samples: Vec<u8>,
    stride: usize,
    (width, height): (usize, usize),
    levels: &[u8; 256],
) -> Vec<u8> {
    if stride > width {
        for y in 1..height {
            samples.copy_within(y * stride..y * stride + width, y * width);
        }
    }
    samples.truncate(width * height);
    for sample in &mut samples {
        *sample = levels[usize::from(*sample)];
    }
    samples
}

fn webp_error(error: DecodingError) -> Error {
    match error {
        error if ended_early(&error) => truncated(Format::WebP),
        DecodingError::UnsupportedFeature(what) => Error::Unsupported {
            what: format!("this kind of WebP ({what})"),
        },
        error => Error::malformed(Format::WebP, error),
    }
}
