//! Mending what an audit found: events for originals, deletes for what has none or is not planned.

use std::collections::BTreeSet;
use std::sync::Arc;

use cos_thumbnails::object::Key;
use cos_thumbnails::plan::Policy;
use cos_thumbnails::storage::{self, Kind, Storage};
use futures_util::{StreamExt, TryStreamExt, stream};
use indicatif::ProgressBar;
use tokio_util::sync::CancellationToken;

use super::IN_FLIGHT;
use crate::advice::{Advice, Advised};
use crate::args::{self, Settings, Verify, Way};
use crate::audit::report::Summary;
use crate::audit::{Audit, Finding, State};
use crate::cli::{self, Error};
use crate::originals::written;
use crate::progress::Progress;
use crate::record::End;
use crate::replay::{Replay, backoff, run_id};
use crate::target::{Http, Target, with_causes};

/// Why nothing is mended.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// The function makes thumbnails in another way, of other originals, or elsewhere.
    #[error(
        "the function's {what} is {theirs}, not {ours} as configured here: give both the same settings"
    )]
    Function {
        /// What differs.
        what: &'static str,
        /// The function's.
        theirs: String,
        /// Our own.
        ours: String,
    },
    /// Most of what stands was made by other recipes.
    #[error(
        "{count} of {marks} thumbnail sets were made by other recipes, most often {theirs}, not as configured here: \
         give the function's own settings, or --recipe-changed if it was changed on purpose"
    )]
    Marks {
        /// So many name another recipe.
        count: u64,
        /// Of so many that were looked at.
        marks: u64,
        /// The fingerprint that most of them name.
        theirs: String,
    },
    /// Where there are no originals everything is an orphan, and more likely the prefix is wrong.
    #[error(
        "there are no originals under {0:?}, so nothing is removed as an orphan: is SOURCE_PREFIX right?"
    )]
    NoOriginals(String),
}

/// Mends what it wants of the findings.
pub(super) struct Mender<'a> {
    settings: &'a Settings,
    policy: &'a Policy,
    repair: Option<args::Repair>,
    store: Arc<dyn Storage>,
    audit: Audit,
    target: Arc<dyn Target>,
    function: Option<Http>,
    stop: CancellationToken,
}

/// What was done.
#[derive(Debug, Default)]
pub(super) struct Done {
    pub(super) replayed: u64,
    pub(super) failed: u64,
    pub(super) removed: u64,
}

/// What became of a key without an original.
enum Removed {
    /// There is an original by now, or something that is not ours.
    Kept,
    Yes,
    /// An original came meanwhile, whose thumbnail the key may have been.
    Returned(Key),
}

impl<'a> Mender<'a> {
    pub(super) fn new(
        settings: &'a Settings,
        verify: &Verify,
        store: Arc<dyn Storage>,
        audit: Audit,
        (stop, bar): (CancellationToken, ProgressBar),
    ) -> Result<Self, Error> {
        let target = cli::target(settings, Arc::clone(&store))?;
        Ok(Self {
            settings,
            policy: &settings.config.policy,
            repair: verify.repair,
            target: Arc::new(Advised::new(target, Advice::new(settings), bar)),
            function: match &settings.way {
                Way::FanOut { .. } => Some(cli::function(settings)?),
                Way::Sequential | Way::Parallel | Way::Job(_) => None,
            },
            store,
            audit,
            stop,
        })
    }

    /// Whether a finding is to be mended.
    pub(super) fn wants(&self, finding: &Finding) -> bool {
        self.repair.is_some_and(|repair| match finding.state {
            State::Failed => repair.retry,
            State::Orphaned => repair.remove_orphans,
            State::Obsolete => repair.remove_obsolete,
            state => state.is_mended_by_an_event(),
        })
    }

    /// Asks the function, if one is given, how it makes thumbnails.
    pub(super) async fn check_function(&self) -> Result<(), Error> {
        let Some(function) = &self.function else {
            return Ok(());
        };
        let version = function.version().await.map_err(Error::Version)?;
        let ours = self.policy.recipes().fingerprint();
        let differs = |what, theirs: String, ours: String| {
            if theirs == ours {
                Ok(())
            } else {
                Err(Refused::Function { what, theirs, ours })
            }
        };
        differs("recipe", version.recipes.join(", "), ours)?;
        differs(
            "set of limits",
            version.limits,
            self.policy.limits_fingerprint(),
        )?;
        let policy = self.policy;
        for (what, theirs, ours) in [
            ("bucket", version.bucket, policy.bucket().as_str()),
            (
                "SOURCE_PREFIX",
                version.source_prefix,
                policy.source_prefix(),
            ),
            (
                "OUTPUT_PREFIX",
                version.output_prefix,
                policy.output_prefix(),
            ),
            (
                "FAILURE_PREFIX",
                version.failure_prefix,
                policy.failure_prefix(),
            ),
        ] {
            if let Some(theirs) = theirs {
                differs(what, theirs, ours.to_owned())?;
            }
        }
        Ok(())
    }

