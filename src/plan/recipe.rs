use std::fmt;

use crate::plan::short_hash;
use crate::plan::template::OutputKey;
use crate::thumbnail::{ChromaSubsampling, Effort, Encoding, Fit, OutputFormat};

/// Raised whenever the same input and recipe give other bytes, so that sets made by an older
/// version are seen as another recipe's and made anew.
const RENDERER: u32 = 5;

/// The largest bounding box a recipe may ask for, in pixels. Thumbnails are small; the reader is
/// built around this.
pub(super) const MAX_SIZE: u32 = 4096;

/// The most thumbnails of one original. The mark names each by its tag of some 32 bytes, and stores
/// take 2 KiB of metadata in all, of which the rest of the mark takes some 300 bytes.
pub const MAX_OUTPUTS: usize = 48;

/// What to make of one picture.
///
/// Two are known by name: [`Recipe::standard`] and [`Recipe::paper`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipe {
    sizes: Vec<u32>,
    fit: Fit,
    encodings: Vec<Encoding>,
    effort: Effort,
    keeps_copyright: bool,
    output_key: OutputKey,
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
    /// Without a format there is nothing to make.
    #[error("at least one format is needed")]
    NoFormat,
    /// Both would have the same keys.
    #[error("{0} is there twice")]
    FormatTwice(OutputFormat),
    /// The mark could not name so many siblings.
    #[error("{0} thumbnails of one original, sizes times formats, are more than {MAX_OUTPUTS}")]
    TooManyOutputs(usize),
    /// Quality is a number from 1 to 100.
    #[error("quality {0} is not from 1 to 100")]
    Quality(u8),
    /// A quality for what is not made, or loses nothing.
    #[error("a quality of {0}, which is not among the formats or has none")]
    NoQuality(OutputFormat),
    /// All formats of one size would go under one key.
    #[error("several formats, but no {{ext}} in the key, so all would have one key")]
    NoExtension,
}

impl Recipe {
    /// The sides of the six bounding boxes, in pixels, as in the paper.
    pub const SIZES: [u32; 6] = [16, 32, 64, 128, 256, 512];

    /// The default recipe: six sizes, inside their boxes, JPEG at quality 80 (as sharp, imgproxy,
    /// thumbor and Immich have it) and 4:2:0 on white, `{path}/{size}.{ext}`.
    #[must_use]
    pub fn standard() -> Self {
        Self {
            sizes: Self::SIZES.to_vec(),
            fit: Fit::Inside,
            encodings: vec![Encoding::new(OutputFormat::Jpeg)],
            effort: Effort::Default,
            keeps_copyright: false,
            output_key: OutputKey::standard(),
        }
    }

