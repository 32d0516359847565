use super::raster::Raster;
use super::resize::resize;
use super::{Error, OutputFormat, encode, fit_size};

/// A decoded picture: upright, 8-bit sRGB, alpha premultiplied where there is any.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    raster: Raster,
    original: (u32, u32),
    largest: u32,
}

impl Picture {
    /// `raster` must not be smaller than `original` fitted into `largest`.
    pub(super) fn new(raster: Raster, original: (u32, u32), largest: u32) -> Self {
        Self {
            raster,
            original,
            largest,
        }
    }

    /// Width in pixels, as it is held now.
    #[must_use]
    pub fn width(&self) -> u32 {
        self.raster.width
    }

    /// Height in pixels, as it is held now.
    #[must_use]
    pub fn height(&self) -> u32 {
        self.raster.height
    }

    /// Width and height of the original in pixels, upright.
    #[must_use]
    pub fn original_size(&self) -> (u32, u32) {
        self.original
    }

    /// A copy that fits into a box of `max_side` pixels a side, of exactly the size that
    /// [`fit_size`] gives for the original.
    ///
    /// A box larger than this picture was made for counts as that: `largest` of
    /// [`decode`](super::decode), or `max_side` of the `fit` before. The copy may be fitted again,
    /// into boxes of at most half its own without loss: a chain of halvings, each from the one
    /// before, costs little more than its first step.
    ///
    /// # Errors
    ///
    /// [`Error::Failed`], which is not expected.
    pub fn fit(&self, max_side: u32) -> Result<Self, Error> {
        let largest = max_side.min(self.largest);
        let size = fit_size(self.original.0, self.original.1, largest);
        let raster = if size == (self.raster.width, self.raster.height) {
            self.raster.clone()
        } else {
            resize(&self.raster, size)?
        };
        Ok(Self::new(raster, self.original, largest))
    }

    /// The picture as a file. What is transparent becomes white where the format knows no alpha.
    ///
    /// The same picture, format and quality give the same bytes. `quality` is that of libjpeg, 1 to
    /// 100; other values count as the nearer of these.
    ///
    /// # Errors
    ///
    /// [`Error::TooLarge`] if a side exceeds 65,535 pixels; [`Error::Failed`] is not expected.
    pub fn encode(&self, format: OutputFormat, quality: u8) -> Result<Vec<u8>, Error> {
        match format {
            OutputFormat::Jpeg => encode::jpeg(&self.raster, quality),
        }
    }
}
