use image::metadata::Orientation as Transform;
use image::{DynamicImage, ImageBuffer};

use super::raster::{Channels, Raster};

/// How a stored picture is turned to stand upright: the values 1 to 8 of the EXIF and TIFF tag
/// 0x0112 (EXIF 2.32, 4.6.4 A). Any other value counts as 1, which is the default.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Orientation(Transform);

impl Default for Orientation {
    fn default() -> Self {
        Self(Transform::NoTransforms)
    }
}

impl Orientation {
    /// The tag's value, 1 to 8.
    #[must_use]
    pub fn exif_value(self) -> u8 {
        self.0.to_exif()
    }

    /// Whether width and height change places (values 5 to 8).
    #[must_use]
    pub fn swaps_sides(self) -> bool {
        self.exif_value() >= 5
    }

    /// The upright size of a picture that is stored with this size.
    #[must_use]
    pub fn upright_size(self, width: u32, height: u32) -> (u32, u32) {
        if self.swaps_sides() {
            (height, width)
        } else {
            (width, height)
        }
    }

    /// Of a tag's value; `None` if it is none of 1 to 8.
    pub(super) fn of_value(value: u8) -> Option<Self> {
        Transform::from_exif(value).map(Self)
    }

    /// Reads an EXIF block (a TIFF structure, without JPEG's `Exif\0\0` before it).
    pub(super) fn of_exif(block: &[u8]) -> Option<Self> {
        Transform::from_exif_chunk(block).map(Self)
    }

    /// Turns a picture upright.
    pub(super) fn apply(self, raster: Raster) -> Raster {
        let Raster {
            width,
            height,
            channels,
            samples,
        } = raster;
        #[expect(
            clippy::expect_used,
            reason = "a raster has width x height pixels of its channels"
        )]
        let mut picture = match channels {
            Channels::Grey => {
                ImageBuffer::from_raw(width, height, samples).map(DynamicImage::ImageLuma8)
            }
            Channels::GreyAlpha => {
                ImageBuffer::from_raw(width, height, samples).map(DynamicImage::ImageLumaA8)
            }
            Channels::Rgb => {
                ImageBuffer::from_raw(width, height, samples).map(DynamicImage::ImageRgb8)
            }
            Channels::Rgba => {
                ImageBuffer::from_raw(width, height, samples).map(DynamicImage::ImageRgba8)
            }
        }
        .expect("the samples fill the raster");
        picture.apply_orientation(self.0);
        Raster {
            width: picture.width(),
            height: picture.height(),
            channels,
            samples: picture.into_bytes(),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    #[test]
    fn every_value_turns_as_exif_defines_it() {
        // EXIF says where the stored row 0 and column 0 belong; worked out by hand for
        //   stored  1 2 3
        //           4 5 6
        let upright: [(u32, u32, [u8; 6]); 8] = [
            (3, 2, [1, 2, 3, 4, 5, 6]), // row 0 top, column 0 left
            (3, 2, [3, 2, 1, 6, 5, 4]), // top, right
            (3, 2, [6, 5, 4, 3, 2, 1]), // bottom, right
            (3, 2, [4, 5, 6, 1, 2, 3]), // bottom, left
            (2, 3, [1, 4, 2, 5, 3, 6]), // row 0 left, column 0 top
            (2, 3, [4, 1, 5, 2, 6, 3]), // right, top
            (2, 3, [6, 3, 5, 2, 4, 1]), // right, bottom
            (2, 3, [3, 6, 2, 5, 1, 4]), // left, bottom
        ];
        for (value, (width, height, samples)) in (1..).zip(upright) {
            let stored = Raster {
                width: 3,
                height: 2,
                channels: Channels::Grey,
                samples: vec![1, 2, 3, 4, 5, 6],
            };
            let orientation = Orientation(Transform::from_exif(value).unwrap());
            assert_eq!(orientation.exif_value(), value);
            assert_eq!(orientation.upright_size(3, 2), (width, height));
            let turned = orientation.apply(stored);
            assert_eq!((turned.width, turned.height), (width, height), "{value}");
            assert_eq!(turned.samples, samples, "{value}");
        }
    }
}
