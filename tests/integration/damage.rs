//! Every format cut short and with bits flipped: nothing panics, and no cut passes for the whole.

use cos_thumbnails::thumbnail::{Effort, Error, Limits, OutputFormat, Picture, Stop, decode};
use dataset::golden::{Golden, pictures, tiffs_with_directory_first};

/// Forms that are read by different ways; and every form of TIFF.
const FORMS: [&str; 16] = [
    "png-rgb-8-bit",
    "png-interlaced",
    "png-palette-trns",
    "png-animated",
    "gif-global-palette",
    "gif-interlaced",
    "gif-animated",
    "webp-lossless-alpha",
    "webp-lossy",
    "webp-lossy-alpha",
    "webp-animated",
    "bmp-24-bit",
    "bmp-rle8",
    "jpeg-ycbcr-baseline",
    "jpeg-ycbcr-progressive",
    "jpeg-cmyk-icc",
];

/// As odd as the files, so that cuts fall everywhere.
const STEP: usize = 37;

fn forms() -> Vec<(String, Vec<u8>)> {
    let all = pictures();
    let of = |name: &str| {
        let found = all.iter().find(|picture: &&Golden| picture.name == name);
        found.map(|picture| (picture.name.clone(), picture.bytes.clone()))
    };
    let mut forms: Vec<_> = FORMS.iter().map(|name| of(name).expect(name)).collect();
    // So small that each has some pieces, and those that are not packed are not long.
    let tiffs = tiffs_with_directory_first(12).into_iter();
    // All of these are read in the same way.
    forms.extend(tiffs.filter(|(name, _)| !name.contains("orientation")));
    forms
}

fn read(bytes: &[u8]) -> Result<Picture, Error> {
    let (limits, stop) = (Limits::default(), Stop::default());
    decode(bytes, 64, Effort::Default, &limits, &stop)
}

/// The thumbnail's file; what the damage is said to be is not part of it.
fn shown(picture: &Picture) -> Vec<u8> {
    let small = picture.fit(64).unwrap();
    small.encode(OutputFormat::Jpeg, 80).unwrap()
}

fn panicked(error: &Error) -> bool {
    let cause = std::error::Error::source(error);
    cause.is_some_and(|cause| cause.to_string().contains("panicked"))
}

#[test]
fn case_6_no_cut_passes_for_the_whole() {
    let (mut cuts, mut refused, mut degraded) = (0, 0, 0);
    for (name, whole) in forms() {
        let expected = shown(&read(&whole).unwrap());
        for end in (1..whole.len()).step_by(STEP) {
            cuts += 1;
            match read(&whole[..end]) {
                Err(error) => {
                    assert!(!panicked(&error), "{name} to {end}: {error:?}");
                    refused += 1;
                }
                Ok(picture) if picture.damage().is_some() => degraded += 1,
                // Of a progressive JPEG, and behind the last pixel, nothing is missed.
                Ok(picture) => assert!(shown(&picture) == expected, "{name} to {end}"),
            }
        }
    }
    println!("{cuts} cuts, {refused} refused, {degraded} degraded");
    assert!(refused > cuts / 2);
}

#[test]
fn flipped_bits_make_nothing_panic() {
    let (mut flips, mut refused) = (0, 0);
    for (name, whole) in forms() {
        // Long files are those that hold their pixels as they are: fewer of these will do.
        for at in (0..whole.len()).step_by(STEP.max(whole.len() / 500)) {
            let mut damaged = whole.clone();
            damaged[at] ^= 1 << (at % 8);
            flips += 1;
            match read(&damaged) {
                Err(error) => {
                    assert!(!panicked(&error), "{name} at {at}: {error:?}");
                    refused += 1;
                }
                Ok(picture) => assert!(!shown(&picture).is_empty()),
            }
        }
    }
    println!("{flips} flips, {refused} refused");
}
