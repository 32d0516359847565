//! A scene as a JPEG file.

#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "the scene's samples are 0 to 255"
)]

use std::fmt;

use crate::jpeg::{self, Frame, Huffman, Layout, Process, Samples};
use crate::scene::{Row, Scene};

/// JPEG quality of every generated picture. With it, bytes per pixel lie where the paper's
/// photographs have them.
const QUALITY: u8 = 80;

/// How a JPEG's coefficients are ordered in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Coding {
    /// Several scans, coarse to fine (SOF2; T.81, annex G). All of the paper's photographs are so:
    /// three full DC scans first, then the AC coefficients; which of them when differs between
    /// photographs, and does so here ([`jpeg::photograph`], by the seed).
    Progressive,
    /// One scan (SOF0; T.81, annex F) with the Huffman tables of annex K, as cameras write it.
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
/// arguments, on every machine.
///
/// # Panics
/// If a side is 0: JPEG has no such picture.
#[must_use]
pub fn picture(seed: u64, width: u16, height: u16, coding: Coding) -> Vec<u8> {
    let layout = match coding {
        Coding::Progressive => Layout {
            process: Process::Progressive,
            scans: jpeg::photograph(seed),
            segments: vec![jpeg::jfif()],
            ..Layout::default()
        },
        Coding::Baseline => Layout {
            scans: jpeg::sequential(3),
            huffman: Huffman::Example,
            segments: vec![jpeg::jfif()],
            ..Layout::default()
        },
    };
    jpeg::write(&frame(seed, width, height), &layout)
}

/// The coefficients of a photo-like picture, 4:2:0: what [`picture()`] writes into a file.
///
/// # Panics
/// If a side is 0: JPEG has no such picture.
#[must_use]
pub fn frame(seed: u64, width: u16, height: u16) -> Frame {
    assert!(width > 0 && height > 0, "a picture has at least one pixel");
    let (luma_table, chroma_table) = jpeg::quantisation(QUALITY);
    let samples = |sampling, table| Samples {
        sampling,
        table,
        samples: Vec::new(),
    };
    let mut components = [
        samples((2, 2), luma_table),
        samples((1, 1), chroma_table),
        samples((1, 1), chroma_table),
    ];
    let scene = Scene::new(seed, width, height);
    let mut rows = [Row::default(), Row::default()];
    for y in (0..height).step_by(2) {
        // The row below the last is the last one again.
        for (row, y) in rows.iter_mut().zip([y, (y + 1).min(height - 1)]) {
            scene.row(y, row);
        }
        let [above, below] = &rows;
        let [luma, cb, cr] = &mut components;
        for row in [above, below] {
            luma.samples
                .extend(row.luma.iter().map(|level| *level as u8));
        }
        for (to, above, below) in [(cb, &above.cb, &below.cb), (cr, &above.cr, &below.cr)] {
            let means = above.chunks(2).zip(below.chunks(2)).map(|(above, below)| {
                // Two pixels wide, but for the last one of an odd row.
                let (count, sum) = above
                    .iter()
                    .chain(below)
                    .fold((0, 0), |(count, sum), level| (count + 1, sum + level));
                ((sum + count / 2) / count) as u8
            });
            to.samples.extend(means);
        }
    }
    Frame::of_samples(width, height, &components)
}
