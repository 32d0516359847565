//! Time over the number of pictures, one line per mode.

use std::collections::BTreeMap;

use plotters::prelude::{ChartBuilder, Circle, DashedLineSeries, PathElement};
use plotters::style::{Color, ShapeStyle};

use super::axis::{self, Axis};
use super::{Chart, ChartError, FAINT, FONT, INK, colour, legend, mesh, text};
use crate::record::Mode;
use crate::report::data::{Clock, Data, Store, times};
use crate::report::paper;
use crate::statistics::{Description, describe};

const HEIGHT: u32 = 440;
/// Of a line of text above the axes.
const NOTE_HEIGHT: u32 = 24;

/// Times by `clock`; beside them the paper's, if it is its clock. None where no sample has that clock.
pub(crate) fn lines(data: &Data, clock: Clock) -> Result<Option<Chart>, ChartError> {
    let mut modes: BTreeMap<Mode, Vec<(u64, Description)>> = BTreeMap::new();
    for ((mode, pictures), samples) in data.cells() {
        if let Some(described) = describe(&times(&samples, clock)) {
            modes.entry(mode).or_default().push((pictures, described));
        }
    }
    if modes.is_empty() {
        return Ok(None);
    }
    let with_paper = clock == Clock::Paper;
    let head = (
        format!("time-{}", if with_paper { "paper" } else { "end-to-end" }),
        format!("Time over the number of pictures, {}", clock.name()),
        format!(
            "Medians, and bars from the least to the greatest time; {}: {}. The axis of time is logarithmic. {}",
            clock.name(),
            clock.meaning(),
            if with_paper { paper::NOTE } else { "" }
        ),
    );
    // The file is shown without the page's notes.
    let note = match data.store() {
        Store::Elsewhere => None,
        _ if !with_paper => None,
        Store::Loopback => Some(
            "Here the store was on the same machine, behind no network; the paper's was in the cloud.",
        ),
        Store::Both => Some(
            "Here some stores were on the same machine, behind no network; the paper's was in the cloud.",
        ),
    };
    let height = HEIGHT + note.map_or(0, |_| NOTE_HEIGHT);
    let chart = Chart::draw(head, height, |area| {
        let own = modes.values().flatten();
        let (mut low, mut high) = own.fold((f64::INFINITY, 0.0_f64), |(low, high), (_, it)| {
            (low.min(it.min), high.max(it.max))
        });
        let mut counts: Vec<u64> = modes.values().flatten().map(|(count, _)| *count).collect();
        if with_paper {
            for (count, seconds) in modes.keys().flat_map(|mode| paper::series(*mode)) {
                (low, high) = (low.min(seconds), high.max(seconds));
                counts.push(count);
            }
        }
        counts.sort_unstable();
        counts.dedup();

        let mut entries: Vec<_> = modes
            .keys()
            .map(|mode| (colour(*mode), false, mode.name()))
            .collect();
        if with_paper {
            entries.push((FAINT, true, paper::NAME));
        }
        let mut area = legend(area, &entries)?;
        if let Some(note) = note {
            let (above, below) = area.split_vertically(NOTE_HEIGHT);
            above.draw_text(note, &text(FONT, INK, &above), (64, 2))?;
            area = below;
        }
        let mut chart = ChartBuilder::on(&area)
            .margin_right(24)
            .x_label_area_size(44)
            .y_label_area_size(64)
            .build_cartesian_2d(Axis::counts(&counts), Axis::log(low, high))?;
        mesh(&mut chart, "pictures", "seconds")?;
        for (mode, points) in &modes {
            let colour = colour(*mode);
            if with_paper {
                let series =
                    paper::series(*mode).map(|(count, seconds)| (axis::count(count), seconds));
                chart.draw_series(DashedLineSeries::new(
                    series,
                    6,
                    5,
                    colour.mix(0.6).stroke_width(2),
                ))?;
                chart.draw_series(series.map(|point| Circle::new(point, 3, colour.mix(0.8))))?;
            }
            let spreads = points.iter().map(|(count, it)| {
                let ends = vec![(axis::count(*count), it.min), (axis::count(*count), it.max)];
                PathElement::new(ends, colour.mix(0.45).stroke_width(5))
            });
            chart.draw_series(spreads)?;
            let medians: Vec<_> = points
                .iter()
                .map(|(count, it)| (axis::count(*count), it.median))
                .collect();
            let line = PathElement::new(medians.clone(), colour.stroke_width(2));
            chart.draw_series([line])?;
            let dot = ShapeStyle::from(colour).filled();
            chart.draw_series(medians.into_iter().map(|point| Circle::new(point, 4, dot)))?;
        }
        Ok(())
    })?;
    Ok(Some(chart))
}
