//! Looking at the objects themselves.

use std::sync::atomic::Ordering;

use cos_thumbnails::object::Key;
use cos_thumbnails::plan::{Decision, OnDelete, Plan};
use cos_thumbnails::storage::{GetOptions, Head, Kind, Listed};
use cos_thumbnails::thumbnailer::{FailureRecord, Mark, Recorded};
use futures_util::future::{try_join_all, try_join3};
use futures_util::{StreamExt, TryStreamExt, stream};

use super::candidate::{Below, Candidate};
use super::classify::{Beside, Evidence, Seen, classify, rejected};
use super::merge::Joined;
use super::{Audit, Error, Finding, State};
use crate::originals::change;

/// In place of a fingerprint, where a thumbnail is of another recipe's set and its mark was not found.
const UNKNOWN_RECIPE: &str = "unknown";

/// So many keys that no original plans are looked at at once, for one original.
const LOOKS_AT_ONCE: usize = 8;

/// What was seen of one original, object by object.
#[derive(Debug)]
pub(crate) struct Looked {
    /// The original.
    pub(crate) original: Head,
    /// Its plan.
    pub(crate) plan: Plan,
    /// What the last output says of the set.
    pub(crate) mark: Option<Mark>,
    /// The planned thumbnails that are there, in the plan's order.
    pub(crate) outputs: Vec<Option<Listed>>,
    /// What stands where the failure record belongs.
    pub(crate) record: Option<Recorded>,
    /// What follows.
    pub(crate) finding: Finding,
}

/// What the policy and the store say of a key.
#[derive(Debug)]
pub(crate) enum Look {
    /// An original.
    Original(Box<Looked>),
    /// An original that the policy rejects, or what is none.
    Decided(Decision),
    /// No object.
    Gone,
}

impl Audit {
    /// The finding of one item of the listings. `None` where it is no longer there.
    pub(super) async fn examine(
        &self,
        joined: Joined<Candidate>,
    ) -> Result<Option<Finding>, Error> {
        match joined {
            Joined::Parent(candidate) => {
                let found = self.examine_original(&candidate).await?;
                Ok(found.map(|finding| finding.beside(candidate.unnamed)))
            }
            Joined::Orphan(Below::Output(child) | Below::Record(child)) => {
                self.examine_orphan(child.key).await
            }
        }
    }

    async fn examine_original(&self, candidate: &Candidate) -> Result<Option<Finding>, Error> {
        let key = &candidate.original.key;
        let plan = match &candidate.planned {
            Ok(plan) => plan,
            Err(reason) => return Ok(Some(rejected(key.clone(), *reason))),
        };
        let recipe = plan.recipe.fingerprint();
        let seen = |evidence, beside| Seen {
            original: &candidate.original,
            plan,
            recipe: &recipe,
            limits: &self.limits,
            outputs: &candidate.outputs,
            beside,
            removes: self.removes(),
            keys_are_its_own: self.policy.keys_name_originals(),
            evidence,
        };
        let nothing_listed = candidate.outputs.iter().all(Option::is_none);
        if self.options.fast && self.policy.keys_name_originals() {
            let record = candidate.record.as_ref();
            let beside = Beside {
                obsolete: candidate.obsolete.clone(),
                ..Beside::default()
            };
            let mut finding = classify(&seen(Evidence::Times { record }, &beside), self.young());
            let standing = !nothing_listed || !candidate.obsolete.is_empty();
            if standing && self.samples() {
                finding.recipe = self.recipe_of(candidate).await?;
            }
            return Ok(Some(finding));
        }
        let (last, _) = plan.mark_and_siblings();
        if candidate.record.is_none() && !nothing_listed {
            let head = self.head(&last.key).await?;
            let mark = mark(head.as_ref());
            let evidence = Evidence::Read {
                mark: mark.as_ref(),
                record: None,
            };
            let nothing = Beside::default();
            let mut finding = classify(&seen(evidence, &nothing), self.young());
            if finding.state == State::Ok && !candidate.obsolete.is_empty() {
                let beside = Beside::of(&self.beside(&candidate.obsolete).await?);
                finding = classify(&seen(evidence, &beside), self.young());
            }
            // Another recipe is no matter of the listing's age.
            let only_recipe = finding.is_of_another_recipe()
                && mark.is_some_and(|mark| mark.original_etag == candidate.original.etag);
            let whole = candidate.outputs.iter().all(Option::is_some);
            let well = matches!(finding.state, State::Ok | State::Obsolete | State::Foreign);
            if well || (only_recipe && whole) {
                return Ok(Some(finding));
            }
        }
        self.look_again(key, &candidate.obsolete).await
    }

