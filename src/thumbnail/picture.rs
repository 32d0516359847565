use std::sync::Arc;

use super::geometry::WHOLE;
use super::planar::{Planar, View};
use super::raster::Raster;
use super::resize::resize;
use super::{ChromaSubsampling, Encoding, Error, Fit, Format, Ignored, OutputFormat};

/// A decoded picture: upright, sRGB.
#[derive(Debug, Clone, PartialEq)]
pub struct Picture {
    format: Format,
    form: Form,
    original: (u32, u32),
    largest: u32,
    fit: Fit,
    chroma: ChromaSubsampling,
    /// Whether it is a thumbnail already: nothing is left to be cut off.
    fitted: bool,
    /// An EXIF block to be written into each thumbnail.
    notice: Option<Arc<[u8]>>,
    damage: Option<Damage>,
    ignored: Ignored,
}

/// How a picture's samples are held.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Form {
    /// Pixels, 8 bits a sample, alpha premultiplied where there is any.
    Raster(Raster),
    /// One plane for each component of a JPEG, which are resized and encoded as they are.
    Planar(Planar),
}

/// How much of a damaged picture is right. The rest is grey, or what the damaged bytes gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Damage {
    /// Rows of the original as stored, from the top, that are known to be right.
    pub intact_rows: u32,
    /// All rows of the original as stored.
    pub rows: u32,
}

impl Picture {
    /// `form` must not be smaller than `original` fitted into `largest`, but for planes, which are
    /// resampled to any size.
    pub(super) fn new(format: Format, form: Form, original: (u32, u32), largest: u32) -> Self {
        Self {
            format,
            form,
            original,
            largest,
            fit: Fit::default(),
            chroma: ChromaSubsampling::default(),
            fitted: false,
            notice: None,
            damage: None,
            ignored: Ignored::default(),
        }
    }

    /// The same for thumbnails that are put so into their boxes, with colour differences at this
    /// resolution as long as they are planes.
    pub(super) fn aiming_at(self, fit: Fit, chroma: ChromaSubsampling) -> Self {
        Self {
            fit,
            chroma,
            ..self
        }
    }

    /// The same with an EXIF block to be written into each thumbnail.
    pub(super) fn with_notice(self, notice: Option<Vec<u8>>) -> Self {
        Self {
            notice: notice.map(Arc::from),
            ..self
        }
    }

    pub(super) fn damaged(self, damage: Option<Damage>) -> Self {
        Self { damage, ..self }
    }

    pub(super) fn ignoring(self, ignored: Ignored) -> Self {
        Self { ignored, ..self }
    }

    /// The format that it was decoded from.
    #[must_use]
    pub fn format(&self) -> Format {
        self.format
    }

    /// What of its metadata was too long to be looked at.
    #[must_use]
    pub fn ignored(&self) -> Ignored {
        self.ignored
    }

    /// How much of the picture is right, if not all of it.
    #[must_use]
    pub fn damage(&self) -> Option<Damage> {
        self.damage
    }

    /// Width in pixels, as it is held now.
    #[must_use]
    pub fn width(&self) -> u32 {
        self.size().0
    }

    /// Height in pixels, as it is held now.
    #[must_use]
    pub fn height(&self) -> u32 {
        self.size().1
    }

    fn size(&self) -> (u32, u32) {
        match &self.form {
            Form::Raster(raster) => (raster.width, raster.height),
            Form::Planar(planar) => planar.size(),
        }
    }

    /// Width and height of the original in pixels, upright.
    #[must_use]
    pub fn original_size(&self) -> (u32, u32) {
        self.original
    }

    /// A copy for a box of `max_side` pixels a side, of exactly the size that [`Fit::size`] gives for
    /// the original: inside the box, unless the picture was decoded to [cover](Fit::Cover) it.
    ///
    /// A box larger than this picture was made for counts as that: `largest` of
    /// [`decode`](super::decode()), or `max_side` of the `fit` before. The copy may be fitted again,
    /// into boxes of at most half its own without loss: a chain of halvings, each from the one
    /// before, costs little more than its first step.
    ///
    /// # Errors
    ///
    /// [`Error::Failed`], which is not expected.
    pub fn fit(&self, max_side: u32) -> Result<Self, Error> {
        let largest = max_side.min(self.largest);
        let size = self.fit.size(self.original, largest);
        let shown = if self.fitted {
            WHOLE
        } else {
            self.fit.shown(self.original)
        };
        let form = match &self.form {
            Form::Planar(planar) => Form::Planar(planar.fit(View {
                size,
                shown,
                chroma: self.chroma,
            })),
            Form::Raster(raster) if size == self.size() => Form::Raster(raster.clone()),
            Form::Raster(raster) => Form::Raster(resize(raster, size, shown)?),
        };
        Ok(Self {
            form,
            largest,
            fitted: true,
            notice: self.notice.clone(),
            ..*self
        })
    }

    /// The picture as a file of that format and quality, everything else as [`Encoding::new`] has it.
    ///
    /// # Errors
    ///
    /// As [`encode_as`](Self::encode_as).
    pub fn encode(&self, format: OutputFormat, quality: u8) -> Result<Vec<u8>, Error> {
        self.encode_as(Encoding {
            quality,
            ..Encoding::new(format)
        })
    }

    /// The picture as a file. What is transparent shows the background where the format knows no
    /// alpha. There is no metadata but, where it was [asked for](super::Decoder::keeping_copyright), the
    /// notice of the artist and the copyright.
    ///
    /// The same picture and encoding give the same bytes.
    ///
    /// # Errors
    ///
    /// [`Error::TooLarge`] if a side of a JPEG exceeds 65,535 pixels; [`Error::Failed`] is not
    /// expected.
    pub fn encode_as(&self, encoding: Encoding) -> Result<Vec<u8>, Error> {
        let notice = self.notice.as_deref();
        match &self.form {
            Form::Raster(raster) => encoding.of_raster(raster, notice),
            Form::Planar(planar) => encoding.of_planar(planar, notice),
        }
    }
}
