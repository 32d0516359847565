//! A JPEG writer by scan script (ITU-T T.81): the same coefficients in every order and form that the
//! standard's Huffman-coded DCT processes allow. For tests, which need pictures of every kind whose
//! samples they know, and for the generator.
//!
//! A [`Frame`] holds quantised coefficients, from samples ([`Frame::of_samples`]) or made up. A
//! [`Layout`] says how they stand in the file. [`write()`] joins the two. What a decoder should make of
//! the file, at full size or scaled, is [`Component::samples`], in floating point.
//!
//! ```
//! use dataset::jpeg::{Frame, Layout, Process, Samples, Scan, quantisation, write};
//!
//! let grey = vec![Samples { sampling: (1, 1), table: quantisation(80).0, samples: vec![7; 12 * 9] }];
//! let frame = Frame::of_samples(12, 9, &grey);
//! let layout = Layout {
//!     process: Process::Progressive,
//!     scans: vec![Scan::dc(&[0], 0, 1), Scan::ac(0, 1..=63, 0, 0), Scan::dc(&[0], 1, 0)],
//!     ..Layout::default()
//! };
//! assert!(write(&frame, &layout).ends_with(&[0xFF, 0xD9]));
//! ```
//!
//! Everything is computed in integers or by single float operations in a fixed order, so the same
//! input gives the same bytes on every machine.

mod bits;
mod dct;
mod frame;
mod huffman;
mod layout;
mod scan;
mod scripts;
mod segments;
mod tables;
mod write;

pub use frame::{Component, Frame, Samples, ZIGZAG};
pub use layout::{Huffman, Layout, Process, Scan};
pub use scripts::{libjpeg, one_by_one, photograph, sequential};
pub use segments::{adobe, exif, icc, jfif};
pub use tables::quantisation;
pub use write::write;
