//! What was under way when, as in the statistics of the paper's framework: a timeline of all calls, how many were
//! active, and how long each took.

use plotters::prelude::{ChartBuilder, Color, PathElement, Polygon, RGBColor, Rectangle};

use super::axis::{Axis, count};
use super::{Chart, ChartError, FAINT, STORING, colour, legend, mesh};
use crate::report::data::{Call, Sample};

/// Height of the timeline, the active calls and the histogram, in pixels.
const HEIGHTS: [u32; 3] = [330, 170, 170];

const BINS: u32 = 40;

/// The calls of one sample. None where it has none, or no clock goes through their times.
pub(crate) fn calls(sample: &Sample, name: &str) -> Result<Option<Chart>, ChartError> {
    let mut calls: Vec<&Call> = sample.calls.iter().collect();
    calls.sort_by(|a, b| a.submitted.total_cmp(&b.submitted));
    if calls.is_empty() || sample.clocks.is_empty() {
        return Ok(None);
    }
    let mode = sample.mode.name();
    let head = (
        format!("calls-{name}"),
        format!("Calls: {mode}, {} pictures", sample.pictures),
        format!(
            "Sample {}. Above: each call from when it was submitted until its answer was seen, one row each. Middle: how \
             many calls were active, from the start of their work until their thumbnails were stored. Below: how long \
             that took.",
            sample.name
        ),
    );
    let height = HEIGHTS.iter().sum::<u32>() + super::LEGEND_HEIGHT.unsigned_abs();
    let chart = Chart::draw(head, height, |area| {
        let own = colour(sample.mode);
        let below = legend(
            area,
            &[
                (FAINT, false, "waiting to start, or for the answer"),
                (own, false, "making"),
                (STORING, false, "storing"),
            ],
        )?;
        let (timeline, below) = below.split_vertically(HEIGHTS[0]);
        let (active, histogram) = below.split_vertically(HEIGHTS[1]);
        let end = calls.iter().fold(0.0_f64, |end, call| end.max(call.seen));
        let builder = |area, x, y| {
            ChartBuilder::on(area)
                .margin_right(24)
                .margin_top(8)
                .x_label_area_size(44)
                .y_label_area_size(64)
                .build_cartesian_2d(x, y)
        };

        let rows = count(calls.len() as u64);
        let mut chart = builder(&timeline, Axis::linear(end, 8.0), Axis::linear(rows, 5.0))?;
        mesh(&mut chart, "", "calls")?;
        let bands: [(RGBColor, f64, Band); 4] = [
            (FAINT, 0.5, |call| {
                (call.submitted, call.started.unwrap_or(call.seen))
            }),
            (own, 1.0, |call| {
                (begun(call), call.made.unwrap_or(begun(call)))
            }),
            (STORING, 1.0, |call| {
                (call.made.unwrap_or(call.seen), done(call))
            }),
            (FAINT, 0.5, |call| (done(call), call.seen)),
        ];
        for (colour, opacity, band) in bands {
            let outline = outline(&calls, band);
            chart.draw_series([Polygon::new(outline, colour.mix(opacity).filled())])?;
        }

        // Of the others it is not known when they were at work.
        let known = |call: &&&Call| call.started.is_some() && call.stored.is_some();
        let timed: Vec<&Call> = calls.iter().filter(known).copied().collect();
        let steps = active_calls(&timed);
        let most = steps
            .iter()
            .fold(0.0_f64, |most, (_, number)| most.max(*number));
        let mut chart = builder(
            &active,
            Axis::linear(end, 8.0),
            Axis::linear(most * 1.1, 4.0),
        )?;
        mesh(&mut chart, "seconds since the sample began", "active")?;
        chart.draw_series([Polygon::new(steps.clone(), own.mix(0.25).filled())])?;
        chart.draw_series([PathElement::new(steps, own.stroke_width(2))])?;

        let durations: Vec<f64> = timed.iter().map(|call| done(call) - begun(call)).collect();
        let longest = durations.iter().copied().fold(0.0, f64::max) * 1.02;
        let bins = bins(&durations, longest);
        let most = bins.iter().copied().max().unwrap_or_default();
        let most = f64::from(most) * 1.1;
        let mut chart = builder(
            &histogram,
            Axis::linear(longest, 8.0),
            Axis::linear(most, 4.0),
        )?;
        mesh(&mut chart, "seconds from start to stored", "calls")?;
        let width = longest / f64::from(BINS);
        chart.draw_series(
            bins.into_iter()
                .zip(0_u32..)
                .filter(|(calls, _)| *calls > 0)
                .map(|(calls, place)| {
                    let left = f64::from(place) * width;
                    let corners = [(left, 0.0), (left + width * 0.9, f64::from(calls))];
                    Rectangle::new(corners, own.filled())
                }),
        )?;
        Ok(())
    })?;
    Ok(Some(chart))
}

