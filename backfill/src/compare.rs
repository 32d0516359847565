//! Whether two runs or experiments differ, and by how much. Made of what a report shows alone.

use std::fmt;

use serde::Serialize;

use crate::report::{Clock, Data, times};
use crate::statistics::{Comparison, SIGNIFICANCE, compare, describe, holm};

/// All cells that both have.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Compared {
    /// By mode, number of pictures and clock.
    pub rows: Vec<Row>,
    /// Cells that only one of both has, as `mode, pictures`.
    pub unmatched: Vec<String>,
    /// In what both differ though they should not: machine, recipe, pictures.
    pub differences: Vec<String>,
}

/// One mode with one number of pictures by one clock.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Row {
    /// The mode's name.
    pub mode: &'static str,
    /// How many pictures.
    pub pictures: u64,
    /// The clock's name.
    pub clock: &'static str,
    /// How many samples the first and the second have.
    pub samples: [usize; 2],
    /// Their medians in seconds.
    pub median_seconds: [f64; 2],
    /// Second over first.
    #[serde(flatten)]
    pub comparison: Comparison,
    /// The p-value among all rows of the same clock, by Holm's method.
    pub p_holm: f64,
    /// Whether a difference is shown.
    pub difference: bool,
}

impl Compared {
    /// Compares the second with the first.
    #[must_use]
    pub fn new(first: &Data, second: &Data) -> Self {
        let (before, after) = (first.cells(), second.cells());
        let mut rows = Vec::new();
        for clock in Clock::ALL {
            let mut of_clock: Vec<Row> = before
                .iter()
                .filter_map(|((mode, pictures), samples)| {
                    let first = times(samples, clock);
                    let second = times(after.get(&(*mode, *pictures))?, clock);
                    let comparison = compare(&first, &second)?;
                    Some(Row {
                        mode: mode.name(),
                        pictures: *pictures,
                        clock: clock.name(),
                        samples: [first.len(), second.len()],
                        median_seconds: [describe(&first)?.median, describe(&second)?.median],
                        comparison,
                        p_holm: comparison.p,
                        difference: false,
                    })
                })
                .collect();
            let p_values: Vec<f64> = of_clock.iter().map(|row| row.comparison.p).collect();
            for (row, p) in of_clock.iter_mut().zip(holm(&p_values)) {
                row.p_holm = p;
                row.difference = row.comparison.shows_difference(p);
            }
            rows.extend(of_clock);
        }
        let only = before
            .keys()
            .filter(|cell| !after.contains_key(cell))
            .map(|cell| (cell, "first"));
        let only = only.chain(
            after
                .keys()
                .filter(|cell| !before.contains_key(cell))
                .map(|cell| (cell, "second")),
        );
        let both = Data {
            sources: [first.sources.as_slice(), second.sources.as_slice()].concat(),
            samples: Vec::new(),
        };
        Self {
            rows,
            unmatched: only
                .map(|((mode, pictures), of)| {
                    format!("{}, {pictures} pictures (only in the {of})", mode.name())
                })
                .collect(),
            differences: both.differences(),
        }
    }
}

impl fmt::Display for Compared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for difference in &self.differences {
            writeln!(f, "note: they differ in {difference}")?;
        }
        for unmatched in &self.unmatched {
            writeln!(f, "not compared: {unmatched}")?;
        }
        for row in &self.rows {
            let ([first, second], [of, of_other]) = (row.median_seconds, row.samples);
            let Comparison {
                ratio, interval, ..
            } = row.comparison;
            writeln!(
                f,
                "{}, {} pictures, {}: median {first:.3} s ({of} samples) and {second:.3} s ({of_other}), ratio {ratio:.3} \
                 (95 % interval {:.3} to {:.3}), p {}: {}",
                row.mode,
                row.pictures,
                row.clock,
                interval.low,
                interval.high,
                p(row.p_holm),
                match (row.difference, ratio < 1.0) {
                    (false, _) => "no difference shown",
                    (true, true) => "the second is faster",
                    (true, false) => "the second is slower",
                }
            )?;
        }
        if self.rows.is_empty() {
            return writeln!(
                f,
                "nothing to compare: they have no mode with the same number of pictures"
            );
        }
        writeln!(
            f,
            "Ratios are of medians, second over first, with bootstrap intervals; p is of Mann and Whitney's test, \
             adjusted by Holm for all rows of a clock. A difference is shown where p is below {SIGNIFICANCE:.2} and the \
             interval does not hold 1."
        )
    }
}

fn p(p: f64) -> String {
    if p < 0.0001 {
        "< 0.0001".to_owned()
    } else {
        format!("{p:.4}")
    }
}
