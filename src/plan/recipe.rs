use crate::plan::short_hash;
use crate::plan::template::OutputKey;
use crate::thumbnail::{Effort, OutputFormat};

/// Raised whenever the same input and recipe give other bytes, so that sets made by an older
/// version are seen as another recipe's and made anew.
const RENDERER: u32 = 2;

/// The largest bounding box a recipe may ask for, in pixels. Thumbnails are small; the reader is
/// built around this.
pub(super) const MAX_SIZE: u32 = 4096;

/// The most sizes of a recipe. The mark names each by its tag of some 32 bytes, and stores take 2 kB of
/// metadata in all.
const MAX_SIZES: usize = 32;

/// What to make of one picture.
///
/// Two are known by name: [`Recipe::standard`] and [`Recipe::paper`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipe {
    sizes: Vec<u32>,
    quality: u8,
    effort: Effort,
    /// Under which key below the output prefix each thumbnail goes.
    pub output_key: OutputKey,
}

/// Why a recipe cannot be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RecipeError {
    /// Without a size there is nothing to make.
    #[error("at least one size is needed")]
    NoSize,
    /// A side of 0, or one too large for a thumbnail.
    #[error("size {0} is not from 1 to {MAX_SIZE}")]
    Size(u32),
    /// The mark could not name so many siblings.
    #[error("{0} sizes are more than {MAX_SIZES}")]
    TooManySizes(usize),
    /// JPEG quality is a number from 1 to 100.
    #[error("quality {0} is not from 1 to 100")]
    Quality(u8),
}

impl Recipe {
    /// The sides of the six bounding boxes, in pixels, as in the paper.
    pub const SIZES: [u32; 6] = [16, 32, 64, 128, 256, 512];

    /// The default recipe: six sizes, JPEG at quality 80 (as sharp, imgproxy, thumbor and Immich
    /// have it), `{path}/{size}.{ext}`.
    #[must_use]
    pub fn standard() -> Self {
        Self {
            sizes: Self::SIZES.to_vec(),
            quality: 80,
            effort: Effort::Default,
            output_key: OutputKey::standard(),
        }
    }

    /// The paper's: Pillow's default quality 75, and the keys that its programs write.
    #[must_use]
    pub fn paper() -> Self {
        Self {
            quality: 75,
            output_key: OutputKey::paper(),
            ..Self::standard()
        }
    }

    /// The recipe of that name, `default` or `paper`.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "default" => Some(Self::standard()),
            "paper" => Some(Self::paper()),
            _ => None,
        }
    }

    /// The same with other bounding boxes, in pixels; order and repetition do not matter.
    ///
    /// # Errors
    /// [`RecipeError::NoSize`], [`RecipeError::Size`].
    pub fn with_sizes(self, sizes: &[u32]) -> Result<Self, RecipeError> {
        if sizes.is_empty() {
            return Err(RecipeError::NoSize);
        }
        if let Some(&size) = sizes.iter().find(|size| !(1..=MAX_SIZE).contains(*size)) {
            return Err(RecipeError::Size(size));
        }
        let mut sizes = sizes.to_vec();
        sizes.sort_unstable();
        sizes.dedup();
        if sizes.len() > MAX_SIZES {
            return Err(RecipeError::TooManySizes(sizes.len()));
        }
        Ok(Self { sizes, ..self })
    }

    /// The same with another JPEG quality, 1 to 100.
    ///
    /// # Errors
    /// [`RecipeError::Quality`].
    pub fn with_quality(self, quality: u8) -> Result<Self, RecipeError> {
        if !(1..=100).contains(&quality) {
            return Err(RecipeError::Quality(quality));
        }
        Ok(Self { quality, ..self })
    }

    /// The same with another effort at reading JPEGs.
    #[must_use]
    pub fn with_effort(self, effort: Effort) -> Self {
        Self { effort, ..self }
    }

    /// The same with other keys.
    #[must_use]
    pub fn with_output_key(self, output_key: OutputKey) -> Self {
        Self { output_key, ..self }
    }

    /// The JPEG quality, 1 to 100, on libjpeg's scale.
    #[must_use]
    pub fn quality(&self) -> u8 {
        self.quality
    }

    /// How much of a JPEG is read.
    #[must_use]
    pub fn effort(&self) -> Effort {
        self.effort
    }

    /// The sides of the bounding boxes in pixels, ascending, at least one.
    #[must_use]
    pub fn sizes(&self) -> &[u32] {
        &self.sizes
    }

    /// Everything to make of one picture, the mark last: the largest size.
    pub(crate) fn outputs(&self) -> impl Iterator<Item = (u32, OutputFormat)> {
        self.sizes.iter().map(|&size| (size, OutputFormat::Jpeg))
    }

    /// Names this recipe: 16 hex digits that change with anything that changes the output's bytes
    /// or keys.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        short_hash(&format!(
            "renderer={RENDERER};sizes={:?};quality={};effort={};key={}",
            self.sizes, self.quality, self.effort, self.output_key
        ))
    }
}
