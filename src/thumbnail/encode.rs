//! From pixels or planes to a file.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use image::codecs::png::PngEncoder;
use image::{ExtendedColorType, ImageEncoder};

use super::planar::Planar;
use super::raster::{Channels, Raster};
use super::resize::divide;
use super::{Error, Limited};

#[cfg(feature = "webp")]
mod webp;

/// What a thumbnail is written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OutputFormat {
    /// Baseline JPEG, in one scan, with Huffman tables of its own.
    Jpeg,
    /// PNG, 8 bits a sample, with alpha where there is any.
    Png,
    /// Lossy WebP, with alpha where there is any. Only with the feature `webp`: no encoder in Rust is
    /// both permissively licensed and well kept, and libwebp is C.
    #[cfg(feature = "webp")]
    WebP,
}

/// A word that is no [`OutputFormat`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NoOutputFormat {
    /// Of nothing that is ever written.
    #[error("none of jpeg, png and webp")]
    Unknown,
    /// Of what this program was not built to write.
    #[error("only a program that is built with the feature webp can write it")]
    WithoutWebP,
}

/// The resolution of colour differences beside that of brightness, in JPEG.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum ChromaSubsampling {
    /// 4:4:4: the same. Edges between saturated colours stay sharp; files are larger by a quarter or
    /// so.
    Full,
    /// 4:2:2: half of it across.
    Half,
    /// 4:2:0: half of it across and down. The eye sees colour at half the resolution of brightness;
    /// it halves the samples to be coded, and is what Pillow and libjpeg do unless told otherwise.
    #[default]
    Quarter,
}

/// A word that is no [`ChromaSubsampling`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("none of 4:4:4, 4:2:2 and 4:2:0")]
pub struct NoChromaSubsampling;

/// How a thumbnail is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Encoding {
    /// As what.
    pub format: OutputFormat,
    /// The quality of lossy formats, 1 to 100 (other values count as the nearer of these), of JPEG on
    /// libjpeg's scale. Lossless ones have none.
    pub quality: u8,
    /// The resolution of colour differences in JPEG.
    pub chroma: ChromaSubsampling,
    /// What is put behind transparent pixels where the format knows no alpha: sRGB.
    pub background: [u8; 3],
}

impl OutputFormat {
    /// All formats that can be written.
    pub const ALL: &[Self] = &[
        Self::Jpeg,
        Self::Png,
        #[cfg(feature = "webp")]
        Self::WebP,
    ];

    /// The usual file name extension, without the dot.
    #[must_use]
    pub fn extension(self) -> &'static str {
        match self {
            Self::Jpeg => "jpg",
            Self::Png => "png",
            #[cfg(feature = "webp")]
            Self::WebP => "webp",
        }
    }

    /// The media type (IANA).
    #[must_use]
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Jpeg => "image/jpeg",
            Self::Png => "image/png",
            #[cfg(feature = "webp")]
            Self::WebP => "image/webp",
        }
    }

    /// Whether a quality says how much is lost.
    #[must_use]
    pub fn is_lossy(self) -> bool {
        self != Self::Png
    }
}

impl fmt::Display for OutputFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Jpeg => "jpeg",
            Self::Png => "png",
            #[cfg(feature = "webp")]
            Self::WebP => "webp",
        })
    }
}

impl FromStr for OutputFormat {
    type Err = NoOutputFormat;

    fn from_str(word: &str) -> Result<Self, NoOutputFormat> {
        let mut all = Self::ALL.iter();
        let known = all.find(|format| format.to_string() == word).copied();
        known.ok_or(match word {
            "webp" => NoOutputFormat::WithoutWebP,
            _ => NoOutputFormat::Unknown,
        })
    }
}

impl ChromaSubsampling {
    /// Samples of brightness for each of a colour difference, across and down.
    pub(super) fn factors(self) -> (u8, u8) {
        match self {
            Self::Full => (1, 1),
            Self::Half => (2, 1),
            Self::Quarter => (2, 2),
        }
    }
}

impl fmt::Display for ChromaSubsampling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full => "4:4:4",
            Self::Half => "4:2:2",
            Self::Quarter => "4:2:0",
        })
    }
}

impl FromStr for ChromaSubsampling {
    type Err = NoChromaSubsampling;

    fn from_str(word: &str) -> Result<Self, NoChromaSubsampling> {
        [Self::Full, Self::Half, Self::Quarter]
            .into_iter()
            .find(|chroma| chroma.to_string() == word)
            .ok_or(NoChromaSubsampling)
    }
}

