//! From coefficients to the samples of a plane.

use super::super::kernels::{Dequantiser, row_of_blocks};
use super::super::planes::Plane;
use super::super::{Error, Stop};
use super::coefficients::Coefficients;
use super::frame::Frame;
use super::tables::Quantisation;
use super::zigzag::Places;

/// A dequantiser for the n * n kept coefficients.
pub(super) fn dequantiser(
    n: usize,
    quantisation: Option<&Quantisation>,
    missing_dc_bits: u32,
) -> Dequantiser {
    let mut kept = [1; 64];
    for (&index, &divisor) in Places::of(n)
        .index
        .iter()
        .zip(quantisation.unwrap_or(&[1; 64]))
    {
        if let Some(kept) = kept.get_mut(usize::from(index)) {
            *kept = divisor;
        }
    }
    Dequantiser::new(n, &kept[..n * n], missing_dc_bits)
}

/// A plane for n x n samples of each block, all of them in the middle.
pub(super) fn grey_plane(frame: &Frame, component: usize, n: usize) -> Plane {
    let (exact_width, exact_height) = frame.exact_size(component);
    let span = (exact_width * n as f64 / 8.0, exact_height * n as f64 / 8.0);
    let (width, height) = (span.0.ceil() as usize, span.1.ceil() as usize);
    Plane {
        width,
        height,
        samples: vec![128; width * height],
        span,
    }
}

/// Fills a plane with the samples of the coefficients that are kept.
pub(super) fn fill_plane(
    plane: &mut Plane,
    kept: &Coefficients,
    dequantiser: &Dequantiser,
    stop: &Stop,
) -> Result<(), Error> {
    let n = kept.n;
    let mut samples = vec![0; kept.blocks_wide * n * n];
    let mut coefficients = vec![0; samples.len()];
    for row in 0..kept.blocks_high {
        if stop.is_stopped() {
            return Err(Error::Stopped);
        }
        kept.put_ac(row, &mut coefficients);
        kept.put_dc(row, &mut coefficients);
        row_of_blocks(dequantiser, &coefficients, &mut samples);
        put_rows(plane, row * n, &samples, n);
    }
    Ok(())
}

/// Copies `n` rows into a plane, from its row `from` on, without what is outside of it.
pub(super) fn put_rows(plane: &mut Plane, from: usize, rows: &[u8], n: usize) {
    let width = plane.width;
    let to = plane.samples[from * width..].chunks_exact_mut(width);
    for (row, to) in rows.chunks_exact(rows.len() / n).zip(to) {
        to.copy_from_slice(&row[..width]);
    }
}
