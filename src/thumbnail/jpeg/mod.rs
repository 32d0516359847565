//! The shrink-on-load JPEG reader: reads from a JPEG (ITU-T T.81) only what its thumbnails show.
//!
//! ```text
//!  bytes ─► markers ─► frame, tables, metadata        choice: which n, which scans
//!              │                                           │
//!              └─► scan ─► bits ─► huffman ─► walk ─┬─► sequential ──► kernels::idct ─► Planes
//!                         (unstuffed)    (MCU rows) └─► dc, ac, refine ─► coefficients ─┘
//! ```
//!
//! Of each block of 8 x 8 samples only the n x n lowest coefficients are kept, which are the block
//! shrunk to n x n samples. A sequential file must be parsed to its end for that. Of a progressive
//! one, whose first scans bring the low coefficients of all blocks, the rest is not even looked at.

#![allow(
    clippy::inline_always,
    reason = "the state of the bits stays in registers only where all that touches it is inlined"
)]
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::cast_precision_loss,
    reason = "fields are cut out of table entries, coefficients wrap around at 16 bits whatever a \
              damaged file says, and sides are below 65,536"
)]

mod ac;
mod bits;
mod block;
mod choice;
mod coefficients;
mod component;
mod dc;
mod estimate;
mod frame;
mod huffman;
#[cfg(any(test, fuzzing))]
pub(crate) mod invariants;
mod lookup;
mod markers;
mod metadata;
mod reader;
mod refine;
mod samples;
mod scan;
mod sequential;
mod tables;
mod walk;
mod zigzag;

#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::cast_precision_loss,
    clippy::float_cmp
)]
mod tests;

pub(crate) use reader::Reader;

use super::planes::Effort;

/// All coefficients of a block, each way.
const MAX_N: usize = 8;

/// More scans than this are refused. Encoders that search for the best script stay below 70.
const MAX_SCANS: u64 = 500;

/// What the planes are for.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Want {
    /// The side of the box of the largest thumbnail, in pixels. `u32::MAX` asks for all there is.
    pub(crate) largest: u32,
    /// Where quality ends and speed begins.
    pub(crate) effort: Effort,
}

/// Whether a prefix of the file was enough.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// There is more to be had in what follows.
    NeedMore,
    /// What follows would not be read.
    Enough,
}
