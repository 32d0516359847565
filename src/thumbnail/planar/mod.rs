//! From a JPEG's planes to its thumbnails, without a way through RGB where none is needed.
//!
//! ```text
//!            ┌─► Planar ─► fit (lanczos, resample) ─► encode ─► bytes     no profile, sRGB
//!  Planes ──►┤                       └── luma w x h, chroma half of it, or as the file has it
//!            └─► raster: RGB or inks of at most twice the largest thumbnail ─► colour      all others
//! ```
//!
//! The eye sees colour at half the resolution of brightness, so JPEG stores it so, and so do the
//! thumbnails: shrinking and storing brightness and colour differences as they are saves both
//! conversions, and half of the samples.
//!
//! What it costs: the mean of saturated colours, of which a way through RGB would have clamped some
//! first, is another. On a picture of strongly saturated blue that is 0.58 dB at 256 px. Clamping to
//! the gamut was tried: it moved the photographs by -1.33 to +0.86 dB at 256 px, nearly all of them
//! to the worse, and was left out.

use super::geometry::WHOLE;
use super::planes::Plane;
use super::{ChromaSubsampling, fit_size};

mod coarse;
mod encode;
mod from_raster;
mod lanczos;
mod raster;
mod resample;
#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    clippy::float_cmp,
    reason = "tests may fail; levels are exact and small"
)]
mod tests;

pub(super) use coarse::Coarse;
pub(super) use raster::rgb_of_levels;

/// The most bytes that are held at one time of what is made of a picture's planes, for thumbnails that
/// fit into a box of `largest` pixels a side.
pub(super) fn predicted_bytes(width: u32, height: u32, largest: u32) -> u64 {
    // Where colours have to be converted, at most twice the largest thumbnail: three planes of
    // 16-bit samples, RGB before and after, and a little for a thumbnail itself. Where they have not,
    // there are the planes of a thumbnail and of the one that it is made from, which are less; what a
    // caller keeps of others is its own.
    let (w, h) = fit_size(width, height, largest.saturating_mul(2));
    14 * u64::from(w) * u64::from(h)
}

/// A plane of 16-bit samples as [`super::kernels::resample`] makes them: a level l as
/// `(l - 128) * 64`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FinePlane {
    width: usize,
    height: usize,
    /// `width * height` samples, row by row without gaps.
    samples: Vec<i16>,
}

impl FinePlane {
    fn row(&self, y: usize) -> &[i16] {
        &self.samples[y * self.width..][..self.width]
    }
}

/// A picture of one plane, grey, or of three, YCbCr.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Planar {
    /// As decoded, 8 bits a sample, at whatever resolutions.
    Coarse(Coarse),
    /// At the resolution of a thumbnail, the colour differences at the share of it that `chroma` says,
    /// rounded up. Rounded to 8 bits only when it is encoded, so a chain of thumbnails loses nothing
    /// on its way.
    Fitted {
        /// Width and height of the first plane in samples, which the picture fills.
        size: (u32, u32),
        /// How the other planes relate to the first.
        chroma: ChromaSubsampling,
        /// In the order of the components.
        planes: Vec<FinePlane>,
    },
}

/// What is to be shown of a picture, and how large.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct View {
    /// Width and height in pixels.
    pub(super) size: (u32, u32),
    /// The shares of the picture's width and height that are shown, around the middle.
    pub(super) shown: (f64, f64),
    /// The resolution of the colour differences.
    pub(super) chroma: ChromaSubsampling,
}

/// All of the picture, as it is usually stored.
impl From<(u32, u32)> for View {
    fn from(size: (u32, u32)) -> Self {
        Self {
            size,
            shown: WHOLE,
            chroma: ChromaSubsampling::default(),
        }
    }
}

impl View {
    /// How many samples wide and high a component is; the plane has these rounded up.
    fn span(self, component: usize) -> (f64, f64) {
        let (across, down) = match component {
            0 => (1, 1),
            _ => self.chroma.factors(),
        };
        let (width, height) = self.size;
        (
            f64::from(width) / f64::from(across),
            f64::from(height) / f64::from(down),
        )
    }
}

impl From<Coarse> for Planar {
    fn from(coarse: Coarse) -> Self {
        Self::Coarse(coarse)
    }
}

impl Planar {
    /// Width and height in pixels, upright.
    pub(super) fn size(&self) -> (u32, u32) {
        match self {
            Self::Coarse(coarse) => coarse.size(),
            Self::Fitted { size, .. } => *size,
        }
    }

    /// A view of the picture.
    pub(super) fn fit(&self, view: impl Into<View>) -> Self {
        let view = view.into();
        let planes = match self {
            Self::Coarse(coarse) => coarse.fit(view.shown, |component| view.span(component)),
            Self::Fitted {
                size,
                chroma,
                planes,
            } => {
                let before = View {
                    chroma: *chroma,
                    ..View::from(*size)
                };
                let sources = planes.iter().enumerate().map(|(component, plane)| {
                    let dimensions = (plane.width, plane.height);
                    (&plane.samples[..], dimensions, before.span(component))
                });
                resample::all(sources, (false, false), view.shown, |component| {
                    view.span(component)
                })
            }
        };
        Self::Fitted {
            size: view.size,
            chroma: view.chroma,
            planes,
        }
    }

    /// Writes JPEG, with an EXIF block if there is one; `None` if a side exceeds 65,535 pixels.
    pub(super) fn encode(
        &self,
        quality: u8,
        chroma: ChromaSubsampling,
        exif: Option<&[u8]>,
    ) -> Option<Vec<u8>> {
        match self {
            Self::Fitted {
                chroma: held,
                planes,
                ..
            } if planes.len() == 1 || *held == chroma => {
                encode::jpeg(planes, chroma, quality, exif)
            }
            _ => {
                let size = self.size();
                let view = View {
                    chroma,
                    ..size.into()
                };
                self.fit(view).encode(quality, chroma, exif)
            }
        }
    }
}
