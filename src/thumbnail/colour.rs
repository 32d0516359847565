//! From the picture's own colours to sRGB.

use moxcms::{ColorProfile, DataColorSpace, Layout, ToneReprCurve, TransformOptions};

use super::Error;
use super::raster::{Channels, Raster};
use super::resize::{divide, premultiply};

/// Reads an ICC profile, if it can be used at all.
pub(super) fn profile(icc: &[u8]) -> Option<ColorProfile> {
    ColorProfile::new_from_slice(icc).ok()
}

/// The most bytes that understanding a profile of this length and converting by it takes, beside the
/// profile and the samples: its tables as floating point, and one made of them.
pub(super) fn predicted_bytes(profile_bytes: u64) -> u64 {
    8 * profile_bytes + (40 * profile_bytes).min(3 << 20)
}

/// Makes RGB of grey, and sRGB of what an ICC profile describes. Alpha is premultiplied before and
/// after.
///
/// A profile that cannot be used, as one for another number of channels, is ignored and the picture
/// taken as sRGB, as browsers do.
pub(super) fn to_srgb(raster: Raster, profile: Option<&ColorProfile>) -> Result<Raster, Error> {
    let grey = matches!(raster.channels, Channels::Grey | Channels::GreyAlpha);
    let channels = if grey {
        DataColorSpace::Gray
    } else {
        DataColorSpace::Rgb
    };
    let Some(profile) = profile.filter(|_| !keeps(profile, channels)) else {
        return Ok(expand_grey(raster));
    };
    let of_grey = profile.color_space == DataColorSpace::Gray;
    let of_rgb = profile.color_space == DataColorSpace::Rgb;
    let raster = match raster.channels {
        Channels::Grey | Channels::GreyAlpha if of_grey => raster,
        _ if of_rgb => expand_grey(raster),
        _ => return Ok(expand_grey(raster)),
    };
    convert(raster, profile)
}

/// sRGB of inks: cyan, magenta, yellow and black of each pixel, 255 for all of an ink.
///
/// Without a profile of a press they are multiplied: what of the paper's white passes cyan, then passes
/// black, and so on. That is what most programs show.
pub(super) fn of_inks(inks: &[u8], profile: Option<&ColorProfile>) -> Vec<u8> {
    let pixels = inks.as_chunks::<4>().0;
    let press = profile.filter(|profile| profile.color_space == DataColorSpace::Cmyk);
    if let Some(transform) = press.and_then(|press| {
        // The layout of four samples, whatever they are.
        let (srgb, options) = (ColorProfile::new_srgb(), TransformOptions::default());
        let made = press.create_transform_8bit(Layout::Rgba, &srgb, Layout::Rgb, options);
        made.ok()
    }) {
        let mut samples = vec![0; pixels.len() * 3];
        if transform.transform(inks, &mut samples).is_ok() {
            return samples;
        }
    }
    let passes = |ink: u8| u32::from(255 - ink);
    #[expect(clippy::cast_possible_truncation, reason = "255 x 255 / 255 is 255")]
    let multiplied = |a: u32, b: u32| ((a * b + 127) / 255) as u8;
    let colour = |&[c, m, y, k]: &[u8; 4]| [c, m, y].map(|ink| multiplied(passes(ink), passes(k)));
    pixels.iter().flat_map(colour).collect()
}

/// sRGB of L\*a\*b\* by D50, in 8 bits as ICC profiles have it: 128 is neither green nor red.
pub(super) fn of_lab(lab: &[u8]) -> Result<Vec<u8>, Error> {
    let (srgb, options) = (ColorProfile::new_srgb(), TransformOptions::default());
    let (from, to) = (Layout::Rgb, Layout::Rgb);
    let mut own = ColorProfile::new_lab();
    // So that the samples are not taken for light.
    own.pcs = DataColorSpace::Lab;
    let transform = own.create_transform_8bit(from, &srgb, to, options);
    let transform = transform.map_err(|e| Error::failed("convert", e))?;
    let mut samples = vec![0; lab.len()];
    let converted = transform.transform(lab, &mut samples);
    converted.map_err(|e| Error::failed("convert", e))?;
    Ok(samples)
}

/// Whether [`to_srgb`] would leave a picture of these channels, grey or RGB, as it is, as far as
/// that can be told without making a transform: sRGB by its primaries and curves, under whatever
/// name, and what is no usable profile.
pub(super) fn keeps(profile: Option<&ColorProfile>, channels: DataColorSpace) -> bool {
    let Some(profile) = profile else {
        return true;
    };
    match profile.color_space {
        DataColorSpace::Rgb => is_srgb(profile),
        DataColorSpace::Gray if channels == DataColorSpace::Gray => {
            profile.gray_trc.as_ref().is_some_and(has_srgb_curve)
        }
        _ => true,
    }
}