    /// Without a function to ask, the marks say by which recipe it makes thumbnails. And without
    /// originals nothing is removed.
    pub(super) fn check_marks(&self, summary: &Summary) -> Result<(), Refused> {
        let Some(repair) = self.repair else {
            return Ok(());
        };
        let orphans = summary.found.of(State::Orphaned);
        if repair.remove_orphans && orphans > 0 && summary.found.originals() == 0 {
            return Err(Refused::NoOriginals(self.policy.source_prefix().to_owned()));
        }
        if repair.recipe_changed || self.function.is_some() {
            return Ok(());
        }
        match summary.other_recipes_of_most() {
            Some((count, theirs)) => Err(Refused::Marks {
                count,
                marks: summary.marks,
                theirs,
            }),
            None => Ok(()),
        }
    }

    /// Removes what is orphaned or obsolete, and replays originals.
    pub(super) async fn mend(
        &self,
        batch: &[Finding],
        progress: &mut Progress,
    ) -> Result<Done, Error> {
        let (mut orphans, mut obsolete, mut originals) = (Vec::new(), Vec::new(), Vec::new());
        for finding in batch {
            match finding.state {
                State::Orphaned => orphans.push(finding),
                State::Obsolete => obsolete.push(finding),
                _ => originals.push(finding),
            }
        }
        let removed: Vec<_> = stream::iter(orphans)
            .take_until(self.stop.cancelled())
            .map(|orphan| self.remove(&orphan.key))
            .buffer_unordered(IN_FLIGHT)
            .try_collect()
            .await?;
        let mut done = Done::default();
        let deleted: Vec<u64> = stream::iter(obsolete)
            .take_until(self.stop.cancelled())
            .map(|finding| self.remove_obsolete(finding))
            .buffer_unordered(IN_FLIGHT)
            .try_collect()
            .await?;
        done.removed += deleted.iter().sum::<u64>();
        let bucket = self.policy.bucket();
        let again = |key: &Key, length| written(bucket, key.clone(), None, length);
        let mut changes: Vec<_> = originals
            .iter()
            .map(|original| again(&original.key, original.bytes))
            .collect();
        let mut returned = BTreeSet::new();
        for removed in removed {
            done.removed += u64::from(!matches!(removed, Removed::Kept));
            if let Removed::Returned(original) = removed {
                returned.insert(original);
            }
        }
        changes.extend(returned.iter().map(|original| again(original, None)));
        let replay = Replay {
            run: run_id(),
            first: 1,
            in_flight: self.settings.in_flight,
            retry: backoff(self.settings.retries),
            stop: self.stop.clone(),
        };
        let changes = stream::iter(changes.into_iter().map(Ok));
        let replayed = replay.run(changes, Arc::clone(&self.target), |picture| {
            done.replayed += 1;
            progress.mended();
            if let End::Error(error) = &picture.end {
                done.failed += 1;
                progress.say(&format!("{}: {error}", picture.key));
            }
            Ok(())
        });
        // Neither the list nor the closure fails.
        if let Err(error) = replayed.await {
            progress.say(&with_causes(&error));
        }
        Ok(done)
    }

    /// Deletes exactly this key, if there is still no original for it.
    async fn remove(&self, key: &Key) -> Result<Removed, Error> {
        let Some(original) = self.policy.original_of(key) else {
            return Ok(Removed::Kept);
        };
        if self.is_there(&original).await? {
            return Ok(Removed::Kept);
        }
        if !self.audit.is_ours(key, &original).await? {
            return Ok(Removed::Kept);
        }
        self.delete(key).await?;
        // What came between the look and the delete has lost a thumbnail.
        Ok(if self.is_there(&original).await? {
            Removed::Returned(original)
        } else {
            Removed::Yes
        })
    }

    /// Deletes what is not planned, if it is still beside a whole set by this recipe: since the audit,
    /// another one may have made it its mark. Says how much.
    async fn remove_obsolete(&self, finding: &Finding) -> Result<u64, Error> {
        let now = self.audit.again(finding).await?;
        let now = now.filter(|now| now.state == State::Obsolete);
        let keys = now.map(|now| now.keys).unwrap_or_default();
        for key in &keys {
            self.delete(key).await?;
        }
        Ok(keys.len() as u64)
    }

    async fn is_there(&self, key: &Key) -> Result<bool, Error> {
        match self.store.head(key).await {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == Kind::NotFound => Ok(false),
            Err(source) => Err(failed(key, source)),
        }
    }

    async fn delete(&self, key: &Key) -> Result<(), Error> {
        let deleted = self.store.delete(key).await;
        deleted.map_err(|source| failed(key, source))
    }
}

fn failed(key: &Key, source: storage::Error) -> Error {
    Error::Remove {
        key: key.clone(),
        source,
    }
}
