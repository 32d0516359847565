//! Windows bitmaps, as `image` reads them.

use std::borrow::Cow;

use image::codecs::bmp::BmpDecoder;
use image::{ColorType, ImageDecoder, ImageError};

use super::super::raster::{Channels, Raster};
use super::super::resize::premultiply;
use super::super::{Error, Format, Ignored, Limits, Orientation, Stop};
use super::{Header, Input, Pixels, SMALL_BUFFERS, ended_early, truncated, zeroed};

/// A bitmap before its pixels.
pub(super) struct Bmp<'a> {
    decoder: BmpDecoder<Input<'a>>,
    channels: Channels,
}

impl<'a> Bmp<'a> {
    pub(super) fn open(
        bytes: &'a [u8],
        limits: &Limits,
        stop: &'a Stop,
    ) -> Result<(Header, Self), Error> {
        let decoder = BmpDecoder::new(Input::new(bytes, stop)).map_err(bmp_error)?;
        let (width, height) = decoder.dimensions();
        limits.check_size(width, height)?;
        let channels = match decoder.color_type() {
            ColorType::L8 => Channels::Grey,
            ColorType::Rgb8 => Channels::Rgb,
            ColorType::Rgba8 => Channels::Rgba,
            other => {
                return Err(Error::Unsupported {
                    what: format!("BMP with samples as {other:?}"),
                });
            }
        };
        let samples_bytes = decoder.total_bytes();
        let header = Header {
            width,
            height,
            orientation: Orientation::default(),
            ignored: Ignored::default(),
            samples_bytes,
            reading_bytes: samples_bytes.saturating_add(SMALL_BUFFERS),
            missing: None,
        };
        Ok((header, Self { decoder, channels }))
    }

    pub(super) fn read(self) -> Result<Pixels<'a>, Error> {
        let (width, height) = self.decoder.dimensions();
        let mut samples = zeroed(Format::Bmp, self.decoder.total_bytes())?;
        self.decoder.read_image(&mut samples).map_err(bmp_error)?;
        if self.channels == Channels::Rgba {
            opaque_if_unseen(&mut samples);
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
            profile: None,
        })
    }
}

/// Makes opaque what would be seen nowhere: many programs write 32 bits and leave the fourth byte alone.
fn opaque_if_unseen(samples: &mut [u8]) {
    let pixels = samples.as_chunks_mut::<4>().0;
    if pixels.iter().all(|pixel| pixel[3] == 0) {
        for pixel in pixels {
            pixel[3] = u8::MAX;
        }
    }
}

fn bmp_error(error: ImageError) -> Error {
    match error {
        error if ended_early(&error) => truncated(Format::Bmp),
        ImageError::Unsupported(error) => Error::Unsupported {
            what: format!("this kind of BMP ({error})"),
        },
        error => Error::malformed(Format::Bmp, error),
    }
}
