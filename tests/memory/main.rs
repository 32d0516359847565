//! What is held in memory is not more than was promised before any pixel: work is admitted by that.
//!
//! A binary of its own, with an allocator that counts; one test, so that nothing else is counted.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use cos_thumbnails::plan::Recipe;
use cos_thumbnails::render::render;
use cos_thumbnails::thumbnail::{Effort, Limits, Stop, inspect};
use dataset::jpeg::{Frame, Layout, Process, Samples, libjpeg, quantisation, sequential, write};
use peak_alloc::PeakAlloc;

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

/// Grey, 4:4:4, 4:2:2, 4:4:0, 4:2:0, 4:1:1, and four components.
const SAMPLINGS: &[&[(u8, u8)]] = &[
    &[(1, 1)],
    &[(1, 1), (1, 1), (1, 1)],
    &[(2, 1), (1, 1), (1, 1)],
    &[(1, 2), (1, 1), (1, 1)],
    &[(2, 2), (1, 1), (1, 1)],
    &[(4, 1), (1, 1), (1, 1)],
    &[(1, 1), (1, 1), (1, 1), (1, 1)],
];

/// An EXIF segment that says: to be turned by a quarter (orientation 6).
const TURNED: &[u8] = b"Exif\0\0MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0";

/// Slopes and edges, so that there are coefficients of all kinds.
fn picture(width: u16, height: u16, samplings: &[(u8, u8)]) -> Frame {
    let component = |&sampling: &(u8, u8)| Samples {
        sampling,
        table: quantisation(85).0,
        samples: Vec::new(),
    };
    let mut components: Vec<Samples> = samplings.iter().map(component).collect();
    let empty = Frame::empty(width, height, &components);
    for (i, component) in components.iter_mut().enumerate() {
        let (wide, high) = empty.size(i);
        let level = |at: usize| {
            let (x, y) = (at % wide, at / wide);
            let level = x * (i + 1)
                + y * 2
                + if x / 50 % 3 == y / 70 % 2 {
                    60
                } else {
                    x * y % 7
                };
            u8::try_from(level % 256).unwrap()
        };
        component.samples = (0..wide * high).map(level).collect();
    }
    Frame::of_samples(width, height, &components)
}

/// What rendering holds at one time, and what was promised, in bytes.
fn held(file: &[u8], largest: u32) -> (usize, u64) {
    let limits = Limits::default();
    let promised = inspect(file, largest, Effort::Default, &limits)
        .unwrap()
        .peak_bytes;
    let sizes = [largest / 2, largest];
    let recipe = Recipe::standard().with_sizes(&sizes).unwrap();
    let before = ALLOCATOR.current_usage();
    ALLOCATOR.reset_peak_usage();
    let rendered = render(file, &recipe, &limits, &Stop::default()).unwrap();
    let peak = ALLOCATOR.peak_usage() - before;
    assert_eq!(rendered.degraded, None);
    (peak, promised)
}

/// A file of a frame, as it is or with a segment that has it turned.
fn file(frame: &Frame, process: Process, turned: bool) -> Vec<u8> {
    let count = frame.components.len();
    let layout = Layout {
        process,
        scans: match process {
            Process::Progressive => libjpeg(count),
            _ => sequential(count),
        },
        segments: if turned {
            vec![(0xe1, TURNED.to_vec())]
        } else {
            Vec::new()
        },
        ..Layout::default()
    };
    write(frame, &layout)
}

/// A large plane that is there twice while it is turned, and of which a small thumbnail is made.
fn large_and_turned() -> Vec<u8> {
    let grey = Samples {
        sampling: (1, 1),
        table: quantisation(85).0,
        samples: Vec::new(),
    };
    file(&Frame::empty(9000, 9000, &[grey]), Process::Baseline, true)
}

#[test]
fn no_more_is_held_than_was_promised() {
    for samplings in SAMPLINGS {
        let frame = picture(1700, 1300, samplings);
        for process in [Process::Baseline, Process::Progressive] {
            for turned in [false, true] {
                let file = file(&frame, process, turned);
                // Every n: 1, 2, 4 and 8 samples of each block, each way.
                for largest in [100, 200, 500, 1700] {
                    let (held, promised) = held(&file, largest);
                    let what = format!("{samplings:?} {process:?} {largest}: {held} of {promised}");
                    assert!(held as u64 <= promised, "{what}");
                    // Work would wait without need. In small pictures all that is small counts.
                    assert!(promised <= 8 * held as u64 + (2 << 20), "{what}");
                }
            }
        }
    }
    let (held, promised) = held(&large_and_turned(), 32);
    assert!(held as u64 <= promised, "turned: {held} of {promised}");
}
