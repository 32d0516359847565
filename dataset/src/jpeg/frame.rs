//! The coefficients of a picture, and the samples that they stand for.

use super::dct::{forward, inverse};

/// The place in a block, row by row, of each coefficient in zigzag order (T.81, figure 5).
pub const ZIGZAG: [usize; 64] = [
    0, 1, 8, 16, 9, 2, 3, 10, 17, 24, 32, 25, 18, 11, 4, 5, 12, 19, 26, 33, 40, 48, 41, 34, 27, 20,
    13, 6, 7, 14, 21, 28, 35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59,
    52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63,
];

/// A picture as a JPEG holds it: quantised coefficients, in no order yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Frame {
    /// Width in pixels, at least 1.
    pub width: u16,
    /// Height in pixels, at least 1.
    pub height: u16,
    /// One to four.
    pub components: Vec<Component>,
}

/// One colour component of a [`Frame`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Component {
    /// The number by which the file names it; any.
    pub id: u8,
    /// Sampling factors, across and down, 1 to 4.
    pub sampling: (u8, u8),
    /// Quantisation table, in zigzag order: 1 to 255, with SOF1 and SOF2 to 65,535 (then written
    /// with 16 bits each).
    pub table: [u16; 64],
    /// Which of the four places for quantisation tables it is put to. Components may share a place:
    /// the table there is written anew before a scan that needs another.
    pub place: u8,
    /// Quantised coefficients in zigzag order, all blocks row by row, those that only fill up MCUs
    /// included: [`Frame::blocks`] says how many.
    pub blocks: Vec<[i16; 64]>,
}

/// The samples of one component, to be transformed.
#[derive(Debug, Clone)]
pub struct Samples {
    /// Sampling factors, across and down, 1 to 4.
    pub sampling: (u8, u8),
    /// Quantisation table, in zigzag order.
    pub table: [u16; 64],
    /// Row by row, without gaps; as many as [`Frame::size`] says.
    pub samples: Vec<u8>,
}

impl Frame {
    /// Transforms and quantises samples. Beyond its edges a component goes on as at the edge.
    ///
    /// The components are numbered from 1. Those with the same quantisation table share a place.
    ///
    /// # Panics
    /// If a component has fewer samples than its size demands.
    #[must_use]
    pub fn of_samples(width: u16, height: u16, components: &[Samples]) -> Self {
        let mut frame = Self::empty(width, height, components);
        for (i, from) in components.iter().enumerate() {
            let (columns, rows) = frame.size(i);
            let across = frame.blocks(i).0;
            let reciprocals = Reciprocals::of(&from.table);
            for (block, to) in frame.components[i].blocks.iter_mut().enumerate() {
                let (left, top) = (8 * (block % across), 8 * (block / across));
                let mut samples = [[0.0_f32; 8]; 8];
                for (y, line) in samples.iter_mut().enumerate() {
                    let row = &from.samples[(top + y).min(rows - 1) * columns..][..columns];
                    if let Some(inside) = row.get(left..left + 8) {
                        for (sample, level) in line.iter_mut().zip(inside) {
                            *sample = f32::from(*level) - 128.0;
                        }
                    } else {
                        for (x, sample) in line.iter_mut().enumerate() {
                            *sample = f32::from(row[(left + x).min(columns - 1)]) - 128.0;
                        }
                    }
                }
                *to = reciprocals.quantise(&forward(&samples));
            }
        }
        frame
    }

    /// All coefficients 0; the components' samples are not looked at.
    #[must_use]
    pub fn empty(width: u16, height: u16, components: &[Samples]) -> Self {
        let mut frame = Self {
            width,
            height,
            components: Vec::new(),
        };
        let mut places: Vec<[u16; 64]> = Vec::new();
        for (id, from) in (1..).zip(components) {
            let known = places.iter().position(|table| *table == from.table);
            let place = known.unwrap_or_else(|| {
                places.push(from.table);
                places.len() - 1
            });
            frame.components.push(Component {
                id,
                sampling: from.sampling,
                table: from.table,
                place: u8::try_from(place % 4).unwrap_or(0),
                blocks: Vec::new(),
            });
        }
        for i in 0..components.len() {
            let (across, down) = frame.blocks(i);
            frame.components[i].blocks = vec![[0; 64]; across * down];
        }
        frame
    }

    /// The largest sampling factors of all components, across and down.
    #[must_use]
    pub fn max_sampling(&self) -> (usize, usize) {
        let most = |factor: fn(&Component) -> u8| self.components.iter().map(factor).max();
        (
            most(|c| c.sampling.0).unwrap_or(1).into(),
            most(|c| c.sampling.1).unwrap_or(1).into(),
        )
    }

    /// How many MCUs there are across and down in a scan of several components (T.81, A.2.4).
    #[must_use]
    pub fn mcus(&self) -> (usize, usize) {
        let (h, v) = self.max_sampling();
        (
            usize::from(self.width).div_ceil(8 * h),
            usize::from(self.height).div_ceil(8 * v),
        )
    }

