//! A scene as a JPEG file.

use std::cell::RefCell;
use std::fmt;

use jpeg_encoder::{Encoder, ImageBuffer, JpegColorType, SamplingFactor};

use crate::scene::{Row, Scene};

/// JPEG quality of every generated picture. With it, bytes per pixel lie where the paper's
/// photographs have them.
const QUALITY: u8 = 80;

/// How a JPEG's coefficients are ordered in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coding {
    /// Several scans, coarse to fine (SOF2; T.81, annex G). All of the paper's photographs are so:
    /// three full DC scans first, then the AC coefficients.
    Progressive,
    /// One scan (SOF0; T.81, annex F), as cameras write it.
    Baseline,
}

impl fmt::Display for Coding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Progressive => "progressive",
            Self::Baseline => "baseline",
        })
    }
}

/// A photo-like JPEG, 4:2:0, of `width` x `height` pixels: always the same bytes for the same
/// arguments on one machine.
///
/// What goes into the encoder is the same on every machine; its DCT for AVX2 rounds otherwise than
/// its portable one, so files from a machine without AVX2 differ in single coefficients.
///
/// # Panics
/// If a side is 0: JPEG has no such picture.
#[must_use]
pub fn picture(seed: u64, width: u16, height: u16, coding: Coding) -> Vec<u8> {
    assert!(width > 0 && height > 0, "a picture has at least one pixel");
    let mut bytes = Vec::new();
    let mut encoder = Encoder::new(&mut bytes, QUALITY);
    encoder.set_sampling_factor(SamplingFactor::F_2_2);
    if coding == Coding::Progressive {
        encoder.set_progressive(true);
        // Only for this one: with it, a baseline file would get a scan for each component.
        encoder.set_optimized_huffman_tables(true);
    }
    let canvas = Canvas {
        width,
        height,
        scene: Scene::new(seed, width, height),
        row: RefCell::default(),
    };
    #[expect(
        clippy::expect_used,
        reason = "a Vec takes every byte, and the sides were checked above"
    )]
    encoder
        .encode_image(canvas)
        .expect("encoding into memory cannot fail");
    bytes
}

/// Hands a scene to the encoder row by row.
struct Canvas {
    width: u16,
    height: u16,
    scene: Scene,
    row: RefCell<Row>,
}

impl ImageBuffer for Canvas {
    fn get_jpeg_color_type(&self) -> JpegColorType {
        JpegColorType::Ycbcr
    }

    fn width(&self) -> u16 {
        self.width
    }

    fn height(&self) -> u16 {
        self.height
    }

    fn fill_buffers(&self, y: u16, buffers: &mut [Vec<u8>; 4]) {
        let row = &mut *self.row.borrow_mut();
        self.scene.row(y, row);
        #[expect(
            clippy::cast_possible_truncation,
            reason = "the scene's samples are 0..=255"
        )]
        #[expect(clippy::cast_sign_loss, reason = "the scene's samples are 0..=255")]
        for (buffer, samples) in buffers.iter_mut().zip([&row.luma, &row.cb, &row.cr]) {
            buffer.extend(samples.iter().map(|sample| *sample as u8));
        }
    }
}