/// Whether a profile has nothing but the primaries and curves of sRGB.
fn is_srgb(profile: &ColorProfile) -> bool {
    // IEC 61966-2-1, adapted to the D50 of ICC profiles. Profiles in use differ by up to 0.001.
    let primaries = [
        (profile.red_colorant, [0.4361, 0.2225, 0.0139]),
        (profile.green_colorant, [0.3851, 0.7169, 0.0971]),
        (profile.blue_colorant, [0.1431, 0.0606, 0.7141]),
    ];
    let curves = [&profile.red_trc, &profile.green_trc, &profile.blue_trc];
    !has_tables(profile)
        && primaries.iter().all(|(colorant, expected)| {
            let found = [colorant.x, colorant.y, colorant.z];
            found
                .iter()
                .zip(expected)
                .all(|(a, b)| (a - b).abs() < 0.002)
        })
        && curves
            .iter()
            .all(|curve| curve.as_ref().is_some_and(has_srgb_curve))
}

/// Whether a profile has tables, which go before its primaries and curves.
pub(super) fn has_tables(profile: &ColorProfile) -> bool {
    profile.lut_a_to_b_perceptual.is_some()
        || profile.lut_a_to_b_colorimetric.is_some()
        || profile.lut_a_to_b_saturation.is_some()
}

/// Whether a curve is that of sRGB to half a level of 8 bits.
#[expect(
    clippy::cast_precision_loss,
    reason = "an ICC curve has at most 2^32 entries"
)]
pub(super) fn has_srgb_curve(curve: &ToneReprCurve) -> bool {
    match curve {
        ToneReprCurve::Parametric(of) => {
            let expected = [2.4, 1.0 / 1.055, 0.055 / 1.055, 1.0 / 12.92, 0.04045];
            of.len() >= 5 && of.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-3)
        }
        ToneReprCurve::Lut(table) => {
            let last = table.len().saturating_sub(1);
            last >= 255
                && table
                    .iter()
                    .enumerate()
                    .step_by(last / 64)
                    .all(|(n, &value)| {
                        let (at, light) = (n as f64 / last as f64, f64::from(value) / 65_535.0);
                        let half_a_level = 0.5 / 255.0;
                        let range = srgb_light(at - half_a_level)..=srgb_light(at + half_a_level);
                        range.contains(&light)
                    })
        }
    }
}

/// The light that a value of sRGB from 0 to 1 stands for.
pub(super) fn srgb_light(value: f64) -> f64 {
    if value <= 0.04045 {
        value / 12.92
    } else {
        ((value + 0.055) / 1.055).powf(2.4)
    }
}

/// The value of sRGB from 0 to 1 that stands for a light.
pub(super) fn srgb_value(light: f64) -> f64 {
    if light <= 0.003_130_8 {
        light * 12.92
    } else {
        light.powf(1.0 / 2.4) * 1.055 - 0.055
    }
}

fn convert(mut raster: Raster, profile: &ColorProfile) -> Result<Raster, Error> {
    let (from, to, channels) = match raster.channels {
        Channels::Grey => (Layout::Gray, Layout::Rgb, Channels::Rgb),
        Channels::GreyAlpha => (Layout::GrayAlpha, Layout::Rgba, Channels::Rgba),
        Channels::Rgb => (Layout::Rgb, Layout::Rgb, Channels::Rgb),
        Channels::Rgba => (Layout::Rgba, Layout::Rgba, Channels::Rgba),
    };
    let transform = profile.create_transform_8bit(
        from,
        &ColorProfile::new_srgb(),
        to,
        TransformOptions::default(),
    );
    let Ok(transform) = transform else {
        return Ok(expand_grey(raster));
    };
    if raster.channels == Channels::Rgb && is_identity(transform.as_ref()) {
        return Ok(raster);
    }
    // A profile speaks of colours as they are, not as alpha has dimmed them.
    divide(&mut raster)?;
    let pixels = raster.samples.len() / raster.channels.count();
    let mut samples = vec![0; pixels * channels.count()];
    if transform.transform(&raster.samples, &mut samples).is_err() {
        premultiply(&mut raster)?;
        return Ok(expand_grey(raster));
    }
    let mut converted = Raster {
        channels,
        samples,
        ..raster
    };
    premultiply(&mut converted)?;
    Ok(converted)
}

/// Whether a transform leaves 216 colours over the whole cube where they are, within rounding. So
/// sRGB is known by what a profile does, not by its name, and its pictures lose nothing.
fn is_identity(transform: &dyn moxcms::TransformExecutor<u8>) -> bool {
    let steps = [0, 51, 102, 153, 204, 255];
    let cube: Vec<u8> = steps
        .iter()
        .flat_map(|&r| steps.iter().flat_map(move |&g| steps.map(|b| [r, g, b])))
        .flatten()
        .collect();
    let mut seen = vec![0; cube.len()];
    transform.transform(&cube, &mut seen).is_ok()
        && cube.iter().zip(&seen).all(|(a, b)| a.abs_diff(*b) <= 1)
}

