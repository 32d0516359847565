use super::{Format, Limited};

/// Why there is no thumbnail.
///
/// All but [`Error::Stopped`] and [`Error::Failed`] are facts about the bytes: trying again with
/// the same bytes and limits gives the same error.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A picture or film, but of a kind that is not read here.
    #[error("{what} is not supported")]
    Unsupported {
        /// The kind, as a person would call it: "HEIC", "lossless JPEG".
        what: String,
    },
    /// The bytes do not begin like any picture known here; no bytes at all count as that.
    #[error("not a picture")]
    NotAPicture,
    /// The bytes break the rules of their format, or made the decoder panic.
    #[error("malformed {format}")]
    Malformed {
        /// What the bytes claim to be.
        format: Format,
        /// What is wrong with them.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The bytes end too early, or too much among them is damaged. Only of a JPEG is a part made
    /// into thumbnails, if [`Limits`](super::Limits) allow it, and never silently.
    #[error("truncated {format}: {missing} is missing")]
    Truncated {
        /// What the bytes claim to be.
        format: Format,
        /// What should have come.
        missing: &'static str,
    },
    /// The picture exceeds one of the [`Limits`](super::Limits), which is found before any pixel; or
    /// a JPEG has too many scans, which is found on the way.
    #[error("{what} is {value}, the limit is {limit}")]
    TooLarge {
        /// What is too large.
        what: Limited,
        /// How large it is.
        value: u64,
        /// How large it may be.
        limit: u64,
    },
    /// The [`Stop`](super::Stop) flag was set.
    #[error("stopped")]
    Stopped,
    /// A step failed on a picture that was decoded well. Not expected; a defect of this library.
    #[error("cannot {step} the picture")]
    Failed {
        /// The step: "convert", "resize" or "encode".
        step: &'static str,
        /// The cause.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl Error {
    pub(super) fn malformed(
        format: Format,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self::Malformed {
            format,
            source: source.into(),
        }
    }

    pub(super) fn failed(
        step: &'static str,
        source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
    ) -> Self {
        Self::Failed {
            step,
            source: source.into(),
        }
    }
}
