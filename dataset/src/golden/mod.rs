//! Pictures with known colours, in every format and form: what a reader of pictures must get right.
//!
//! Each shows a chart of flat patches whose sRGB values are known without any decoder: the samples of
//! the file were computed from them, by another library than the one that reads them back. The same
//! call gives the same bytes.

#![allow(
    clippy::too_many_lines,
    reason = "lists of forms, each some lines, are read from top to bottom"
)]

mod chart;
mod formats;
mod hostile;
mod jpeg;
mod png;
mod png_colours;
mod spaces;
mod tiff;
mod tiff_forms;
mod webp;

use chart::{Chart, turned};
pub use formats::bitmap;
pub use hostile::{Expected, Hostile, hostile};
pub use tiff::{Compression, Photometric, Tiff};
pub use tiff_forms::tiffs_with_directory_first;

/// A picture and what it shows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Golden {
    /// Format and form, such as `png-palette-2-bit`.
    pub name: String,
    /// The file.
    pub bytes: Vec<u8>,
    /// Width in pixels, upright.
    pub width: u32,
    /// Height in pixels, upright.
    pub height: u32,
    /// How many patches lie side by side.
    pub columns: u32,
    /// The colour of each patch in sRGB on white, row by row.
    pub colours: Vec<[u8; 3]>,
}

impl Golden {
    fn new(name: impl Into<String>, chart: &Chart, bytes: Vec<u8>) -> Self {
        Self {
            name: name.into(),
            bytes,
            width: chart.width(),
            height: chart.height(),
            columns: chart.columns,
            colours: chart.on_white(),
        }
    }
}

/// All of them.
#[must_use]
pub fn pictures() -> Vec<Golden> {
    [
        png::pictures(),
        png_colours::pictures(),
        jpeg::pictures(),
        tiff_forms::pictures(),
        formats::gif(),
        webp::pictures(),
        formats::bmp(),
    ]
    .concat()
}
