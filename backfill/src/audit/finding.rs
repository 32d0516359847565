use cos_thumbnails::object::Key;
use cos_thumbnails::outcome::Reason;
use serde::{Deserialize, Serialize};

use super::State;

/// What an audit found of one key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Finding {
    /// The original's key; of what is orphaned its own.
    pub key: Key,
    /// What was found.
    pub state: State,
    /// The original's length in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    /// Of what failed: why, as in its failure record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// The state for people, with its details.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// The keys that it is about: those that are not there, have no bytes, differ, or are obsolete.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keys: Vec<Key>,
    /// What stands among its thumbnails and is not ours, so that it stays.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub foreign: Vec<Key>,
    /// Of what is obsolete: how many more there are than `keys` can name.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub unnamed: u64,
    /// Fingerprint of the recipe that the mark names, where the mark was looked at and is this original's.
    /// `unknown` where the last thumbnail was made by a recipe whose last it is not, and no mark was found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recipe: Option<String>,
    /// Fingerprint of the recipe that plans this original's thumbnails.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub planned_recipe: Option<String>,
}

impl Finding {
    /// A state without details.
    pub(crate) fn new(key: Key, state: State) -> Self {
        Self {
            key,
            state,
            bytes: None,
            reason: None,
            message: None,
            keys: Vec::new(),
            foreign: Vec::new(),
            unnamed: 0,
            recipe: None,
            planned_recipe: None,
        }
    }

    pub(crate) fn saying(self, message: impl Into<String>) -> Self {
        Self {
            message: Some(message.into()),
            ..self
        }
    }

    pub(crate) fn saying_also(self, more: String) -> Self {
        let message = match &self.message {
            Some(message) => format!("{message}; {more}"),
            None => more,
        };
        self.saying(message)
    }

    pub(crate) fn about(self, keys: Vec<Key>) -> Self {
        Self { keys, ..self }
    }

    /// The same, where so many more keys that are not planned were listed than were kept by name, and looked at.
    pub(crate) fn beside(self, unnamed: u64) -> Self {
        let state = match self.state {
            State::Ok | State::Obsolete => State::Obsolete,
            State::Foreign => State::Foreign,
            _ => return self,
        };
        if unnamed == 0 {
            return self;
        }
        let told = self.saying_also(format!("{unnamed} more were not looked at"));
        Self {
            state,
            unnamed,
            ..told
        }
    }

    /// Whether the mark was made by another recipe than the one that is planned.
    #[must_use]
    pub fn is_of_another_recipe(&self) -> bool {
        self.recipe.is_some() && self.recipe != self.planned_recipe
    }
}

#[allow(clippy::trivially_copy_pass_by_ref)] // serde passes references
fn is_zero(number: &u64) -> bool {
    *number == 0
}
