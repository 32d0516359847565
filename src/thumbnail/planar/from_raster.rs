//! RGB to planes, for pictures that did not come as planes.

use super::super::kernels::resample::FRACTION_BITS;
use super::{ChromaSubsampling, FinePlane, Planar};

/// Factors for red, green and blue of full-range Y, Cb and Cr by BT.601 (JFIF 1.02), with
/// [`FACTOR_BITS`] bits behind the point. Those of Y add up to 1, the others to 0.
const FACTORS: [[i32; 3]; 3] = [
    [19_595, 38_470, 7_471],
    [-11_059, -21_709, 32_768],
    [32_768, -27_439, -5_329],
];

const FACTOR_BITS: u32 = 16;

impl Planar {
    /// From grey, one sample a pixel.
    pub(in super::super) fn of_grey(size: (u32, u32), samples: &[u8]) -> Self {
        let fine = |&level: &u8| (i16::from(level) - 128) << FRACTION_BITS;
        let plane = FinePlane {
            width: size.0 as usize,
            height: size.1 as usize,
            samples: samples.iter().map(fine).collect(),
        };
        Self::Fitted {
            size,
            chroma: ChromaSubsampling::default(),
            planes: vec![plane],
        }
    }

    /// From RGB. Colour differences are averaged, at 4:2:0 over two by two pixels, as libjpeg does,
    /// since taking every other one would alias; at the edges, over those that there are.
    pub(in super::super) fn of_rgb(
        size: (u32, u32),
        samples: &[u8],
        chroma: ChromaSubsampling,
    ) -> Self {
        let (width, height) = (size.0 as usize, size.1 as usize);
        let pixels = samples.as_chunks::<3>().0;
        let of = |[r, g, b]: [i32; 3], by: [i32; 3]| r * by[0] + g * by[1] + b * by[2];
        let luma = pixels.iter().map(|pixel| {
            let y = of(pixel.map(i32::from), FACTORS[0]);
            fine(y - (128 << FACTOR_BITS), 1)
        });
        let luma = FinePlane {
            width,
            height,
            samples: luma.collect(),
        };
        let (across, down) = chroma.factors();
        let (across, down) = (usize::from(across), usize::from(down));
        let (columns, rows) = (width.div_ceil(across), height.div_ceil(down));
        let mut differences = [(); 2].map(|()| Vec::with_capacity(columns * rows));
        for top in (0..height).step_by(down) {
            for left in (0..width).step_by(across) {
                let mut sum = [0; 3];
                let mut count = 0;
                for y in top..(top + down).min(height) {
                    let right = (left + across).min(width);
                    for pixel in &pixels[y * width + left..y * width + right] {
                        for (sum, &level) in sum.iter_mut().zip(pixel) {
                            *sum += i32::from(level);
                        }
                        count += 1;
                    }
                }
                for (samples, by) in differences.iter_mut().zip(&FACTORS[1..]) {
                    samples.push(fine(of(sum, *by), count));
                }
            }
        }
        let differences = differences.map(|samples| FinePlane {
            width: columns,
            height: rows,
            samples,
        });
        Self::Fitted {
            size,
            chroma,
            planes: std::iter::once(luma).chain(differences).collect(),
        }
    }
}

/// A sum of `count` levels less 128, to the nearest.
#[expect(
    clippy::cast_possible_truncation,
    reason = "a level of 8 bits has 14 with its fraction"
)]
fn fine(sum: i32, count: i32) -> i16 {
    let divisor = count << (FACTOR_BITS - FRACTION_BITS);
    (sum + divisor / 2).div_euclid(divisor) as i16
}
