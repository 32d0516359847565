//! Lossy WebP by libwebp, which is C: the crate that wraps it stands behind the feature `webp`.

use ::webp::{Encoder, PixelLayout};

use super::super::raster::{Channels, Raster};
use super::super::{Error, Limited};
use super::straight;

/// The most pixels a side that a lossy WebP can have (RFC 9649, 2.5: 14 bits).
const MAX_SIDE: u32 = 16_383;

/// A file with alpha where there is any.
pub(super) fn webp(raster: &Raster, quality: u8, exif: Option<&[u8]>) -> Result<Vec<u8>, Error> {
    let (width, height) = (raster.width, raster.height);
    if width.max(height) > MAX_SIDE {
        return Err(Error::TooLarge {
            what: Limited::OutputSide,
            value: width.max(height).into(),
            limit: MAX_SIDE.into(),
        });
    }
    let (channels, samples) = straight(raster)?;
    let (layout, samples) = match channels {
        Channels::Grey => {
            let grey = samples.iter().flat_map(|&level| [level; 3]);
            (PixelLayout::Rgb, grey.collect())
        }
        Channels::GreyAlpha => {
            let pixels = samples.as_chunks::<2>().0.iter();
            let pixels = pixels.flat_map(|&[level, alpha]| [level, level, level, alpha]);
            (PixelLayout::Rgba, pixels.collect())
        }
        Channels::Rgb => (PixelLayout::Rgb, samples),
        Channels::Rgba => (PixelLayout::Rgba, samples),
    };
    let has_alpha = layout == PixelLayout::Rgba;
    let encoder = Encoder::new(&samples, layout, width, height);
    let file = encoder
        .encode_simple(false, f32::from(quality.clamp(1, 100)))
        .map_err(|error| Error::failed("encode", format!("libwebp refused: {error:?}")))?;
    Ok(match exif {
        Some(exif) => with_exif(&file, exif, (width, height), has_alpha),
        None => file.to_vec(),
    })
}

/// The file in the extended form, with an EXIF block at its end (RFC 9649, 2.7).
fn with_exif(file: &[u8], exif: &[u8], (width, height): (u32, u32), has_alpha: bool) -> Vec<u8> {
    const ALPHA: u8 = 1 << 4;
    const EXIF: u8 = 1 << 3;
    const RIFF_HEADER: usize = 12;
    const EXTENDED: usize = 18;
    let chunks = file.get(RIFF_HEADER..).unwrap_or_default();
    // With alpha it has the extended form already.
    let pixels = match chunks.strip_prefix(b"VP8X") {
        Some(_) => chunks.get(EXTENDED..).unwrap_or_default(),
        None => chunks,
    };
    let flags = EXIF | if has_alpha { ALPHA } else { 0 };
    let sides = [width - 1, height - 1].map(u32::to_le_bytes);
    let sides = sides.map(|[a, b, c, _]| [a, b, c]).concat();
    let extended = [&[flags, 0, 0, 0][..], &sides].concat();
    let mut content = b"WEBP".to_vec();
    content.extend(chunk(*b"VP8X", &extended));
    content.extend(pixels);
    content.extend(chunk(*b"EXIF", exif));
    chunk(*b"RIFF", &content)
}

