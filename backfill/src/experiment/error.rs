//! Why there is no experiment, or not all of it.

use std::path::PathBuf;

use cos_thumbnails::object::Key;
use cos_thumbnails::plan::{OutputPrefixes, PolicyError};

use super::{Cell, DesignError};
use crate::journal::JournalError;
use crate::originals;
use crate::record::Mode;
use crate::target::TargetError;

/// Why an experiment was not begun, or ended early.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file.
    #[error("{path:?} is no experiment")]
    Design {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: DesignError,
    },
    /// Production's thumbnails or failure records would be overwritten.
    #[error(
        "output_prefix {:?}, with failure records below {:?}, overlaps with {production:?}, where production writes: \
         an experiment writes below a prefix of its own, such as \"experiments/\"",
        .ours.thumbnails, .ours.failures
    )]
    Production {
        /// The experiment's.
        ours: OutputPrefixes,
        /// Production's.
        production: String,
    },
    /// What it writes could be read as an original, or as a failure record.
    #[error(transparent)]
    Policy(#[from] PolicyError),
    /// Fan-out needs to know where to.
    #[error("the mode fan-out needs --function")]
    NoFunction,
    /// The function could not be asked.
    #[error("the function could not be asked how it makes thumbnails")]
    Function(#[source] TargetError),
    /// The function would write elsewhere.
    #[error(
        "the function writes thumbnails below {} and failure records below {}, the experiment below {:?} and {:?}: \
         start a function for it with OUTPUT_PREFIX={} FAILURE_PREFIX={}",
        told(.thumbnails.as_ref()), told(.failures.as_ref()),
        .ours.thumbnails, .ours.failures, .ours.thumbnails, .ours.failures
    )]
    FunctionPrefix {
        /// The function's, if it says it.
        thumbnails: Option<String>,
        /// The function's, if it says it.
        failures: Option<String>,
        /// The experiment's.
        ours: OutputPrefixes,
    },
    /// The modes would not make the same.
    #[error("the function's recipe is {its}, the experiment's {ours}: give both the same settings")]
    FunctionRecipe {
        /// The function's, by its fingerprint.
        its: String,
        /// The experiment's.
        ours: String,
    },
    /// The counts are more than there are.
    #[error("the greatest count is {wanted}, and there are {there} originals under {prefix:?}")]
    TooFew {
        /// The greatest count.
        wanted: u32,
        /// Originals.
        there: u64,
        /// Where.
        prefix: String,
    },
    /// One of the two would be rejected, each time, and none of its thumbnails made.
    #[error(
        "{:?} and {:?} have the same thumbnails by this recipe, {:?} among them: the second one would be rejected. \
         Rename one of them, or take a recipe that keeps them apart",
        .first.as_str(), .second.as_str(), .key.as_str()
    )]
    SameKey {
        /// An original.
        first: Key,
        /// Another.
        second: Key,
        /// The mark that both would have.
        key: Key,
    },
    /// The originals could not be listed.
    #[error(transparent)]
    Originals(#[from] originals::Error),
    /// The folder.
    #[error(transparent)]
    Folder(#[from] JournalError),
    /// What is left could not be compared with what was measured.
    #[error(
        "the experiment was begun with another {what} ({before}, here {now}): begin another experiment"
    )]
    Another {
        /// What differs.
        what: &'static str,
        /// As it was begun.
        before: String,
        /// As it is.
        now: String,
    },
    /// The function's instances were not of the temperature that was asked for.
    #[error(
        "{} could not be measured {wanted} in {tries} tries: {}", shown(.cell),
        if *wanted == "cold" {
            "the function is not scaled to zero within cold_after (it needs a least scale of 0, and no other sender)"
        } else {
            "there was a cold instance each time, or the function does not say"
        }
    )]
    Temperature {
        /// What was measured.
        cell: Cell,
        /// `cold` or `warm`.
        wanted: &'static str,
        /// How often it was tried.
        tries: u32,
    },
    /// Calls failed each time.
    #[error("{} could not be measured in {tries} tries: {why}", shown(.cell))]
    Failed {
        /// What was measured.
        cell: Cell,
        /// How often it was tried.
        tries: u32,
        /// Of the last try.
        why: String,
    },
}

impl Error {
    /// Whether the command line, the file or the settings are wrong, and not what they ask for.
    pub(crate) fn is_usage(&self) -> bool {
        match self {
            Self::Function(_)
            | Self::Originals(_)
            | Self::Temperature { .. }
            | Self::Failed { .. } => false,
            Self::Folder(error) => !error.is_of_disk(),
            _ => true,
        }
    }
}

fn told(prefix: Option<&String>) -> String {
    match prefix {
        Some(prefix) => format!("{prefix:?}"),
        None => "a prefix that it does not say".to_owned(),
    }
}

fn shown(cell: &Cell) -> String {
    let Cell {
        mode,
        count,
        repetition,
    } = cell;
    let mode: &Mode = mode;
    format!(
        "{} of {count} pictures, repetition {repetition},",
        mode.name()
    )
}
