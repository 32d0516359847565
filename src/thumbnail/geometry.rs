use std::fmt;
use std::str::FromStr;

/// How a picture is put into its box, a square. It is never enlarged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Fit {
    /// All of it is shown: the longer side is the box's, the aspect stays. See [`fit_size`].
    #[default]
    Inside,
    /// The box is filled: the largest square in the middle is shown, the rest is cut off. Of a picture
    /// that is smaller than the box, either way, the square is as large as that picture allows: the
    /// shape is kept, not the size.
    Cover,
}

impl Fit {
    /// The size in pixels of a thumbnail of a picture of `width` x `height` pixels, for a box of
    /// `side` pixels a side.
    #[must_use]
    pub fn size(self, (width, height): (u32, u32), side: u32) -> (u32, u32) {
        match self {
            Self::Inside => fit_size(width, height, side),
            Self::Cover => {
                let side = side.min(width).min(height).max(1);
                (side, side)
            }
        }
    }

    /// The side of the box that the whole picture fits into, cut or not, at the scale of its
    /// thumbnail.
    pub(super) fn whole_box(self, (width, height): (u32, u32), side: u32) -> u32 {
        match self {
            Self::Inside => side,
            Self::Cover => {
                let (shown, _) = self.size((width, height), side);
                let (short, long) = (width.min(height).max(1), width.max(height));
                let whole = (u64::from(shown) * u64::from(long)).div_ceil(short.into());
                u32::try_from(whole).unwrap_or(u32::MAX)
            }
        }
    }

    /// The share of width and height that is shown, around the middle.
    pub(super) fn shown(self, (width, height): (u32, u32)) -> (f64, f64) {
        match self {
            Self::Inside => WHOLE,
            Self::Cover => {
                let short = f64::from(width.min(height).max(1));
                (
                    short / f64::from(width.max(1)),
                    short / f64::from(height.max(1)),
                )
            }
        }
    }
}

/// All of the width and all of the height.
pub(super) const WHOLE: (f64, f64) = (1.0, 1.0);

impl fmt::Display for Fit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Inside => "inside",
            Self::Cover => "cover",
        })
    }
}

/// A word that is no [`Fit`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("neither inside nor cover")]
pub struct NoFit;

impl FromStr for Fit {
    type Err = NoFit;

    fn from_str(word: &str) -> Result<Self, NoFit> {
        [Self::Inside, Self::Cover]
            .into_iter()
            .find(|fit| fit.to_string() == word)
            .ok_or(NoFit)
    }
}

/// The size of a thumbnail: the picture fitted inside a square box, its aspect kept.
///
/// Equal to the pixel to what Pillow's `Image.thumbnail((max_side, max_side))` gives (Pillow 8.0
/// and later): the longer side becomes `max_side`, the other is rounded to whichever neighbour
/// keeps the aspect better. Never enlarges, never gives 0; a side or box of 0 counts as 1.
///
/// <https://pillow.readthedocs.io/en/stable/reference/Image.html#PIL.Image.Image.thumbnail>
#[must_use]
pub fn fit_size(width: u32, height: u32, max_side: u32) -> (u32, u32) {
    let (width, height, max_side) = (width.max(1), height.max(1), max_side.max(1));
    if width <= max_side && height <= max_side {
        return (width, height);
    }
    // The same operations on the same doubles as Pillow, so that ties fall the same way.
    let aspect = f64::from(width) / f64::from(height);
    let side = f64::from(max_side);
    if aspect <= 1.0 {
        let error = |n: f64| (aspect - n / side).abs();
        (closer_neighbour(side * aspect, error), max_side)
    } else {
        let error = |n: f64| {
            if n == 0.0 {
                0.0
            } else {
                (aspect - side / n).abs()
            }
        };
        (max_side, closer_neighbour(side / aspect, error))
    }
}

