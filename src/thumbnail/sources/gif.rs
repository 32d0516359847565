//! GIF: the first frame, as `gif` reads it, on the screen that the header announces.

use std::borrow::Cow;
use std::io::Read;

use ::gif::{DecodeOptions, DecodingError};

use super::super::raster::{Channels, Raster};
use super::super::whole::{self, GifFrame};
use super::super::{Error, Format, Ignored, Limits, Orientation, Stop};
use super::{Header, Input, Pixels, SMALL_BUFFERS, area, truncated, zeroed};

/// What is looked at of a frame, in bytes: beside its data, and of that for each pixel. A code has 12 bits at
/// most and gives a pixel or more, but for those that begin the table anew, of which no encoder writes more
/// than one for each that does; blocks of 255 bytes add one each. A file of nothing else would take a
/// processor's second for a few megabytes.
const BESIDE_DATA_BYTES: u64 = 64 << 10;
const BYTES_PER_PIXEL: u64 = 3;

/// A GIF before its pixels.
pub(super) struct Gif<'a> {
    /// Signature, screen and the colours of all frames.
    beginning: &'a [u8],
    screen: (u32, u32),
    frame: GifFrame<'a>,
    channels: Channels,
    stop: &'a Stop,
}

impl<'a> Gif<'a> {
    pub(super) fn open(
        bytes: &'a [u8],
        limits: &Limits,
        stop: &'a Stop,
    ) -> Result<(Header, Self), Error> {
        let blocks = whole::gif(bytes);
        let frame = blocks.frame.ok_or_else(|| match blocks.missing {
            Some(_) => Error::Truncated {
                format: Format::Gif,
                missing: "the first frame",
            },
            None => Error::malformed(Format::Gif, "no frame"),
        })?;
        // The frame may be larger than the screen.
        let (wide, high) = frame.size;
        limits.check_size(wide, high)?;
        if wide == 0 || high == 0 {
            return Err(Error::malformed(Format::Gif, "a frame without pixels"));
        }
        let (width, height) = blocks.screen;
        limits.check_size(width, height)?;
        let channels = if frame.fills(blocks.screen) && frame.has_all_colours {
            Channels::Rgb
        } else {
            Channels::Rgba
        };
        let samples_bytes = area(width, height) * channels.count() as u64;
        let header = Header {
            width,
            height,
            orientation: Orientation::default(),
            ignored: Ignored::default(),
            samples_bytes,
            // The indices of the frame's colours beside them.
            reading_bytes: samples_bytes + area(wide, high) + SMALL_BUFFERS,
            missing: blocks.missing,
        };
        let gif = Self {
            beginning: blocks.header,
            screen: blocks.screen,
            frame,
            channels,
            stop,
        };
        Ok((header, gif))
    }

    pub(super) fn read(self) -> Result<Pixels<'a>, Error> {
        let Self {
            beginning,
            screen,
            frame,
            channels,
            stop,
        } = self;
        let (wide, high) = frame.size;
        let most = BESIDE_DATA_BYTES + BYTES_PER_PIXEL * area(wide, high);
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        let image = &frame.image[..frame.image.len().min(most)];
        // Nothing but the frame is shown to the decoder: it would hold long extensions before it.
        let parts = Input::new(beginning, stop)
            .chain(Input::new(frame.control, stop))
            .chain(Input::new(image, stop));
        let mut decoder = DecodeOptions::new().read_info(parts).map_err(gif_error)?;
        let info = decoder.next_frame_info().map_err(gif_error)?;
        let info = info.ok_or_else(|| Error::malformed(Format::Gif, "no frame"))?;
        let (transparent, own) = (info.transparent, info.palette.clone());
        let palette = own.or_else(|| decoder.global_palette().map(<[u8]>::to_vec));
        // Premultiplied: what is transparent has no colour. So have indices without one.
        let mut colours = [[0; 4]; 256];
        let known = palette.as_deref().unwrap_or_default().as_chunks::<3>().0;
        for (colour, &[red, green, blue]) in colours.iter_mut().zip(known) {
            *colour = [red, green, blue, 255];
        }
        if let Some(index) = transparent {
            colours[usize::from(index)] = [0; 4];
        }

        let mut indices = zeroed(Format::Gif, area(wide, high))?;
        let read = decoder.read_into_buffer(&mut indices);
        read.map_err(|error| match gif_error(error) {
            Error::Truncated { .. } if frame.image.len() > most => {
                Error::malformed(Format::Gif, "more codes than pixels need")
            }
            error => error,
        })?;
        let (width, height) = screen;
        let count = channels.count();
        let mut samples = zeroed(Format::Gif, area(width, height) * count as u64)?;
        let (left, top) = frame.place;
        let rows = samples.chunks_exact_mut(width as usize * count);
        let frame_rows = indices.chunks_exact(wide as usize);
        for (row, indices) in rows.skip(top as usize).zip(frame_rows) {
            let pixels = row.chunks_exact_mut(count).skip(left as usize);
            for (pixel, &index) in pixels.zip(indices) {
                pixel.copy_from_slice(&colours[usize::from(index)][..count]);
            }
        }
        Ok(Pixels {
            raster: Raster {
                width,
                height,
                channels,
                samples: Cow::Owned(samples),
            },
            profile: None,
        })
    }
}

fn gif_error(error: DecodingError) -> Error {
    match error {
        DecodingError::UnexpectedEof | DecodingError::Io(_) => truncated(Format::Gif),
        error => Error::malformed(Format::Gif, error),
    }
}
