//! Pictures other than JPEGs: first the header, by which every limit is checked, then all pixels.
//!
//! | | read by | why |
//! |---|---|---|
//! | PNG | `png` | row by row, and it gives all that says what the colours mean |
//! | TIFF | `tiff` | piece by piece, in all forms that it knows |
//! | GIF, WebP, BMP | `image` | |

mod codec;
mod input;
mod png;
mod tiff;

use std::io;

use moxcms::ColorProfile;

use super::raster::Raster;
use super::{Error, Format, Limits, Orientation, Stop};
use codec::Codec;
use input::Input;

/// Tables, windows and palettes of any decoder, generously.
const SMALL_BUFFERS: u64 = 1 << 20;

/// What a header says.
#[derive(Debug, Clone, Copy)]
pub(super) struct Header {
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) orientation: Orientation,
    /// The samples of the whole picture, 8 bits each.
    samples_bytes: u64,
    /// The most bytes that are held at one time until these samples are there, themselves included.
    reading_bytes: u64,
}

/// A picture whose header has been read and found within the limits.
pub(super) struct Opened<'a> {
    pub(super) header: Header,
    pub(super) peak_bytes: u64,
    source: Source<'a>,
}

enum Source<'a> {
    Png(Box<png::Png<'a>>),
    Tiff(Box<tiff::Tiff<'a>>),
    Codec(Box<Codec<'a>>),
}

/// All pixels of a picture, alpha premultiplied, and what its colours mean, where that is not sRGB.
pub(super) struct Pixels {
    pub(super) raster: Raster,
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
        Format::Gif | Format::WebP | Format::Bmp => {
            let (header, codec) = Codec::open(format, bytes, limits, stop)?;
            (header, Source::Codec(Box::new(codec)))
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
        header,
        peak_bytes,
        source,
    })
}

impl Opened<'_> {
    pub(super) fn read(self) -> Result<Pixels, Error> {
        match self.source {
            Source::Png(png) => png.read(),
            Source::Tiff(tiff) => tiff.read(),
            Source::Codec(codec) => codec.read(self.header),
        }
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
