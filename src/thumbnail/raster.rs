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

/// Rounds 16-bit samples in native byte order to 8 bits, in place, so that no second copy of a full
/// picture is held.
pub(super) fn narrow_to_8_bits(samples: &mut Vec<u8>) {
    let narrow = samples.len() / 2;
    for i in 0..narrow {
        let wide = u32::from(u16::from_ne_bytes([samples[2 * i], samples[2 * i + 1]]));
        // 65,535 is 255 x 257, so white stays white and v x 257 becomes exactly v.
        #[expect(
            clippy::cast_possible_truncation,
            reason = "(65,535 + 128) / 257 is 255"
        )]
        let eight = ((wide + 128) / 257) as u8;
        samples[i] = eight;
    }
    samples.truncate(narrow);
    samples.shrink_to_fit();
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    #[test]
    fn sixteen_bits_are_rounded_to_the_nearest_eight() {
        for wide in 0..=u16::MAX {
            let mut samples = wide.to_ne_bytes().to_vec();
            narrow_to_8_bits(&mut samples);
            let exact = f64::from(wide) / 257.0;
            assert!((f64::from(samples[0]) - exact).abs() <= 0.5, "{wide}");
        }
    }
}
