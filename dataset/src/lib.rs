//! The data set of the paper that this project reproduces: its photographs by name, and a
//! generator of pictures like them, so that everything runs without a download.
//!
//! ```
//! let first = dataset::pictures_within(1, 256).next().unwrap();
//! assert_eq!(first.name, "generated-001-192x256-progressive.jpg");
//! assert!(first.bytes.starts_with(&[0xFF, 0xD8]));
//! ```

pub mod fetch;
#[cfg(feature = "golden")]
pub mod golden;
pub mod jpeg;
mod manifest;
mod noise;
mod picture;
mod scene;

pub use manifest::{Photograph, photographs};
pub use picture::{Coding, frame, picture};

/// Every so manieth generated picture is baseline, as uploads of cameras and telephones are; the
/// others are progressive, as all of the paper's photographs are.
const BASELINE_EVERY: usize = 4;

/// A generated picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// Such as `generated-001-4000x3000-progressive.jpg`: number from 1, size, coding.
    pub name: String,
    /// The JPEG file.
    pub bytes: Vec<u8>,
}

/// `count` photo-like JPEGs with the sizes of the paper's photographs (5 to 47 megapixels), in the
/// order of its manifest and again from the start after the last.
///
/// Each is computed when it is asked for, so only one is in memory at a time. The same number gives
/// the same bytes, as [`picture()`] has it.
pub fn pictures(count: usize) -> impl Iterator<Item = Picture> {
    pictures_within(count, u16::MAX)
}

/// As [`pictures`], but scaled to have no side longer than `max_side` pixels (at least 1).
pub fn pictures_within(count: usize, max_side: u16) -> impl Iterator<Item = Picture> {
    pictures_coded(count, max_side, |number| {
        if number.is_multiple_of(BASELINE_EVERY) {
            Coding::Baseline
        } else {
            Coding::Progressive
        }
    })
}

/// Pictures to stand in for the paper's photographs where these cannot be had: all progressive, as they are.
/// Of 36 of the 250 photographs the size is not known; the last 36 have those of the first again.
pub fn stand_ins(count: usize, max_side: u16) -> impl Iterator<Item = Picture> {
    pictures_coded(count, max_side, |_| Coding::Progressive)
}

fn pictures_coded(
    count: usize,
    max_side: u16,
    coding: impl Fn(usize) -> Coding,
) -> impl Iterator<Item = Picture> {
    let sizes: Vec<(u16, u16)> = photographs()
        .iter()
        .filter_map(|photograph| Some((photograph.width?, photograph.height?)))
        .collect();
    sizes
        .into_iter()
        .cycle()
        .take(count)
        .zip(1_usize..)
        .map(move |((width, height), number)| {
            let (width, height) = within(width, height, max_side.max(1));
            let coding = coding(number);
            Picture {
                name: format!("generated-{number:03}-{width}x{height}-{coding}.jpg"),
                bytes: picture(number as u64, width, height, coding),
            }
        })
}

/// The size that keeps the aspect and has no side above `max_side`.
fn within(width: u16, height: u16, max_side: u16) -> (u16, u16) {
    let long = width.max(height);
    if long <= max_side {
        return (width, height);
    }
    let scale = |side: u16| {
        let scaled =
            (u32::from(side) * u32::from(max_side) + u32::from(long) / 2) / u32::from(long);
        u16::try_from(scaled).unwrap_or(max_side).max(1)
    };
    (scale(width), scale(height))
}
