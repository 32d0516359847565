use bytes::Bytes;
use chrono::{DateTime, SubsecRound, Utc};
use serde::{Deserialize, Serialize};

use crate::object::{ETag, Key};
use crate::outcome::{Outcome, Reason};

/// Why an original has no thumbnails: a JSON object under `failures/{path}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailureRecord {
    /// The original's key.
    pub key: Key,
    /// Its version; `None` where it was not read.
    pub etag: Option<ETag>,
    /// Why, as a code.
    pub reason: Reason,
    /// Why, for people.
    pub message: String,
    /// Fingerprint of the recipe.
    pub recipe: String,
    /// The event that led here.
    pub event_id: String,
    /// When.
    pub time: DateTime<Utc>,
}

impl FailureRecord {
    /// A record of `outcome`, as of now.
    #[must_use]
    pub fn new(outcome: &Outcome, reason: Reason, message: String) -> Self {
        Self {
            key: outcome.key.clone(),
            etag: outcome.etag.clone(),
            reason,
            message,
            recipe: outcome.recipe.clone(),
            event_id: outcome.event_id.clone(),
            time: Utc::now().trunc_subsecs(3),
        }
    }

    /// The record as it is stored.
    #[must_use]
    pub fn to_json(&self) -> Bytes {
        // Strings, an enum and a time: nothing of this can fail to be JSON.
        serde_json::to_vec_pretty(self).unwrap_or_default().into()
    }
}
