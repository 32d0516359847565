//! The table: what each mode took with each number of pictures.

use super::data::{Clock, Data, Sample, times};
use super::{chart::short, paper};
use crate::statistics::{Description, describe};

/// One row.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Row {
    pub(super) mode: &'static str,
    pub(super) pictures: u64,
    pub(super) seconds: Description,
    /// The outliers with the names of their samples.
    pub(super) outliers: Vec<(f64, String)>,
    /// The paper's time, by its clock alone.
    pub(super) paper: Option<f64>,
    /// Milliseconds of a processor that making one picture's thumbnails takes, in the mean, where all samples know it.
    pub(super) cpu_ms: Option<f64>,
}

/// The names of the columns for people.
pub(super) const COLUMNS: [&str; 12] = [
    "mode",
    "pictures",
    "samples",
    "median, s",
    "mean, s",
    "95 % interval of the mean",
    "variation",
    "min, s",
    "max, s",
    "outliers",
    "CPU a picture, ms",
    "the paper, s",
];

/// The rows by a clock, by mode and number of pictures.
pub(super) fn rows(data: &Data, clock: Clock) -> Vec<Row> {
    let cells = data.cells().into_iter();
    cells
        .filter_map(|((mode, pictures), samples)| {
            let seconds = describe(&times(&samples, clock))?;
            let outliers = samples.iter().filter_map(|sample| {
                let time = *sample.clocks.get(&clock)?;
                let is_one = seconds.outliers.contains(&time);
                is_one.then(|| (time, sample.name.clone()))
            });
            Some(Row {
                mode: mode.name(),
                pictures,
                outliers: outliers.collect(),
                paper: match clock {
                    Clock::Paper => paper::seconds(mode, pictures),
                    Clock::EndToEnd => None,
                },
                cpu_ms: cpu_ms(&samples),
                seconds,
            })
        })
        .collect()
}

fn cpu_ms(samples: &[&Sample]) -> Option<f64> {
    let each = samples.iter().map(|sample| sample.cpu_a_picture());
    let each: Vec<f64> = each.collect::<Option<_>>()?;
    describe(&each).map(|described| 1000.0 * described.mean)
}

impl Row {
    /// Its cells for people, in the order of [`COLUMNS`].
    pub(super) fn cells(&self) -> [String; 12] {
        let it = &self.seconds;
        let or_dash = |text: Option<String>| text.unwrap_or_else(|| "–".to_owned());
        let outliers: Vec<String> = self
            .outliers
            .iter()
            .map(|(seconds, sample)| format!("{} ({sample})", short(*seconds)))
            .collect();
        [
            self.mode.to_owned(),
            self.pictures.to_string(),
            it.count.to_string(),
            short(it.median),
            short(it.mean),
            or_dash(
                it.mean_interval
                    .map(|interval| format!("{} to {}", short(interval.low), short(interval.high))),
            ),
            or_dash(
                it.variation
                    .map(|variation| format!("{:.1} %", 100.0 * variation)),
            ),
            short(it.min),
            short(it.max),
            or_dash(Some(outliers.join(", ")).filter(|text| !text.is_empty())),
            or_dash(self.cpu_ms.map(short)),
            or_dash(self.paper.map(|seconds| format!("~{seconds:.0}"))),
        ]
    }
}
