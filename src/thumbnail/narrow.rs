//! Samples of 16 bits as levels of 8.

use moxcms::{ColorProfile, DataColorSpace, ToneReprCurve};

use super::colour::{self, has_srgb_curve, srgb_value};
use super::raster::Channels;

/// The nearest level of 8 bits. 65,535 is 255 x 257, so white stays white and v x 257 becomes exactly
/// v.
#[expect(
    clippy::cast_possible_truncation,
    reason = "(65,535 + 128) / 257 is 255"
)]
pub(super) fn narrow(wide: u16) -> u8 {
    ((u32::from(wide) + 128) / 257) as u8
}

/// How the samples of a picture become levels: each the nearest; or, of colours that a profile has by a curve
/// of its own, the nearest of those by the curve of sRGB. In 8 bits of linear light, what follows black is 13 of
/// sRGB's levels.
pub(super) struct Narrowing(Option<ByCurve>);

struct ByCurve {
    channels: Channels,
    /// The level of each sample of a colour.
    levels: Vec<u8>,
}

impl Narrowing {
    /// Without a look at any profile.
    pub(super) const NEAREST: Self = Self(None);

    /// By the curve of the profile, which has that of sRGB from then on.
    pub(super) fn by(profile: Option<&mut ColorProfile>, channels: Channels) -> Self {
        let levels = profile.and_then(|profile| by_srgb_curve(profile, channels));
        Self(levels.map(|levels| ByCurve { channels, levels }))
    }

    /// That of a sample of the pixel's channel of this number.
    pub(super) fn level(&self, wide: u16, channel: usize) -> u8 {
        match &self.0 {
            Some(ByCurve { channels, levels }) if channel < channels.colours() => {
                levels[usize::from(wide)]
            }
            _ => narrow(wide),
        }
    }

    /// Those of a row of big-endian samples.
    pub(super) fn row(&self, samples: &[u8], row: &mut [u8]) {
        let words = samples.as_chunks::<2>().0;
        let words = words.iter().map(|word| u16::from_be_bytes(*word));
        for ((level, word), channel) in row.iter_mut().zip(words).zip(self.channels()) {
            *level = self.level(word, channel);
        }
    }

    /// Those of big-endian samples, in their place, so that no second copy of a full picture is held.
    pub(super) fn in_place(&self, samples: &mut Vec<u8>) {
        let count = samples.len() / 2;
        for (n, channel) in (0..count).zip(self.channels()) {
            let word = u16::from_be_bytes([samples[2 * n], samples[2 * n + 1]]);
            samples[n] = self.level(word, channel);
        }
        samples.truncate(count);
        samples.shrink_to_fit();
    }

    /// The number of each sample's channel, pixel after pixel; where that matters.
    fn channels(&self) -> impl Iterator<Item = usize> {
        let count = self.0.as_ref().map_or(1, |by| by.channels.count());
        (0..count).cycle()
    }
}

/// Of a profile that has one curve for all its colours, and it is not that of sRGB.
fn by_srgb_curve(profile: &mut ColorProfile, channels: Channels) -> Option<Vec<u8>> {
    let curve = only_curve(profile, channels).filter(|curve| !has_srgb_curve(curve))?;
    let light = curve.make_linear_evaluator().ok()?;
    let level = |sample: u16| {
        let light = light.evaluate_value(f32::from(sample) / f32::from(u16::MAX));
        let level = (srgb_value(f64::from(light)) * 255.0).round();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a cast saturates, and what is no number becomes 0"
        )]
        let level = level as u8;
        level
    };
    let levels = (0..=u16::MAX).map(level).collect();
    let srgb = ColorProfile::new_srgb().red_trc;
    if profile.color_space == DataColorSpace::Gray {
        profile.gray_trc = srgb;
    } else {
        profile.red_trc.clone_from(&srgb);
        profile.green_trc.clone_from(&srgb);
        profile.blue_trc = srgb;
    }
    // They would be believed before the curves.
    profile.cicp = None;
    Some(levels)
}

/// The curve of all colours from samples to light, if a profile that is for these channels has one.
fn only_curve(profile: &ColorProfile, channels: Channels) -> Option<&ToneReprCurve> {
    // By tables, or by L*a*b*, curves lead to something else than light.
    if colour::has_tables(profile) || profile.pcs != DataColorSpace::Xyz {
        return None;
    }
    match profile.color_space {
        DataColorSpace::Gray if channels.colours() == 1 => profile.gray_trc.as_ref(),
        DataColorSpace::Rgb if profile.is_matrix_shaper() => {
            let [red, green, blue] = [&profile.red_trc, &profile.green_trc, &profile.blue_trc];
            red.as_ref().filter(|_| red == green && green == blue)
        }
        _ => None,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use moxcms::Xyzd;

    use super::*;

    #[test]
    fn sixteen_bits_are_rounded_to_the_nearest_eight() {
        let nearest = Narrowing::NEAREST;
        for wide in 0..=u16::MAX {
            let mut samples = wide.to_be_bytes().to_vec();
            nearest.in_place(&mut samples);
            let exact = f64::from(wide) / 257.0;
            assert!((f64::from(samples[0]) - exact).abs() <= 0.5, "{wide}");
        }
    }

    #[test]
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "light is from 0 to 1"
    )]
    fn linear_light_keeps_its_shadows_and_alpha_its_value() {
        let mut linear = ColorProfile::new_gray_with_gamma(1.0);
        let by = Narrowing::by(Some(&mut linear), Channels::GreyAlpha);
        for level in 0..=u8::MAX {
            let light = colour::srgb_light(f64::from(level) / 255.0);
            let wide = (light * 65_535.0).round() as u16;
            let pixel = [wide, u16::from(level) * 257].map(u16::to_be_bytes);
            let pixel = pixel.as_flattened();
            let mut row = [0; 2];
            by.row(pixel, &mut row);
            let mut samples = pixel.to_vec();
            by.in_place(&mut samples);
            assert_eq!((row, samples.as_slice()), ([level; 2], &[level; 2][..]));
        }
        // Its samples are sRGB's now.
        assert!(colour::keeps(Some(&linear), DataColorSpace::Gray));
    }

    #[test]
    fn what_a_profile_does_not_convert_by_one_curve_is_rounded() {
        let mut apart = ColorProfile::new_display_p3();
        apart.blue_trc = Some(ToneReprCurve::Parametric(vec![1.0]));
        let mut colourless = ColorProfile::new_display_p3();
        colourless.red_colorant = Xyzd::default();
        let mut of_lightness = ColorProfile::new_gray_with_gamma(1.0);
        of_lightness.pcs = DataColorSpace::Lab;
        for (mut profile, channels) in [
            (ColorProfile::new_srgb(), Channels::Rgb),
            (apart, Channels::Rgb),
            (colourless, Channels::Rgb),
            (of_lightness, Channels::Grey),
            (ColorProfile::new_gray_with_gamma(1.0), Channels::Rgb),
        ] {
            let before = profile.encode().unwrap();
            assert!(Narrowing::by(Some(&mut profile), channels).0.is_none());
            assert_eq!(profile.encode().unwrap(), before);
        }
        let mut adobe = ColorProfile::new_adobe_rgb();
        assert!(Narrowing::by(Some(&mut adobe), Channels::Rgb).0.is_some());
    }
}
