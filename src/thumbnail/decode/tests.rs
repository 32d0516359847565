//! JPEGs on their way into pictures; written by another encoder than ours.

use std::any::Any;

use jpeg_encoder::{ColorType, Encoder, SamplingFactor};
use moxcms::ColorProfile;

use super::super::OutputFormat;
use super::*;

/// An RGB picture without sharp edges.
fn pixels(width: u16, height: u16) -> Vec<u8> {
    let pixel = |x: u16, y: u16| {
        let (x, y) = (u32::from(x), u32::from(y));
        let (right, down) = (x * 200 / u32::from(width), y * 200 / u32::from(height));
        [30 + right, 30 + down, 128].map(|level| u8::try_from(level).unwrap())
    };
    (0..height)
        .flat_map(|y| (0..width).flat_map(move |x| pixel(x, y)))
        .collect()
}

fn jpeg(width: u16, height: u16, set: impl Fn(&mut Encoder<&mut Vec<u8>>)) -> Vec<u8> {
    encoded(&pixels(width, height), width, height, ColorType::Rgb, set)
}

fn encoded(
    samples: &[u8],
    width: u16,
    height: u16,
    color_type: ColorType,
    set: impl Fn(&mut Encoder<&mut Vec<u8>>),
) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = Encoder::new(&mut bytes, 95);
    set(&mut encoder);
    encoder.encode(samples, width, height, color_type).unwrap();
    bytes
}

fn read(bytes: &[u8], largest: u32) -> Result<Picture, Error> {
    read_within(bytes, largest, &Limits::default())
}

fn read_within(bytes: &[u8], largest: u32, limits: &Limits) -> Result<Picture, Error> {
    decode(bytes, largest, Effort::Default, limits, &Stop::default())
}

/// The thumbnail's pixels, through its file.
fn shown(picture: &Picture, size: u32) -> image::RgbImage {
    let small = picture.fit(size).unwrap();
    let bytes = small.encode(OutputFormat::Jpeg, 95).unwrap();
    let shown = image::load_from_memory(&bytes).unwrap().to_rgb8();
    assert_eq!(shown.dimensions(), (small.width(), small.height()));
    shown
}

/// Where a thumbnail differs most from the picture it is of, among its first `rows` rows.
fn worst(shown: &image::RgbImage, rows: u32) -> u8 {
    let (width, height) = shown.dimensions();
    let scaled = |at: u32, side: u32| 30 + (2 * at + 1) * 100 / side;
    let mut worst = 0;
    for (x, y, pixel) in shown.enumerate_pixels().filter(|(_, y, _)| *y < rows) {
        let expected = [scaled(x, width), scaled(y, height), 128];
        for (found, expected) in pixel.0.iter().zip(expected) {
            worst = worst.max(found.abs_diff(u8::try_from(expected).unwrap()));
        }
    }
    worst
}

#[test]
fn jpegs_of_every_kind_become_the_same_thumbnails() {
    for sampling in [
        SamplingFactor::R_4_4_4,
        SamplingFactor::R_4_2_2,
        SamplingFactor::R_4_2_0,
    ] {
        for progressive in [false, true] {
            for effort in [Effort::Default, Effort::Fast] {
                let bytes = jpeg(1203, 805, |encoder| {
                    encoder.set_sampling_factor(sampling);
                    encoder.set_progressive(progressive);
                });
                let stop = Stop::default();
                let picture = decode(&bytes, 100, effort, &Limits::default(), &stop).unwrap();
                assert_eq!(picture.original_size(), (1203, 805));
                assert_eq!((picture.format(), picture.damage()), (Format::Jpeg, None));
                for size in [100, 64, 33] {
                    let shown = shown(&picture, size);
                    assert_eq!(shown.dimensions(), fit_size(1203, 805, size));
                    let worst = worst(&shown, u32::MAX);
                    assert!(
                        worst <= 8,
                        "{sampling:?} {progressive} {effort:?} {size}: {worst}"
                    );
                }
            }
        }
    }
}

#[test]
fn a_small_jpeg_keeps_its_size() {
    let picture = read(&jpeg(37, 21, |_| {}), 512).unwrap();
    let shown = shown(&picture, 512);
    assert_eq!(shown.dimensions(), (37, 21));
    assert!(worst(&shown, 21) <= 10);
}

#[test]
fn a_jpeg_cut_short_is_made_as_far_as_it_goes_if_that_is_far_enough() {
    let whole = jpeg(600, 400, |_| {});
    let cut = &whole[..whole.len() * 7 / 10];
    let picture = read(cut, 200).unwrap();
    let Damage { intact_rows, rows } = picture.damage().unwrap();
    assert!(
        rows == 400 && (200..360).contains(&intact_rows),
        "{intact_rows}"
    );
    // The rows beside the first damaged one are made of it, too.
    let right = intact_rows / 3 - 3;
    assert!(worst(&shown(&picture, 200), right) <= 8);
    let small = picture.fit(50).unwrap();
    assert_eq!(small.damage(), picture.damage(), "it stays known");

    let refused = |bytes: &[u8], min_intact_percent| {
        let limits = Limits {
            min_intact_percent,
            ..Limits::default()
        };
        match read_within(bytes, 200, &limits) {
            Ok(_) => false,
            Err(Error::Truncated { .. }) => true,
            Err(other) => panic!("{other}"),
        }
    };
    assert!(refused(cut, 100), "by the strictest policy");
    assert!(!refused(&whole, 100), "which whole pictures pass");
    let beginning = &whole[..whole.len() * 3 / 10];
    assert!(refused(beginning, 50));
    assert!(!refused(beginning, 1));
}

