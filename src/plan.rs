//! Which thumbnails an event asks for, under which keys, or why none. Pure: no store is asked.
//!
//! A [`Recipe`] says what to make of a picture, [`Recipes`] say which of them is for which; a
//! [`Policy`] says of which pictures, and where the thumbnails go; [`Policy::decide`] turns one
//! [`Change`] into a [`Decision`].

use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use crate::events::Change;
use crate::object::{Bucket, Key, MAX_KEY_BYTES};
use crate::outcome::Reason;
use crate::thumbnail::{Limits, OutputFormat};

mod inverse;
mod reading;
mod recipe;
mod rules;
mod template;

use reading::first_bytes;
pub use recipe::{MAX_OUTPUTS, Recipe, RecipeError, version};
pub use rules::{Pattern, PatternError, Recipes, RecipesError, Rule};
pub use template::{OutputKey, TemplateError};

/// How long caches may keep a thumbnail by default: its key is stable while its content is not.
pub const CACHE_CONTROL: &str = "public, max-age=3600";

/// Where failure records live by default: `failures/{path}`, apart from the thumbnails, which may be public.
pub const FAILURE_PREFIX: &str = "failures/";

/// Which originals are ours, where their thumbnails go and how they are made.
///
/// A policy whose outputs could be its inputs cannot be built, so no event can cause itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    bucket: Bucket,
    source_prefix: String,
    output_prefix: String,
    failure_prefix: String,
    recipes: Recipes,
    cache_control: String,
    limits: Limits,
    on_delete: OnDelete,
    max_attempts: NonZeroU32,
    first_read_percent: Option<u8>,
}

/// Under which keys a policy writes; nothing else of a bucket is ever written or deleted by it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutputPrefixes {
    /// Thumbnails are under keys that start so.
    pub thumbnails: String,
    /// Failure records are under keys that start so. Default [`FAILURE_PREFIX`].
    pub failures: String,
}

/// Thumbnails there, and failure records where they are by default.
impl From<&str> for OutputPrefixes {
    fn from(thumbnails: &str) -> Self {
        Self {
            thumbnails: thumbnails.to_owned(),
            failures: FAILURE_PREFIX.to_owned(),
        }
    }
}

/// Tries of one version by default: one that failed by chance does not fail three times.
const MAX_ATTEMPTS: NonZeroU32 = NonZeroU32::new(3).unwrap();

/// What becomes of the thumbnails of an original that is gone, or that can no longer be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnDelete {
    /// Exactly the planned keys are deleted (the default).
    #[default]
    Remove,
    /// No thumbnail is ever deleted.
    Keep,
}

/// Two prefixes under which an output could be taken for an original, or for a failure record.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{first_name} {}", self.problem())]
pub struct PolicyError {
    first_name: &'static str,
    first: String,
    second_name: &'static str,
    second: String,
}

impl PolicyError {
    /// The setting of the first of them.
    #[must_use]
    pub fn variable(&self) -> &'static str {
        self.first_name
    }

    /// What is wrong with it: the other one.
    #[must_use]
    pub fn problem(&self) -> String {
        let Self {
            first,
            second_name,
            second,
            ..
        } = self;
        format!(
            "{first:?} and {second_name} {second:?} overlap: what is written under one could be read under the other"
        )
    }
}

/// What a change asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// Look at the original and bring its thumbnails up to date.
    Make(Plan),
    /// Nothing to do, and trying again changes nothing.
    Skip(Reason),
    /// It can never succeed, and there is no key for a record of it.
    Reject(Reason),
    /// Not ours to touch: another bucket, or an endpoint of the sender's choice.
    Refuse(Foreign),
}

/// Why a change is refused without a call to any store.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Foreign {
    /// The event names another bucket than the configured one.
    #[error("the event is about bucket {:?}, which this function does not serve", .0.as_str())]
    Bucket(Bucket),
    /// The event names an endpoint. Code Engine's is always empty; it is never connected to.
    #[error("the event names an endpoint of its own; the endpoint comes from configuration alone")]
    Endpoint,
}

/// The thumbnails of one original.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The original's key.
    pub original: Key,
    /// How its thumbnails are made.
    pub recipe: Arc<Recipe>,
    /// What to make, by ascending size. The last one is the mark: the largest size in the recipe's
    /// first format.
    pub outputs: Vec<Output>,
    /// Where a failure is recorded.
    pub failure: Key,
    /// SHA-256 of the original's key in hex, 16 digits: tells foreign sets from our own where a
    /// template lets two originals share their outputs' keys.
    pub original_hash: String,
    /// How many bytes of the original are read at first, as it may be a progressive JPEG, of which
    /// that is mostly enough. `None` where it is read whole at once.
    pub first_bytes: Option<u64>,
}