/// The floor or the ceiling, whichever has the smaller error (the floor if equal), but at least 1.
fn closer_neighbour(number: f64, error: impl Fn(f64) -> f64) -> u32 {
    let (floor, ceiling) = (number.floor(), number.ceil());
    let chosen = if error(floor) <= error(ceiling) {
        floor
    } else {
        ceiling
    };
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "0 <= number <= max_side, which is a u32"
    )]
    let side = chosen as u32;
    side.max(1)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Lines of `width,height,box,thumbnail_width,thumbnail_height`; `#` starts a comment.
    const PILLOW: &str = include_str!("fixtures/pillow-thumbnail-sizes.csv");

    /// How many rows there are, all of them right.
    fn right_rows(rows: &str) -> usize {
        let rows = rows.lines().filter(|line| !line.starts_with('#'));
        let right = rows.map(|line| {
            let n: Vec<u32> = line.split(',').map(|n| n.parse().unwrap()).collect();
            assert_eq!(fit_size(n[0], n[1], n[2]), (n[3], n[4]), "row {line}");
        });
        right.count()
    }

    #[test]
    fn equals_pillow() {
        let rows = right_rows(PILLOW);
        assert!(rows >= 200, "only {rows} rows");
    }

    #[test]
    #[ignore = "tests/pillow/run makes the rows, with Pillow itself"]
    fn equals_pillow_for_many_sizes() {
        let path = std::env::var("PILLOW_SIZES").expect("a file of rows");
        let rows = right_rows(&std::fs::read_to_string(path).unwrap());
        println!("{rows} sizes are Pillow's");
        assert!(rows >= 1000, "only {rows} rows");
    }

    /// `Image.thumbnail` of Pillow 8.0 and later, as its source has it for a box of any sides: `aspect` is
    /// width to height; the side that the aspect decides becomes the better of its two neighbours, by
    /// what the aspect would be off.
    fn pillow((width, height): (u32, u32), (x, y): (u32, u32)) -> (u32, u32) {
        if x >= width && y >= height {
            return (width, height);
        }
        let (aspect, x, y) = (
            f64::from(width) / f64::from(height),
            f64::from(x),
            f64::from(y),
        );
        let round_aspect = |number: f64, key: &dyn Fn(f64) -> f64| {
            let both = [number.floor(), number.ceil()];
            let best = both.into_iter().min_by(|a, b| key(*a).total_cmp(&key(*b)));
            best.unwrap().max(1.0)
        };
        let (x, y) = if x / y >= aspect {
            (round_aspect(y * aspect, &|n| (aspect - n / y).abs()), y)
        } else {
            let off = |n: f64| {
                if n == 0.0 {
                    0.0
                } else {
                    (aspect - x / n).abs()
                }
            };
            (x, round_aspect(x / aspect, &off))
        };
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "sides of a box"
        )]
        (x as u32, y as u32)
    }

    #[test]
    fn equals_pillows_arithmetic_for_all_small_sizes() {
        for (width, height) in (1..=48).flat_map(|w| (1..=48).map(move |h| (w, h))) {
            for side in 1..=50 {
                let expected = pillow((width, height), (side, side));
                assert_eq!(
                    fit_size(width, height, side),
                    expected,
                    "{width} x {height} in {side}"
                );
            }
        }
    }

    #[test]
    fn nothing_counts_as_one() {
        assert_eq!(fit_size(0, 0, 0), (1, 1));
        assert_eq!(fit_size(10, 20, 0), (1, 1));
    }

    #[test]
    fn cover_is_a_square_that_is_never_enlarged() {
        let of = |size, side| Fit::Cover.size(size, side);
        assert_eq!(of((800, 600), 256), (256, 256));
        assert_eq!(of((800, 100), 256), (100, 100), "as large as it allows");
        assert_eq!(of((1, 5000), 256), (1, 1));
        let whole = |size, side| Fit::Cover.whole_box(size, side);
        assert_eq!(whole((800, 600), 300), 400);
        assert_eq!(whole((600, 800), 300), 400, "turned or not");
        assert_eq!(whole((800, 100), 256), 800);
        assert_eq!(whole((65_535, 1), u32::MAX), 65_535);
        assert_eq!(Fit::Cover.shown((800, 600)), (0.75, 1.0));
        assert_eq!(Fit::Inside.shown((800, 600)), WHOLE);
        for fit in [Fit::Inside, Fit::Cover] {
            assert_eq!(fit.to_string().parse(), Ok(fit));
        }
        assert_eq!("fill".parse::<Fit>(), Err(NoFit));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20_000))]

        #[test]
        fn equals_pillows_arithmetic(
            width in 1_u32..=65_535, height in 1_u32..=65_535, side in 1_u32..=65_535,
        ) {
            prop_assert_eq!(fit_size(width, height, side), pillow((width, height), (side, side)));
        }

        #[test]
        fn equals_pillows_arithmetic_of_long_pictures_and_small_boxes(
            long in 1_u32..=65_535, short in 1_u32..=300, side in 1_u32..=600, lying in any::<bool>(),
        ) {
            let (width, height) = if lying { (long, short) } else { (short, long) };
            prop_assert_eq!(fit_size(width, height, side), pillow((width, height), (side, side)));
        }
    }

    proptest! {
        #[test]
        fn cover_needs_the_whole_picture_at_no_less_than_its_scale(
            width in 1_u32..=70_000, height in 1_u32..=70_000, side in 1_u32..=5_000,
        ) {
            let (shown, same) = Fit::Cover.size((width, height), side);
            prop_assert!(shown == same && shown <= side && shown <= width.min(height));
            let whole = Fit::Cover.whole_box((width, height), side);
            let (w, h) = fit_size(width, height, whole);
            prop_assert!(w >= shown && h >= shown, "{} x {} for {}", w, h, shown);
            prop_assert!(whole <= width.max(height));
        }

        #[test]
        fn fits_keeps_the_aspect_and_never_enlarges(
            width in 1_u32..=70_000, height in 1_u32..=70_000, max_side in 1_u32..=5_000,
        ) {
            let (w, h) = fit_size(width, height, max_side);
            prop_assert!(w >= 1 && h >= 1);
            prop_assert!(w <= width && h <= height);
            prop_assert!(w <= max_side && h <= max_side);
            if width.max(height) <= max_side {
                prop_assert_eq!((w, h), (width, height));
            } else {
                prop_assert_eq!(w.max(h), max_side);
                let scale = f64::from(max_side) / f64::from(width.max(height));
                let exact = (f64::from(width) * scale, f64::from(height) * scale);
                prop_assert!((f64::from(w) - exact.0).abs() < 1.0 || w == 1);
                prop_assert!((f64::from(h) - exact.1).abs() < 1.0 || h == 1);
            }
        }
    }
}
