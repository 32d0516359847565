//! What a picture demands, from its header alone.

use std::io::{self, BufRead, Read, Seek, SeekFrom};

use image::codecs::{bmp, gif, png, tiff, webp};
use image::{ColorType, ExtendedColorType, ImageDecoder, ImageError};

use super::colour::MAX_PROFILE_BYTES;
use super::jpeg::{Reader, Want};
use super::{Effort, Error, Format, Limits, Orientation, Stop, whole};

/// What a picture is and what it demands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Info {
    /// The format, by the first bytes.
    pub format: Format,
    /// Width in pixels as stored, before it is turned upright.
    pub width: u32,
    /// Height in pixels as stored, before it is turned upright.
    pub height: u32,
    /// How the stored picture is to be turned.
    pub orientation: Orientation,
    /// The most bytes that [`decode`](super::decode) holds at one time, beside the file's own
    /// bytes: decoder, full picture, and what it is shrunk to. An upper bound, to admit work by.
    pub peak_bytes: u64,
}

/// Reads the header of a picture and checks every limit, before any pixel. `largest` and `effort`
/// are those with which it is to be decoded: a JPEG needs memory for what is read of it alone.
///
/// # Errors
///
/// [`Error::NotAPicture`], [`Error::Unsupported`], [`Error::TooLarge`] by these limits, and
/// [`Error::Malformed`] or [`Error::Truncated`] where already the header is.
pub fn inspect(bytes: &[u8], largest: u32, effort: Effort, limits: &Limits) -> Result<Info, Error> {
    let format = super::decode::format_within(bytes, limits)?;
    let stop = Stop::default();
    let largest = largest.max(1);
    super::decode::catch(format, || {
        if format == Format::Jpeg {
            let mut reader = Reader::new(Want { largest, effort }, *limits, stop);
            let state = reader.header(bytes)?.ok_or(Error::Truncated {
                format,
                missing: "the first scan",
            })?;
            return Ok(Info {
                format,
                width: state.width,
                height: state.height,
                orientation: state.orientation,
                peak_bytes: state.peak_bytes,
            });
        }
        Ok(open(format, bytes, limits, &stop)?.info)
    })
}

/// A picture whose header has been read and found within the limits.
pub(super) struct Opened<'a> {
    pub(super) info: Info,
    pub(super) decoder: Box<dyn ImageDecoder + 'a>,
    /// What the decoder may hold, the samples that it fills included.
    pub(super) decoder_bytes: u64,
}