    /// Columns and rows of samples of a component that belong to the picture (T.81, A.1.1).
    #[must_use]
    pub fn size(&self, component: usize) -> (usize, usize) {
        let (h, v) = self.max_sampling();
        let (own_h, own_v) = self.components[component].sampling;
        (
            (usize::from(self.width) * usize::from(own_h)).div_ceil(h),
            (usize::from(self.height) * usize::from(own_v)).div_ceil(v),
        )
    }

    /// Blocks of a component across and down, those that only fill up MCUs included.
    #[must_use]
    pub fn blocks(&self, component: usize) -> (usize, usize) {
        let (across, down) = self.mcus();
        let (h, v) = self.components[component].sampling;
        (across * usize::from(h), down * usize::from(v))
    }
}

impl Component {
    /// What a decoder shows of the blocks at `n/8` of their size: 8 is the whole picture; with 4, 2
    /// and 1 the inverse transform of as many points takes the n x n lowest coefficients.
    ///
    /// Levels from 0 to 255, not rounded; `n * across` in each row, where `across` is the number of
    /// blocks in a row ([`Frame::blocks`]): the samples beyond the picture's edge are there, too.
    ///
    /// # Panics
    /// If `n` is none of 1, 2, 4 and 8, or `across` is 0.
    #[must_use]
    pub fn samples(&self, across: usize, n: usize) -> Vec<f64> {
        assert!(matches!(n, 1 | 2 | 4 | 8), "no scale of {n}/8");
        let mut samples = vec![0.0; self.blocks.len() * n * n];
        for (i, block) in self.blocks.iter().enumerate() {
            let mut coefficients = [0.0; 64];
            for ((place, level), step) in ZIGZAG.iter().zip(block).zip(&self.table) {
                coefficients[*place] = f64::from(*level) * f64::from(*step);
            }
            let shown = inverse(&coefficients, n);
            let corner = (i / across) * n * across * n + (i % across) * n;
            for (y, row) in shown[..n * n].chunks(n).enumerate() {
                for (x, level) in row.iter().enumerate() {
                    samples[corner + y * across * n + x] = (level + 128.0).clamp(0.0, 255.0);
                }
            }
        }
        samples
    }
}

/// A quantisation table, as multiplication needs it: in zigzag order.
struct Reciprocals([f32; 64]);

impl Reciprocals {
    fn of(table: &[u16; 64]) -> Self {
        Self(table.map(|step| 1.0 / f32::from(step)))
    }

    /// Nearest integers, ties away from 0, in zigzag order.
    fn quantise(&self, coefficients: &[[f32; 8]; 8]) -> [i16; 64] {
        let flat = coefficients.as_flattened();
        let mut levels = [0; 64];
        for ((level, place), reciprocal) in levels.iter_mut().zip(ZIGZAG).zip(&self.0) {
            let exact = flat[place] * reciprocal;
            #[expect(
                clippy::cast_possible_truncation,
                reason = "truncation is meant, and levels are below 2^11"
            )]
            let nearest = (exact + 0.5_f32.copysign(exact)) as i16;
            *level = nearest;
        }
        levels
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(width: u16, height: u16, samplings: &[(u8, u8)]) -> Frame {
        let components: Vec<Samples> = samplings
            .iter()
            .map(|&sampling| Samples {
                sampling,
                table: [1; 64],
                samples: Vec::new(),
            })
            .collect();
        Frame::empty(width, height, &components)
    }

    /// The example of T.81, A.1.1.
    #[test]
    fn components_have_the_sizes_of_the_standards_example() {
        let frame = frame(512, 512, &[(4, 1), (2, 2), (1, 1)]);
        assert_eq!(frame.size(0), (512, 256));
        assert_eq!(frame.size(1), (256, 512));
        assert_eq!(frame.size(2), (128, 256));
    }

    #[test]
    fn blocks_fill_up_mcus() {
        let frame = frame(17, 9, &[(2, 2), (1, 1), (1, 1)]);
        assert_eq!(frame.mcus(), (2, 1));
        assert_eq!((frame.blocks(0), frame.blocks(1)), ((4, 2), (2, 1)));
        assert_eq!((frame.size(0), frame.size(1)), ((17, 9), (9, 5)));
        assert_eq!(frame.components[0].blocks.len(), 8);
    }

    #[test]
    fn samples_come_back_within_half_a_step() {
        let samples: Vec<u8> = (0..220_u8).map(|i| i.wrapping_mul(53)).collect();
        let grey = Samples {
            sampling: (1, 1),
            table: [1; 64],
            samples,
        };
        let frame = Frame::of_samples(20, 11, std::slice::from_ref(&grey));
        let across = frame.blocks(0).0;
        let back = frame.components[0].samples(across, 8);
        for y in 0..11 {
            for x in 0..20 {
                let difference = back[y * across * 8 + x] - f64::from(grey.samples[y * 20 + x]);
                assert!(difference.abs() < 2.0, "{x} {y} {difference}");
            }
        }
    }
}
