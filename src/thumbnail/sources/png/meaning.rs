//! What the samples of a PNG mean.

use moxcms::{
    Chromaticity, CicpColorPrimaries, CicpProfile, ColorPrimaries, ColorProfile,
    MatrixCoefficients, ToneReprCurve, TransferCharacteristics,
};
use png::{CodingIndependentCodePoints, Info, SourceChromaticities};

/// What the colours mean, by the first of cICP, iCCP, sRGB, and cHRM with gAMA that is there and can
/// be used (PNG third edition, 4.3); `None` is sRGB.
pub(super) fn profile(info: &Info<'_>, icc: Option<ColorProfile>) -> Option<ColorProfile> {
    if let Some(profile) = info.coding_independent_code_points.and_then(named) {
        return Some(profile);
    }
    if icc.is_some() {
        return icc;
    }
    if info.srgb.is_some() {
        return None;
    }
    measured(
        info.gama_chunk.map(png::ScaledFloat::into_value),
        info.chrm_chunk,
    )
}

/// A profile of code points (ITU-T H.273), if they are known ones, of full range.
fn named(code_points: CodingIndependentCodePoints) -> Option<ColorProfile> {
    let transfer = TransferCharacteristics::try_from(code_points.transfer_function).ok()?;
    let mut profile = ColorProfile::new_from_cicp(CicpProfile {
        color_primaries: CicpColorPrimaries::try_from(code_points.color_primaries).ok()?,
        transfer_characteristics: transfer,
        matrix_coefficients: MatrixCoefficients::Identity,
        full_range: true,
    });
    // Of others it has no curve, nor primaries.
    if !code_points.is_video_full_range_image || profile.red_trc.is_none() {
        return None;
    }
    match transfer {
        TransferCharacteristics::Smpte2084 => {
            set_curve(&mut profile, &high_range(pq_nits, WHITE_NITS));
        }
        TransferCharacteristics::Hlg => {
            set_curve(&mut profile, &high_range(hlg_light, hlg_light(HLG_WHITE)));
        }
        _ => {}
    }
    Some(profile)
}

/// Diffuse white of high dynamic range, in cd/m2 and as the value of HLG (ITU-R BT.2408-7, 2.1).
const WHITE_NITS: f64 = 203.0;
const HLG_WHITE: f64 = 0.75;

/// A curve by which diffuse white is white; a colour that shines brighter is cut to it. Without that, white paper
/// would be grey or nearly black.
fn high_range(light: impl Fn(f64) -> f64, white: f64) -> ToneReprCurve {
    /// Between two of them, a curve is straight: fine enough for the shadows of PQ.
    const STEPS: u16 = 4095;
    let entry = |step: u16| {
        let light = light(f64::from(step) / f64::from(STEPS)) / white;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a cast saturates"
        )]
        let entry = (light * 65_535.0).round() as u16;
        entry
    };
    ToneReprCurve::Lut((0..=STEPS).map(entry).collect())
}

/// What a value from 0 to 1 of PQ shines, in cd/m2 (SMPTE ST 2084; ITU-R BT.2100-2, table 4).
fn pq_nits(value: f64) -> f64 {
    const M1: f64 = 2610.0 / 16384.0;
    const M2: f64 = 2523.0 / 4096.0 * 128.0;
    const C1: f64 = 3424.0 / 4096.0;
    const C2: f64 = 2413.0 / 4096.0 * 32.0;
    const C3: f64 = 2392.0 / 4096.0 * 32.0;
    let root = value.powf(1.0 / M2);
    10_000.0 * ((root - C1).max(0.0) / (C2 - C3 * root)).powf(1.0 / M1)
}

/// The light of the scene for a value from 0 to 1 of HLG (ITU-R BT.2100-2, table 5). On a display of about 330
/// cd/m2 it is that of the display (BT.2390: its gamma is 1 there).
fn hlg_light(value: f64) -> f64 {
    const A: f64 = 0.178_832_77;
    const B: f64 = 0.284_668_92;
    const C: f64 = 0.559_910_73;
    if value <= 0.5 {
        value * value / 3.0
    } else {
        (((value - C) / A).exp() + B) / 12.0
    }
}

