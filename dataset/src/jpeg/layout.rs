//! How coefficients stand in a file.

use std::ops::RangeInclusive;

/// The kind of frame: which marker begins it, and how its scans are coded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Process {
    /// SOF0: baseline sequential. Steps up to 255, at most two Huffman tables of a class at a time.
    #[default]
    Baseline,
    /// SOF1: extended sequential, 8-bit samples. Up to four Huffman tables.
    Extended,
    /// SOF2: progressive (T.81, annex G).
    Progressive,
}

/// Where Huffman tables come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Huffman {
    /// Of its own for every scan and component, with the least bits; written before each scan.
    #[default]
    Optimal,
    /// The example tables of annex K, as most cameras use them: only for sequential frames.
    Example,
}

/// One scan: some coefficients of some components.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scan {
    /// Indices into [`Frame::components`](super::Frame::components), ascending. Several of them are
    /// interleaved.
    pub components: Vec<usize>,
    /// Spectral selection: the first and the last coefficient, in zigzag order. 0 to 63 in
    /// sequential frames; in progressive ones 0 to 0, or a band from 1 up of one component.
    pub band: RangeInclusive<u8>,
    /// Successive approximation, high: 0 in the first scan of a band, else the bit position that
    /// the scan before ended at.
    pub high: u8,
    /// Successive approximation, low: the lowest bit that this scan brings.
    pub low: u8,
    /// MCUs between restart markers; 0 for none.
    pub restart_interval: u16,
}

impl Scan {
    /// All coefficients at once, as sequential frames have them.
    #[must_use]
    pub fn all(components: &[usize]) -> Self {
        Self::new(components, 0..=63, 0, 0)
    }

    /// DC coefficients of a progressive frame.
    #[must_use]
    pub fn dc(components: &[usize], high: u8, low: u8) -> Self {
        Self::new(components, 0..=0, high, low)
    }

    /// A band of AC coefficients of a progressive frame.
    #[must_use]
    pub fn ac(component: usize, band: RangeInclusive<u8>, high: u8, low: u8) -> Self {
        Self::new(&[component], band, high, low)
    }

    /// The same scan with a restart marker after every `interval` MCUs.
    #[must_use]
    pub fn restarting(self, interval: u16) -> Self {
        Self {
            restart_interval: interval,
            ..self
        }
    }

    fn new(components: &[usize], band: RangeInclusive<u8>, high: u8, low: u8) -> Self {
        Self {
            components: components.to_vec(),
            band,
            high,
            low,
            restart_interval: 0,
        }
    }
}

/// Everything about a file that is not in its [`Frame`](super::Frame).
///
/// Scans may be as the standard forbids them, to see what a decoder does: too few, twice, thousands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    /// The kind of frame.
    pub process: Process,
    /// The scans in their order.
    pub scans: Vec<Scan>,
    /// The Huffman tables.
    pub huffman: Huffman,
    /// How many blocks one end-of-band code may stand for in progressive frames: 1 to 32,767.
    pub longest_eob_run: u16,
    /// Marker and content of each segment before the frame, such as [`jfif`](super::jfif) gives it.
    pub segments: Vec<(u8, Vec<u8>)>,
    /// How many fill bytes stand before every marker but the first (B.1.1.2).
    pub fill: usize,
    /// Whether the frame header leaves out the height, and a DNL segment after the first scan
    /// brings it (B.2.5).
    pub dnl: bool,
}

impl Default for Layout {
    /// Baseline, no scan, optimal tables, nothing else.
    fn default() -> Self {
        Self {
            process: Process::default(),
            scans: Vec::new(),
            huffman: Huffman::default(),
            longest_eob_run: 0x7FFF,
            segments: Vec::new(),
            fill: 0,
            dnl: false,
        }
    }
}
