//! What a picture's time is made of: its stages one after another, as a waterfall.

use plotters::prelude::{ChartBuilder, Color, RGBColor, Rectangle};
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::axis::{Axis, count};
use super::{Chart, ChartError, FAINT, FONT, INK, STORING, colour, mesh, short, text};
use crate::record::{Mode, Stage};
use crate::report::data::{Call, Data, Sample};

const ROW: u32 = 20;
/// What a panel has beside its rows, in pixels.
const AROUND: u32 = 84;

/// A bar: what it is of, how long it takes in milliseconds, and its colour.
type Bar = (String, f64, RGBColor);

/// The stages of each mode with the greatest number of pictures, in the mean. None where no call tells them.
pub(crate) fn stages(data: &Data) -> Result<Option<Chart>, ChartError> {
    let panels: Vec<(Mode, u64, Vec<Bar>)> = data
        .largest()
        .into_iter()
        .filter_map(|(mode, samples)| {
            let bars = bars(mode, &samples);
            let pictures = samples.first()?.pictures;
            (!bars.is_empty()).then_some((mode, pictures, bars))
        })
        .collect();
    let total = |bars: &[Bar]| bars.iter().map(|(_, ms, _)| ms).sum::<f64>();
    let most = panels
        .iter()
        .map(|(.., bars)| total(bars))
        .fold(0.0, f64::max);
    if most <= 0.0 {
        return Ok(None);
    }
    let height = |bars: &[Bar]| ROW * u32::try_from(bars.len()).unwrap_or(1) + AROUND;
    let head = (
        "stages".to_owned(),
        "What the time of a picture is made of".to_owned(),
        "Means over all calls, one stage after another as in the flow. Waiting: from when it was to be sent until work on it \
         began; answer: from stored until the answer was seen. Many pictures are under way at once, so that these \
         times do not add up to that of a sample."
            .to_owned(),
    );
    let all = panels.iter().map(|(.., bars)| height(bars)).sum();
    let chart = Chart::draw(head, all, |area| {
        let mut below = area.clone();
        for (mode, pictures, bars) in &panels {
            let (panel, rest) = below.split_vertically(height(bars));
            below = rest;
            let rows = count(bars.len() as u64);
            let mut chart = ChartBuilder::on(&panel)
                .margin_right(90)
                .margin_top(30)
                .x_label_area_size(44)
                .y_label_area_size(100)
                .build_cartesian_2d(Axis::linear(most, 8.0), Axis::bare(rows))?;
            mesh(&mut chart, "milliseconds", "")?;
            let heading = format!("{}, {pictures} pictures", mode.name());
            panel.draw_text(&heading, &text(FONT, INK, area), (100, 8))?;
            let mut from = 0.0;
            for ((name, ms, colour), place) in bars.iter().zip(1_u32..) {
                let row = rows - f64::from(place);
                let corners = [(from, row + 0.12), (from + ms, row + 0.88)];
                chart.draw_series([Rectangle::new(corners, colour.filled())])?;
                let (start, y) = chart.backend_coord(&(0.0, row + 0.5));
                let (end, _) = chart.backend_coord(&(from + ms, row + 0.5));
                let right = text(FONT, INK, area).pos(Pos::new(HPos::Right, VPos::Center));
                area.draw_text(name, &right, (start - 8, y))?;
                let left = text(FONT, FAINT, area).pos(Pos::new(HPos::Left, VPos::Center));
                area.draw_text(&short(*ms), &left, (end + 6, y))?;
                from += ms;
            }
        }
        Ok(())
    })?;
    Ok(Some(chart))
}

fn bars(mode: Mode, samples: &[&Sample]) -> Vec<Bar> {
    let calls: Vec<&Call> = samples.iter().flat_map(|sample| &sample.calls).collect();
    if calls.iter().all(|call| call.stages.is_empty()) {
        return Vec::new();
    }
    let mean = |of: &dyn Fn(&Call) -> Option<f64>| {
        let sum: f64 = calls.iter().filter_map(|call| of(call)).sum();
        1000.0 * sum / count(calls.len() as u64)
    };
    let waiting = mean(&|call| Some(call.started? - call.submitted));
    let answer = mean(&|call| Some(call.seen - call.stored?));
    let mut named: Vec<Stage> = calls
        .iter()
        .flat_map(|call| call.stages.keys().copied())
        .collect();
    named.sort_unstable();
    named.dedup();
    named.retain(|stage| *stage != Stage::Total);
    let of_stages = named.into_iter().map(|stage| {
        let colour = match stage {
            Stage::Turn | Stage::Queue => FAINT,
            Stage::Store | Stage::Commit | Stage::Recheck | Stage::Record | Stage::Remove => {
                STORING
            }
            _ => colour(mode),
        };
        let ms = mean(&|call| call.stages.get(&stage).copied());
        (stage.to_string(), ms, colour)
    });
    [("waiting".to_owned(), waiting, FAINT)]
        .into_iter()
        .chain(of_stages)
        .chain([("answer".to_owned(), answer, FAINT)])
        .collect()
}
