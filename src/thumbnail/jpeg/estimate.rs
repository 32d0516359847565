//! How much of a progressive file is probably needed, judged by its first bytes.
//!
//! Nothing but the scans themselves says how long they are. But those of one file are alike: where a
//! picture has more detail, every scan has more bytes. The detail is known from the first component's
//! DC coefficients, which come first; so a part of any other scan says how long the rest will be. The
//! margins are those with which the estimate was enough for all of 43 photographs, whose scripts have
//! 7 to 16 scans. Where it is not, one part more of the file is read.

use super::super::Stop;
use super::component::{Held, Reading};
use super::frame::{Frame, Scan};
use super::markers::{self, Found};
use super::scan::rows_within;
use super::tables::Tables;

/// What is known of a file when its first bytes were not enough.
pub(super) struct Estimate<'a> {
    pub(super) frame: &'a Frame,
    pub(super) tables: &'a Tables,
    /// Of each component.
    pub(super) readings: &'a [Reading],
    /// The most bytes that a block's DC coefficient took, in the mean of a scan; 0 before the first.
    pub(super) dc_bytes_per_block: f64,
    pub(super) stop: &'a Stop,
}

/// Bytes of the first scan of a component's AC coefficients to those of its DC coefficients, as long
/// as its header has not been seen: from 0.1 to 6 in the photographs.
const AC_TO_DC: f64 = 1.75;

/// Headers and Huffman tables between two scans, and the marker that ends the last one.
const HEADER_BYTES: f64 = 512.0;

/// How much longer the rest of a scan may be than is expected of it. The fewer bits are sent, the less
/// regular it is where they are.
fn margin(missing_bits: u32) -> f64 {
    if missing_bits < 2 { 1.25 } else { 1.5 }
}

impl Estimate<'_> {
    /// How many bytes of the file, from its start, are probably enough. `so_far` is what there is of
    /// it, and at `at` is its first segment or scan that is not whole. `None` where nothing short of
    /// the whole file can be said to be.
    pub(super) fn bytes(mut self, so_far: &[u8], at: usize) -> Option<usize> {
        let mut known: Vec<_> = self.readings.iter().map(|r| r.known.clone()).collect();
        let mut bytes = so_far.len() as f64 + HEADER_BYTES;
        if let Found::Segment(segment) = markers::next_segment(so_far, at)
            && segment.code == markers::SOS
        {
            let scan = Scan::read(segment.body, self.frame).ok()?;
            bytes += self.rest_of(&scan, &so_far[segment.end..])?;
            for component in &scan.components {
                known[component.index].has_come(&scan);
            }
        }
        let components = self.readings.iter().zip(&self.frame.components);
        for (known, (reading, component)) in known.iter().zip(components) {
            // Refinements come last, or close to it.
            if known.wants_refinement(reading.dc_divisor()) {
                return None;
            }
            // No component takes more bytes for a block than the first.
            let blocks = component.blocks_wide * component.blocks_high;
            let dc = blocks as f64 * self.dc_bytes_per_block;
            if !known.has_dc() {
                bytes += dc + HEADER_BYTES;
            }
            if !known.has_ac() {
                bytes += AC_TO_DC * dc + HEADER_BYTES;
            }
        }
        Some(bytes as usize)
    }

    /// The bytes that are probably missing of a scan, of which `data` is there. `None` if it has not a
    /// single row, or refines.
    fn rest_of(&mut self, scan: &Scan, data: &[u8]) -> Option<f64> {
        let (rows, all) = rows_within(scan, self.frame, self.tables, data, self.stop).ok()??;
        let here = rows as f64 / all as f64;
        if scan.first == 0 {
            let density = data.len() as f64 / here / scan.blocks(self.frame) as f64;
            self.dc_bytes_per_block = self.dc_bytes_per_block.max(density);
        }
        let detail = detail(self.readings.first()?, scan.missing_bits);
        let (before, after) = detail.split_at((here * detail.len() as f64) as usize);
        let (before, after) = (before.iter().sum::<u64>(), after.iter().sum::<u64>());
        let rest = if before > 0 {
            after as f64 / before as f64
        } else {
            (1.0 - here) / here
        };
        Some(data.len() as f64 * rest * margin(scan.missing_bits))
    }
}

/// How much detail each row of a component has, as far as is known: the logarithms of the differences
/// between neighbouring blocks, without the bits that a scan leaves out.
fn detail(reading: &Reading, missing_bits: u32) -> Vec<u64> {
    let divisor = i32::from(reading.dc_divisor());
    match &reading.held {
        Held::Nothing => Vec::new(),
        Held::Samples(plane) => {
            let rows = plane.samples.chunks_exact(plane.width);
            let eighths = |&sample: &u8| i32::from(sample) * 8;
            let row = |row: &[u8]| detail_of_row(row.iter().map(eighths), missing_bits);
            rows.map(row).collect()
        }
        Held::Coefficients(kept) => {
            let rows = kept.dc.chunks_exact(kept.blocks_wide);
            let eighths = |&dc: &i16| i32::from(dc).wrapping_mul(divisor);
            let row = |row: &[i16]| detail_of_row(row.iter().map(eighths), missing_bits);
            rows.map(row).collect()
        }
    }
}

/// The sum over a row, of levels in eighths, of log2(1 + difference), in eighths, to a tenth.
fn detail_of_row(eighths: impl Iterator<Item = i32> + Clone, missing_bits: u32) -> u64 {
    let logarithm = |(a, b): (i32, i32)| {
        let x = (a.abs_diff(b) >> missing_bits).saturating_add(8);
        // Linear between powers of two, which the sum has no need to be better than.
        let power = x.ilog2();
        u64::from(8 * (power - 3) + (x >> (power - 3)) - 8)
    };
    let next = eighths.clone().skip(1);
    eighths.zip(next).map(logarithm).sum()
}
