use bytes::Bytes;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::object::{ETag, Key};
use crate::outcome::Reason;

/// Why an original has no thumbnails: a JSON object under `failures/{path}`.
///
/// It is true of one version of the original, one recipe and one set of limits. An event that finds
/// it [rejected](FailureState::Rejected) for what is there now is answered from it, and the picture
/// is not read again; anything else is tried anew, as is an event of another backfill's run. A
/// collision and a picture that is too large are looked at again each time: both can pass without a
/// change of the original.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailureRecord {
    /// The original's key.
    pub key: Key,
    /// Its version.
    pub etag: ETag,
    /// Whether it is tried again.
    pub state: FailureState,
    /// Why, as a code.
    pub reason: Reason,
    /// Why, for people.
    pub message: String,
    /// Fingerprint of the recipe.
    pub recipe: String,
    /// Fingerprint of the limits and of this program's version, see
    /// [`Policy::limits_fingerprint`](crate::plan::Policy::limits_fingerprint).
    pub limits: String,
    /// The event that led here.
    pub event_id: String,
    /// How many tries of this version failed, by this recipe and within these limits; at least 1.
    pub attempts: u32,
    /// The backfill that asked for the last one, if one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backfill_run: Option<String>,
    /// When the last one failed, to the millisecond.
    pub time: DateTime<Utc>,
}

/// What stands under the key of an original's failure record.
///
/// Others may write there, too: a folder that `FAILURE_PREFIX` names may have been used before, and two
/// deployments in one bucket may share it. So only what says by its `key` that it is of this original counts
/// as its record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recorded {
    /// Its record.
    Readable(Box<FailureRecord>),
    /// Its record, as another version of this program wrote it.
    Unreadable,
    /// Anything else. It is neither replaced nor removed.
    Foreign,
}

impl Recorded {
    /// What these bytes are, where the record of `original` belongs.
    #[must_use]
    pub fn of(original: &Key, bytes: &[u8]) -> Self {
        let json: Value = serde_json::from_slice(bytes).unwrap_or_default();
        // What the records of all versions have.
        let is_its = json["key"] == original.as_str()
            && json["recipe"].is_string()
            && json["event_id"].is_string();
        if !is_its {
            return Self::Foreign;
        }
        let record = FailureRecord::deserialize(json);
        record.map_or(Self::Unreadable, |record| Self::Readable(Box::new(record)))
    }

    /// Whether it is none of the original's.
    #[must_use]
    pub fn is_foreign(&self) -> bool {
        *self == Self::Foreign
    }
}

/// Whether an original that failed is tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureState {
    /// Its tries are not used up: the event was answered with "again".
    Retrying,
    /// Not as it is: trying again gives the same, or was tried often enough.
    Rejected,
}

impl FailureRecord {
    /// The longest record that is read, in bytes: a key and a message, generously. What is longer is none.
    pub const MAX_BYTES: u64 = 64 << 10;

    /// The record as it is stored.
    #[must_use]
    pub fn to_json(&self) -> Bytes {
        // Strings, numbers, enums and a time: nothing of this can fail to be JSON.
        serde_json::to_vec_pretty(self).unwrap_or_default().into()
    }

    /// The record that is stored as `json`.
    ///
    /// # Errors
    /// The bytes are no record.
    pub fn from_json(json: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(json)
    }

    /// Whether it is still true of its version: by this recipe and within these limits, and for an
    /// event of that backfill's run, if the event is of one.
    pub(super) fn holds_for(&self, recipe: &str, limits: &str, run: Option<&str>) -> bool {
        self.recipe == recipe
            && self.limits == limits
            && (run.is_none() || run == self.backfill_run.as_deref())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn record() -> FailureRecord {
        FailureRecord {
            key: Key::new("images/a b.jpg"),
            etag: ETag::new("v1"),
            state: FailureState::Rejected,
            reason: Reason::NotAPicture,
            message: "not a picture".to_owned(),
            recipe: "r".to_owned(),
            limits: "l".to_owned(),
            event_id: "e".to_owned(),
            attempts: 1,
            backfill_run: Some("run".to_owned()),
            time: DateTime::UNIX_EPOCH,
        }
    }

    #[test]
    fn a_record_survives_its_json() {
        let without_run = FailureRecord {
            backfill_run: None,
            state: FailureState::Retrying,
            ..record()
        };
        for record in [record(), without_run] {
            assert_eq!(FailureRecord::from_json(&record.to_json()).unwrap(), record);
        }
        assert!(FailureRecord::from_json(b"{}").is_err());
        let json: serde_json::Value = serde_json::from_slice(&record().to_json()).unwrap();
        assert_eq!(json["state"], "rejected");
        assert_eq!(json["reason"], "not_a_picture");
    }

    #[test]
    fn what_does_not_say_that_it_is_of_the_original_is_foreign() {
        let recorded = |text: &str| Recorded::of(&record().key, text.as_bytes());
        let ours = String::from_utf8(record().to_json().to_vec()).unwrap();
        assert_eq!(recorded(&ours), Recorded::Readable(Box::new(record())));
        let later = ours.replace("not_a_picture", "a_reason_of_tomorrow");
        assert_eq!(recorded(&later), Recorded::Unreadable);
        let another = ours.replace("images/a b.jpg", "photos/a b.jpg");
        let nameless = r#"{"key": "images/a b.jpg"}"#;
        let cut = &ours[..ours.len() / 2];
        for foreign in ["", "a text", "{}", "[1]", "null", nameless, cut, &another] {
            assert_eq!(recorded(foreign), Recorded::Foreign, "{foreign}");
        }
    }

    #[test]
    fn another_recipe_other_limits_or_another_run_try_again() {
        let holds = |recipe, limits, run| record().holds_for(recipe, limits, run);
        assert!(holds("r", "l", None) && holds("r", "l", Some("run")));
        assert!(!holds("s", "l", None) && !holds("r", "m", None));
        assert!(!holds("r", "l", Some("another")));
    }
}
