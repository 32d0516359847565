//! What a thousand pictures cost, by part.

use plotters::prelude::{ChartBuilder, Color, Rectangle};
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::axis::{Axis, count};
use super::{Chart, ChartError, FAINT, FONT, INK, colour, mesh, text};
use crate::cost::{Interval, Item, figures};
use crate::report::costs::{self, Row};
use crate::report::data::Data;

const ROW: u32 = 22;
const AROUND: u32 = 84;

/// The cost of each mode by part, without a free tier. None where nobody knows what was used.
pub(crate) fn cost(data: &Data) -> Result<Option<Chart>, ChartError> {
    let rows = costs::rows(data);
    let panels: Vec<(&Row, Vec<(Item, Interval)>)> = rows
        .iter()
        .map(|row| (row, row.thousand.cost.iter().collect()))
        .collect();
    if panels.is_empty() {
        return Ok(None);
    }
    let ends = panels.iter().flat_map(|(_, parts)| parts);
    let most = ends.map(|(_, usd)| end(*usd)).fold(0.0, f64::max);
    let height =
        |parts: &[(Item, Interval)]| ROW * u32::try_from(parts.len()).unwrap_or(1) + AROUND;
    let head = (
        "cost".to_owned(),
        "What 1,000 pictures cost, by part, in USD".to_owned(),
        format!(
            "Without any free tier. Full: at least; pale: at most, where a price or a usage is known within bounds only. {}",
            costs::caption(data)
        ),
    );
    let all = panels.iter().map(|(_, parts)| height(parts)).sum();
    let chart = Chart::draw(head, all, |area| {
        let mut below = area.clone();
        for (row, parts) in &panels {
            let (panel, rest) = below.split_vertically(height(parts));
            below = rest;
            let places = count(parts.len() as u64);
            let mut chart = ChartBuilder::on(&panel)
                .margin_right(150)
                .margin_top(30)
                .x_label_area_size(44)
                .y_label_area_size(190)
                .build_cartesian_2d(Axis::linear(most, 6.0), Axis::bare(places))?;
            mesh(&mut chart, "USD for 1,000 pictures", "")?;
            let heading = format!("{}, by {} pictures", row.mode.name(), row.measured.0);
            panel.draw_text(&heading, &text(FONT, INK, area), (190, 8))?;
            let own = colour(row.mode);
            for ((item, usd), place) in parts.iter().zip(1_u32..) {
                let bottom = places - f64::from(place);
                let bar = |from, to| [(from, bottom + 0.15), (to, bottom + 0.85)];
                chart.draw_series([
                    Rectangle::new(bar(0.0, usd.least), own.filled()),
                    Rectangle::new(bar(usd.least, end(*usd)), own.mix(0.35).filled()),
                ])?;
                let (start, y) = chart.backend_coord(&(0.0, bottom + 0.5));
                let (beyond, _) = chart.backend_coord(&(end(*usd), bottom + 0.5));
                let right = text(FONT, INK, area).pos(Pos::new(HPos::Right, VPos::Center));
                area.draw_text(item.name(), &right, (start - 8, y))?;
                let left = text(FONT, FAINT, area).pos(Pos::new(HPos::Left, VPos::Center));
                area.draw_text(&figures(*usd), &left, (beyond + 6, y))?;
            }
        }
        Ok(())
    })?;
    Ok(Some(chart))
}

/// Where its bar ends: what has no upper bound is drawn by its lower one.
fn end(usd: Interval) -> f64 {
    usd.most.unwrap_or(usd.least)
}
