use std::fmt;

use super::Error;

/// What a picture may demand at most. Looked at before any pixel is decoded.
///
/// Beyond most of them a picture is refused. Beyond those for metadata the metadata is [`Ignored`]: who
/// uploads a photograph with too long a profile is better served by thumbnails as if of sRGB than by none,
/// and who wants to do harm gains nothing, for what is ignored is neither held nor read. Of animations and
/// files with several pages one picture is read, which no setting changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Length of the file in bytes. Default 100 MiB.
    pub max_bytes: u64,
    /// Width times height. Default 100 million: the largest cameras' pictures pass, bombs do not.
    pub max_pixels: u64,
    /// Width and height each. Default 65,535, the most that a JPEG frame header can say (T.81, B.2.2).
    pub max_side: u32,
    /// Bytes that decoding may hold at its peak, as predicted from the header. Default 1 GiB.
    pub max_decoded_bytes: u64,
    /// Length of an ICC profile in bytes; a longer one is ignored, and the picture taken as sRGB.
    /// Default 4 MiB: the largest in use, for printing, have about 3 MB.
    pub max_icc_bytes: u32,
    /// Length of an EXIF block in bytes; a longer one is ignored, and the picture taken as upright.
    /// Default 1 MiB: in a JPEG none is longer than 64 KiB.
    pub max_exif_bytes: u32,
    /// Of a damaged JPEG, the least share of rows that must be right for thumbnails to be made of
    /// it, in per cent. Default 50; with 100 every damaged picture is refused.
    pub min_intact_percent: u8,
}

/// What of a picture's metadata is longer than allowed: it was not looked at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Ignored {
    /// The ICC profile, beyond [`Limits::max_icc_bytes`]: the colours count as sRGB.
    pub icc: bool,
    /// The EXIF block, beyond [`Limits::max_exif_bytes`]: the picture counts as upright, and no copyright
    /// is kept.
    pub exif: bool,
}

impl Ignored {
    /// Whether an ICC profile of so many bytes is looked at; noted if not.
    pub(super) fn takes_icc(&mut self, bytes: usize, limits: &Limits) -> bool {
        let takes = bytes <= limits.max_icc_bytes as usize;
        self.icc |= !takes;
        takes
    }

    /// Whether an EXIF block of so many bytes is looked at; noted if not.
    pub(super) fn takes_exif(&mut self, bytes: usize, limits: &Limits) -> bool {
        let takes = bytes <= limits.max_exif_bytes as usize;
        self.exif |= !takes;
        takes
    }
}

/// What there is a limit for: of [`Limits`] all but those for metadata, which is [`Ignored`] beyond them;
/// and two that are not settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Limited {
    /// [`Limits::max_bytes`].
    Bytes,
    /// [`Limits::max_pixels`].
    Pixels,
    /// [`Limits::max_side`].
    Side,
    /// [`Limits::max_decoded_bytes`].
    DecodedBytes,
    /// Scans of a JPEG.
    Scans,
    /// A side of a thumbnail that its format cannot hold.
    OutputSide,
}

impl fmt::Display for Limited {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Bytes => "file length in bytes",
            Self::Pixels => "number of pixels",
            Self::Side => "longer side in pixels",
            Self::DecodedBytes => "memory for decoding in bytes",
            Self::Scans => "number of scans",
            Self::OutputSide => "side of a thumbnail in pixels",
        })
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self::DEFAULT
    }
}

impl Limits {
    /// The defaults.
    pub const DEFAULT: Self = Self {
        max_bytes: 100 << 20,
        max_pixels: 100_000_000,
        max_side: 65_535,
        max_decoded_bytes: 1 << 30,
        max_icc_bytes: 4 << 20,
        max_exif_bytes: 1 << 20,
        min_intact_percent: 50,
    };

    pub(super) fn check_file(&self, bytes: &[u8]) -> Result<(), Error> {
        at_most(Limited::Bytes, bytes.len() as u64, self.max_bytes)
    }

    pub(super) fn check_size(&self, width: u32, height: u32) -> Result<(), Error> {
        let (width, height) = (u64::from(width), u64::from(height));
        at_most(Limited::Side, width.max(height), self.max_side.into())?;
        at_most(Limited::Pixels, width * height, self.max_pixels)
    }

    /// Whether enough of a damaged picture is right.
    pub(super) fn accept_damage(&self, intact_rows: u32, rows: u32) -> bool {
        u64::from(intact_rows) * 100 >= u64::from(rows) * u64::from(self.min_intact_percent)
    }

    pub(super) fn check_peak(&self, peak_bytes: u64) -> Result<(), Error> {
        at_most(Limited::DecodedBytes, peak_bytes, self.max_decoded_bytes)
    }
}

fn at_most(what: Limited, value: u64, limit: u64) -> Result<(), Error> {
    if value > limit {
        return Err(Error::TooLarge { what, value, limit });
    }
    Ok(())
}
