//! What an experiment's file asks for, and in which order it is done.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use cos_thumbnails::plan::Recipe;

use super::Error;
use crate::record::Mode;
use crate::record::experiment::{Design, Sample, Temperature};

/// The most samples that count: more are a mistake, and would take weeks.
const MAX_SAMPLES: u64 = 100_000;

/// Why a design makes no experiment.
#[derive(Debug, thiserror::Error)]
pub enum DesignError {
    /// It cannot be read.
    #[error("it cannot be read")]
    Read(#[from] std::io::Error),
    /// It is no TOML of this shape.
    #[error("{0}")]
    Parse(#[from] toml::de::Error),
    /// A value that makes no sense, and what would.
    #[error("{what}: {problem}")]
    Value {
        /// The value's name.
        what: &'static str,
        /// What is wrong.
        problem: String,
    },
}

/// What one sample is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cell {
    /// The mode.
    pub mode: Mode,
    /// How many originals.
    pub count: u32,
    /// Which repetition, from 1.
    pub repetition: u32,
}

impl Cell {
    pub(super) fn of(sample: &Sample) -> Self {
        Self {
            mode: sample.mode,
            count: sample.count,
            repetition: sample.repetition,
        }
    }
}

/// Reads a design.
pub(super) fn read(path: &Path) -> Result<Design, Error> {
    let read = || -> Result<Design, DesignError> {
        let design: Design = toml::from_str(&fs::read_to_string(path)?)?;
        check(&design)?;
        Ok(design)
    };
    read().map_err(|source| Error::Design {
        path: path.to_owned(),
        source,
    })
}

fn check(design: &Design) -> Result<(), DesignError> {
    let wrong = |what, problem: &str| {
        Err(DesignError::Value {
            what,
            problem: problem.to_owned(),
        })
    };
    let good = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let short = (1..=64).contains(&design.name.len());
    if !short || !design.name.chars().all(good) {
        return wrong("name", "not 1 to 64 lower-case letters, digits and -");
    }
    if design.modes.is_empty() || design.counts.is_empty() {
        return wrong("modes, counts", "at least one of each is needed");
    }
    if has_twice(&design.modes) {
        return wrong("modes", "one is there twice");
    }
    if has_twice(&design.counts) {
        return wrong("counts", "one is there twice");
    }
    if design.counts.contains(&0) {
        return wrong("counts", "0 pictures take no time");
    }
    if design.repetitions == 0 {
        return wrong("repetitions", "at least one is needed");
    }
    let cells = design.modes.len() as u64 * design.counts.len() as u64;
    if cells.saturating_mul(design.repetitions.into()) > MAX_SAMPLES {
        return wrong(
            "repetitions",
            &format!("modes x counts x repetitions are more than {MAX_SAMPLES} samples"),
        );
    }
    if design.tries == 0 {
        return wrong("tries", "at least one is needed");
    }
    if design.in_flight.values().any(|&in_flight| in_flight == 0) {
        return wrong("in_flight", "at least 1 is needed");
    }
    if design.in_flight.get(&Mode::Sequential).unwrap_or(&1) != &1 {
        return wrong("in_flight", "sequential has 1: one after another");
    }
    let measured = |mode: &Mode| design.modes.contains(mode);
    if !design.in_flight.keys().all(measured) {
        return wrong("in_flight", "of a mode that is not measured");
    }
    if design.temperature != Temperature::Any && !measured(&Mode::FanOut) {
        return wrong("temperature", "is fan-out's, which is not measured");
    }
    if !design.output_prefix.ends_with('/') {
        return wrong("output_prefix", "must end in /, as a folder of its own");
    }
    match &design.recipe {
        Some(name) if Recipe::named(name).is_none() => wrong("recipe", "neither default nor paper"),
        _ => Ok(()),
    }
}

fn has_twice<T: Ord>(values: &[T]) -> bool {
    values.iter().collect::<BTreeSet<_>>().len() < values.len()
}

/// All samples that count, in the order that the seed draws.
pub(super) fn cells(design: &Design) -> Vec<Cell> {
    let mut cells = Vec::new();
    for &mode in &design.modes {
        for &count in &design.counts {
            for repetition in 1..=design.repetitions {
                cells.push(Cell {
                    mode,
                    count,
                    repetition,
                });
            }
        }
    }
    fastrand::Rng::with_seed(design.seed).shuffle(&mut cells);
    cells
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const SMALL: &str = "name = 'small'\nmodes = ['sequential', 'fan-out']\ncounts = [2, 4]\n\
                         repetitions = 3\noutput_prefix = 'experiments/small/'\n";

    fn parsed(text: &str) -> Result<Design, DesignError> {
        let design = toml::from_str(text)?;
        check(&design).map(|()| design)
    }

    #[test]
    fn a_design_has_its_defaults_and_survives_the_record() {
        let design = parsed(SMALL).unwrap();
        assert_eq!(design.temperature, Temperature::Any);
        assert_eq!((design.warm_ups, design.tries, design.seed), (1, 3, 0));
        let json = serde_json::to_string(&design).unwrap();
        assert_eq!(serde_json::from_str::<Design>(&json).unwrap(), design);
        let more = format!("{SMALL}cold_after = '90s'\n[in_flight]\nfan-out = 250\n");
        let design = parsed(&more).unwrap();
        assert_eq!(design.cold_after.as_secs(), 90);
        assert_eq!(design.in_flight[&Mode::FanOut], 250);
        let json = serde_json::to_string(&design).unwrap();
        assert_eq!(serde_json::from_str::<Design>(&json).unwrap(), design);
    }

    #[test]
    fn a_design_that_makes_no_experiment_is_told() {
        for (from, to, told) in [
            ("'small'", "'a b'", "name: "),
            ("'fan-out'", "'sequential'", "modes: one is there twice"),
            ("'fan-out'", "'both'", "both"),
            ("[2, 4]", "[]", "at least one of each"),
            ("[2, 4]", "[2, 2]", "counts: one is there twice"),
            ("[2, 4]", "[0]", "counts: 0 pictures"),
            ("[2, 4]", "[-1]", "counts"),
            ("= 3", "= 0", "repetitions: at least one"),
            ("= 3", "= 99999", "more than 100000 samples"),
            ("repetitions = 3\n", "", "repetitions"),
            ("= 3", "= 3\ntries = 0", "tries: "),
            ("= 3", "= 3\nrecipe = 'mine'", "recipe: neither"),
            ("= 3", "= 3\nrepetition = 3", "repetition"),
            ("= 3", "= 3\ncold_after = 'soon'", "cold_after"),
            (
                "= 3",
                "= 3\nin_flight = { sequential = 2 }",
                "in_flight: seq",
            ),
            ("= 3", "= 3\nin_flight = { fan-out = 0 }", "in_flight: at"),
            (
                "= 3",
                "= 3\nin_flight = { parallel = 2 }",
                "in_flight: of a",
            ),
            (
                ", 'fan-out']",
                "]\ntemperature = 'cold'",
                "temperature: is fan-out's",
            ),
            ("small/'", "small'", "output_prefix: must end"),
        ] {
            let text = SMALL.replace(from, to);
            assert_ne!(text, SMALL);
            let error = parsed(&text).unwrap_err().to_string();
            assert!(error.contains(told), "{told}: {error}");
        }
    }

    #[test]
    fn the_experiments_of_the_data_set_are_designs() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../dataset/paper.toml");
        let design = read(&path).unwrap();
        assert_eq!(design.modes.len(), 3);
        assert_eq!(design.counts, [50, 100, 150, 200, 250]);
        assert!(design.repetitions >= 10);
        assert_eq!(design.recipe.as_deref(), Some("paper"));
        let of_instances = read(&path.with_file_name("fan-out.toml")).unwrap();
        assert_eq!(of_instances.counts, design.counts);
        assert_eq!(of_instances.recipe, design.recipe);
        assert_eq!(of_instances.temperature, Temperature::Cold);
    }

    #[test]
    fn each_is_there_once_in_an_order_by_the_seed_alone() {
        let design = parsed(SMALL).unwrap();
        let drawn = cells(&design);
        assert_eq!(drawn, cells(&design));
        assert_eq!(drawn.iter().collect::<BTreeSet<_>>().len(), 2 * 2 * 3);
        let other = Design { seed: 1, ..design };
        assert_ne!(drawn, cells(&other));
        assert!(!drawn.is_sorted(), "not in the order of the file");
    }
}
