//! The coefficients of progressive pictures that are kept from scan to scan.

use super::frame::Component;

/// The kept coefficients of one component.
pub(super) struct Coefficients {
    pub(super) n: usize,
    pub(super) blocks_wide: usize,
    pub(super) blocks_high: usize,
    /// The DC coefficient of each block, row by row.
    pub(super) dc: Vec<i16>,
    /// n * n of each block, of which the first is not used. Empty until a scan brings any that have
    /// to be kept.
    pub(super) ac: Vec<i16>,
    /// For each block, by place in the zigzag sequence, whether a coefficient, kept or not, is other
    /// than zero. Empty if no AC refinement is wanted.
    pub(super) history: Vec<u64>,
}

impl Coefficients {
    pub(super) fn new(component: &Component, n: usize) -> Self {
        Self {
            n,
            blocks_wide: component.blocks_wide,
            blocks_high: component.blocks_high,
            dc: vec![0; component.blocks_wide * component.blocks_high],
            ac: Vec::new(),
            history: Vec::new(),
        }
    }

    /// Makes room for AC coefficients.
    pub(super) fn keep_ac(&mut self, with_history: bool) {
        let blocks = self.dc.len();
        if self.ac.is_empty() {
            self.ac = vec![0; blocks * self.n * self.n];
            self.history = vec![0; if with_history { blocks } else { 0 }];
        }
    }

    /// The most bytes that are held.
    pub(super) fn predicted_bytes(component: &Component, n: usize, with_history: bool) -> u64 {
        let blocks = component.blocks_wide as u64 * component.blocks_high as u64;
        let ac = if n > 1 { 2 * (n * n) as u64 } else { 0 };
        blocks * (2 + ac + if with_history { 8 } else { 0 })
    }

    /// The AC coefficients that are kept of a row of blocks, n * n of each with the first of no
    /// meaning.
    pub(super) fn put_ac(&self, row: usize, to: &mut [i16]) {
        let size = self.n * self.n;
        let blocks = row * self.blocks_wide..(row + 1) * self.blocks_wide;
        match self.ac.get(blocks.start * size..blocks.end * size) {
            Some(ac) => to.copy_from_slice(ac),
            None => to.fill(0),
        }
    }

    /// The DC coefficients of a row of blocks, the first of n * n of each.
    pub(super) fn put_dc(&self, row: usize, to: &mut [i16]) {
        let dc = &self.dc[row * self.blocks_wide..(row + 1) * self.blocks_wide];
        match self.n {
            1 => to.copy_from_slice(dc),
            2 => put_dc::<4>(dc, to),
            4 => put_dc::<16>(dc, to),
            _ => put_dc::<64>(dc, to),
        }
    }
}

fn put_dc<const SIZE: usize>(dc: &[i16], to: &mut [i16]) {
    for (&dc, block) in dc.iter().zip(to.as_chunks_mut::<SIZE>().0) {
        block[0] = dc;
    }
}
