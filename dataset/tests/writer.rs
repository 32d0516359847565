//! What the writer writes, read by an independent decoder (zune-jpeg, within `image`).
#![allow(clippy::unwrap_used, clippy::expect_used)]

use dataset::frame;
use dataset::jpeg::{
    Frame, Huffman, Layout, Process, Samples, Scan, adobe, exif, icc, jfif, libjpeg, photograph,
    quantisation, sequential, write,
};
use image::ImageDecoder;
use image::codecs::jpeg::JpegDecoder;
use std::io::Cursor;

fn decoded(bytes: &[u8]) -> Vec<u8> {
    image::load_from_memory(bytes).unwrap().into_bytes()
}

fn progressive(scans: Vec<Scan>) -> Layout {
    Layout {
        process: Process::Progressive,
        scans,
        ..Layout::default()
    }
}

fn baseline(scans: Vec<Scan>) -> Layout {
    Layout {
        scans,
        ..Layout::default()
    }
}

/// The same coefficients are the same pixels, however they stand in the file. (Sequential scans of
/// single components are not here: zune-jpeg 0.5 shows only one of them. djpeg reads them.)
#[test]
fn every_layout_decodes_to_the_same_pixels() {
    let frame = frame(5, 131, 77);
    let expected = decoded(&write(&frame, &baseline(sequential(3))));
    let mut layouts = vec![
        Layout {
            huffman: Huffman::Example,
            ..baseline(sequential(3))
        },
        baseline(vec![Scan::all(&[0, 1, 2]).restarting(3)]),
        Layout {
            process: Process::Extended,
            ..baseline(vec![Scan::all(&[0, 1, 2]).restarting(1)])
        },
        progressive(libjpeg(3)),
        progressive(
            libjpeg(3)
                .into_iter()
                .map(|scan| scan.restarting(5))
                .collect(),
        ),
        Layout {
            longest_eob_run: 1,
            ..progressive(libjpeg(3))
        },
        Layout {
            fill: 3,
            ..progressive(libjpeg(3))
        },
    ];
    layouts.extend((0..6).map(|number| progressive(photograph(number))));
    for layout in layouts {
        assert!(decoded(&write(&frame, &layout)) == expected, "{layout:?}");
    }
}

#[test]
fn the_reference_is_what_an_independent_decoder_shows() {
    let samples: Vec<u8> = (0..40 * 30_u16)
        .map(|i| (i.wrapping_mul(i) >> 5).to_le_bytes()[0])
        .collect();
    let grey = Samples {
        sampling: (1, 1),
        table: quantisation(90).0,
        samples,
    };
    let frame = Frame::of_samples(40, 30, &[grey]);
    let pixels = decoded(&write(&frame, &baseline(sequential(1))));
    let expected = frame.components[0].samples(frame.blocks(0).0, 8);
    for (y, row) in pixels.chunks(40).enumerate() {
        for (level, exact) in row.iter().zip(&expected[40 * y..]) {
            assert!((f64::from(*level) - exact).abs() <= 1.0, "{level} {exact}");
        }
    }
}

#[test]
fn segments_are_found_again() {
    let profile: Vec<u8> = (0..1000_u16).map(|i| i.to_le_bytes()[0]).collect();
    let layout = Layout {
        segments: [vec![jfif(), exif(6, false)], icc(&profile, 300)].concat(),
        ..baseline(sequential(3))
    };
    let bytes = write(&frame(1, 9, 9), &layout);
    let mut decoder = JpegDecoder::new(Cursor::new(&bytes)).unwrap();
    assert_eq!(decoder.icc_profile().unwrap(), Some(profile));
    assert_eq!(
        decoder.orientation().unwrap(),
        image::metadata::Orientation::Rotate90
    );
}

/// Adobe's marker says that three components are RGB: then nothing is converted.
#[test]
fn adobes_marker_makes_rgb() {
    let flat = |level| Samples {
        sampling: (1, 1),
        table: [1; 64],
        samples: vec![level; 64],
    };
    let frame = Frame::of_samples(8, 8, &[flat(200), flat(100), flat(50)]);
    let layout = Layout {
        segments: vec![adobe(0)],
        ..baseline(sequential(3))
    };
    assert_eq!(decoded(&write(&frame, &layout))[..3], [200, 100, 50]);
}

#[test]
fn the_height_may_come_after_the_first_scan() {
    let frame = frame(1, 20, 30);
    let whole = write(&frame, &baseline(sequential(3)));
    let late = write(
        &frame,
        &Layout {
            dnl: true,
            ..baseline(sequential(3))
        },
    );
    assert_eq!(late.len(), whole.len() + 6);
    let dnl = late.len() - 8;
    assert_eq!(late[dnl..], [0xFF, 0xDC, 0, 4, 0, 30, 0xFF, 0xD9]);
    let differing = late.iter().zip(&whole).filter(|(a, b)| a != b).count();
    assert!(differing <= 3, "the height, and the end: {differing}");
}

#[test]
#[should_panic(expected = "no code for symbol")]
fn example_tables_cannot_code_everything() {
    let mut frame = frame(1, 16, 16);
    frame.components[0].blocks[0][1] = 2000;
    let layout = Layout {
        huffman: Huffman::Example,
        ..baseline(sequential(3))
    };
    let _ = write(&frame, &layout);
}