#[test]
fn profiles_are_obeyed_and_srgb_changes_nothing() {
    let with = |profile: &ColorProfile| {
        let icc = profile.encode().unwrap();
        jpeg(300, 200, |encoder| encoder.add_icc_profile(&icc).unwrap())
    };
    let plain = read(&jpeg(300, 200, |_| {}), 64).unwrap();
    let srgb = read(&with(&ColorProfile::new_srgb()), 64).unwrap();
    assert_eq!(srgb, plain);
    let wide = read(&with(&ColorProfile::new_display_p3()), 64).unwrap();
    // Of (130, 130, 128), nearly grey, little changes; of (230, 30, 128), red grows stronger.
    let (wide, plain) = (shown(&wide, 64), shown(&plain, 64));
    let difference = |x, y| {
        let (a, b) = (wide.get_pixel(x, y).0, plain.get_pixel(x, y).0);
        [0, 1, 2].map(|n| i16::from(a[n]) - i16::from(b[n]))
    };
    assert!(difference(32, 21).iter().all(|d| d.abs() <= 4));
    assert!(difference(62, 1)[0] >= 8, "{:?}", difference(62, 1));
}

#[test]
fn inks_and_grey_become_what_they_show() {
    let inks: Vec<u8> = [55, 155, 205, 127].repeat(64 * 48);
    // Written as Adobe does, 255 for no ink.
    for color_type in [ColorType::Cmyk, ColorType::CmykAsYcck] {
        let bytes = encoded(&inks, 64, 48, color_type, |_| {});
        let shown = shown(&read(&bytes, 32).unwrap(), 32);
        for (found, expected) in shown.get_pixel(16, 12).0.iter().zip([100, 50, 25]) {
            assert!(
                found.abs_diff(expected) <= 4,
                "{color_type:?} {found} {expected}"
            );
        }
    }
    let grey = encoded(&[77; 64 * 48], 64, 48, ColorType::Luma, |_| {});
    let small = read(&grey, 32).unwrap().fit(32).unwrap();
    let bytes = small.encode(OutputFormat::Jpeg, 90).unwrap();
    let shown = image::load_from_memory(&bytes).unwrap();
    assert_eq!(shown.color(), image::ColorType::L8);
    assert!(shown.as_bytes().iter().all(|level| level.abs_diff(77) <= 1));
}

#[test]
fn the_header_says_what_decoding_will_hold() {
    use super::super::inspect;
    let bytes = jpeg(2000, 1500, |encoder| encoder.set_progressive(true));
    let limits = Limits::default();
    let at = |largest| inspect(&bytes, largest, Effort::Default, &limits).unwrap();
    assert_eq!((at(16).width, at(16).height), (2000, 1500));
    assert!(at(16).peak_bytes < at(512).peak_bytes);
    let tight = Limits {
        max_decoded_bytes: at(16).peak_bytes - 1,
        ..limits
    };
    assert!(matches!(
        inspect(&bytes, 16, Effort::Default, &tight),
        Err(Error::TooLarge { .. })
    ));
}

/// One byte more each time: the first are fewer than a format is known by.
#[test]
fn the_first_bytes_are_no_error() {
    let bytes = jpeg(64, 48, |_| {});
    let (limits, stop) = (Limits::default(), Stop::default());
    let mut decoder = Decoder::new(32, Effort::Default, &limits, &stop);
    for end in 0..40 {
        let progress = decoder.advance(&bytes[..end]).unwrap();
        assert_eq!(progress, Progress::NeedMore, "{end}");
    }
    assert!(decoder.finish(&bytes).is_ok());
    let mut decoder = Decoder::new(32, Effort::Default, &limits, &stop);
    let text = decoder.advance(b"Hello, I am a text.");
    assert!(matches!(text, Err(Error::NotAPicture)));
}

/// `inspect` and `decode` refuse the same pictures for their demand of memory.
#[test]
fn memory_is_limited_alike_with_and_without_inspection() {
    use super::super::inspect;
    let bytes = jpeg(2000, 1500, |_| {});
    let limits = Limits::default();
    let peak = inspect(&bytes, 512, Effort::Default, &limits).unwrap();
    let with = |max_decoded_bytes| Limits {
        max_decoded_bytes,
        ..limits
    };
    assert!(read_within(&bytes, 512, &with(peak.peak_bytes)).is_ok());
    let refused = read_within(&bytes, 512, &with(peak.peak_bytes - 1));
    assert!(matches!(refused, Err(Error::TooLarge { .. })));
}

#[test]
fn case_29_a_panic_of_a_decoder_is_an_error_of_the_bytes() {
    for (panic, message) in [
        (
            Box::new("index out of range") as Box<dyn Any + Send>,
            "index out of range",
        ),
        (Box::new("at 7".to_owned()), "at 7"),
        (Box::new(7), ""),
    ] {
        let read = catch(Format::Png, || -> Result<(), Error> {
            std::panic::resume_unwind(panic)
        });
        let error = read.unwrap_err();
        assert!(matches!(error, Error::Malformed { .. }), "{error:?}");
        let cause = std::error::Error::source(&error).map(ToString::to_string);
        assert_eq!(
            cause.as_deref(),
            Some(&*format!("the decoder panicked: {message}"))
        );
    }
}
