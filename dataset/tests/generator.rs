//! The generator's promises: the same bytes again, the sizes it names, the coding it names, and a
//! file length like a photograph's.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::collections::HashSet;

use dataset::{Coding, Picture, photographs, picture, pictures, pictures_within, stand_ins};
use sha2::{Digest, Sha256};

/// What a JPEG's frame header says (T.81, B.2.2).
#[derive(Debug, PartialEq, Eq)]
struct Frame {
    marker: u8,
    width: u16,
    height: u16,
    sampling: Vec<u8>,
}

fn frame(jpeg: &[u8]) -> Frame {
    let word = |at: usize| u16::from_be_bytes([jpeg[at], jpeg[at + 1]]);
    let mut at = 2;
    loop {
        assert_eq!(jpeg[at], 0xFF, "a marker at {at}");
        if matches!(jpeg[at + 1], 0xC0..=0xC2) {
            let components = usize::from(jpeg[at + 9]);
            return Frame {
                marker: jpeg[at + 1],
                width: word(at + 7),
                height: word(at + 5),
                sampling: (0..components).map(|i| jpeg[at + 11 + 3 * i]).collect(),
            };
        }
        at += 2 + usize::from(word(at + 2));
    }
}

#[test]
fn the_same_arguments_give_the_same_bytes_and_others_do_not() {
    let once = picture(3, 160, 120, Coding::Progressive);
    assert_eq!(once, picture(3, 160, 120, Coding::Progressive));
    assert_ne!(once, picture(4, 160, 120, Coding::Progressive));
    assert_ne!(once, picture(3, 160, 120, Coding::Baseline));
}

/// Also on another machine: the sums were taken on one with AVX2.
#[test]
fn the_bytes_are_the_same_on_every_machine() {
    let sum = |coding| {
        let digest = Sha256::digest(picture(3, 160, 120, coding));
        u64::from_be_bytes(digest[..8].try_into().unwrap())
    };
    assert_eq!(sum(Coding::Progressive), 1_881_193_303_189_532_472);
    assert_eq!(sum(Coding::Baseline), 7_632_710_255_588_791_017);
}

#[test]
fn every_fourth_is_baseline_and_all_are_4_2_0_of_the_size_they_name() {
    for (i, Picture { name, bytes }) in pictures_within(8, 200).enumerate() {
        let (coding, marker) = if i % 4 == 3 {
            (Coding::Baseline, 0xC0)
        } else {
            (Coding::Progressive, 0xC2)
        };
        let frame = frame(&bytes);
        let (width, height) = (frame.width, frame.height);
        assert_eq!(frame.marker, marker, "{name}");
        assert_eq!(frame.sampling, [0x22, 0x11, 0x11], "{name}");
        assert_eq!(
            name,
            format!("generated-{:03}-{width}x{height}-{coding}.jpg", i + 1)
        );
        assert_eq!(width.max(height), 200);

        let decoded = image::load_from_memory(&bytes).unwrap();
        assert_eq!(decoded.width(), u32::from(width));
        assert_eq!(decoded.height(), u32::from(height));
    }
}

#[test]
fn stand_ins_are_all_progressive_and_of_the_photographs_sizes() {
    let sizes = photographs().into_iter().filter_map(|it| {
        let (width, height) = (it.width?, it.height?);
        Some(f64::from(width) / f64::from(height))
    });
    for (Picture { name, bytes }, aspect) in stand_ins(8, 200).zip(sizes) {
        let frame = frame(&bytes);
        assert_eq!(frame.marker, 0xC2, "{name}");
        assert!(name.ends_with("-progressive.jpg"), "{name}");
        let found = f64::from(frame.width) / f64::from(frame.height);
        assert!((found / aspect - 1.0).abs() < 0.01, "{name}");
    }
    assert_eq!(stand_ins(250, 16).count(), 250);
}

#[test]
fn the_first_has_the_size_of_the_papers_first_photograph() {
    let first = pictures(1).next().unwrap();
    assert_eq!(first.name, "generated-001-2736x3648-progressive.jpg");
    assert_eq!(frame(&first.bytes).width, 2736);
    assert_eq!(frame(&first.bytes).height, 3648);
}

/// The paper's 214 photographs have 0.018 to 0.32 bytes per pixel, 0.11 in the mean.
#[test]
fn files_are_about_as_long_as_photographs() {
    let paper = photographs().into_iter().filter_map(|photograph| {
        let pixels = u32::from(photograph.width?) * u32::from(photograph.height?);
        Some(f64::from(u32::try_from(photograph.bytes?).ok()?) / f64::from(pixels))
    });
    let generated = pictures_within(24, 640).map(|picture| {
        let frame = frame(&picture.bytes);
        let pixels = u32::from(frame.width) * u32::from(frame.height);
        f64::from(u32::try_from(picture.bytes.len()).unwrap()) / f64::from(pixels)
    });
    let (paper_mean, paper_least, paper_most) = spread(paper);
    let (mean, least, most) = spread(generated);
    assert!((mean / paper_mean - 1.0).abs() < 0.2, "{mean} {paper_mean}");
    assert!(least > paper_least && most < paper_most, "{least}..{most}");
    assert!(
        most > 2.0 * least,
        "pictures should differ: {least}..{most}"
    );
}

fn spread(ratios: impl Iterator<Item = f64>) -> (f64, f64, f64) {
    let ratios: Vec<f64> = ratios.collect();
    let count = f64::from(u32::try_from(ratios.len()).unwrap());
    (
        ratios.iter().sum::<f64>() / count,
        ratios.iter().copied().fold(f64::INFINITY, f64::min),
        ratios.iter().copied().fold(0.0, f64::max),
    )
}

#[test]
fn no_two_of_the_first_fifty_are_alike() {
    let names: HashSet<String> = pictures_within(50, 32).map(|p| p.name).collect();
    let files: HashSet<Vec<u8>> = pictures_within(50, 32).map(|p| p.bytes).collect();
    assert_eq!((names.len(), files.len()), (50, 50));
}

#[test]
fn the_list_begins_again_after_the_last_photograph() {
    let again = pictures_within(215, 16).last().unwrap();
    assert_eq!(again.name, "generated-215-12x16-progressive.jpg");
}

#[test]
fn one_pixel_is_a_picture() {
    for coding in [Coding::Progressive, Coding::Baseline] {
        let decoded = image::load_from_memory(&picture(1, 1, 1, coding)).unwrap();
        assert_eq!((decoded.width(), decoded.height()), (1, 1));
    }
}

#[test]
#[should_panic(expected = "at least one pixel")]
fn no_pixel_is_none() {
    let _ = picture(1, 0, 5, Coding::Baseline);
}