impl Encoding {
    /// Quality 80, 4:2:0, on white.
    #[must_use]
    pub fn new(format: OutputFormat) -> Self {
        Self {
            format,
            quality: 80,
            chroma: ChromaSubsampling::default(),
            background: [255; 3],
        }
    }

    /// The resolution at which colour differences are needed for it.
    pub(super) fn chroma_needed(self) -> ChromaSubsampling {
        if self.format == OutputFormat::Jpeg {
            self.chroma
        } else {
            // WebP halves them of the pixels that it is given.
            ChromaSubsampling::Full
        }
    }

    /// Writes pixels.
    pub(super) fn of_raster(self, raster: &Raster, exif: Option<&[u8]>) -> Result<Vec<u8>, Error> {
        match self.format {
            OutputFormat::Jpeg => {
                let size = (raster.width, raster.height);
                let samples = flatten(raster, self.background);
                let planar = match raster.channels {
                    Channels::Grey => Planar::of_grey(size, &samples),
                    _ => Planar::of_rgb(size, &samples, self.chroma),
                };
                self.jpeg(&planar, exif)
            }
            OutputFormat::Png => png(raster, exif),
            #[cfg(feature = "webp")]
            OutputFormat::WebP => webp::webp(raster, self.quality, exif),
        }
    }

    /// Writes planes, which have no alpha.
    pub(super) fn of_planar(self, planar: &Planar, exif: Option<&[u8]>) -> Result<Vec<u8>, Error> {
        if self.format == OutputFormat::Jpeg {
            self.jpeg(planar, exif)
        } else {
            self.of_raster(&planar.raster(), exif)
        }
    }

    fn jpeg(self, planar: &Planar, exif: Option<&[u8]>) -> Result<Vec<u8>, Error> {
        let (width, height) = planar.size();
        let file = planar.encode(self.quality, self.chroma, exif);
        file.ok_or(Error::TooLarge {
            what: Limited::OutputSide,
            value: width.max(height).into(),
            limit: u16::MAX.into(),
        })
    }
}

/// Writes PNG without any chunk that is not needed: a viewer takes it as sRGB.
fn png(raster: &Raster, exif: Option<&[u8]>) -> Result<Vec<u8>, Error> {
    let (channels, samples) = straight(raster)?;
    let colour = match channels {
        Channels::Grey => ExtendedColorType::L8,
        Channels::GreyAlpha => ExtendedColorType::La8,
        Channels::Rgb => ExtendedColorType::Rgb8,
        Channels::Rgba => ExtendedColorType::Rgba8,
    };
    let mut bytes = Vec::new();
    let mut encoder = PngEncoder::new(&mut bytes);
    let written = match exif {
        Some(exif) => encoder
            .set_exif_metadata(exif.to_vec())
            .map_err(|e| Error::failed("encode", e)),
        None => Ok(()),
    };
    written?;
    encoder
        .write_image(&samples, raster.width, raster.height, colour)
        .map_err(|e| Error::failed("encode", e))?;
    Ok(bytes)
}

/// The colours as they are without alpha, and alpha only where it hides anything: else it is a quarter
/// of the samples for nothing.
fn straight(raster: &Raster) -> Result<(Channels, Cow<'_, [u8]>), Error> {
    let opaque_ones = match raster.channels {
        Channels::Grey | Channels::Rgb => {
            return Ok((raster.channels, Cow::Borrowed(&raster.samples)));
        }
        Channels::GreyAlpha => Channels::Grey,
        Channels::Rgba => Channels::Rgb,
    };
    let pixels = || raster.samples.chunks_exact(raster.channels.count());
    if pixels().all(|pixel| pixel.last() == Some(&255)) {
        let colours = pixels().flat_map(|pixel| &pixel[..opaque_ones.count()]);
        return Ok((opaque_ones, colours.copied().collect()));
    }
    let mut straight = raster.clone();
    divide(&mut straight)?;
    Ok((raster.channels, Cow::Owned(straight.samples)))
}