/// A chunk of an even length (RFC 9649, 2.3).
fn chunk(kind: [u8; 4], content: &[u8]) -> Vec<u8> {
    let length = u32::try_from(content.len()).unwrap_or(u32::MAX);
    let padding = &[0][..content.len() % 2];
    [&kind[..], &length.to_le_bytes(), content, padding].concat()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::super::{Encoding, OutputFormat};
    use super::*;

    /// A ramp of colours, and of alpha from left to right if there is any; premultiplied.
    fn ramp(channels: Channels) -> Raster {
        let (width, height) = (64, 48);
        let mut samples = Vec::new();
        for (x, y) in (0..height).flat_map(|y| (0..width).map(move |x| (x, y))) {
            let alpha = u8::try_from(x * 4).unwrap();
            let shown = if channels.have_alpha() {
                u32::from(alpha)
            } else {
                255
            };
            let level = |level: u32| u8::try_from(level * shown / 255).unwrap();
            let pixel = [level(y * 5), level(200), level(240 - y * 5), alpha];
            samples.extend(match channels {
                Channels::Grey => vec![pixel[0]],
                Channels::GreyAlpha => vec![pixel[0], alpha],
                Channels::Rgb => pixel[..3].to_vec(),
                Channels::Rgba => pixel.to_vec(),
            });
        }
        Raster {
            width,
            height,
            channels,
            samples,
        }
    }

    fn written(raster: &Raster, quality: u8) -> Vec<u8> {
        let encoding = Encoding {
            quality,
            ..Encoding::new(OutputFormat::WebP)
        };
        encoding.of_raster(raster, None).unwrap()
    }

    fn shown(file: &[u8]) -> image::DynamicImage {
        image::load_from_memory_with_format(file, image::ImageFormat::WebP).unwrap()
    }

    #[test]
    fn colours_and_alpha_are_kept_nearly() {
        for channels in [
            Channels::Grey,
            Channels::GreyAlpha,
            Channels::Rgb,
            Channels::Rgba,
        ] {
            let raster = ramp(channels);
            let shown = shown(&written(&raster, 95));
            assert_eq!(shown.color().has_alpha(), channels.have_alpha());
            let shown = shown.to_rgba8();
            for (x, y, pixel) in shown.enumerate_pixels() {
                let [red, green, blue] = [y * 5, 200, 240 - y * 5];
                let expected = match channels {
                    Channels::Grey | Channels::GreyAlpha => [red; 3],
                    _ => [red, green, blue],
                };
                let alpha = if channels.have_alpha() { x * 4 } else { 255 };
                assert_eq!(u32::from(pixel.0[3]), alpha, "alpha loses nothing");
                // Of what is nearly transparent, the division has left little of the colours.
                if alpha > 100 {
                    for (found, expected) in pixel.0.iter().zip(expected) {
                        let off = u32::from(*found).abs_diff(expected);
                        assert!(off <= 12, "{channels:?} {x} {y}: {pixel:?}, {expected}");
                    }
                }
            }
        }
    }

    #[test]
    fn quality_matters_and_the_same_again_is_the_same() {
        let raster = ramp(Channels::Rgb);
        assert!(written(&raster, 20).len() < written(&raster, 95).len());
        assert_eq!(written(&raster, 80), written(&raster, 80));
    }

    #[test]
    fn alpha_that_hides_nothing_is_left_out() {
        let mut raster = ramp(Channels::Rgba);
        for pixel in raster.samples.as_chunks_mut::<4>().0 {
            pixel[3] = 255;
        }
        assert!(!shown(&written(&raster, 80)).color().has_alpha());
    }

    #[test]
    fn a_notice_changes_no_pixel() {
        for channels in [Channels::Rgb, Channels::Rgba] {
            let raster = ramp(channels);
            let plain = shown(&written(&raster, 80));
            let with = webp(&raster, 80, Some(b"MM\0\x2a\0\0\0\x08\0\0\0\0\0")).unwrap();
            assert_eq!(shown(&with), plain);
            let kinds = |kind: &[u8]| with.windows(4).filter(|window| *window == kind).count();
            assert_eq!((kinds(b"VP8X"), kinds(b"EXIF")), (1, 1));
        }
    }

    #[test]
    fn a_side_that_the_format_cannot_hold_is_refused() {
        let raster = Raster {
            width: MAX_SIDE + 1,
            height: 1,
            channels: Channels::Grey,
            samples: vec![0; MAX_SIDE as usize + 1],
        };
        let refused = webp(&raster, 80, None);
        assert!(matches!(refused, Err(Error::TooLarge { .. })));
    }
}
