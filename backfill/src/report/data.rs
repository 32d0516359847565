//! What a report shows: plain numbers, in seconds since each sample began.

use std::collections::BTreeMap;

use crate::cost::{Meter, Prices, Took};
use crate::record::{Mode, Stage};

/// All that a report shows.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Data {
    /// Where the samples come from.
    pub sources: Vec<Source>,
    /// The samples that count.
    pub samples: Vec<Sample>,
    /// What things cost.
    pub prices: Prices,
}

/// Where stores were.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Store {
    /// Behind no network.
    Loopback,
    /// On another machine, or nobody says where.
    Elsewhere,
    /// Some so, and some so.
    Both,
}

/// One run or experiment.
#[derive(Debug, Clone, PartialEq)]
pub struct Source {
    /// Its id.
    pub name: String,
    /// What has to be known of it, by name, in the order in which it is shown.
    pub facts: Vec<(&'static str, String)>,
    /// What the samples of one series must have in common, within a source and between several: machine, recipe,
    /// pictures, temperature. A name may be there twice.
    pub comparable: Vec<(&'static str, String)>,
    /// How many samples are left out, by reason.
    pub left_out: BTreeMap<String, usize>,
    /// Whether its store was on the same machine, behind no network.
    pub on_loopback: bool,
    /// Whether its pictures were generated, to stand in for photographs.
    pub generated: bool,
}

/// One run of one mode over so many pictures.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// By what it is found in its source: a number, or the id of a run.
    pub name: String,
    /// The mode.
    pub mode: Mode,
    /// How many pictures.
    pub pictures: u64,
    /// How many of them were rejected, so that nothing was made of them.
    pub rejected: u64,
    /// How often one of them was sent again, because the function was busy or an attempt failed.
    pub retries: u64,
    /// The clocks. None are there of a run that was resumed, nor does one clock go through the times of its calls.
    pub clocks: BTreeMap<Clock, f64>,
    /// Its calls.
    pub calls: Vec<Call>,
    /// Seconds of processors that its pictures themselves took, in all modes the same: decoding, resizing, encoding.
    /// Absent where one of them does not say it.
    pub cpu: Option<f64>,
    /// What it used, as far as that is billed, and over which time. Absent where nobody says where it ran.
    pub spent: Option<(Meter, Took)>,
}

/// Which clock; neither is ever shown without its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Clock {
    /// That of the paper, which leaves out storing and start-up.
    Paper,
    /// From the first send to the last thumbnail stored.
    EndToEnd,
}

impl Clock {
    /// All of them, in the order in which they are shown.
    pub const ALL: [Self; 2] = [Self::EndToEnd, Self::Paper];

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Paper => "paper clock",
            Self::EndToEnd => "end-to-end clock",
        }
    }

    /// What it counts.
    #[must_use]
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Paper => {
                "as the paper's programs have it: it ends before the thumbnails are stored, and in fan-out \
                 begins with the first start in the function; of parallel and fan-out an upper bound, as pictures are \
                 stored while others are made"
            }
            Self::EndToEnd => "from the first send to the last thumbnail stored",
        }
    }
}

/// One picture on its way. Where nobody says when something happened it is left out.
#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    /// When it was to be sent.
    pub submitted: f64,
    /// When work on it began.
    pub started: Option<f64>,
    /// When its thumbnails were made.
    pub made: Option<f64>,
    /// When they were stored.
    pub stored: Option<f64>,
    /// When its answer was seen.
    pub seen: f64,
    /// How long each stage took.
    pub stages: BTreeMap<Stage, f64>,
}

/// A mode with a number of pictures: what is repeated.
pub type Cell = (Mode, u64);

impl Data {
    /// The samples of each cell, in the order in which they were taken.
    #[must_use]
    pub fn cells(&self) -> BTreeMap<Cell, Vec<&Sample>> {
        let mut cells: BTreeMap<Cell, Vec<&Sample>> = BTreeMap::new();
        for sample in &self.samples {
            let cell = (sample.mode, sample.pictures);
            cells.entry(cell).or_default().push(sample);
        }
        cells
    }

    /// The samples of each mode with the greatest number of pictures that it has.
    #[must_use]
    pub fn largest(&self) -> BTreeMap<Mode, Vec<&Sample>> {
        let cells = self.cells().into_iter();
        // Of a mode the last cell is the largest.
        cells.map(|((mode, _), samples)| (mode, samples)).collect()
    }

    /// Where the stores of all sources were: on the same machine as the program, elsewhere, or both.
    pub(super) fn store(&self) -> Store {
        let on_loopback = self.sources.iter().filter(|source| source.on_loopback);
        match on_loopback.count() {
            0 => Store::Elsewhere,
            all if all == self.sources.len() => Store::Loopback,
            _ => Store::Both,
        }
    }

    /// In what the sources differ though they should not, for people.
    #[must_use]
    pub fn differences(&self) -> Vec<String> {
        let mut values: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for (name, value) in self.sources.iter().flat_map(|source| &source.comparable) {
            let of_name = values.entry(name).or_default();
            if !of_name.contains(&value.as_str()) {
                of_name.push(value);
            }
        }
        values
            .into_iter()
            .filter(|(_, values)| values.len() > 1)
            .map(|(name, values)| format!("{name}: {}", values.join(", and ")))
            .collect()
    }
}

impl Sample {
    /// Seconds of a processor that one of its pictures took, in the mean.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "no run has 2^52 pictures")]
    pub fn cpu_a_picture(&self) -> Option<f64> {
        Some(self.cpu? / self.pictures.max(1) as f64)
    }

    /// One of `samples` that is typical: of the median time by the end-to-end clock, or the first where none
    /// has that clock.
    #[must_use]
    pub fn typical<'a>(samples: &[&'a Self]) -> Option<&'a Self> {
        let time = |sample: &Self| sample.clocks.get(&Clock::EndToEnd).copied();
        let mut timed: Vec<_> = samples
            .iter()
            .filter(|sample| time(sample).is_some())
            .collect();
        timed.sort_by(|a, b| {
            time(a)
                .unwrap_or_default()
                .total_cmp(&time(b).unwrap_or_default())
        });
        let middle = timed.get(timed.len().saturating_sub(1) / 2).copied();
        middle.or(samples.first()).copied()
    }
}

/// The times of samples by a clock.
#[must_use]
pub fn times(samples: &[&Sample], clock: Clock) -> Vec<f64> {
    let times = samples
        .iter()
        .filter_map(|sample| sample.clocks.get(&clock));
    times.copied().collect()
}