/// Puts a background behind premultiplied colours: what alpha leaves of it is added. It saturates,
/// because the overshoot of the resizing filter can lift a colour above its alpha. Grey stays grey
/// without alpha; with it, it becomes RGB, as the background may be of any colour.
fn flatten(raster: &Raster, background: [u8; 3]) -> Cow<'_, [u8]> {
    let over = |colours: [u8; 3], alpha: u8| {
        let share = u32::from(255 - alpha);
        std::array::from_fn::<u8, 3, _>(|n| {
            // The nearest to background x share / 255, exactly: white leaves 255 - alpha.
            let behind = (u32::from(background[n]) * share * 2 + 255) / 510;
            colours[n].saturating_add(u8::try_from(behind).unwrap_or(u8::MAX))
        })
    };
    match raster.channels {
        Channels::Grey | Channels::Rgb => Cow::Borrowed(&raster.samples),
        Channels::GreyAlpha => {
            let (pixels, _) = raster.samples.as_chunks::<2>();
            let pixels = pixels.iter().flat_map(|&[v, alpha]| over([v; 3], alpha));
            pixels.collect()
        }
        Channels::Rgba => {
            let (pixels, _) = raster.samples.as_chunks::<4>();
            let pixels = pixels
                .iter()
                .flat_map(|&[r, g, b, alpha]| over([r, g, b], alpha));
            pixels.collect()
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    #[test]
    fn transparent_is_white_and_opaque_is_itself() {
        let raster = Raster {
            width: 4,
            height: 1,
            channels: Channels::Rgba,
            samples: vec![0, 0, 0, 0, 10, 20, 30, 255, 64, 0, 128, 128, 200, 0, 0, 100],
        };
        assert_eq!(
            *flatten(&raster, [255; 3]),
            [255, 255, 255, 10, 20, 30, 191, 127, 255, 255, 155, 155]
        );
        assert_eq!(
            *flatten(&raster, [0, 100, 255]),
            [0, 100, 255, 10, 20, 30, 64, 50, 255, 200, 61, 155]
        );
        let grey = Raster {
            width: 2,
            height: 1,
            channels: Channels::GreyAlpha,
            samples: vec![0, 0, 90, 255],
        };
        assert_eq!(*flatten(&grey, [1, 2, 3]), [1, 2, 3, 90, 90, 90]);
    }

    #[test]
    fn a_png_keeps_its_alpha_and_its_colours() {
        let raster = Raster {
            width: 3,
            height: 1,
            channels: Channels::Rgba,
            samples: vec![0, 0, 0, 0, 10, 20, 30, 255, 64, 0, 128, 128],
        };
        let png = Encoding::new(OutputFormat::Png);
        let shown = |raster: &Raster| {
            let file = png.of_raster(raster, None).unwrap();
            image::load_from_memory_with_format(&file, image::ImageFormat::Png).unwrap()
        };
        assert_eq!(
            shown(&raster).into_rgba8().into_raw(),
            [0, 0, 0, 0, 10, 20, 30, 255, 128, 0, 255, 128]
        );
        let opaque = Raster {
            samples: [[9, 8, 7, 255]; 3].concat(),
            ..raster
        };
        let shown = shown(&opaque);
        assert_eq!(shown.color(), image::ColorType::Rgb8);
        assert_eq!(shown.into_bytes(), [9, 8, 7].repeat(3));
    }

    #[test]
    fn words_are_read_as_they_are_shown() {
        for format in OutputFormat::ALL {
            assert_eq!(format.to_string().parse(), Ok(*format));
        }
        for word in ["4:4:4", "4:2:2", "4:2:0"] {
            assert_eq!(word.parse::<ChromaSubsampling>().unwrap().to_string(), word);
        }
        let gif = "gif".parse::<OutputFormat>();
        assert_eq!(gif, Err(NoOutputFormat::Unknown));
        let webp = "webp".parse::<OutputFormat>().map(OutputFormat::media_type);
        if cfg!(feature = "webp") {
            assert_eq!(webp, Ok("image/webp"));
        } else {
            let error = webp.unwrap_err().to_string();
            assert!(error.contains("the feature webp"), "{error}");
        }
        assert!("4:1:1".parse::<ChromaSubsampling>().is_err());
    }

    #[test]
    fn the_file_is_baseline_420_without_metadata() {
        let raster = Raster {
            width: 33,
            height: 17,
            channels: Channels::Rgb,
            samples: (0..33 * 17 * 3)
                .map(|i| u8::try_from(i * 7 % 251).unwrap())
                .collect(),
        };
        let jpeg = Encoding {
            quality: 95,
            ..Encoding::new(OutputFormat::Jpeg)
        };
        let bytes = jpeg.of_raster(&raster, None).unwrap();
        let frame = bytes.windows(2).position(|m| m == [0xff, 0xc0]).unwrap();
        assert_eq!(bytes[frame + 5..frame + 9], [0, 17, 0, 33]);
        assert_eq!(bytes[frame + 11], 0x22, "luma is sampled 2 x 2");
        for marker in 0xe1..=0xef {
            assert!(
                !bytes.windows(2).any(|m| m == [0xff, marker]),
                "APP{}",
                marker - 0xe0
            );
        }
        assert_eq!(
            jpeg.of_raster(&raster, None).unwrap(),
            bytes,
            "the same again"
        );
    }
}
