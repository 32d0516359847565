//! What a generated picture shows: a sky, ridges that darken towards the viewer, a few soft discs;
//! and over it all texture and grain. One row at a time, every row on its own, in integers.

use std::ops::Range;

use crate::noise::{FRACTION, Octave, Random, hash};

/// Luma and chroma as JFIF has them (0 to 255, grey at 128), and how strong texture is (0 to 256).
#[derive(Debug, Clone, Copy)]
struct Material {
    luma: i32,
    cb: i32,
    cr: i32,
    texture: i32,
}

/// A silhouette: everything below a line from the left edge to the right.
#[derive(Debug)]
struct Ridge {
    /// Where it begins in each column, in pixels from the top.
    skyline: Vec<i32>,
    material: Material,
    /// How much cover it gains with each pixel below the skyline, in 1/256.
    slope: i32,
    /// The highest and the lowest point of the skyline.
    highest: i32,
    lowest: i32,
}

/// A round thing, sharp or out of focus.
#[derive(Debug)]
struct Disc {
    x: i32,
    y: i32,
    radius: i32,
    /// Over how many pixels its edge fades.
    softness: i32,
    /// How much it covers at its middle, 0 to 256.
    cover: i32,
    material: Material,
}

/// Everything that a picture is computed from.
#[derive(Debug)]
pub(crate) struct Scene {
    width: usize,
    height: i32,
    zenith: Material,
    horizon: Material,
    ridges: Vec<Ridge>,
    discs: Vec<Disc>,
    /// Light and shade wider than 16 pixels.
    broad: Vec<Octave>,
    /// Texture of 16 pixels and less; each place has as much of it as its material.
    fine: Vec<Octave>,
    /// Slow changes of colour.
    tint: Vec<Octave>,
    grain: u32,
}

/// One row of samples, and the room in which it is computed.
#[derive(Debug, Default)]
pub(crate) struct Row {
    pub(crate) luma: Vec<i32>,
    pub(crate) cb: Vec<i32>,
    pub(crate) cr: Vec<i32>,
    texture: Vec<i32>,
    cover: Vec<i32>,
    broad: Vec<i32>,
    fine: Vec<i32>,
    tint: Vec<i32>,
}

impl Scene {
    pub(crate) fn new(seed: u64, width: u16, height: u16) -> Self {
        let mut random = Random::new(seed);
        let (columns, rows) = (i32::from(width), i32::from(height));
        let side = columns.max(rows);
        // Texture differs between pictures as it does between photographs: from fog to foliage.
        let detail = random.between(60, 460);
        let warmth = random.between(-18, 18);
        let horizon_y = rows * random.between(35, 65) / 100;

        let zenith = Material {
            luma: random.between(90, 190),
            cb: 128 + random.between(4, 26) - warmth / 2,
            cr: 128 - random.between(2, 18) + warmth / 2,
            texture: detail / 12,
        };
        let horizon = Material {
            luma: random.between(190, 232),
            cb: 128 - warmth / 2,
            cr: 128 + warmth,
            texture: detail / 12,
        };

        let count = random.between(2, 5);
        let ridges = (0..count)
            .map(|i| {
                let depth = 256 * (i + 1) / count; // 256 is nearest
                let material = Material {
                    luma: 185 - 110 * depth / 256 + random.between(-12, 12),
                    cb: 128 - 14 * depth / 256 + random.between(-6, 6) - warmth / 3,
                    cr: 128 + random.between(-12, 14) * depth / 256 + warmth / 3,
                    texture: detail / 4 + detail * depth / 256,
                };
                let base = horizon_y + (rows - horizon_y) * i / count;
                let skyline = skyline(&mut random, width, base, rows / (3 + i));
                Ridge::new(skyline, material, 2 + side / 2000)
            })
            .collect();

        let discs = (0..random.between(2, 9))
            .map(|_| {
                let radius = (side * random.between(10, 90) / 1000).max(2);
                Disc {
                    x: random.between(0, columns),
                    y: random.between(0, rows),
                    radius,
                    softness: (radius * random.between(2, 60) / 100).max(2),
                    cover: random.between(90, 256),
                    material: Material {
                        luma: random.between(40, 235),
                        cb: random.between(92, 156),
                        cr: random.between(104, 172),
                        texture: detail * random.between(0, 100) / 100,
                    },
                }
            })
            .collect();

        // A photograph's light has about the same strength in every octave of wide structure; the
        // lens takes it away towards the finest.
        let widest = (side / 3).max(16).ilog2();
        let mut octave = |cell_log2, amplitude| {
            #[expect(clippy::cast_possible_truncation, reason = "any 32 bits are a seed")]
            let seed = random.next() as u32;
            Octave::new(seed, cell_log2, amplitude)
        };
        Self {
            width: usize::from(width),
            height: rows,
            zenith,
            horizon,
            ridges,
            discs,
            broad: (5..=widest)
                .map(|k| octave(k, if k < 7 { 4 } else { 9 }))
                .collect(),
            fine: vec![octave(4, 16), octave(3, 18), octave(2, 18), octave(1, 14)],
            tint: (7..=widest.max(7)).map(|k| octave(k, 6)).collect(),
            grain: octave(0, 0).seed,
        }
    }

