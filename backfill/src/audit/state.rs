use std::fmt;

use serde::{Deserialize, Serialize};

/// What an audit finds of one original, or of one key that has none.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    clap::ValueEnum,
)]
#[serde(rename_all = "snake_case")]
#[value(rename_all = "snake_case")]
pub enum State {
    /// All thumbnails stand, of the present version and recipe.
    Ok,
    /// Not as it should be, but the original is younger than events may take.
    Pending,
    /// None of the planned thumbnails is there.
    Missing,
    /// Some of the planned thumbnails are not there.
    Partial,
    /// A thumbnail has no bytes.
    ZeroByte,
    /// The thumbnails are of another version of the original, or by another recipe; or a failure record is left
    /// beside them.
    Stale,
    /// Thumbnails of several makings: not those that the mark was written for.
    Mixed,
    /// A failure record says why this version has no thumbnails.
    Failed,
    /// All is well but for thumbnails that the recipe no longer plans.
    Obsolete,
    /// All is well, but something that is not ours stands where a failure record would go, or beside the thumbnails.
    Foreign,
    /// A thumbnail or a failure record without an original.
    Orphaned,
}

impl State {
    /// All, in the order of reports.
    pub const ALL: [Self; 11] = [
        Self::Ok,
        Self::Pending,
        Self::Missing,
        Self::Partial,
        Self::ZeroByte,
        Self::Stale,
        Self::Mixed,
        Self::Failed,
        Self::Obsolete,
        Self::Foreign,
        Self::Orphaned,
    ];

    /// Whether an event for the original mends it. A failed one is rejected anew, unless it is
    /// asked for.
    #[must_use]
    pub fn is_mended_by_an_event(self) -> bool {
        matches!(
            self,
            Self::Missing | Self::Partial | Self::ZeroByte | Self::Stale | Self::Mixed
        )
    }

    /// What it means, for tables.
    #[must_use]
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Ok => "all thumbnails stand, of this version and recipe",
            Self::Pending => "not yet as it should be, but the original is young",
            Self::Missing => "no thumbnails",
            Self::Partial => "some thumbnails are not there",
            Self::ZeroByte => "a thumbnail has no bytes",
            Self::Stale => "of another version of the original, or by another recipe",
            Self::Mixed => "thumbnails of several makings",
            Self::Failed => "a failure record says why there are none",
            Self::Obsolete => "thumbnails that the recipe no longer plans",
            Self::Foreign => "something else stands where a failure record would go, or beside",
            Self::Orphaned => "a thumbnail or record without an original",
        }
    }
}

/// As in JSON.
impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_is_one_word_everywhere() {
        assert_eq!(State::ZeroByte.to_string(), "zero_byte");
        let json = serde_json::to_string(&State::ZeroByte).unwrap_or_default();
        assert_eq!(json, "\"zero_byte\"");
        for state in State::ALL {
            let read = <State as clap::ValueEnum>::from_str(&state.to_string(), false);
            assert_eq!(read, Ok(state));
        }
    }
}