    /// The paper's: Pillow's default quality 75, and the keys that its programs write.
    #[must_use]
    pub fn paper() -> Self {
        Self {
            encodings: vec![Encoding {
                quality: 75,
                ..Encoding::new(OutputFormat::Jpeg)
            }],
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

    /// The same with other boxes, by their sides in pixels; order and repetition do not matter.
    ///
    /// # Errors
    /// [`RecipeError::NoSize`], [`RecipeError::Size`], [`RecipeError::TooManyOutputs`].
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
        Self { sizes, ..self }.checked()
    }

    /// The same in other formats. The first one's largest thumbnail is the mark.
    ///
    /// Qualities stay as they are, and are those of [`Encoding::new`] for formats that were not there
    /// before.
    ///
    /// # Errors
    /// [`RecipeError::NoFormat`], [`RecipeError::FormatTwice`], [`RecipeError::TooManyOutputs`],
    /// [`RecipeError::NoExtension`].
    pub fn with_formats(self, formats: &[OutputFormat]) -> Result<Self, RecipeError> {
        let like = self.encodings.first().copied();
        let encoding = |&format: &OutputFormat| {
            let standing = self.encodings.iter().find(|e| e.format == format).copied();
            let new = Encoding::new(format);
            standing.unwrap_or(like.map_or(new, |like| Encoding {
                format,
                quality: new.quality,
                ..like
            }))
        };
        for (n, format) in formats.iter().enumerate() {
            if formats[..n].contains(format) {
                return Err(RecipeError::FormatTwice(*format));
            }
        }
        let encodings = formats.iter().map(encoding).collect();
        Self { encodings, ..self }.checked()
    }

    /// The same with another quality of all lossy formats, 1 to 100.
    ///
    /// # Errors
    /// [`RecipeError::Quality`].
    pub fn with_quality(mut self, quality: u8) -> Result<Self, RecipeError> {
        if !(1..=100).contains(&quality) {
            return Err(RecipeError::Quality(quality));
        }
        for encoding in &mut self.encodings {
            if encoding.format.is_lossy() {
                encoding.quality = quality;
            }
        }
        Ok(self)
    }

    /// The same with another quality of one lossy format, 1 to 100.
    ///
    /// # Errors
    /// [`RecipeError::Quality`], [`RecipeError::NoQuality`].
    pub fn with_quality_of(
        mut self,
        format: OutputFormat,
        quality: u8,
    ) -> Result<Self, RecipeError> {
        if !(1..=100).contains(&quality) {
            return Err(RecipeError::Quality(quality));
        }
        let mut all = self.encodings.iter_mut();
        match all.find(|encoding| encoding.format == format && format.is_lossy()) {
            Some(encoding) => encoding.quality = quality,
            None => return Err(RecipeError::NoQuality(format)),
        }
        Ok(self)
    }

    /// The same, put into its boxes another way.
    #[must_use]
    pub fn with_fit(self, fit: Fit) -> Self {
        Self { fit, ..self }
    }

    /// The same with another resolution of colour differences in JPEG.
    #[must_use]
    pub fn with_chroma(self, chroma: ChromaSubsampling) -> Self {
        self.with_all(|encoding| encoding.chroma = chroma)
    }

    /// The same with another background, sRGB, behind what is transparent, in formats without alpha.
    #[must_use]
    pub fn with_background(self, background: [u8; 3]) -> Self {
        self.with_all(|encoding| encoding.background = background)
    }

    fn with_all(mut self, change: impl FnMut(&mut Encoding)) -> Self {
        self.encodings.iter_mut().for_each(change);
        self
    }

    /// The same with another effort at reading JPEGs.
    #[must_use]
    pub fn with_effort(self, effort: Effort) -> Self {
        Self { effort, ..self }
    }

    /// The same with the artist and the copyright of the original in each thumbnail, or without.
    #[must_use]
    pub fn with_copyright_kept(self, keeps_copyright: bool) -> Self {
        Self {
            keeps_copyright,
            ..self
        }
    }

    /// The same with other keys.
    ///
    /// # Errors
    /// [`RecipeError::NoExtension`].
    pub fn with_output_key(self, output_key: OutputKey) -> Result<Self, RecipeError> {
        Self { output_key, ..self }.checked()
    }

    /// What depends on several of its parts.
    fn checked(self) -> Result<Self, RecipeError> {
        let (sizes, formats) = (self.sizes.len(), self.encodings.len());
        if formats == 0 {
            return Err(RecipeError::NoFormat);
        }
        if formats > 1 && !self.output_key.has_extension() {
            return Err(RecipeError::NoExtension);
        }
        let outputs = sizes.saturating_mul(formats);
        if outputs > MAX_OUTPUTS {
            return Err(RecipeError::TooManyOutputs(outputs));
        }
        Ok(self)
    }

    /// How pictures are put into their boxes.
    #[must_use]
    pub fn fit(&self) -> Fit {
        self.fit
    }

    /// How thumbnails are written, each size in every one of these ways; at least one.
    #[must_use]
    pub fn encodings(&self) -> &[Encoding] {
        &self.encodings
    }

    /// Whether the artist and the copyright that the original's EXIF block names are kept. All other
    /// metadata is gone always.
    #[must_use]
    pub fn keeps_copyright(&self) -> bool {
        self.keeps_copyright
    }

    /// How much of a JPEG is read.
    #[must_use]
    pub fn effort(&self) -> Effort {
        self.effort
    }

    /// The sides of the boxes in pixels, ascending, at least one.
    #[must_use]
    pub fn sizes(&self) -> &[u32] {
        &self.sizes
    }

    /// Under which key below the output prefix each thumbnail goes.
    #[must_use]
    pub fn output_key(&self) -> &OutputKey {
        &self.output_key
    }

    /// Everything to make of one picture, by ascending size, the mark last: the largest size in the
    /// first format.
    pub(crate) fn outputs(&self) -> impl DoubleEndedIterator<Item = (u32, &Encoding)> {
        self.sizes.iter().flat_map(|&size| {
            let formats = self.encodings.iter().rev();
            formats.map(move |encoding| (size, encoding))
        })
    }

    /// The keys of all thumbnails of the original at `path`, below the output prefix, the mark's last.
    pub fn output_keys(&self, path: &str) -> impl Iterator<Item = String> {
        self.outputs()
            .map(move |(size, encoding)| self.output_key.expand(path, size, encoding.format))
    }

    /// Names this recipe: 16 hex digits that change with anything that changes the output's bytes
    /// or keys.
    #[must_use]
    pub fn fingerprint(&self) -> String {
        let first = self.encodings.first();
        let mut text = format!(
            "renderer={RENDERER};sizes={:?};quality={};effort={};key={}",
            self.sizes,
            first.map_or(0, |encoding| encoding.quality),
            self.effort,
            self.output_key
        );
        // What is as usual is not named: a recipe of before keeps its name, and its sets stand.
        if self.fit != Fit::default() {
            text += &format!(";fit={}", self.fit);
        }
        if self.keeps_copyright {
            text += ";copyright";
        }
        for encoding in &self.encodings {
            let Encoding {
                format,
                quality,
                chroma,
                background,
            } = *encoding;
            let usual = Encoding {
                quality,
                ..Encoding::new(OutputFormat::Jpeg)
            };
            if self.encodings.len() > 1 || *encoding != usual {
                text += &format!(";as={format},{quality},{chroma},{background:?}");
            }
        }
        short_hash(&text)
    }
}

/// In one line, for people.
impl fmt::Display for Recipe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let joined = |words: Vec<String>| words.join(", ");
        let sizes = self.sizes.iter().map(ToString::to_string).collect();
        write!(f, "{} px {}", joined(sizes), self.fit)?;
        let formats = self.encodings.iter().map(|encoding| {
            let format = encoding.format;
            if format.is_lossy() {
                format!("{format} at quality {}", encoding.quality)
            } else {
                format.to_string()
            }
        });
        write!(f, ", {}", joined(formats.collect()))
    }
}

/// What makes the bytes: this package's version, and how often the same recipe has come to give other
/// bytes. Every thumbnail carries it.
#[must_use]
pub fn version() -> String {
    format!("{}+renderer.{RENDERER}", env!("CARGO_PKG_VERSION"))
}
