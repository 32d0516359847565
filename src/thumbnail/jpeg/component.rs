//! What is read of one component, from scan to scan.

use super::super::planes::Plane;
use super::choice::Known;
use super::coefficients::Coefficients;
use super::frame::Scan;
use super::tables::Quantisation;

/// What has been read of one component.
pub(super) struct Reading {
    /// Coefficients kept of each block, each way; also samples made of it.
    pub(super) n: usize,
    pub(super) known: Known,
    /// Its quantisation table as it was when its first scan began.
    pub(super) quantisation: Option<Quantisation>,
    pub(super) held: Held,
}

/// What is held of a component.
pub(super) enum Held {
    Nothing,
    Coefficients(Coefficients),
    Samples(Plane),
}

impl Held {
    pub(super) fn coefficients(&mut self) -> Option<&mut Coefficients> {
        match self {
            Self::Coefficients(kept) => Some(kept),
            Self::Nothing | Self::Samples(_) => None,
        }
    }
}

impl Reading {
    /// Of a component of which n x n coefficients of each block are to be kept, before its first scan.
    pub(super) fn new(n: usize, known: Known) -> Self {
        Self {
            n,
            known,
            quantisation: None,
            held: Held::Nothing,
        }
    }

    pub(super) fn is_enough(&self) -> bool {
        self.known.is_enough(self.dc_divisor())
    }

    /// Whether a scan that is accepted brings something that is wanted. What may come when there is
    /// enough is not: samples have been made by then.
    pub(super) fn wants(&self, scan: &Scan) -> bool {
        !self.is_enough() && self.known.wants(scan, self.dc_divisor())
    }

    /// Whether no scan after this one is wanted.
    pub(super) fn is_enough_after(&self, scan: &Scan) -> bool {
        let mut after = self.known.clone();
        after.has_come(scan);
        after.is_enough(self.dc_divisor())
    }

    pub(super) fn dc_divisor(&self) -> u16 {
        self.quantisation.map_or(0, |table| table[0])
    }
}
