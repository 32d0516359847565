use std::borrow::Cow;

use super::planar::Planar;
use super::raster::{Channels, Raster};
use super::{Error, Limited};

/// What a thumbnail is written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OutputFormat {
    /// Baseline JPEG with 4:2:0 chroma subsampling, in one scan, with Huffman tables of its own.
    Jpeg,
}

impl OutputFormat {
    /// The usual file name extension, without the dot.
    #[must_use]
    pub fn extension(self) -> &'static str {
        match self {
            Self::Jpeg => "jpg",
        }
    }

    /// The media type (IANA).
    #[must_use]
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Jpeg => "image/jpeg",
        }
    }
}

/// Writes baseline JPEG. No metadata but the JFIF header, which says nothing about the original.
///
/// 4:2:0 at every quality: the eye sees colour at half the resolution of brightness, it halves the
/// samples to be coded, and it is what Pillow and libjpeg do unless told otherwise.
pub(super) fn jpeg(raster: &Raster, quality: u8) -> Result<Vec<u8>, Error> {
    let size = (raster.width, raster.height);
    let samples = flatten_on_white(raster);
    let planar = match raster.channels {
        Channels::Grey | Channels::GreyAlpha => Planar::of_grey(size, &samples),
        Channels::Rgb | Channels::Rgba => Planar::of_rgb(size, &samples),
    };
    planar_jpeg(&planar, quality)
}

/// The same from planes, which have no alpha.
pub(super) fn planar_jpeg(planar: &Planar, quality: u8) -> Result<Vec<u8>, Error> {
    let (width, height) = planar.size();
    planar.encode(quality).ok_or(Error::TooLarge {
        what: Limited::OutputSide,
        value: width.max(height).into(),
        limit: u16::MAX.into(),
    })
}

/// Puts white behind premultiplied colours, which is an addition. It saturates, because the
/// overshoot of the resizing filter can lift a colour above its alpha.
fn flatten_on_white(raster: &Raster) -> Cow<'_, [u8]> {
    let count = raster.channels.count();
    if !raster.channels.have_alpha() {
        return Cow::Borrowed(&raster.samples);
    }
    raster
        .samples
        .chunks_exact(count)
        .flat_map(|pixel| {
            let white = 255 - pixel[count - 1];
            pixel[..count - 1]
                .iter()
                .map(move |v| v.saturating_add(white))
        })
        .collect()
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
            *flatten_on_white(&raster),
            [255, 255, 255, 10, 20, 30, 191, 127, 255, 255, 155, 155]
        );
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
        let bytes = jpeg(&raster, 95).unwrap();
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
        assert_eq!(jpeg(&raster, 95).unwrap(), bytes, "the same again");
    }
}
