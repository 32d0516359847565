//! The way through the MCUs of a scan, restart interval by restart interval (T.81, E.2.3 and E.2.4).

use std::ops::Range;

use super::super::{Error, Stop};
use super::bits::Entropy;
use super::huffman::Damaged;

/// What decodes the MCUs of one kind of scan.
pub(super) trait Units {
    /// Forgets what runs on from MCU to MCU: a restart interval begins.
    fn restart(&mut self);

    /// Decodes neighbouring MCUs of one row.
    fn run(
        &mut self,
        entropy: &mut Entropy<'_>,
        row: usize,
        columns: Range<usize>,
    ) -> Result<(), Damaged>;

    /// Whether what has been decoded says something of MCUs to come.
    fn runs_on(&self) -> bool {
        false
    }

    /// The row will get no more MCUs, though it may not have got all.
    fn end_of_row(&mut self, _row: usize) {}
}

/// The MCUs of a scan.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shape {
    pub(super) wide: usize,
    pub(super) high: usize,
    /// MCUs from one restart marker to the next; 0 for no markers.
    pub(super) restart_interval: usize,
    /// Whether data may follow that of the last MCU.
    pub(super) may_go_on: bool,
}

/// Decodes a whole scan. Says how many rows of MCUs, from the top, are undamaged.
///
/// Damage is a code that does not exist, a coefficient past the last, missing data, or a missing
/// restart marker: what lies between it and the next restart marker is lost. So is data that is left
/// over where a restart interval or the scan should end, unless [`Shape`] allows it: wrong bits lead
/// to too many MCUs as often as to too few. From where on the bits are wrong is not known then, so
/// none of the interval is called undamaged; other damage is noticed where it is, or some rows below.
pub(super) fn walk(
    units: &mut impl Units,
    entropy: &mut Entropy<'_>,
    shape: Shape,
    stop: &Stop,
) -> Result<usize, Error> {
    let Shape { wide, high, .. } = shape;
    let total = wide * high;
    let interval = match shape.restart_interval {
        0 => total,
        interval => interval,
    };
    let mut intact = high;
    let mut expected = 0;
    // Of the interval.
    let mut first_row = 0;
    let (mut at, mut end_of_interval) = (0, interval);
    while at < total {
        let row = at / wide;
        if stop.is_stopped() {
            return Err(Error::Stopped);
        }
        let next = if at == end_of_interval {
            let lost = entropy.restart(expected);
            if lost != Some(0) {
                intact = intact.min(row);
            }
            let Some(lost) = lost else {
                units.end_of_row(row);
                break;
            };
            units.restart();
            expected = (expected + 1 + (lost & 7) as u8) & 7;
            let next = at + (lost as usize) * interval;
            end_of_interval = next + interval;
            first_row = next / wide;
            next
        } else {
            let end = end_of_interval.min((row + 1) * wide);
            let columns = at - row * wide..end - row * wide;
            if units.run(entropy, row, columns).is_ok() && !entropy.overrun() {
                let is_last = end == total;
                let ends = if is_last {
                    !shape.may_go_on
                } else {
                    end == end_of_interval
                };
                if ends && (units.runs_on() || entropy.left_over() || is_last && entropy.goes_on())
                {
                    // After the last it may be a scan whose header was lost.
                    intact = if is_last { 0 } else { intact.min(first_row) };
                }
                end
            } else {
                intact = intact.min(row);
                end_of_interval
            }
        };
        if next >= (row + 1) * wide {
            units.end_of_row(row);
        }
        at = next;
    }
    Ok(intact)
}