pub(super) fn open<'a>(
    format: Format,
    bytes: &'a [u8],
    limits: &Limits,
    stop: &'a Stop,
) -> Result<Opened<'a>, Error> {
    let input = Input::new(bytes, stop);
    let refused = |error| decoder_error(format, error);
    // What a decoder holds beside the samples that it fills.
    let mut beside = SMALL_BUFFERS;
    let mut decoder: Box<dyn ImageDecoder + 'a> = match format {
        Format::Jpeg => unreachable!("JPEGs have a reader of their own"),
        Format::Png => {
            let chunks = whole::png(bytes);
            let (width, height) = chunks.size.ok_or(Error::Truncated {
                format,
                missing: "the header chunk",
            })?;
            limits.check_size(width, height)?;
            // Chunks are held raw and parsed; a profile may grow when decompressed.
            let metadata = 2 * chunks.metadata_bytes + MAX_PROFILE_BYTES as u64;
            beside += metadata + 64 * u64::from(width);
            limits.check_peak(beside)?;
            let mut bounded = image::Limits::no_limits();
            bounded.max_alloc = Some(metadata);
            Box::new(png::PngDecoder::with_limits(input, bounded).map_err(refused)?)
        }
        Format::Gif => {
            let (width, height) = first_gif_frame(bytes)?;
            limits.check_size(width, height)?;
            beside += 4 * u64::from(width) * u64::from(height);
            Box::new(gif::GifDecoder::new(input).map_err(refused)?)
        }
        Format::WebP => {
            whole::check(format, bytes)?;
            let (width, height) = whole::webp(bytes).lossy_size;
            limits.check_size(width, height)?;
            // Planes at 4:2:0 with borders, and the decoder's copy of the frame.
            beside += u64::from(width + 16) * u64::from(height + 16) * 2 + bytes.len() as u64;
            Box::new(webp::WebPDecoder::new(input).map_err(refused)?)
        }
        Format::Tiff => Box::new(tiff::TiffDecoder::new(input).map_err(refused)?),
        Format::Bmp => Box::new(bmp::BmpDecoder::new(input).map_err(refused)?),
    };
    let (width, height) = decoder.dimensions();
    limits.check_size(width, height)?;
    if width == 0 || height == 0 {
        return Err(Error::malformed(format, "no pixels"));
    }
    if matches!(decoder.color_type(), ColorType::Rgb32F | ColorType::Rgba32F) {
        return Err(Error::Unsupported {
            what: format!("floating-point {format}"),
        });
    }
    let filled = decoder.total_bytes();
    beside += match format {
        // The samples once more as stored (four for CMYK), and a strip, which may be all of them.
        Format::Tiff if decoder.original_color_type() == ExtendedColorType::Cmyk8 => 3 * filled,
        Format::Tiff => 2 * filled,
        // Lossless data is decoded as RGBA; an animation has a canvas beside its frame; alpha has
        // its own plane, decoded as one more RGBA picture.
        Format::WebP => 9 * u64::from(width) * u64::from(height),
        Format::Jpeg | Format::Png | Format::Gif | Format::Bmp => 0,
    };
    let decoder_bytes = filled.saturating_add(beside);
    // Shrinking at least halves both sides: half the samples between its passes, a quarter at its
    // end, and an eighth for turning and colour. Wide samples are narrowed before.
    let shrinking = filled
        .saturating_add(filled / 8 * 7)
        .saturating_add(SMALL_BUFFERS);
    let peak_bytes = decoder_bytes.max(shrinking);
    limits.check_peak(peak_bytes)?;
    // Unreadable metadata does not spoil a readable picture.
    let orientation = decoder
        .orientation()
        .map(Orientation::from)
        .unwrap_or_default();
    Ok(Opened {
        info: Info {
            format,
            width,
            height,
            orientation,
            peak_bytes,
        },
        decoder,
        decoder_bytes,
    })
}

/// Tables, windows and palettes of any decoder, generously.
const SMALL_BUFFERS: u64 = 1 << 20;

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
pub(super) fn decoder_error(format: Format, error: ImageError) -> Error {
    if ended_early(&error) {
        return Error::Truncated {
            format,
            missing: "some of the data",
        };
    }
    match error {
        ImageError::Unsupported(error) => Error::Unsupported {
            what: format!("this kind of {format} ({error})"),
        },
        error => Error::malformed(format, error),
    }
}

/// Whether some cause of the error is an early end of the input.
fn ended_early(error: &(dyn std::error::Error + 'static)) -> bool {
    std::iter::successors(Some(error), |error| error.source()).any(|error| {
        error
            .downcast_ref::<io::Error>()
            .is_some_and(|error| error.kind() == io::ErrorKind::UnexpectedEof)
    })
}

/// The file's bytes as the decoders read them, in pieces, so that a decoder that goes on reading
/// ends soon after the stop flag is set.
struct Input<'a> {
    bytes: io::Cursor<&'a [u8]>,
    stop: &'a Stop,
}

impl<'a> Input<'a> {
    const PIECE: usize = 64 << 10;

    fn new(bytes: &'a [u8], stop: &'a Stop) -> Self {
        Self {
            bytes: io::Cursor::new(bytes),
            stop,
        }
    }

    fn go_on(&self) -> io::Result<()> {
        if self.stop.is_stopped() {
            return Err(io::Error::other("stopped"));
        }
        Ok(())
    }
}

impl Read for Input<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.go_on()?;
        self.bytes.read(buffer)
    }
}

impl BufRead for Input<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.go_on()?;
        let rest = self.bytes.fill_buf()?;
        Ok(&rest[..rest.len().min(Self::PIECE)])
    }

    fn consume(&mut self, amount: usize) {
        self.bytes.consume(amount);
    }
}

impl Seek for Input<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.bytes.seek(to)
    }
}
