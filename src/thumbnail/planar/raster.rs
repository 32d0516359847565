//! Planes to RGB, for what has to be converted: other profiles than sRGB, and inks.

use super::super::kernels::resample::FRACTION_BITS;
use super::super::planes::Colour;
use super::super::raster::{Channels, Raster};
use super::{ChromaSubsampling, Coarse, FinePlane, Planar, View, WHOLE};

impl Coarse {
    /// The picture at `size` as grey or RGB; of inks, see [`inks`](Self::inks), it has the first.
    pub(in super::super) fn raster(&self, colour: Colour, size: (u32, u32)) -> Raster {
        joined(&self.at(size), colour, size)
    }

    /// Cyan, magenta, yellow and black of each pixel at `size`, 255 for all of an ink, if the
    /// components are inks.
    pub(in super::super) fn inks(&self, colour: Colour, size: (u32, u32)) -> Option<Vec<u8>> {
        let (Colour::Cmyk { inverted } | Colour::Ycck { inverted }) = colour else {
            return None;
        };
        let planes = self.at(size);
        let [c, m, y, k] = &planes[..] else {
            return None;
        };
        let as_ycc = matches!(colour, Colour::Ycck { .. });
        let stored = k.samples.iter().enumerate().flat_map(|(n, &k)| {
            let three = [c, m, y].map(|plane: &FinePlane| plane.samples[n]);
            // YCCK holds, as colours, what the inks leave; inks are the rest.
            let [c, m, y] = if as_ycc {
                rgb(three).map(|v| 255 - v)
            } else {
                three.map(level)
            };
            [c, m, y, level(k)]
        });
        Some(stored.map(|v| if inverted { 255 - v } else { v }).collect())
    }

    fn at(&self, size: (u32, u32)) -> Vec<FinePlane> {
        self.fit(WHOLE, |_| (f64::from(size.0), f64::from(size.1)))
    }
}

impl Planar {
    /// The picture as grey or RGB.
    pub(in super::super) fn raster(&self) -> Raster {
        let whole = View {
            chroma: ChromaSubsampling::Full,
            ..self.size().into()
        };
        match self {
            Self::Fitted {
                size,
                chroma,
                planes,
            } if planes.len() == 1 || *chroma == whole.chroma => {
                let colour = match planes.len() {
                    1 => Colour::Grey,
                    _ => Colour::YCbCr,
                };
                joined(planes, colour, *size)
            }
            _ => self.fit(whole).raster(),
        }
    }
}

/// Planes of one size, sample by sample, as grey or RGB.
fn joined(planes: &[FinePlane], colour: Colour, size: (u32, u32)) -> Raster {
    let channels = match colour {
        Colour::Grey => Channels::Grey,
        _ => Channels::Rgb,
    };
    let mut samples = Vec::with_capacity(planes[0].samples.len() * channels.count());
    match (colour, planes) {
        (Colour::YCbCr, [y, cb, cr, ..]) => {
            for ((&y, &cb), &cr) in y.samples.iter().zip(&cb.samples).zip(&cr.samples) {
                samples.extend(rgb([y, cb, cr]));
            }
        }
        (Colour::Rgb, [r, g, b, ..]) => {
            for ((&r, &g), &b) in r.samples.iter().zip(&g.samples).zip(&b.samples) {
                samples.extend([r, g, b].map(level));
            }
        }
        _ => samples.extend(planes[0].samples.iter().map(|&v| level(v))),
    }
    Raster {
        width: size.0,
        height: size.1,
        channels,
        samples,
    }
}

/// RGB of full-range YCbCr of 8 bits by BT.601 (JFIF 1.02).
pub(in super::super) fn rgb_of_levels(ycc: [u8; 3]) -> [u8; 3] {
    rgb(ycc.map(|level| (i16::from(level) - 128) << FRACTION_BITS))
}

/// A sample as a level of 8 bits.
fn level(fine: i16) -> u8 {
    clamped(
        (i32::from(fine) + (128 << FRACTION_BITS) + (1 << (FRACTION_BITS - 1))) >> FRACTION_BITS,
    )
}

#[expect(clippy::cast_sign_loss, reason = "it is clamped")]
fn clamped(level: i32) -> u8 {
    level.clamp(0, 255) as u8
}

/// RGB of full-range YCbCr by BT.601 (JFIF 1.02).
fn rgb(ycc: [i16; 3]) -> [u8; 3] {
    /// Bits behind the point of the factors.
    const BITS: u32 = 14;
    let [y, cb, cr] = ycc.map(i32::from);
    let shift = BITS + FRACTION_BITS;
    let y = (y << BITS) + (128 << shift) + (1 << (shift - 1));
    // 1.402, 0.344136, 0.714136 and 1.772.
    [
        y + 22_970 * cr,
        y - 5_638 * cb - 11_700 * cr,
        y + 29_032 * cb,
    ]
    .map(|sum| clamped(sum >> shift))
}