    /// Computes row `y` into `row`, whose samples are then within 0 to 255.
    pub(crate) fn row(&self, y: u16, row: &mut Row) {
        let line = i32::from(y);
        // The nearest ridge that hides the whole row hides everything behind it, too.
        let hidden = self.ridges.iter().rposition(|ridge| ridge.fills(line));
        let behind = match hidden {
            Some(nearest) => self.ridges[nearest].material,
            None => Material::mix(self.zenith, self.horizon, 256 * line / self.height),
        };
        row.start(self.width, behind);
        for ridge in &self.ridges[hidden.map_or(0, |nearest| nearest + 1)..] {
            ridge.paint(line, row);
        }
        for disc in &self.discs {
            disc.paint(line, row);
        }
        let y = u32::from(y);
        for octave in &self.broad {
            octave.add_row(&mut row.broad, y);
        }
        for octave in &self.fine {
            octave.add_row(&mut row.fine, y);
        }
        for octave in &self.tint {
            octave.add_row(&mut row.tint, y);
        }
        row.finish(self.grain, y);
    }
}

impl Material {
    /// `weight` of 256 parts of `b`, the rest of `a`.
    fn mix(a: Self, b: Self, weight: i32) -> Self {
        let mix = |a: i32, b: i32| a + (b - a) * weight / 256;
        Self {
            luma: mix(a.luma, b.luma),
            cb: mix(a.cb, b.cb),
            cr: mix(a.cr, b.cr),
            texture: mix(a.texture, b.texture),
        }
    }
}

impl Ridge {
    fn new(skyline: Vec<i32>, material: Material, softness: i32) -> Self {
        Self {
            highest: skyline.iter().copied().min().unwrap_or(0),
            lowest: skyline.iter().copied().max().unwrap_or(0),
            skyline,
            material,
            slope: 256 / softness,
        }
    }

    /// Whether row `line` shows nothing but this ridge and what is before it.
    fn fills(&self, line: i32) -> bool {
        (line - self.lowest) * self.slope >= 256
    }

    fn paint(&self, line: i32, row: &mut Row) {
        if line <= self.highest {
            return;
        }
        for (cover, top) in row.cover.iter_mut().zip(&self.skyline) {
            *cover = ((line - top) * self.slope).clamp(0, 256);
        }
        row.blend(0..self.skyline.len(), self.material);
    }
}

impl Disc {
    fn paint(&self, line: i32, row: &mut Row) {
        let dy = line - self.y;
        if dy.abs() > self.radius {
            return;
        }
        let row_end = i32::try_from(row.luma.len()).unwrap_or(i32::MAX);
        let left = (self.x - self.radius).clamp(0, row_end);
        let right = (self.x + self.radius).clamp(0, row_end);
        #[expect(clippy::cast_sign_loss, reason = "clamped to the row")]
        let span = left as usize..right as usize;

        let radius_squared = i64::from(self.radius) * i64::from(self.radius);
        // Near its edge a disc's r² - d² falls by 2r for each pixel outwards.
        let fade = 2 * i64::from(self.radius) * i64::from(self.softness);
        let most = i64::from(self.cover);
        for (x, cover) in (left..).zip(&mut row.cover[span.clone()]) {
            let dx = x - self.x;
            let inside = radius_squared - i64::from(dx * dx + dy * dy);
            #[expect(clippy::cast_possible_truncation, reason = "clamped to 0..=256")]
            let clamped = (inside * most / fade).clamp(0, most) as i32;
            *cover = clamped;
        }
        row.blend(span, self.material);
    }
}

