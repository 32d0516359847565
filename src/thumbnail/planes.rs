//! What a JPEG's reader hands on: one plane of samples for each colour component, each as small as
//! its thumbnails allow.

use std::fmt;
use std::str::FromStr;

use super::{Ignored, Orientation};

/// How much of a picture is read, where reading less would not be seen in most pictures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Effort {
    /// Holds the quality of a full decode on every picture.
    #[default]
    Default,
    /// Holds it in the mean of many pictures, and reads and computes about half.
    Fast,
}

impl fmt::Display for Effort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Default => "default",
            Self::Fast => "fast",
        })
    }
}

/// A word that is no [`Effort`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("neither default nor fast")]
pub struct NoEffort;

impl FromStr for Effort {
    type Err = NoEffort;

    fn from_str(word: &str) -> Result<Self, NoEffort> {
        [Self::Default, Self::Fast]
            .into_iter()
            .find(|effort| effort.to_string() == word)
            .ok_or(NoEffort)
    }
}

/// One colour component of a picture, decoded as small as its use allows.
///
/// Samples are centred, as JFIF has it: the planes of one picture share their edges, whatever their
/// resolutions, and [`span`](Self::span) alone aligns them.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Plane {
    /// Samples per row, at least 1.
    pub(crate) width: usize,
    /// Rows, at least 1.
    pub(crate) height: usize,
    /// `width * height` samples, row by row without gaps.
    pub(crate) samples: Vec<u8>,
    /// How many samples wide and high the picture itself is. The plane's last column and row may lie
    /// partly outside of it: `width` is `span.0` rounded up, `height` is `span.1` rounded up.
    pub(crate) span: (f64, f64),
}

/// What the components are, in their order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Colour {
    /// One component, brightness.
    Grey,
    /// Full-range Y, Cb, Cr by ITU-R BT.601 (JFIF 1.02).
    YCbCr,
    /// Red, green, blue.
    Rgb,
    /// Cyan, magenta, yellow, black, as stored.
    Cmyk {
        /// Whether 255 is no ink, as Adobe stores it.
        inverted: bool,
    },
    /// CMY as YCbCr, then black, as stored.
    Ycck {
        /// Whether 255 is no ink, as Adobe stores it.
        inverted: bool,
    },
}

/// A JPEG as its reader leaves it.
#[derive(Debug, Clone, PartialEq)]
#[expect(
    clippy::struct_field_names,
    reason = "`planes` is what the others describe"
)]
pub(crate) struct Planes {
    /// Width of the original in pixels, as stored.
    pub(crate) width: u32,
    /// Height of the original in pixels, as stored.
    pub(crate) height: u32,
    /// What the planes mean.
    pub(crate) colour: Colour,
    /// 1, 3 or 4 of them, in component order.
    pub(crate) planes: Vec<Plane>,
    /// How the stored picture is to be turned.
    pub(crate) orientation: Orientation,
    /// What of the metadata was too long.
    pub(crate) ignored: Ignored,
    /// The ICC profile, put together from its APP2 segments.
    pub(crate) icc: Option<Vec<u8>>,
    /// Rows of the original, in pixels from the top, that are known to be right: `height` if the
    /// picture is undamaged.
    pub(crate) intact_rows: u32,
}
