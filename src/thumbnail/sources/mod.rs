//! Pictures other than JPEGs: first the header, by which every limit is checked, then all pixels.
//!
//! | | read by | why |
//! |---|---|---|
//! | PNG | `png` | row by row, and it gives all that says what the colours mean |
//! | TIFF | `tiff` | piece by piece, in all forms that it knows |
//! | GIF | `gif` | the frame alone, whatever stands before it |
//! | WebP | `image-webp` | lossy pictures as planes |
//! | BMP | `image` | |

mod bmp;
mod gif;
mod input;
mod png;
mod tiff;
mod webp;

use std::borrow::Cow;
use std::io;

use moxcms::ColorProfile;

use super::planes::Plane;
use super::raster::Raster;
use super::{Error, Format, Ignored, Limits, Orientation, Stop};
use input::Input;

/// Tables, windows and palettes of any decoder, generously.
const SMALL_BUFFERS: u64 = 1 << 20;

/// What a header says.
#[derive(Debug, Clone, Copy)]
pub(super) struct Header {
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) orientation: Orientation,
    /// What of the metadata was too long.
    pub(super) ignored: Ignored,
    /// The samples of the whole picture, 8 bits each.
    samples_bytes: u64,
    /// The most bytes that are held at one time until these samples are there, themselves included.
    reading_bytes: u64,
    /// What the file should have behind it, and has not. The decoders used here stop when they have
    /// their pixels, or fill up what is missing with grey; a file cut short is refused instead. TIFF
    /// and BMP mark no end: their pixels are read or missing.
    missing: Option<&'static str>,
}

/// A picture whose header has been read and found within the limits.
pub(super) struct Opened<'a> {
    format: Format,
    pub(super) header: Header,
    pub(super) peak_bytes: u64,
    source: Source<'a>,
}

enum Source<'a> {
    Png(Box<png::Png<'a>>),
    Tiff(Box<tiff::Tiff<'a>>),
    Gif(gif::Gif<'a>),
    WebP(webp::WebP<'a>),
    Bmp(Box<bmp::Bmp<'a>>),
}

/// All of a picture.
pub(super) enum Shown<'a> {
    Pixels(Box<Pixels<'a>>),
    /// Full-range Y, Cb, Cr of sRGB, as stored.
    Planes(Vec<Plane>),
}

/// All pixels of a picture, alpha premultiplied, and what its colours mean, where that is not sRGB.
pub(super) struct Pixels<'a> {
    pub(super) raster: Raster<Cow<'a, [u8]>>,
    pub(super) profile: Option<ColorProfile>,
}

/// Reads the header of anything but a JPEG.
pub(super) fn open<'a>(
    format: Format,
    bytes: &'a [u8],
    limits: &Limits,
    stop: &'a Stop,
) -> Result<Opened<'a>, Error> {
    let (header, source) = match format {
        Format::Jpeg => unreachable!("JPEGs have a reader of their own"),
        Format::Png => {
            let (header, png) = png::Png::open(bytes, limits, stop)?;
            (header, Source::Png(Box::new(png)))
        }
        Format::Tiff => {
            let (header, tiff) = tiff::Tiff::open(bytes, limits, stop)?;
            (header, Source::Tiff(Box::new(tiff)))
        }
        Format::Gif => {
            let (header, gif) = gif::Gif::open(bytes, limits, stop)?;
            (header, Source::Gif(gif))
        }
        Format::WebP => {
            let (header, webp) = webp::WebP::open(bytes, limits, stop)?;
            (header, Source::WebP(webp))
        }
        Format::Bmp => {
            let (header, bmp) = bmp::Bmp::open(bytes, limits, stop)?;
            (header, Source::Bmp(Box::new(bmp)))
        }
    };
    if header.width == 0 || header.height == 0 {
        return Err(Error::malformed(format, "no pixels"));
    }
    // Shrinking at least halves both sides: half the samples between its passes, a quarter at its
    // end, and an eighth for turning and colour.
    let filled = header.samples_bytes;
    let shrinking = filled
        .saturating_add(filled / 8 * 7)
        .saturating_add(SMALL_BUFFERS);
    let peak_bytes = header.reading_bytes.max(shrinking);
    limits.check_peak(peak_bytes)?;
    Ok(Opened {
        format,
        header,
        peak_bytes,
        source,
    })
}

impl<'a> Opened<'a> {
    pub(super) fn read(self) -> Result<Shown<'a>, Error> {
        if let Some(missing) = self.header.missing {
            return Err(Error::Truncated {
                format: self.format,
                missing,
            });
        }
        let pixels = match self.source {
            Source::Png(png) => png.read(),
            Source::Tiff(tiff) => tiff.read(),
            Source::Gif(gif) => gif.read(),
            Source::WebP(webp) => return webp.read(),
            Source::Bmp(bmp) => bmp.read(),
        };
        Ok(Shown::Pixels(Box::new(pixels?)))
    }
}

fn area(width: u32, height: u32) -> u64 {
    u64::from(width) * u64::from(height)
}

/// So many bytes of samples, all 0; refused where there are not so many addresses.
fn zeroed(format: Format, bytes: u64) -> Result<Vec<u8>, Error> {
    let bytes = usize::try_from(bytes)
        .map_err(|_| Error::malformed(format, "more bytes than there are addresses"))?;
    Ok(vec![0; bytes])
}

/// Whether some cause of the error is an early end of the input.
fn ended_early(error: &(dyn std::error::Error + 'static)) -> bool {
    std::iter::successors(Some(error), |error| error.source()).any(|error| {
        error
            .downcast_ref::<io::Error>()
            .is_some_and(|error| error.kind() == io::ErrorKind::UnexpectedEof)
    })
}

fn truncated(format: Format) -> Error {
    Error::Truncated {
        format,
        missing: "some of the data",
    }
}
