//! The command line of `experiment`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::application::ApplicationFlags;
use super::examples;
use super::written::{JOURNAL, Sending};

/// What was written behind `experiment`.
#[derive(Debug, Subcommand)]
pub(super) enum ExperimentFlags {
    /// Takes all samples of an experiment
    ///
    /// FILE is TOML: `name`, `modes`, `counts`, `repetitions` and `output_prefix`; further `recipe` (default or paper), `warm_ups` (1),
    /// `temperature` (any, cold or warm), `cold_after` ("2m"), `tries` (3), `seed` (0), and `in_flight` by mode. dataset/paper.toml is the
    /// paper's. Thumbnails go below `output_prefix` alone, which ends in / and must be none of production's, and failure records
    /// below the same with `-failures/` in place of that /; fan-out needs a function with these as `OUTPUT_PREFIX` and
    /// `FAILURE_PREFIX`, and with the same recipe. Both clocks, the paper's and end-to-end, are told of every sample.
    #[command(after_help = examples::EXPERIMENT_RUN)]
    Run(RunFlags),
    /// Goes on with one that was killed or interrupted: takes the samples that are left
    ///
    /// With the command line and the settings of the experiment, from its folder; all credentials are taken from the environment anew.
    #[command(after_help = examples::EXPERIMENT_RESUME)]
    Resume(ResumeFlags),
}

/// What was written behind `experiment run`.
#[derive(Debug, Args)]
pub(super) struct RunFlags {
    /// What to measure
    file: PathBuf,
    /// The function's URL, for the mode fan-out; without a path it means /events
    #[arg(long, value_name = "URL")]
    pub(super) function: Option<String>,
    /// Times that a picture is tried again where that can help
    #[arg(long, value_name = "N", default_value_t = 8)]
    retries: u8,
    /// Seconds that fan-out waits for each answer of --function
    #[arg(long, value_name = "SECONDS", default_value = "300", value_parser = clap::value_parser!(u32).range(1..))]
    timeout: u32,
    /// Keep the experiment in a new folder of this one
    #[arg(long, value_name = "DIR", default_value = JOURNAL)]
    journal: PathBuf,
    #[command(flatten)]
    pub(super) application: ApplicationFlags,
}

/// What was written behind `experiment resume`.
#[derive(Debug, Args)]
pub(super) struct ResumeFlags {
    /// The experiment's folder, or its name below --journal
    experiment: PathBuf,
    /// Where experiments are kept
    #[arg(long, value_name = "DIR", default_value = JOURNAL)]
    journal: PathBuf,
    /// The function's URL, if it has another one now, or one with a query, which is not kept
    #[arg(long, value_name = "URL")]
    pub(super) function: Option<String>,
}

/// What to do of an experiment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExperimentAction {
    /// Take all samples.
    Run {
        /// The design.
        file: PathBuf,
        /// Below which folder it is kept.
        runs: PathBuf,
    },
    /// Take those that are left.
    Resume {
        /// The experiment's folder.
        folder: PathBuf,
    },
}

impl RunFlags {
    /// What to do, and how events are sent.
    pub(super) fn asked(self) -> (ExperimentAction, Sending) {
        let sending = Sending {
            function: self.function,
            in_flight: None,
            retries: self.retries,
            timeout: self.timeout,
        };
        let action = ExperimentAction::Run {
            file: self.file,
            runs: self.journal,
        };
        (action, sending)
    }
}

impl ResumeFlags {
    pub(super) fn folder(&self) -> PathBuf {
        let below = self.journal.join(&self.experiment);
        if below.is_dir() {
            below
        } else {
            self.experiment.clone()
        }
    }
}
