//! Colours in other spaces than sRGB, and the profiles that say so. The colours are computed by
//! another library than the profiles.

use moxcms::{
    ColorProfile, DataColorSpace, LutDataType, LutStore, LutType, LutWarehouse, Matrix3d,
    ProfileClass, ToneReprCurve,
};
use palette::chromatic_adaptation::AdaptIntoUnclamped;
use palette::convert::FromColorUnclamped;
use palette::rgb::{AdobeRgb, DisplayP3, LinRec2020, ProPhotoRgb};
use palette::white_point::{D50, D65};
use palette::{IntoColor, Lab, LinSrgb, Srgb, Xyz};

/// A way to write sRGB colours in another RGB space, and its profile.
#[derive(Debug, Clone)]
pub(super) struct Space {
    pub(super) name: &'static str,
    /// Levels from 0 to 1.
    pub(super) of_srgb: fn([u8; 3]) -> [f64; 3],
    pub(super) profile: ColorProfile,
}

/// The RGB spaces that photographs come in.
pub(super) fn rgb() -> [Space; 4] {
    [
        Space {
            name: "srgb",
            of_srgb: |rgb| rgb.map(|level| f64::from(level) / 255.0),
            profile: ColorProfile::new_srgb(),
        },
        Space {
            name: "display-p3",
            of_srgb: |rgb| DisplayP3::from_color_unclamped(xyz(rgb)).into(),
            profile: ColorProfile::new_display_p3(),
        },
        Space {
            name: "adobe-rgb",
            of_srgb: |rgb| AdobeRgb::from_color_unclamped(xyz(rgb)).into(),
            profile: ColorProfile::new_adobe_rgb(),
        },
        Space {
            name: "prophoto",
            of_srgb: |rgb| ProPhotoRgb::from_color_unclamped(xyz_d50(rgb)).into(),
            profile: ColorProfile::new_pro_photo_rgb(),
        },
    ]
}

/// Display P3 and BT.2020 as cICP names them, the latter with the curve of sRGB.
pub(super) fn display_p3(rgb: [u8; 3]) -> [f64; 3] {
    DisplayP3::from_color_unclamped(xyz(rgb)).into()
}

/// Linear light with the primaries of BT.2020.
pub(super) fn linear_bt2020(rgb: [u8; 3]) -> [f64; 3] {
    LinRec2020::from_color_unclamped(xyz(rgb)).into()
}

/// The value of PQ for a light of which 1 is diffuse white, 203 cd/m2 (ITU-R BT.2100-2, table 4, the inverse).
pub(super) fn pq(light: f64) -> f64 {
    let of = (light * 203.0 / 10_000.0).powf(0.159_301_757_812_5);
    ((0.835_937_5 + 18.851_562_5 * of) / (1.0 + 18.687_5 * of)).powf(78.843_75)
}

/// The value of HLG for a light of which 1 is diffuse white, at 75 % (ITU-R BT.2100-2, table 5).
pub(super) fn hlg(light: f64) -> f64 {
    let light = light * 0.264_962_56;
    if light <= 1.0 / 12.0 {
        (3.0 * light).sqrt()
    } else {
        0.178_832_77 * (12.0 * light - 0.284_668_92).ln() + 0.559_910_73
    }
}

/// sRGB with red and blue exchanged, so that no one can take it for sRGB.
pub(super) fn exchanged() -> Vec<u8> {
    let mut profile = ColorProfile::new_srgb();
    std::mem::swap(&mut profile.red_colorant, &mut profile.blue_colorant);
    profile.cicp = None;
    encoded(&profile)
}

/// The light of a level of sRGB.
pub(super) fn light(level: u8) -> f64 {
    let light: LinSrgb<f64> = Srgb::new(level, level, level).into_linear();
    light.red
}

/// A profile of greys with a plain power as their curve.
pub(super) fn grey_gamma(gamma: f32) -> Vec<u8> {
    encoded(&ColorProfile::new_gray_with_gamma(gamma))
}

/// sRGB with its curves as a table of 1024 entries, as most old files have it.
pub(super) fn tabled_srgb() -> Vec<u8> {
    let mut profile = ColorProfile::new_srgb();
    let light = |n: u16| {
        let level = f64::from(n) / 1023.0;
        let light: LinSrgb<f64> = Srgb::new(level, level, level).into_linear();
        word(light.red)
    };
    let table = Some(ToneReprCurve::Lut((0..1024).map(light).collect()));
    profile.red_trc.clone_from(&table);
    profile.green_trc.clone_from(&table);
    profile.blue_trc = table;
    profile.cicp = None;
    encoded(&profile)
}