/// One planned thumbnail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    /// Where it goes.
    pub key: Key,
    /// The bounding box's side in pixels.
    pub size: u32,
    /// Its format.
    pub format: OutputFormat,
}

impl Plan {
    /// The commit mark and its siblings: the output that is written last and says that the set is
    /// whole, and all others.
    #[must_use]
    pub fn mark_and_siblings(&self) -> (&Output, &[Output]) {
        match self.outputs.split_last() {
            Some(parts) => parts,
            None => unreachable!("a recipe has at least one size and one format"),
        }
    }
}

impl Policy {
    /// A policy, unless its outputs or failure records could be its inputs.
    ///
    /// # Errors
    /// [`PolicyError`] names the two prefixes that overlap.
    pub fn new(
        bucket: Bucket,
        source_prefix: impl Into<String>,
        outputs: impl Into<OutputPrefixes>,
        recipes: impl Into<Recipes>,
    ) -> Result<Self, PolicyError> {
        let (source_prefix, outputs) = (source_prefix.into(), outputs.into());
        check_prefixes(&source_prefix, &outputs)?;
        Ok(Self {
            bucket,
            source_prefix,
            output_prefix: outputs.thumbnails,
            failure_prefix: outputs.failures,
            recipes: recipes.into(),
            cache_control: CACHE_CONTROL.to_owned(),
            limits: Limits::default(),
            on_delete: OnDelete::default(),
            max_attempts: MAX_ATTEMPTS,
            first_read_percent: None,
        })
    }

    /// The same with thumbnails and failure records elsewhere.
    ///
    /// # Errors
    /// As [`Policy::new`].
    pub fn with_outputs(self, outputs: impl Into<OutputPrefixes>) -> Result<Self, PolicyError> {
        let outputs = outputs.into();
        check_prefixes(&self.source_prefix, &outputs)?;
        Ok(Self {
            output_prefix: outputs.thumbnails,
            failure_prefix: outputs.failures,
            ..self
        })
    }

    /// The same with other thumbnails.
    #[must_use]
    pub fn with_recipes(self, recipes: impl Into<Recipes>) -> Self {
        Self {
            recipes: recipes.into(),
            ..self
        }
    }

    /// The same with other limits.
    #[must_use]
    pub fn with_limits(self, limits: Limits) -> Self {
        Self { limits, ..self }
    }

    /// The same with another way with deleted originals.
    #[must_use]
    pub fn with_on_delete(self, on_delete: OnDelete) -> Self {
        Self { on_delete, ..self }
    }

    /// The same with another number of tries, see [`Policy::max_attempts`].
    #[must_use]
    pub fn with_max_attempts(self, max_attempts: NonZeroU32) -> Self {
        Self {
            max_attempts,
            ..self
        }
    }

    /// The same with another `Cache-Control` on thumbnails, which must be printable ASCII. Those that
    /// stand keep theirs: it is not a part of any fingerprint.
    #[must_use]
    pub fn with_cache_control(self, cache_control: impl Into<String>) -> Self {
        Self {
            cache_control: cache_control.into(),
            ..self
        }
    }

    /// The same, with so much of an original read at first; 100 or more reads it whole.
    #[must_use]
    pub fn with_first_read_percent(self, percent: u8) -> Self {
        Self {
            first_read_percent: Some(percent),
            ..self
        }
    }

    /// The bucket served.
    #[must_use]
    pub fn bucket(&self) -> &Bucket {
        &self.bucket
    }

    /// Originals are the keys that start so.
    #[must_use]
    pub fn source_prefix(&self) -> &str {
        &self.source_prefix
    }

    /// Thumbnails are under keys that start so.
    #[must_use]
    pub fn output_prefix(&self) -> &str {
        &self.output_prefix
    }

    /// Failure records are under keys that start so.
    #[must_use]
    pub fn failure_prefix(&self) -> &str {
        &self.failure_prefix
    }

    /// How thumbnails are made, and which of them how.
    #[must_use]
    pub fn recipes(&self) -> &Recipes {
        &self.recipes
    }

    /// `Cache-Control` of thumbnails.
    #[must_use]
    pub fn cache_control(&self) -> &str {
        &self.cache_control
    }

    /// What a picture may demand.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// What becomes of the thumbnails of an original that is gone.
    #[must_use]
    pub fn on_delete(&self) -> OnDelete {
        self.on_delete
    }

