//! Planes to other sizes: Lanczos, first down the columns, then along the rows.

use super::super::kernels::resample::{Sample, Taps, columns, rows};
use super::FinePlane;
use super::lanczos::Axis;

/// Resamples the components of a picture, each given by its samples, its width and height, and
/// how many samples of these the picture itself takes up. Of its width and height the shares `shown`
/// are used, around the middle. `target_span` says how many samples each component is to have; its
/// last column and row may lie partly outside.
///
/// Planes of the same dimensions, as the two colour differences are, share their taps.
pub(super) fn all<'a, S: Sample + 'a>(
    sources: impl Iterator<Item = (&'a [S], (usize, usize), (f64, f64))>,
    mirrored: (bool, bool),
    shown: (f64, f64),
    target_span: impl Fn(usize) -> (f64, f64),
) -> Vec<FinePlane> {
    let mut known: Option<([Axis; 2], [Taps; 2])> = None;
    let mut planes = Vec::new();
    for (component, (samples, (width, height), span)) in sources.enumerate() {
        let target = target_span(component);
        let axes = [
            Axis::new((width, span.0), target.0, mirrored.0).showing(shown.0),
            Axis::new((height, span.1), target.1, mirrored.1).showing(shown.1),
        ];
        let taps = match known.take() {
            Some((of, taps)) if of == axes => taps,
            _ => axes.map(Axis::taps),
        };
        planes.push(one(samples, width, &taps));
        known = Some((axes, taps));
    }
    planes
}

/// Resamples a plane of `stride` samples a row by the taps of its two axes.
///
/// The vertical pass comes first: it reads whole rows, many columns at once, and leaves one row for
/// the horizontal pass, which is still in the first-level cache then.
fn one<S: Sample>(samples: &[S], stride: usize, [across, down]: &[Taps; 2]) -> FinePlane {
    let (width, height) = (across.targets(), down.targets());
    let mut target = vec![0; width * height];
    let mut between = vec![0; across.reach().max(stride)];
    for (y, row) in target.chunks_exact_mut(width).enumerate() {
        columns(samples, stride, down.of(y), &mut between[..stride]);
        rows(&between, across, row);
    }
    FinePlane {
        width,
        height,
        samples: target,
    }
}