    /// The recipe of the set that is listed, by whichever of its thumbnails is the mark.
    async fn recipe_of(&self, candidate: &Candidate) -> Result<Option<String>, Error> {
        let outputs = candidate.outputs.iter().rev().flatten();
        let outputs = outputs.map(|output| &output.key);
        for key in outputs.chain(&candidate.obsolete) {
            if let Some(mark) = mark(self.head(key).await?.as_ref()) {
                return Ok(Some(mark.recipe));
            }
        }
        Ok(None)
    }

    async fn examine_orphan(&self, key: Key) -> Result<Option<Finding>, Error> {
        let Some(original) = self.policy.original_of(&key) else {
            return Ok(None);
        };
        let returned = self.head(&original).await?.is_some();
        let orphaned = !returned && self.is_ours(&key, &original).await?;
        Ok(orphaned.then(|| Finding::new(key, State::Orphaned)))
    }

    /// What stands under these keys, which no original plans.
    async fn beside(&self, keys: &[Key]) -> Result<Vec<(Key, Unplanned)>, Error> {
        let looks = keys.iter().cloned().map(|key| async move {
            let unplanned = match self.head(&key).await {
                Ok(Some(head)) => Unplanned::There(head),
                Ok(None) => Unplanned::Gone,
                // Another's own object may be kept from us, and takes no audit along.
                Err(Error::Look { source, .. })
                    if matches!(source.kind(), Kind::AccessDenied | Kind::Invalid) =>
                {
                    Unplanned::Hidden
                }
                Err(error) => return Err(error),
            };
            Ok((key, unplanned))
        });
        stream::iter(looks)
            .buffered(LOOKS_AT_ONCE)
            .try_collect()
            .await
    }

    fn removes(&self) -> bool {
        self.policy.on_delete() == OnDelete::Remove
    }

    /// Whether a thumbnail or the failure record of that original is under `key`, and nothing else: a key
    /// alone does not say that we wrote it.
    pub(crate) async fn is_ours(&self, key: &Key, original: &Key) -> Result<bool, Error> {
        if key.as_str().starts_with(self.policy.failure_prefix()) {
            let record = self.record(key, original).await?;
            return Ok(record.is_some_and(|record| !record.is_foreign()));
        }
        let head = self.head(key).await?;
        let shown = head.and_then(|head| Mark::version_shown(&head.metadata));
        Ok(shown.is_some())
    }

    /// What is found now where this was found before.
    pub(crate) async fn again(&self, before: &Finding) -> Result<Option<Finding>, Error> {
        match before.state {
            State::Orphaned => self.examine_orphan(before.key.clone()).await,
            State::Obsolete => {
                let beside = [before.keys.as_slice(), &before.foreign].concat();
                let found = self.look_again(&before.key, &beside).await?;
                Ok(found.map(|finding| finding.beside(before.unnamed)))
            }
            _ => self.look_again(&before.key, &[]).await,
        }
    }

    /// The finding of what is under `key`, from the objects themselves, whatever
    /// [fast](super::Options::fast) says. `None` where there is no original, or no longer.
    ///
    /// `obsolete` are thumbnails that were listed and are not planned.
    ///
    /// # Errors
    /// [`Error::Look`].
    pub async fn look_again(&self, key: &Key, obsolete: &[Key]) -> Result<Option<Finding>, Error> {
        Ok(match self.look(key, obsolete).await? {
            Look::Original(looked) => Some(looked.finding),
            Look::Decided(Decision::Reject(reason)) => Some(rejected(key.clone(), reason)),
            Look::Decided(_) | Look::Gone => None,
        })
    }

