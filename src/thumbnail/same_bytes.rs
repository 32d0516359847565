//! The whole way, from every format to every format, on processors that can do more or less.

use std::io::Cursor;

use fast_image_resize::CpuExtensions;
use image::{DynamicImage, ImageFormat};
use jpeg_encoder::{ColorType, Encoder, SamplingFactor};
use moxcms::ColorProfile;

use super::kernels::pretend::at_most;
use super::{ChromaSubsampling, Decoder, Effort, Encoding, Fit, Limits, OutputFormat, Stop};

const SIZE: (u32, u32) = (211, 163);

/// Hard edges, ramps and noise, with alpha from 0 to 255.
fn pixels() -> image::RgbaImage {
    let mut state = 1_u32;
    image::RgbaImage::from_fn(SIZE.0, SIZE.1, |x, y| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let [noise, ..] = state.to_be_bytes();
        let ramp = u8::try_from((x + y) % 256).unwrap();
        let edge = if x / 16 % 2 == y / 16 % 2 { 255 } else { 0 };
        image::Rgba([ramp, noise, edge, noise.saturating_add(ramp)])
    })
}

fn jpeg(
    colour: ColorType,
    samples: &[u8],
    set: impl FnOnce(&mut Encoder<&mut Vec<u8>>),
) -> Vec<u8> {
    let mut file = Vec::new();
    let mut encoder = Encoder::new(&mut file, 90);
    set(&mut encoder);
    let (width, height) = (SIZE.0.try_into().unwrap(), SIZE.1.try_into().unwrap());
    encoder.encode(samples, width, height, colour).unwrap();
    file
}

/// A picture in every format and kind of pixels that is read, by name.
fn originals() -> Vec<(&'static str, Vec<u8>)> {
    let all = DynamicImage::ImageRgba8(pixels());
    let saved = |picture: DynamicImage, format| {
        let mut file = Cursor::new(Vec::new());
        picture.write_to(&mut file, format).unwrap();
        file.into_inner()
    };
    let rgb = || DynamicImage::ImageRgb8(all.to_rgb8());
    let samples = rgb().into_bytes();
    let p3 = ColorProfile::new_display_p3().encode().unwrap();
    vec![
        ("RGBA PNG", saved(all.clone(), ImageFormat::Png)),
        ("RGB PNG", saved(rgb(), ImageFormat::Png)),
        ("grey PNG", saved(all.to_luma8().into(), ImageFormat::Png)),
        (
            "grey alpha PNG",
            saved(all.to_luma_alpha8().into(), ImageFormat::Png),
        ),
        (
            "16-bit PNG",
            saved(all.to_rgba16().into(), ImageFormat::Png),
        ),
        ("GIF", saved(all.clone(), ImageFormat::Gif)),
        ("WebP", saved(all.clone(), ImageFormat::WebP)),
        ("TIFF", saved(all.clone(), ImageFormat::Tiff)),
        ("BMP", saved(rgb(), ImageFormat::Bmp)),
        ("JPEG", jpeg(ColorType::Rgb, &samples, |_| {})),
        (
            "grey JPEG",
            jpeg(ColorType::Luma, &all.to_luma8().into_raw(), |_| {}),
        ),
        (
            "progressive JPEG",
            jpeg(ColorType::Rgb, &samples, |encoder| {
                encoder.set_progressive(true);
                encoder.set_sampling_factor(SamplingFactor::F_2_2);
            }),
        ),
        (
            "CMYK JPEG",
            jpeg(ColorType::Cmyk, &all.to_rgba8().into_raw(), |_| {}),
        ),
        (
            "Display P3 JPEG",
            jpeg(ColorType::Rgb, &samples, |encoder| {
                encoder.add_icc_profile(&p3).unwrap();
            }),
        ),
    ]
}

/// All files that are made of one.
fn thumbnails(original: &[u8]) -> Vec<Vec<u8>> {
    let jpeg = |chroma, background| Encoding {
        chroma,
        background,
        ..Encoding::new(OutputFormat::Jpeg)
    };
    let encodings = [
        jpeg(ChromaSubsampling::Quarter, [255; 3]),
        jpeg(ChromaSubsampling::Half, [1, 2, 3]),
        jpeg(ChromaSubsampling::Full, [0; 3]),
        Encoding::new(OutputFormat::Png),
        #[cfg(feature = "webp")]
        Encoding::new(OutputFormat::WebP),
    ];
    let mut files = Vec::new();
    for fit in [Fit::Inside, Fit::Cover] {
        // Each alone: the colours are decoded for the finest of those that are asked for.
        for encoding in encodings {
            for largest in [150, 40] {
                let (limits, stop) = (Limits::default(), Stop::default());
                let decoder = Decoder::new(largest, Effort::Default, &limits, &stop);
                let mut picture = decoder
                    .aiming_at(fit, &[encoding])
                    .finish(original)
                    .unwrap();
                for size in [largest, 17] {
                    picture = picture.fit(size).unwrap();
                    let expected = fit.size(SIZE, size);
                    assert_eq!((picture.width(), picture.height()), expected);
                    files.push(picture.encode_as(encoding).unwrap());
                }
            }
        }
    }
    files
}

#[test]
fn every_processor_gives_the_same_bytes() {
    let less = [
        #[cfg(target_arch = "x86_64")]
        CpuExtensions::Sse4_1,
        CpuExtensions::None,
    ];
    for (name, original) in originals() {
        let own = thumbnails(&original);
        for extensions in less {
            let found = at_most(extensions, || thumbnails(&original));
            for (n, (own, found)) in own.iter().zip(&found).enumerate() {
                assert!(own == found, "{name}, file {n}, with {extensions:?}");
            }
        }
    }
}