impl Row {
    /// Fills the row with one material, and empties the rest.
    fn start(&mut self, width: usize, material: Material) {
        for (samples, value) in [
            (&mut self.luma, material.luma << FRACTION),
            (&mut self.cb, material.cb << FRACTION),
            (&mut self.cr, material.cr << FRACTION),
            (&mut self.texture, material.texture),
            (&mut self.cover, 0),
            (&mut self.broad, 0),
            (&mut self.fine, 0),
            (&mut self.tint, 0),
        ] {
            samples.clear();
            samples.resize(width, value);
        }
    }

    /// Lays a material over what stands in `span`: of 256 parts, as many as `cover` says.
    fn blend(&mut self, span: Range<usize>, material: Material) {
        for (samples, value) in [
            (&mut self.luma, material.luma << FRACTION),
            (&mut self.cb, material.cb << FRACTION),
            (&mut self.cr, material.cr << FRACTION),
            (&mut self.texture, material.texture),
        ] {
            for (sample, cover) in samples[span.clone()]
                .iter_mut()
                .zip(&self.cover[span.clone()])
            {
                *sample += ((value - *sample) * cover) >> 8;
            }
        }
    }

    /// Adds light, texture, tint and grain, and brings the samples to 0 to 255.
    fn finish(&mut self, grain: u32, y: u32) {
        let level = |fixed: i32| (fixed >> FRACTION).clamp(0, 255);
        // Four pixels share one hash; each takes 8 bits, for grain of ±1.5 levels.
        let grain = (0..).flat_map(|x| hash(grain, x, y).to_le_bytes());
        let light = self.broad.iter().zip(&self.fine).zip(&self.tint);
        let places = self.luma.iter_mut().zip(&self.texture).zip(light);
        for (((luma, texture), ((broad, fine), tint)), grain) in places.zip(grain) {
            // Texture comes in patches: none where the tint is deepest, double where it is lightest.
            let patch = (256 + (tint >> 3)).clamp(0, 512);
            let texture = (texture * patch) >> 8;
            let grain = (i32::from(grain) - 128) * 3;
            *luma = level(*luma + broad + ((fine * texture) >> 8) + grain);
        }
        for ((cb, cr), tint) in self.cb.iter_mut().zip(&mut self.cr).zip(&self.tint) {
            *cb = level(*cb + tint / 2);
            *cr = level(*cr - tint / 2);
        }
    }
}

/// A line of hills about `base`, not more than `reach` pixels above or below it.
fn skyline(random: &mut Random, width: u16, base: i32, reach: i32) -> Vec<i32> {
    let mut line = vec![0; usize::from(width)];
    let widest = (u32::from(width) / 2).max(4).ilog2();
    #[expect(clippy::cast_possible_truncation, reason = "any 32 bits are a seed")]
    for cell_log2 in (2..=widest).rev() {
        let amplitude = (reach >> (widest - cell_log2)) / 2;
        Octave::new(random.next() as u32, cell_log2, amplitude).add_row(&mut line, 0);
    }
    for y in &mut line {
        *y = base + (*y >> FRACTION);
    }
    line
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {

    use sha2::{Digest, Sha256};

    use super::*;

    /// Integers alone make the samples, so they are the same on every machine.
    #[test]
    fn samples_are_the_same_on_every_machine() {
        let scene = Scene::new(7, 300, 200);
        let mut sum = Sha256::new();
        let mut row = Row::default();
        for y in 0..200 {
            scene.row(y, &mut row);
            for samples in [&row.luma, &row.cb, &row.cr] {
                let bytes: Result<Vec<u8>, _> = samples.iter().copied().map(u8::try_from).collect();
                sum.update(bytes.expect("samples within 0 to 255"));
            }
        }
        let hex = sum
            .finalize()
            .iter()
            .fold(String::new(), |hex, b| hex + &format!("{b:02x}"));
        assert_eq!(
            hex,
            "01535b0c556d88462b98fb2e7e4d29a445a62f9331b05f5cc37b7745d8904a0c"
        );
    }

    #[test]
    fn a_row_does_not_depend_on_the_rows_before_it() {
        let scene = Scene::new(3, 64, 64);
        let (mut fresh, mut used) = (Row::default(), Row::default());
        for y in 0..40 {
            scene.row(y, &mut used);
        }
        scene.row(39, &mut fresh);
        assert_eq!(fresh.luma, used.luma);
        assert_eq!(fresh.cb, used.cb);
        assert_eq!(fresh.cr, used.cr);
    }
}