    /// Everything about one key. One request for each planned thumbnail, and three more.
    pub(crate) async fn look(&self, key: &Key, obsolete: &[Key]) -> Result<Look, Error> {
        let Some(head) = self.head(key).await? else {
            return Ok(Look::Gone);
        };
        let original = listed(key, &head);
        let plan = match self.policy.decide(&change(self.policy.bucket(), &original)) {
            Decision::Make(plan) => plan,
            decision => return Ok(Look::Decided(decision)),
        };
        // The mark first: what is written between these looks is written before a newer mark.
        let (last, siblings) = plan.mark_and_siblings();
        let last_head = self.head(&last.key).await?;
        let siblings = try_join_all(siblings.iter().map(|output| self.head(&output.key)));
        let unplanned = self.beside(obsolete);
        let record = self.record(&plan.failure, key);
        let (mut heads, unplanned, record) = try_join3(siblings, unplanned, record).await?;
        let mark = mark(last_head.as_ref());
        let beside = Beside::of(&unplanned);
        let there = unplanned
            .iter()
            .filter_map(|(_, unplanned)| match unplanned {
                Unplanned::There(head) => Some(head),
                Unplanned::Hidden | Unplanned::Gone => None,
            });
        let elsewhere = heads.iter().flatten().chain(there);
        let other_recipe = other_recipe(&plan, last_head.as_ref(), elsewhere);
        heads.push(last_head);
        let outputs: Vec<_> = plan
            .outputs
            .iter()
            .zip(heads)
            .map(|(output, head)| head.map(|head| listed(&output.key, &head)))
            .collect();
        let mut finding = classify(
            &Seen {
                original: &original,
                plan: &plan,
                recipe: &plan.recipe.fingerprint(),
                limits: &self.limits,
                outputs: &outputs,
                beside: &beside,
                removes: self.removes(),
                keys_are_its_own: self.policy.keys_name_originals(),
                evidence: Evidence::Read {
                    mark: mark.as_ref(),
                    record: record.as_ref(),
                },
            },
            self.young(),
        );
        finding.recipe = finding.recipe.or(other_recipe);
        Ok(Look::Original(Box::new(Looked {
            original: head,
            plan,
            mark,
            outputs,
            record,
            finding,
        })))
    }

    /// What is known of an object, if there is one.
    pub(crate) async fn head(&self, key: &Key) -> Result<Option<Head>, Error> {
        self.asked.looks.fetch_add(1, Ordering::Relaxed);
        match self.store.head(key).await {
            Ok(head) => Ok(Some(head)),
            Err(error) if error.kind() == Kind::NotFound => Ok(None),
            Err(source) => Err(Error::look(key, source)),
        }
    }

    /// What is under `key`, where the failure record of that original belongs.
    pub(crate) async fn record(
        &self,
        key: &Key,
        original: &Key,
    ) -> Result<Option<Recorded>, Error> {
        let options = GetOptions {
            max_length: Some(FailureRecord::MAX_BYTES),
            ..GetOptions::default()
        };
        self.asked.looks.fetch_add(1, Ordering::Relaxed);
        match self.store.get(key, options).await {
            Ok(object) => Ok(Some(Recorded::of(original, &object.body))),
            Err(error) => match error.kind() {
                Kind::NotFound => Ok(None),
                Kind::TooLong => Ok(Some(Recorded::Foreign)),
                _ => Err(Error::look(key, error)),
            },
        }
    }
}

/// What stands under a key that no original plans.
enum Unplanned {
    There(Head),
    Hidden,
    Gone,
}

impl Beside {
    /// What has no metadata of ours, or none that is shown to us, was put there by someone else.
    fn of(keys: &[(Key, Unplanned)]) -> Self {
        let mut beside = Self::default();
        for (key, unplanned) in keys {
            let which = match unplanned {
                Unplanned::There(head) if Mark::version_shown(&head.metadata).is_some() => {
                    &mut beside.obsolete
                }
                Unplanned::There(_) | Unplanned::Hidden => &mut beside.foreign,
                Unplanned::Gone => continue,
            };
            which.push(key.clone());
        }
        beside
    }
}

fn mark(head: Option<&Head>) -> Option<Mark> {
    Mark::from_metadata(&head?.metadata)
}

/// The recipe of a set whose mark is not the planned one: where another size is the largest, or another
/// format the first, the planned mark was written as a sibling, if at all.
fn other_recipe<'a>(
    plan: &Plan,
    last: Option<&Head>,
    elsewhere: impl Iterator<Item = &'a Head>,
) -> Option<String> {
    let marks = elsewhere.filter_map(|head| mark(Some(head)));
    let ours = marks.filter(|mark| !mark.is_foreign_to(plan)).last();
    ours.map(|mark| mark.recipe).or_else(|| {
        // With a mark it is the last of another original's set.
        let sibling = last.filter(|last| mark(Some(last)).is_none());
        let shown = sibling.and_then(|last| Mark::version_shown(&last.metadata));
        shown.map(|_| UNKNOWN_RECIPE.to_owned())
    })
}

/// As a listing would show it.
fn listed(key: &Key, head: &Head) -> Listed {
    Listed {
        key: key.clone(),
        etag: head.etag.clone(),
        length: head.length,
        last_modified: head.last_modified,
    }
}
