//! What a picture demands, from its header alone.

use super::jpeg::Reader;
use super::{Decoder, Effort, Error, Format, Limits, Orientation, Stop, sources};

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
    /// The most bytes that [`decode`](super::decode()) holds at one time, beside the file's own
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
    Decoder::new(largest, effort, limits, &Stop::default()).inspect(bytes)
}

/// [`inspect`] for what the reader of a JPEG is aimed at.
pub(super) fn inspect_by(
    mut reader: Reader,
    bytes: &[u8],
    limits: &Limits,
    stop: &Stop,
) -> Result<Info, Error> {
    let format = super::decode::format_within(bytes, limits)?;
    super::decode::catch(format, || {
        if format == Format::Jpeg {
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
        let opened = sources::open(format, bytes, limits, stop)?;
        Ok(Info {
            format,
            width: opened.header.width,
            height: opened.header.height,
            orientation: opened.header.orientation,
            peak_bytes: opened.peak_bytes,
        })
    })
}
