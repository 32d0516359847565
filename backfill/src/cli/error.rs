//! What can go wrong, and with which exit code.

use std::io;
use std::path::{Path, PathBuf};

use cos_thumbnails::object::Key;
use cos_thumbnails::storage::{self, ConfigError};

use super::{FAILED, USAGE};
use crate::job::JobError;
use crate::journal::JournalError;
use crate::record::Writer;
use crate::target::{HttpError, TargetError};
use crate::verify::Refused;
use crate::{audit, experiment, originals, plan, selection};

/// Why a run came to no summary.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The originals could not be selected.
    #[error(transparent)]
    Selection(#[from] selection::Error),
    /// The originals could not be counted.
    #[error(transparent)]
    Originals(#[from] originals::Error),
    /// The run's folder.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// It was by a job.
    #[error(
        "the run was by a job, whose instances go on without this program; begin another with the same flags: \
         by --only missing, stale or failed it takes what is left, by --only all it makes all anew"
    )]
    ResumedJob,
    /// A run of two recipes would not be one.
    #[error(
        "the run was begun by recipe {before}, and here it is {recipe}: give the same settings, or begin \
         another run"
    )]
    AnotherRecipe {
        /// The run's fingerprint.
        before: String,
        /// That of the settings.
        recipe: String,
    },
    /// The store's settings cannot be right.
    #[error(transparent)]
    Store(#[from] ConfigError),
    /// The plan could not be shown.
    #[error(transparent)]
    Plan(#[from] plan::PlanError),
    /// The client for the function could not be built.
    #[error(transparent)]
    Function(#[from] HttpError),
    /// The bucket could not be looked at.
    #[error(transparent)]
    Audit(#[from] audit::Error),
    /// Nothing was mended.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// An experiment was not begun, or ended early.
    #[error(transparent)]
    Experiment(#[from] experiment::Error),
    /// A fan-out by a job could not be done.
    #[error(transparent)]
    Job(#[from] JobError),
    /// The function could not be asked how it makes thumbnails.
    #[error("the function could not be asked for its recipe")]
    Version(#[source] TargetError),
    /// What has no original could not be removed.
    #[error("{key} could not be removed")]
    Remove {
        /// The key.
        key: Key,
        /// The cause.
        source: storage::Error,
    },
    /// Fan-out needs to know where to.
    #[error("--mode fan-out needs --function")]
    NoFunction,
    /// More were asked for than there are. A run of fewer would not be the one that was meant.
    #[error("{flag} {asked} is more than there are: {max} originals under {prefix:?} are selected")]
    TooMany {
        /// By which flag.
        flag: &'static str,
        /// How many were asked for.
        asked: u64,
        /// How many are selected but for that.
        max: u64,
        /// Where.
        prefix: String,
    },
    /// The question on the terminal was not answered.
    #[error("no number of pictures was given")]
    NoCount,
    /// The record file cannot be made, or exists.
    #[error("{path:?} could not be made for the record")]
    Record {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// Input or output of this process failed.
    #[error("{what}")]
    Io {
        /// What could not be done.
        what: &'static str,
        /// The cause.
        source: io::Error,
    },
}

impl Error {
    pub(crate) fn io(what: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { what, source }
    }

    /// Begins a record file.
    pub(crate) fn begin(path: &Path) -> Result<Writer, Self> {
        Writer::create(path).map_err(|source| Self::Record {
            path: path.to_owned(),
            source,
        })
    }

    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::Experiment(error) if !error.is_usage() => FAILED,
            Self::Journal(error) if error.is_of_disk() => FAILED,
            Self::Refused(_)
            | Self::Experiment(_)
            | Self::Store(_)
            | Self::TooMany { .. }
            | Self::NoCount
            | Self::NoFunction
            | Self::Journal(_)
            | Self::ResumedJob
            | Self::AnotherRecipe { .. }
            | Self::Record { .. } => USAGE,
            Self::Selection(_)
            | Self::Originals(_)
            | Self::Plan(_)
            | Self::Audit(_)
            | Self::Version(_)
            | Self::Remove { .. }
            | Self::Job(_)
            | Self::Function(_)
            | Self::Io { .. } => FAILED,
        }
    }
}
