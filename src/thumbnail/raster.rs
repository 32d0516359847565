/// The samples of a pixel, 8 bits each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Channels {
    Grey,
    GreyAlpha,
    Rgb,
    Rgba,
}

impl Channels {
    /// How many there are, which is also the bytes per pixel.
    pub(super) fn count(self) -> usize {
        match self {
            Self::Grey => 1,
            Self::GreyAlpha => 2,
            Self::Rgb => 3,
            Self::Rgba => 4,
        }
    }

    pub(super) fn have_alpha(self) -> bool {
        matches!(self, Self::GreyAlpha | Self::Rgba)
    }
}

/// Rows of pixels, without gaps. `samples.len()` is width times height times channels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Raster {
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) channels: Channels,
    pub(super) samples: Vec<u8>,
}

/// The nearest level of 8 bits. 65,535 is 255 x 257, so white stays white and v x 257 becomes exactly
/// v.
#[expect(
    clippy::cast_possible_truncation,
    reason = "(65,535 + 128) / 257 is 255"
)]
pub(super) fn narrow(wide: u16) -> u8 {
    ((u32::from(wide) + 128) / 257) as u8
}

/// Rounds big-endian 16-bit samples to 8 bits, in place, so that no second copy of a full picture is
/// held.
pub(super) fn narrow_to_8_bits(samples: &mut Vec<u8>) {
    let count = samples.len() / 2;
    for n in 0..count {
        samples[n] = narrow(u16::from_be_bytes([samples[2 * n], samples[2 * n + 1]]));
    }
    samples.truncate(count);
    samples.shrink_to_fit();
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    #[test]
    fn sixteen_bits_are_rounded_to_the_nearest_eight() {
        for wide in 0..=u16::MAX {
            let mut samples = wide.to_be_bytes().to_vec();
            narrow_to_8_bits(&mut samples);
            let exact = f64::from(wide) / 257.0;
            assert!((f64::from(samples[0]) - exact).abs() <= 0.5, "{wide}");
        }
    }
}
