//! How samples spread: a box from quartile to quartile, whiskers to the outermost values that are no outliers,
//! and the outliers.

use plotters::prelude::{ChartBuilder, Circle, Color, PathElement, Rectangle};
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::axis::{Axis, count};
use super::{Chart, ChartError, FONT, INK, colour, mesh, text};
use crate::record::Mode;
use crate::report::data::{Clock, Data, times};
use crate::statistics::{Description, describe};

const HEIGHT: u32 = 380;

/// The numbers of pictures for which the paper has box plots.
const PAPERS: [u64; 2] = [50, 200];

/// Box plots with the paper's numbers of pictures, or where these were not measured with the least and the greatest
/// number. None where no sample has that clock.
pub(crate) fn boxes(data: &Data, clock: Clock) -> Result<Option<Chart>, ChartError> {
    let cells = data.cells();
    let described = cells.iter().filter_map(|((mode, pictures), samples)| {
        let described = describe(&times(samples, clock))?;
        Some((*pictures, *mode, described))
    });
    let described: Vec<(u64, Mode, Description)> = described.collect();
    let mut counts: Vec<u64> = described.iter().map(|(pictures, ..)| *pictures).collect();
    counts.sort_unstable();
    counts.dedup();
    let (Some(least), Some(most)) = (counts.first().copied(), counts.last().copied()) else {
        return Ok(None);
    };
    if PAPERS.iter().all(|count| counts.contains(count)) {
        counts = PAPERS.to_vec();
    } else {
        counts.retain(|count| [least, most].contains(count));
    }
    let file = match clock {
        Clock::Paper => "boxes-paper",
        Clock::EndToEnd => "boxes-end-to-end",
    };
    let shown: Vec<String> = counts.iter().map(ToString::to_string).collect();
    let head = (
        file.to_owned(),
        format!(
            "How the times spread with {} pictures, {}",
            shown.join(" and "),
            clock.name()
        ),
        format!(
            "Box: first to third quartile, with the median; whiskers: the outermost values within 1.5 \
             interquartile ranges; circles: outliers. {}: {}. The axis of time is logarithmic.",
            clock.name(),
            clock.meaning()
        ),
    );
    let chart = Chart::draw(head, HEIGHT, |area| {
        for (panel, pictures) in area.split_evenly((1, counts.len())).iter().zip(&counts) {
            let here: Vec<_> = described.iter().filter(|(of, ..)| of == pictures).collect();
            let (low, high) = here
                .iter()
                .fold((f64::INFINITY, 0.0_f64), |(low, high), (.., it)| {
                    (low.min(it.min), high.max(it.max))
                });
            let mut chart = ChartBuilder::on(panel)
                .margin(12)
                .x_label_area_size(54)
                .y_label_area_size(64)
                .build_cartesian_2d(Axis::bare(count(here.len() as u64)), Axis::log(low, high))?;
            mesh(&mut chart, &format!("{pictures} pictures"), "seconds")?;
            for ((_, mode, it), place) in here.iter().zip(0_u32..) {
                let middle = f64::from(place) + 0.5;
                let colour = colour(*mode);
                let line = |from, to| PathElement::new(vec![from, to], colour.stroke_width(2));
                let (left, right) = (middle - 0.25, middle + 0.25);
                let corners = [(left, it.quartiles.low), (right, it.quartiles.high)];
                chart.draw_series([Rectangle::new(corners, colour.mix(0.25).filled())])?;
                chart.draw_series([Rectangle::new(corners, colour.stroke_width(2))])?;
                let (cap_left, cap_right) = (middle - 0.1, middle + 0.1);
                chart.draw_series([
                    line((left, it.median), (right, it.median)),
                    line((middle, it.quartiles.high), (middle, it.whiskers.high)),
                    line((middle, it.whiskers.low), (middle, it.quartiles.low)),
                    line((cap_left, it.whiskers.high), (cap_right, it.whiskers.high)),
                    line((cap_left, it.whiskers.low), (cap_right, it.whiskers.low)),
                ])?;
                let outliers = it.outliers.iter();
                chart.draw_series(
                    outliers.map(|value| Circle::new((middle, *value), 4, colour.stroke_width(2))),
                )?;
                let (x, _) = chart.backend_coord(&(middle, it.median));
                let (_, bottom) = chart.backend_coord(&(middle, low * 0.85));
                let style = text(FONT, INK, area).pos(Pos::new(HPos::Center, VPos::Top));
                area.draw_text(mode.name(), &style, (x, bottom + 8))?;
            }
        }
        Ok(())
    })?;
    Ok(Some(chart))
}