/// One curve for all colours, in place of what code points say of it.
fn set_curve(profile: &mut ColorProfile, curve: &ToneReprCurve) {
    profile.cicp = None;
    for of in [
        &mut profile.red_trc,
        &mut profile.green_trc,
        &mut profile.blue_trc,
    ] {
        *of = Some(curve.clone());
    }
}

/// A profile of a gamma and chromaticities; where one of them is missing, it is that of sRGB.
fn measured(gamma: Option<f32>, primaries: Option<SourceChromaticities>) -> Option<ColorProfile> {
    /// That of sRGB, as the specification has it for the chunk (11.3.2.5).
    const SRGB_GAMMA: f32 = 0.45455;
    // Beyond these no display ever was.
    let gamma = gamma.filter(|gamma| (0.1..=10.0).contains(gamma));
    let gamma = gamma.filter(|gamma| (gamma - SRGB_GAMMA).abs() > 0.005);
    let primaries = primaries.and_then(chromaticities);
    if gamma.is_none() && primaries.is_none() {
        return None;
    }
    let mut profile = ColorProfile::new_srgb();
    profile.cicp = None;
    if let Some((white, primaries)) = primaries {
        profile.update_rgb_colorimetry(white.to_xyyb(), primaries);
    }
    if let Some(gamma) = gamma {
        set_curve(&mut profile, &ToneReprCurve::Parametric(vec![1.0 / gamma]));
    }
    Some(profile)
}

/// White and primaries, unless they are those of sRGB, or none.
fn chromaticities(of: SourceChromaticities) -> Option<(Chromaticity, ColorPrimaries)> {
    /// IEC 61966-2-1.
    const SRGB: [(f32, f32); 4] = [(0.3127, 0.329), (0.64, 0.33), (0.3, 0.6), (0.15, 0.06)];
    let points = [of.white, of.red, of.green, of.blue];
    let points = points.map(|(x, y)| (x.into_value(), y.into_value()));
    let same =
        |(a, b): (&(f32, f32), &(f32, f32))| (a.0 - b.0).abs() < 0.002 && (a.1 - b.1).abs() < 0.002;
    let [white, red, green, blue] = points;
    // Twice the area of the triangle of colours; none can be told in a line.
    let area = (green.0 - red.0) * (blue.1 - red.1) - (blue.0 - red.0) * (green.1 - red.1);
    let possible = points
        .iter()
        .all(|(x, y)| (0.0..1.0).contains(x) && (0.001..1.0).contains(y));
    if points.iter().zip(&SRGB).all(same) || !possible || area.abs() < 0.01 {
        return None;
    }
    let [white, red, green, blue] = [white, red, green, blue].map(|(x, y)| Chromaticity { x, y });
    Some((white, ColorPrimaries { red, green, blue }))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn what_shines_brighter_than_white_is_cut_to_it() {
        let white = hlg_light(HLG_WHITE);
        for curve in [
            high_range(pq_nits, WHITE_NITS),
            high_range(hlg_light, white),
        ] {
            let ToneReprCurve::Lut(table) = curve else {
                panic!("{curve:?}");
            };
            assert!(table.is_sorted());
            assert_eq!((table[0], table.last().copied()), (0, Some(u16::MAX)));
        }
    }

    #[test]
    fn code_points_that_name_no_primaries_are_none() {
        for (color_primaries, full) in [(2, true), (9, false), (0, true)] {
            let code_points = CodingIndependentCodePoints {
                color_primaries,
                transfer_function: 16,
                matrix_coefficients: 0,
                is_video_full_range_image: full,
            };
            assert!(named(code_points).is_none(), "{color_primaries}");
        }
    }
}