type Band = fn(&Call) -> (f64, f64);

/// When work on it began; of a call of which nobody knows, its end.
fn begun(call: &Call) -> f64 {
    call.started.unwrap_or(call.seen)
}

/// When its thumbnails were stored.
fn done(call: &Call) -> f64 {
    call.stored.unwrap_or(call.seen)
}

/// One shape over all rows: up along the left ends and down along the right ones.
fn outline(calls: &[&Call], band: Band) -> Vec<(f64, f64)> {
    let rows = || {
        calls
            .iter()
            .zip(0_u32..)
            .map(|(call, row)| (band(call), f64::from(row)))
    };
    let up = rows().flat_map(|((from, _), row)| [(from, row), (from, row + 1.0)]);
    let mut down: Vec<_> = rows()
        .flat_map(|((from, to), row)| [(to.max(from), row), (to.max(from), row + 1.0)])
        .collect();
    down.reverse();
    up.chain(down).collect()
}

/// How many calls were active, as the corners of a line of steps.
fn active_calls(calls: &[&Call]) -> Vec<(f64, f64)> {
    let mut changes: Vec<(f64, f64)> = calls
        .iter()
        .flat_map(|call| [(begun(call), 1.0), (done(call).max(begun(call)), -1.0)])
        .collect();
    // Of what happens at once an end comes first.
    changes.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.total_cmp(&b.1)));
    let mut active = 0.0;
    let mut corners = vec![(0.0, 0.0)];
    for (time, change) in changes {
        corners.push((time, active));
        active += change;
        corners.push((time, active));
    }
    corners
}

/// How many durations fall into each of [`BINS`] equal parts up to `longest`.
fn bins(durations: &[f64], longest: f64) -> Vec<u32> {
    let mut bins = vec![0; BINS as usize];
    for duration in durations {
        let ends = (1..BINS).map(|place| longest * f64::from(place) / f64::from(BINS));
        let place = ends.take_while(|end| end <= duration).count();
        bins[place] += 1;
    }
    bins
}

#[cfg(test)]
#[allow(clippy::float_cmp)]
mod tests {
    use super::*;

    fn call(started: f64, stored: f64) -> Call {
        Call {
            submitted: 0.0,
            started: Some(started),
            made: Some(started),
            stored: Some(stored),
            seen: stored,
            stages: std::collections::BTreeMap::new(),
        }
    }

    #[test]
    fn what_ends_as_another_begins_is_not_active_with_it() {
        let calls = [call(1.0, 2.0), call(2.0, 4.0), call(3.0, 5.0)];
        let calls: Vec<&Call> = calls.iter().collect();
        let corners = active_calls(&calls);
        let most = corners
            .iter()
            .fold(0.0_f64, |most, (_, number)| most.max(*number));
        assert_eq!(most, 2.0);
        assert_eq!(corners.last(), Some(&(5.0, 0.0)));
    }

    #[test]
    fn every_duration_is_in_one_bin() {
        let bins = bins(&[0.0, 0.1, 3.9, 4.0], 4.0);
        assert_eq!(bins.iter().sum::<u32>(), 4);
        assert_eq!((bins[0], bins[1], bins[39]), (1, 1, 2));
    }
}
