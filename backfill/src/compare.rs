//! Whether two runs or experiments differ, and by how much. Made of what a report shows alone.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::Serialize;

use crate::report::{Cell, Clock, Data, times};
use crate::statistics::{Comparison, FEW, SIGNIFICANCE, compare, describe, holm};

/// All cells that both have.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Compared {
    /// By mode, number of pictures and clock.
    pub rows: Vec<Row>,
    /// Cells that are not compared, as `mode, pictures`, and why.
    pub unmatched: Vec<String>,
    /// Samples that do not count, and why.
    pub left_out: Vec<String>,
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
        let cells = [first.cells(), second.cells()];
        let all: BTreeSet<Cell> = cells.iter().flat_map(BTreeMap::keys).copied().collect();
        let (mut rows, mut unmatched) = (Vec::new(), Vec::new());
        for clock in Clock::ALL {
            let mut of_clock = Vec::new();
            for (mode, pictures) in &all {
                let samples = cells.each_ref().map(|cells| cells.get(&(*mode, *pictures)));
                let times = samples.map(|samples| samples.map(|samples| times(samples, clock)));
                match row((*mode, *pictures), clock, &times) {
                    Ok(row) => of_clock.push(row),
                    Err(why) => {
                        let told = format!("{}, {pictures} pictures ({why})", mode.name());
                        if !unmatched.contains(&told) {
                            unmatched.push(told);
                        }
                    }
                }
            }
            let p_values: Vec<f64> = of_clock.iter().map(|row| row.comparison.p).collect();
            for (row, p) in of_clock.iter_mut().zip(holm(&p_values)) {
                row.p_holm = p;
                row.difference = row.comparison.shows_difference(p);
            }
            rows.extend(of_clock);
        }
        let both = Data {
            sources: [first.sources.as_slice(), second.sources.as_slice()].concat(),
            ..Data::default()
        };
        let left_out = both.sources.iter().flat_map(|source| {
            let reasons = source.left_out.iter();
            reasons.map(|(reason, number)| format!("{number} of {} ({reason})", source.name))
        });
        Self {
            rows,
            unmatched,
            left_out: left_out.collect(),
            differences: both.differences(),
        }
    }
}

/// What the times of both by a clock say of each other, or why nothing.
fn row(
    (mode, pictures): Cell,
    clock: Clock,
    [first, second]: &[Option<Vec<f64>>; 2],
) -> Result<Row, String> {
    let first = first.as_ref().ok_or("only in the second")?;
    let second = second.as_ref().ok_or("only in the first")?;
    let without = |which: &str| format!("the {which} has no {}", clock.name());
    let medians = [
        describe(first).ok_or_else(|| without("first"))?.median,
        describe(second).ok_or_else(|| without("second"))?.median,
    ];
    let none = || format!("the {} is 0 in one of them", clock.name());
    let comparison = compare(first, second).ok_or_else(none)?;
    Ok(Row {
        mode: mode.name(),
        pictures,
        clock: clock.name(),
        samples: [first.len(), second.len()],
        median_seconds: medians,
        comparison,
        p_holm: comparison.p,
        difference: false,
    })
}

impl fmt::Display for Compared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // What a record says comes from anywhere, and goes to a terminal.
        for difference in &self.differences {
            writeln!(f, "note: they differ in {}", printable(difference))?;
        }
        for left_out in &self.left_out {
            writeln!(f, "left out: {}", printable(left_out))?;
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
                 ({}), p {}: {}",
                row.mode,
                row.pictures,
                row.clock,
                match interval {
                    Some(it) => format!("95 % interval {:.3} to {:.3}", it.low, it.high),
                    None => format!("no interval of fewer than {FEW} samples"),
                },
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
                "nothing to compare: they have no mode with the same number of pictures, by the same clock"
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

/// Text without what steers a terminal.
fn printable(text: &str) -> String {
    let printable = |c: char| {
        if c.is_control() {
            char::REPLACEMENT_CHARACTER
        } else {
            c
        }
    };
    text.chars().map(printable).collect()
}

fn p(p: f64) -> String {
    if p < 0.0001 {
        "< 0.0001".to_owned()
    } else {
        format!("{p:.4}")
    }
}
