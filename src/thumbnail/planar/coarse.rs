//! Planes as decoded, upright.

use super::super::Orientation;
use super::{FinePlane, Plane, resample};

/// Planes as decoded, and how they are to be mirrored. That is left to the first resampling: mirrored
/// planes would begin with a column that lies partly outside of the picture.
#[derive(Debug, Clone, PartialEq)]
pub(in super::super) struct Coarse {
    pub(super) planes: Vec<Plane>,
    /// Whether left and right, and whether top and bottom, change places.
    mirrored: (bool, bool),
}

impl Coarse {
    /// Turns planes upright.
    pub(in super::super) fn upright(mut planes: Vec<Plane>, orientation: Orientation) -> Self {
        // Every orientation is a transposition, or none, and then the mirrors that the corner needs
        // to which row 0 and column 0 belong (EXIF 2.32, 4.6.4 A).
        let mirrored = match orientation.exif_value() {
            2 | 6 => (true, false),
            3 | 7 => (true, true),
            4 | 8 => (false, true),
            _ => (false, false),
        };
        if orientation.swaps_sides() {
            planes.iter_mut().for_each(transpose);
        }
        Self { planes, mirrored }
    }

    /// Width and height of the first plane.
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a JPEG has at most 65,535 samples each way"
    )]
    pub(in super::super) fn size(&self) -> (u32, u32) {
        let first = self.planes.first();
        first.map_or((1, 1), |plane| (plane.width as u32, plane.height as u32))
    }

    /// The share `shown` of all planes at the sizes that `span` gives for each, rounded up.
    pub(super) fn fit(
        &self,
        shown: (f64, f64),
        span: impl Fn(usize) -> (f64, f64),
    ) -> Vec<FinePlane> {
        let sources = self.planes.iter().map(|plane| {
            let dimensions = (plane.width, plane.height);
            (&plane.samples[..], dimensions, plane.span)
        });
        resample::all(sources, self.mirrored, shown, span)
    }
}

/// Rows become columns.
fn transpose(plane: &mut Plane) {
    /// Samples along the sides of what is turned at once, so that its lines stay in the cache.
    const TILE: usize = 16;
    let Plane {
        width,
        height,
        samples,
        span,
    } = plane;
    let mut target = vec![0; samples.len()];
    for top in (0..*height).step_by(TILE) {
        for left in (0..*width).step_by(TILE) {
            for y in top..(top + TILE).min(*height) {
                for x in left..(left + TILE).min(*width) {
                    target[x * *height + y] = samples[y * *width + x];
                }
            }
        }
    }
    *samples = target;
    std::mem::swap(width, height);
    *span = (span.1, span.0);
}
