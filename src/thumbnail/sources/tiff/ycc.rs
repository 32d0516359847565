//! YCbCr of a TIFF that says itself what its levels mean (TIFF 6.0, 20 and 21).

use tiff::decoder::Decoder;
use tiff::decoder::ifd::Value;
use tiff::tags::Tag;

use super::super::super::{Error, Format};
use super::super::{Input, ended_early, truncated};

/// The shares of red, green and blue in brightness, by BT.601.
const USUAL_SHARES: [f32; 3] = [0.299, 0.587, 0.114];

/// For each sample, the level of black, or of no difference, and that of white, or of all of one: the
/// full range.
const USUAL_LEVELS: [f32; 6] = [0.0, 255.0, 128.0, 255.0, 128.0, 255.0];

/// What the levels of brightness and of its differences to blue and red mean.
#[derive(Debug, Clone, Copy)]
pub(super) struct Coding {
    shares: [f32; 3],
    levels: [f32; 6],
}

impl Coding {
    /// `None` if it is that of JFIF, as it mostly is; and if what the tags say can be none: a picture that
    /// can be read is not refused for them.
    pub(super) fn of(decoder: &mut Decoder<Input<'_>>) -> Result<Option<Self>, Error> {
        const COEFFICIENTS: Tag = Tag::Unknown(529);
        const REFERENCE_BLACK_WHITE: Tag = Tag::Unknown(532);
        let shares = numbers(decoder, COEFFICIENTS)?.unwrap_or(USUAL_SHARES);
        let levels = numbers(decoder, REFERENCE_BLACK_WHITE)?.unwrap_or(USUAL_LEVELS);
        let near = |a: &[f32], b: &[f32]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 0.001);
        if near(&shares, &USUAL_SHARES) && near(&levels, &USUAL_LEVELS) {
            return Ok(None);
        }
        let [b0, w0, b1, w1, b2, w2] = levels;
        let divisors = [w0 - b0, w1 - b1, w2 - b2, shares[1]];
        let mut all = shares.iter().chain(&levels);
        let usable = all.all(|number| number.is_finite())
            && divisors.iter().all(|divisor| divisor.abs() > 0.001);
        Ok(usable.then_some(Self { shares, levels }))
    }

    /// Red, green and blue of a pixel.
    pub(super) fn rgb(self, pixel: [u8; 3]) -> [u8; 3] {
        let [red, green, blue] = self.shares;
        let [b0, w0, b1, w1, b2, w2] = self.levels;
        let [y, cb, cr] = pixel.map(f32::from);
        let y = (y - b0) * 255.0 / (w0 - b0);
        let cb = (cb - b1) * 127.0 / (w1 - b1);
        let cr = (cr - b2) * 127.0 / (w2 - b2);
        let r = y + cr * (2.0 - 2.0 * red);
        let b = y + cb * (2.0 - 2.0 * blue);
        let g = (y - red * r - blue * b) / green;
        [r, g, b].map(level)
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "it is from 0 to 255"
)]
fn level(value: f32) -> u8 {
    value.round().clamp(0.0, 255.0) as u8
}

/// The values of a tag, if it has `N` numbers, as it should.
fn numbers<const N: usize>(
    decoder: &mut Decoder<Input<'_>>,
    tag: Tag,
) -> Result<Option<[f32; N]>, Error> {
    let found = match decoder.find_tag(tag) {
        // Where these are missing, more is.
        Err(error) if ended_early(&error) => return Err(truncated(Format::Tiff)),
        found => found.ok().flatten(),
    };
    let Some(Value::List(list)) = found else {
        return Ok(None);
    };
    let values: Option<Vec<f32>> = list.iter().map(number).collect();
    Ok(values.and_then(|values| values.try_into().ok()))
}

#[expect(
    clippy::cast_precision_loss,
    reason = "they are levels, and shares of 1"
)]
fn number(value: &Value) -> Option<f32> {
    Some(match *value {
        Value::Rational(number, of) => number as f32 / of as f32,
        Value::Float(number) => number,
        Value::Short(number) => number.into(),
        Value::Unsigned(number) => number as f32,
        _ => return None,
    })
}