fn expand_grey(raster: Raster) -> Raster {
    let (samples, channels) = match raster.channels {
        Channels::Grey => (
            raster.samples.iter().flat_map(|&v| [v, v, v]).collect(),
            Channels::Rgb,
        ),
        Channels::GreyAlpha => (
            raster
                .samples
                .chunks_exact(2)
                .flat_map(|p| [p[0], p[0], p[0], p[1]])
                .collect(),
            Channels::Rgba,
        ),
        Channels::Rgb | Channels::Rgba => return raster,
    };
    Raster {
        channels,
        samples,
        ..raster
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    fn raster(channels: Channels, samples: &[u8]) -> Raster {
        Raster {
            width: u32::try_from(samples.len() / channels.count()).unwrap(),
            height: 1,
            channels,
            samples: samples.to_vec(),
        }
    }

    fn through(profile: &ColorProfile, raster: Raster) -> Raster {
        to_srgb(raster, super::profile(&profile.encode().unwrap()).as_ref()).unwrap()
    }

    #[test]
    fn srgb_is_left_alone_to_the_bit() {
        let every: Vec<u8> = (0..=255).flat_map(|v| [v, 255 - v, v / 2]).collect();
        let picture = raster(Channels::Rgb, &every);
        assert_eq!(through(&ColorProfile::new_srgb(), picture.clone()), picture);
    }

    #[test]
    fn known_colours_of_display_p3_and_adobe_rgb_come_out_right() {
        // Computed in doubles from the primaries, white point and curves of IEC 61966-2-1, Display
        // P3 and Adobe RGB (1998): (214.90, 92.61, 30.95) and (65.98, 151.41, 97.08).
        let near = |got: &[u8], expected: [u8; 3]| {
            assert!(
                got.iter().zip(expected).all(|(a, b)| a.abs_diff(b) <= 1),
                "{got:?} is not {expected:?}"
            );
        };
        let p3 = raster(Channels::Rgb, &[200, 100, 50]);
        let converted = through(&ColorProfile::new_display_p3(), p3);
        near(&converted.samples, [215, 93, 31]);
        let adobe = raster(Channels::Rgb, &[100, 150, 100]);
        let converted = through(&ColorProfile::new_adobe_rgb(), adobe);
        near(&converted.samples, [66, 151, 97]);
    }

    #[test]
    fn alpha_keeps_its_value_and_dims_the_converted_colour() {
        let opaque = through(
            &ColorProfile::new_display_p3(),
            raster(Channels::Rgba, &[200, 100, 50, 255]),
        );
        let mut half = raster(Channels::Rgba, &[200, 100, 50, 128]);
        premultiply(&mut half).unwrap();
        let half = through(&ColorProfile::new_display_p3(), half);
        assert_eq!(half.samples[3], 128);
        for i in 0..3 {
            let expected = f64::from(opaque.samples[i]) * 128.0 / 255.0;
            assert!((f64::from(half.samples[i]) - expected).abs() <= 2.0);
        }
    }

    #[test]
    fn grey_becomes_equal_red_green_and_blue() {
        let grey = to_srgb(raster(Channels::GreyAlpha, &[9, 200, 0, 0]), None).unwrap();
        assert_eq!(grey.samples, [9, 9, 9, 200, 0, 0, 0, 0]);
        // Linear light: half of it looks like 188.
        let linear = ColorProfile::new_gray_with_gamma(1.0);
        let lit = through(&linear, raster(Channels::Grey, &[128]));
        assert_eq!(lit.channels, Channels::Rgb);
        assert!(lit.samples.iter().all(|v| v.abs_diff(188) <= 1), "{lit:?}");
    }

    #[test]
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "light is from 0 to 1"
    )]
    fn srgb_is_known_by_its_primaries_and_curves() {
        let keeps = |profile: &ColorProfile, channels| {
            super::keeps(
                super::profile(&profile.encode().unwrap()).as_ref(),
                channels,
            )
        };
        let (grey, rgb) = (DataColorSpace::Gray, DataColorSpace::Rgb);
        let mut tabled = ColorProfile::new_srgb();
        let table =
            (0..1024).map(|n| (srgb_light(f64::from(n) / 1023.0) * 65_535.0).round() as u16);
        let table = Some(ToneReprCurve::Lut(table.collect()));
        tabled.red_trc.clone_from(&table);
        tabled.green_trc.clone_from(&table);
        tabled.blue_trc = table;
        for profile in [ColorProfile::new_srgb(), tabled] {
            assert!(keeps(&profile, rgb));
            assert!(keeps(&profile, grey));
        }
        for profile in [
            ColorProfile::new_display_p3(),
            ColorProfile::new_adobe_rgb(),
        ] {
            assert!(!keeps(&profile, rgb));
        }
        let linear = ColorProfile::new_gray_with_gamma(1.0);
        assert!(!keeps(&linear, grey));
        assert!(
            keeps(&linear, rgb),
            "a profile of grey says nothing about colour"
        );
        assert!(super::keeps(None, rgb) && super::profile(b"garbage").is_none());
    }

    #[test]
    fn useless_profiles_are_ignored() {
        let picture = raster(Channels::Rgb, &[200, 100, 50]);
        let grey_profile = ColorProfile::new_gray_with_gamma(1.0);
        assert_eq!(through(&grey_profile, picture.clone()), picture);
    }
}
