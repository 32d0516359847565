//! Whether two runs or experiments differ, and by how much. Made of what a report shows alone.
//!
//! The two are of different times, and a machine is not always as fast. A clock cannot tell that from a difference of
//! the programs; the time of processors can to a part, and is compared, too.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::Serialize;

use crate::report::{Cell, Clock, Data, Sample, times};
use crate::statistics::{Comparison, FEW, SIGNIFICANCE, compare, describe, holm};

/// What a comparison of two records cannot tell.
pub const INTERLEAVED: &str = "They were measured one after the other, not by turns: a machine is not always as fast (15 to 20 % between \
     two sessions were seen of the same program), and these tests take that for a difference. CPU a picture (decoding, resizing and \
     encoding alone) is less of the store's and the network's moods, but not free of the machine's. What is to be told \
     apart belongs into one experiment, whose samples take turns.";

/// All cells that both have.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Compared {
    /// By mode, number of pictures and measure: the clocks, and the time of a processor that a picture takes.
    pub rows: Vec<Row>,
    /// Cells that are not compared, as `mode, pictures`, and why.
    pub unmatched: Vec<String>,
    /// Samples that do not count, and why.
    pub left_out: Vec<String>,
    /// In what both differ though they should not: machine, recipe, pictures.
    pub differences: Vec<String>,
    /// [`INTERLEAVED`].
    pub note: &'static str,
}

/// One mode with one number of pictures by one measure.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Row {
    /// The mode's name.
    pub mode: &'static str,
    /// How many pictures.
    pub pictures: u64,
    /// The clock's name, or `CPU a picture`.
    pub clock: &'static str,
    #[serde(skip)]
    by: By,
    /// How many samples the first and the second have.
    pub samples: [usize; 2],
    /// Their medians in seconds; of `CPU a picture`, for one picture.
    pub median_seconds: [f64; 2],
    /// Second over first.
    #[serde(flatten)]
    pub comparison: Comparison,
    /// The p-value among all rows of the same measure, by Holm's method.
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
        for by in By::ALL {
            let mut rows_by = Vec::new();
            for (mode, pictures) in &all {
                let samples = cells.each_ref().map(|cells| cells.get(&(*mode, *pictures)));
                let times = samples.map(|samples| samples.map(|samples| by.times(samples)));
                match row((*mode, *pictures), by, &times) {
                    Ok(row) => rows_by.push(row),
                    Err(why) => {
                        let told = format!("{}, {pictures} pictures ({why})", mode.name());
                        if !unmatched.contains(&told) {
                            unmatched.push(told);
                        }
                    }
                }
            }
            let p_values: Vec<f64> = rows_by.iter().map(|row| row.comparison.p).collect();
            for (row, p) in rows_by.iter_mut().zip(holm(&p_values)) {
                row.p_holm = p;
                row.difference = row.comparison.shows_difference(p);
            }
            rows.extend(rows_by);
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
            note: INTERLEAVED,
        }
    }
}

/// By what they are compared.
#[derive(Debug, Clone, Copy, PartialEq)]
enum By {
    Clock(Clock),
    Cpu,
}

impl By {
    const ALL: [Self; 3] = [
        Self::Clock(Clock::EndToEnd),
        Self::Clock(Clock::Paper),
        Self::Cpu,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::Clock(clock) => clock.name(),
            Self::Cpu => "CPU a picture",
        }
    }

    /// In seconds.
    fn times(self, samples: &[&Sample]) -> Vec<f64> {
        match self {
            Self::Clock(clock) => times(samples, clock),
            Self::Cpu => {
                let each = samples.iter();
                each.filter_map(|sample| sample.cpu_a_picture()).collect()
            }
        }
    }

    /// For people, in the unit that fits.
    fn text(self, seconds: f64) -> String {
        match self {
            Self::Clock(_) => format!("{seconds:.3} s"),
            Self::Cpu => format!("{:.3} ms", 1000.0 * seconds),
        }
    }
}

/// What the times of both by one measure say of each other, or why nothing.
fn row(
    (mode, pictures): Cell,
    by: By,
    [first, second]: &[Option<Vec<f64>>; 2],
) -> Result<Row, String> {
    let first = first.as_ref().ok_or("only in the second")?;
    let second = second.as_ref().ok_or("only in the first")?;
    let without = |which: &str| format!("the {which} has no {}", by.name());
    let medians = [
        describe(first).ok_or_else(|| without("first"))?.median,
        describe(second).ok_or_else(|| without("second"))?.median,
    ];
    let none = || format!("the {} is 0 in one of them", by.name());
    let comparison = compare(first, second).ok_or_else(none)?;
    Ok(Row {
        mode: mode.name(),
        pictures,
        clock: by.name(),
        by,
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
                "{}, {} pictures, {}: median {} ({of} samples) and {} ({of_other}), ratio {ratio:.3} ({}), p {}: {}",
                row.mode,
                row.pictures,
                row.clock,
                row.by.text(first),
                row.by.text(second),
                match interval {
                    Some(it) => format!("95 % interval {:.3} to {:.3}", it.low, it.high),
                    None => format!("no interval of fewer than {FEW} samples"),
                },
                p(row.p_holm),
                match (row.difference, ratio < 1.0) {
                    (false, _) => "no difference shown",
                    (true, true) => "the second takes less",
                    (true, false) => "the second takes more",
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
             adjusted by Holm for all rows of one measure. A difference is shown where p is below {SIGNIFICANCE:.2} and the \
             interval does not hold 1.\n{INTERLEAVED}"
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
