//! The commit mark: metadata of the output that is written last. It says of which version of the
//! original, by which recipe, and with which siblings the set was made.

use crate::events::{self, Event};
use crate::object::ETag;
use crate::plan::{self, Plan};
use crate::storage::Metadata;

const ORIGINAL_ETAG: &str = "original-etag";
const ORIGINAL_HASH: &str = "original-hash";
const RECIPE: &str = "recipe";
const SIBLINGS: &str = "siblings";
const BACKFILL_RUN: &str = "backfill-run";

/// So much of the name of a backfill's run is kept: metadata has no room for more.
const MAX_RUN_CHARS: usize = 64;

/// The backfill's run that an event is of, as marks and records name it. A name that is too long, or that HTTP carries
/// in no header, is kept as far as it goes, with a hash of the whole, so that it is no other's.
pub(super) fn run_of(event: &Event) -> Option<String> {
    let name = event
        .extension(events::BACKFILL_RUN)
        .filter(|name| !name.is_empty())?;
    let is_kept = |c: &char| c.is_ascii_graphic();
    if name.len() <= MAX_RUN_CHARS && name.chars().all(|c| is_kept(&c)) {
        return Some(name);
    }
    let hash = plan::short_hash(&name);
    let kept = name.chars().filter(is_kept);
    let kept: String = kept.take(MAX_RUN_CHARS - 1 - hash.len()).collect();
    Some(format!("{kept}-{hash}"))
}

/// What a commit mark says of its set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// The version of the original that the set shows.
    pub original_etag: ETag,
    /// [`Plan::original_hash`] of the original.
    pub original_hash: String,
    /// Fingerprint of the recipe.
    pub recipe: String,
    /// The versions of all other outputs, in the plan's order.
    pub siblings: Vec<ETag>,
    /// The backfill that made the set anew, if one did.
    pub backfill_run: Option<String>,
}

impl Mark {
    /// The mark in an object's metadata; `None` where there is none, or only a part of one.
    #[must_use]
    pub fn from_metadata(metadata: &Metadata) -> Option<Self> {
        let siblings = metadata.get(SIBLINGS)?;
        Some(Self {
            original_etag: ETag::new(metadata.get(ORIGINAL_ETAG)?),
            original_hash: metadata.get(ORIGINAL_HASH)?.clone(),
            recipe: metadata.get(RECIPE)?.clone(),
            siblings: siblings
                .split(',')
                .filter(|tag| !tag.is_empty())
                .map(ETag::new)
                .collect(),
            backfill_run: metadata.get(BACKFILL_RUN).cloned(),
        })
    }

    /// The version of the original that a thumbnail with this metadata shows, be it a mark or not; `None`
    /// where it is no thumbnail of ours.
    #[must_use]
    pub fn version_shown(metadata: &Metadata) -> Option<ETag> {
        metadata.get(ORIGINAL_ETAG).map(|tag| ETag::new(tag))
    }

    /// The metadata that carries this mark.
    #[must_use]
    pub fn to_metadata(&self) -> Metadata {
        let siblings: Vec<_> = self.siblings.iter().map(ETag::as_str).collect();
        let mut metadata = Metadata::from([
            (ORIGINAL_ETAG.to_owned(), self.original_etag.to_string()),
            (ORIGINAL_HASH.to_owned(), self.original_hash.clone()),
            (RECIPE.to_owned(), self.recipe.clone()),
            (SIBLINGS.to_owned(), siblings.join(",")),
        ]);
        if let Some(run) = &self.backfill_run {
            metadata.insert(BACKFILL_RUN.to_owned(), run.clone());
        }
        metadata
    }

    /// Whether the set belongs to another original whose outputs have the same keys.
    #[must_use]
    pub fn is_foreign_to(&self, plan: &Plan) -> bool {
        self.original_hash != plan.original_hash
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_survives_its_metadata_and_a_partial_one_is_none() {
        let mark = Mark {
            original_etag: ETag::new("v1"),
            original_hash: "h".into(),
            recipe: "r".into(),
            siblings: vec![ETag::new("a"), ETag::new("b")],
            backfill_run: Some("run".into()),
        };
        let metadata = mark.to_metadata();
        assert_eq!(Mark::from_metadata(&metadata).unwrap(), mark);
        for name in [ORIGINAL_ETAG, ORIGINAL_HASH, RECIPE, SIBLINGS] {
            let mut partial = metadata.clone();
            partial.remove(name);
            assert_eq!(Mark::from_metadata(&partial), None, "without {name}");
        }
        let alone = Mark {
            siblings: vec![],
            backfill_run: None,
            ..mark
        };
        assert_eq!(Mark::from_metadata(&alone.to_metadata()).unwrap(), alone);
    }
}
