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

    #[test]
    fn equals_pillow() {
        let mut rows = 0;
        for line in PILLOW.lines().filter(|line| !line.starts_with('#')) {
            let n: Vec<u32> = line.split(',').map(|n| n.parse().unwrap()).collect();
            assert_eq!(fit_size(n[0], n[1], n[2]), (n[3], n[4]), "row {line}");
            rows += 1;
        }
        assert!(rows >= 200, "only {rows} rows");
    }

    #[test]
    fn nothing_counts_as_one() {
        assert_eq!(fit_size(0, 0, 0), (1, 1));
        assert_eq!(fit_size(10, 20, 0), (1, 1));
    }

    proptest! {
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