    /// How often a picture is tried whose thumbnails are not made in the time for one event, until it
    /// counts as one that can never succeed. Default 3.
    #[must_use]
    pub fn max_attempts(&self) -> NonZeroU32 {
        self.max_attempts
    }

    /// Names what decides which pictures are read at all: 16 hex digits that change with the limits
    /// and with this library's version. What failed under others is tried again.
    #[must_use]
    pub fn limits_fingerprint(&self) -> String {
        short_hash(&format!(
            "version={};{:?};attempts={}",
            env!("CARGO_PKG_VERSION"),
            self.limits,
            self.max_attempts
        ))
    }

    /// What this change asks for. Write and delete ask for the same: look at the key.
    #[must_use]
    pub fn decide(&self, change: &Change) -> Decision {
        let key = change.object.key.as_str();
        if !change.endpoint.is_empty() {
            return Decision::Refuse(Foreign::Endpoint);
        }
        if change.object.bucket != self.bucket {
            return Decision::Refuse(Foreign::Bucket(change.object.bucket.clone()));
        }
        if key.starts_with(&self.output_prefix) || key.starts_with(&self.failure_prefix) {
            return Decision::Skip(Reason::OwnOutput);
        }
        let Some(path) = key.strip_prefix(&self.source_prefix) else {
            return Decision::Skip(Reason::OutsidePrefix);
        };
        if path.is_empty() || (path.ends_with('/') && change.length == Some(0)) {
            return Decision::Skip(Reason::FolderPlaceholder);
        }
        let Some(rule) = self.recipes.of(path) else {
            return Decision::Skip(Reason::NoRecipe);
        };
        let recipe = rule.recipe();
        let percent = self
            .first_read_percent
            .unwrap_or_else(|| reading::first_read_percent(recipe.effort()));
        match self.plan(path, recipe, first_bytes(change, percent)) {
            Some(plan) => Decision::Make(plan),
            None => Decision::Reject(Reason::KeyTooLong),
        }
    }

    /// The plan for the original at `path` below the source prefix, unless a planned key would be
    /// longer than a store accepts.
    fn plan(&self, path: &str, recipe: &Arc<Recipe>, first_bytes: Option<u64>) -> Option<Plan> {
        let outputs = recipe.outputs().map(|(size, encoding)| Output {
            key: Key::new(format!(
                "{}{}",
                self.output_prefix,
                recipe.output_key().expand(path, size, encoding.format)
            )),
            size,
            format: encoding.format,
        });
        let original = Key::new(format!("{}{path}", self.source_prefix));
        let plan = Plan {
            recipe: Arc::clone(recipe),
            outputs: outputs.collect(),
            failure: Key::new(format!("{}{path}", self.failure_prefix)),
            original_hash: short_hash(original.as_str()),
            original,
            first_bytes,
        };
        let fits = |key: &Key| key.len_bytes() <= MAX_KEY_BYTES;
        (plan.outputs.iter().all(|output| fits(&output.key)) && fits(&plan.failure)).then_some(plan)
    }
}

/// The first 16 hex digits of the SHA-256 of `text`.
pub(crate) fn short_hash(text: &str) -> String {
    Sha256::digest(text.as_bytes())[..8]
        .iter()
        .fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"))
}

/// No two of originals, thumbnails and failure records can be taken for each other.
fn check_prefixes(source: &str, outputs: &OutputPrefixes) -> Result<(), PolicyError> {
    let source = ("SOURCE_PREFIX", source);
    let thumbnails = ("OUTPUT_PREFIX", outputs.thumbnails.as_str());
    let failures = ("FAILURE_PREFIX", outputs.failures.as_str());
    apart(source, thumbnails)?;
    apart(source, failures)?;
    apart(thumbnails, failures)
}

/// Neither prefix starts with the other: then no key can start with both.
fn apart(
    (first_name, first): (&'static str, &str),
    (second_name, second): (&'static str, &str),
) -> Result<(), PolicyError> {
    if first.starts_with(second) || second.starts_with(first) {
        return Err(PolicyError {
            first_name,
            first: first.to_owned(),
            second_name,
            second: second.to_owned(),
        });
    }
    Ok(())
}

/// A word that is no [`OnDelete`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("neither remove nor keep")]
pub struct NoOnDelete;

impl FromStr for OnDelete {
    type Err = NoOnDelete;

    fn from_str(word: &str) -> Result<Self, NoOnDelete> {
        [Self::Remove, Self::Keep]
            .into_iter()
            .find(|on_delete| on_delete.to_string() == word)
            .ok_or(NoOnDelete)
    }
}

impl fmt::Display for OnDelete {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Remove => "remove",
            Self::Keep => "keep",
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests;