/// A press whose paper is a little darker and whose inks are weaker than the plain multiplication
/// has them, as a profile of 9 steps for each ink.
pub(super) fn press() -> Vec<u8> {
    const STEPS: u8 = 9;
    let steps = || (0..STEPS).map(|n| f64::from(n) / f64::from(STEPS - 1));
    let mut table = Vec::new();
    for c in steps() {
        for m in steps() {
            for y in steps() {
                for k in steps() {
                    let lab: Lab<D50, f64> = xyz_d50_of(printed([c, m, y, k])).into_color();
                    // Lab of 16 bits as ICC.1:2022, 10.10 has it for this type: 0xFF00 is 100.
                    let entry = [
                        lab.l / 100.0 * 65_280.0 / 65_535.0,
                        (lab.a + 128.0) / 255.0 * 65_280.0 / 65_535.0,
                        (lab.b + 128.0) / 255.0 * 65_280.0 / 65_535.0,
                    ];
                    table.extend(entry.map(word));
                }
            }
        }
    }
    let straight = |channels: usize| LutStore::Store16([0, 65_535].repeat(channels));
    let lut = LutWarehouse::Lut(LutDataType {
        num_input_channels: 4,
        num_output_channels: 3,
        num_clut_grid_points: STEPS,
        matrix: Matrix3d::IDENTITY,
        num_input_table_entries: 2,
        num_output_table_entries: 2,
        input_table: straight(4),
        clut_table: LutStore::Store16(table),
        output_table: straight(3),
        lut_type: LutType::Lut16,
    });
    let mut profile = ColorProfile::default();
    profile.color_space = DataColorSpace::Cmyk;
    profile.pcs = DataColorSpace::Lab;
    profile.profile_class = ProfileClass::OutputDevice;
    profile.lut_a_to_b_perceptual = Some(lut.clone());
    profile.lut_a_to_b_colorimetric = Some(lut);
    profile.white_point = ColorProfile::new_srgb().white_point;
    encoded(&profile)
}

/// What [`press`] prints with inks from 0 to 1, as sRGB levels from 0 to 1.
pub(super) fn printed([c, m, y, k]: [f64; 4]) -> [f64; 3] {
    [c, m, y].map(|ink| 0.95 * (1.0 - 0.9 * ink) * (1.0 - 0.9 * k))
}

/// Cyan, magenta, yellow and as much black as there can be, which multiplied are the colour.
pub(super) fn inks([r, g, b]: [u8; 3]) -> [u16; 4] {
    let most: u16 = r.max(g).max(b).max(1).into();
    let ink = |level: u8| 255 - (u16::from(level) * 255 + most / 2) / most;
    [ink(r), ink(g), ink(b), 255 - most]
}

/// L\*a\*b\* by D50.
pub(super) fn lab(rgb: [u8; 3]) -> [f64; 3] {
    let lab: Lab<D50, f64> = xyz_d50(rgb).into_color();
    [lab.l, lab.a, lab.b]
}

/// The nearest whole number, in the two's complement of 16 bits if it is negative.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "it is from -32,768 to 65,535"
)]
pub(super) fn whole(value: f64) -> u16 {
    value.round() as i32 as u16
}

/// A profile as a file has it.
pub(super) fn encoded(profile: &ColorProfile) -> Vec<u8> {
    profile.encode().unwrap_or_default()
}

/// A value from 0 to 1 in 8 bits.
pub(super) fn byte(value: f64) -> u8 {
    Srgb::new(value, value, value).into_format::<u8>().red
}

/// A value from 0 to 1 in 16 bits.
pub(super) fn word(value: f64) -> u16 {
    Srgb::new(value, value, value).into_format::<u16>().red
}

fn xyz(rgb: [u8; 3]) -> Xyz<D65, f64> {
    let rgb: Srgb<f64> = Srgb::from(rgb).into_format();
    rgb.into_color()
}

fn xyz_d50(rgb: [u8; 3]) -> Xyz<D50, f64> {
    xyz(rgb).adapt_into_unclamped()
}

fn xyz_d50_of(rgb: [f64; 3]) -> Xyz<D50, f64> {
    let xyz: Xyz<D65, f64> = Srgb::from(rgb).into_color();
    xyz.adapt_into_unclamped()
}
