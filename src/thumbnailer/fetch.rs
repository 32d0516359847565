//! The steps that look at what the store holds: the mark, its siblings, the failure record, the
//! original.

use std::ops::Range;

use bytes::Bytes;
use futures_util::future::{join, try_join_all};

use super::{Error, FailureRecord, FailureState, Fetched, Flow, Mark, Recorded};
use crate::object::ETag;
use crate::outcome::{Reason, Stage};
use crate::plan::Output;
use crate::storage::{self, GetOptions, Head, Kind, Object};

impl Flow<'_> {
    /// Step 1: what the set that stands says of itself, and what is known of earlier failures.
    ///
    /// Both are asked for at once, so that the record costs a request, but no time.
    pub(super) async fn standing(&mut self) -> Result<Option<Mark>, Error> {
        let (store, (mark, _)) = (self.store(), self.plan.mark_and_siblings());
        let options = GetOptions {
            max_length: Some(FailureRecord::MAX_BYTES),
            ..GetOptions::default()
        };
        let both = join(
            store.head(&mark.key),
            store.get(&self.plan.failure, options),
        );
        let (head, record) = self.timed(Stage::Check, both).await;
        self.outcome.traffic.heads += 1;
        self.outcome.traffic.gets += 1;
        // The record's refusal first: it says why, which that of a HEAD cannot.
        self.recorded = match record {
            Ok(object) => {
                self.outcome.traffic.bytes_read += object.body.len() as u64;
                self.thumbnailer.tally.read(object.body.len());
                Some(Recorded::of(&self.plan.original, &object.body))
            }
            Err(error) => match error.kind() {
                Kind::NotFound => None,
                Kind::TooLong => Some(Recorded::Foreign),
                _ => return Err(error.into()),
            },
        };
        Ok(found(head)?.and_then(|head| Mark::from_metadata(&head.metadata)))
    }

    /// Whether a failure record stands, be it of what is there now or not.
    pub(super) fn is_recorded(&self) -> bool {
        self.recorded.as_ref().is_some_and(|it| !it.is_foreign())
    }

    /// Whether something else stands where the failure record belongs.
    pub(super) fn is_taken(&self) -> bool {
        self.recorded.as_ref().is_some_and(Recorded::is_foreign)
    }

    /// The record of earlier tries by this recipe, within these limits.
    pub(super) fn earlier(&self) -> Option<&FailureRecord> {
        let (recipe, run) = (&self.outcome.recipe, self.run.as_deref());
        match &self.recorded {
            Some(Recorded::Readable(record)) => record
                .holds_for(recipe, &self.limits, run)
                .then_some(&**record),
            _ => None,
        }
    }

    /// Step 2: the original, unless the set that stands is of its present version.
    pub(super) async fn fetch(&mut self, mark: Option<&Mark>) -> Result<Fetched, Error> {
        if mark.is_some_and(|mark| mark.is_foreign_to(self.plan)) {
            return Ok(Fetched::Collision);
        }
        // A backfill makes anew whatever its own run has not made.
        let current = mark.filter(|mark| {
            mark.recipe == self.outcome.recipe
                && self
                    .run
                    .as_ref()
                    .is_none_or(|run| mark.backfill_run.as_ref() == Some(run))
        });
        if let Some(mark) = current {
            match self.get(Some(&mark.original_etag)).await {
                Err(error) if error.kind() == Kind::NotModified => {
                    if self.siblings_stand(mark).await? {
                        return Ok(Fetched::Unchanged(mark.original_etag.clone()));
                    }
                }
                other => return self.fetched(other),
            }
        } else if let Some(record) = self.rejected() {
            match self.get(Some(&record.etag)).await {
                Err(error) if error.kind() == Kind::NotModified => {
                    return Ok(Fetched::Rejected(record));
                }
                other => return self.fetched(other),
            }
        }
        let got = self.get(None).await;
        self.fetched(got)
    }

    /// The record, if it rejects its version for good. A collision lasts only as long as the other
    /// original does; and what is too large for one instance, which its length or its header tells, may
    /// not be for another with more memory.
    fn rejected(&self) -> Option<FailureRecord> {
        let record = self.earlier()?;
        let for_now = matches!(
            record.reason,
            Reason::Collision | Reason::TooMuchMemory | Reason::TooManyBytes
        );
        let for_good = record.state == FailureState::Rejected && !for_now;
        for_good.then(|| record.clone())
    }

    /// What a GET found, as step 2 sees it.
    fn fetched(&self, got: Result<Object, storage::Error>) -> Result<Fetched, Error> {
        match got {
            Ok(object) => {
                let rejected = self.rejected();
                let rejected = rejected.filter(|record| record.etag == object.head.etag);
                Ok(rejected.map_or(Fetched::Original(object), Fetched::Rejected))
            }
            Err(error) => match error.kind() {
                Kind::NotFound => Ok(Fetched::Gone),
                Kind::TooLong => Ok(Fetched::TooLarge),
                _ => Err(error.into()),
            },
        }
    }

    /// The original or, as it may be enough, its first bytes.
    async fn get(&mut self, if_none_match: Option<&ETag>) -> Result<Object, storage::Error> {
        self.fetched_bytes = 0;
        let max_bytes = self.thumbnailer.limits.max_bytes;
        let whole = GetOptions {
            if_none_match: if_none_match.cloned(),
            // Never more than there is memory for, whatever the event said.
            max_length: Some(max_bytes.min(self.need_bytes)),
            ..GetOptions::default()
        };
        let first = GetOptions {
            range: self.plan.first_bytes.map(|first| 0..first),
            ..whole.clone()
        };
        match self.get_with(first).await {
            Ok(object) if object.head.length > max_bytes => {
                Err(storage::Error::new(Kind::TooLong, "GetObject"))
            }
            // Nothing of an object without bytes is in any range.
            Err(error) if error.kind() == Kind::InvalidRange => self.get_with(whole).await,
            got => got,
        }
    }

    /// More bytes of an original whose first bytes were read; `None` if it is another one by now.
    pub(super) async fn get_on(
        &mut self,
        head: &Head,
        range: Range<u64>,
    ) -> Result<Option<Bytes>, storage::Error> {
        let more = self.get_with(GetOptions {
            if_match: Some(head.etag.clone()),
            range: Some(range),
            ..GetOptions::default()
        });
        match more.await {
            Ok(more) => Ok(Some(more.body)),
            Err(error) => match error.kind() {
                Kind::PreconditionFailed | Kind::NotFound => Ok(None),
                _ => Err(error),
            },
        }
    }

    async fn get_with(&mut self, options: GetOptions) -> Result<Object, storage::Error> {
        let got = self
            .timed(Stage::Fetch, self.store().get(&self.plan.original, options))
            .await;
        self.outcome.traffic.gets += 1;
        if let Ok(object) = &got {
            let bytes = object.body.len();
            self.fetched_bytes += bytes as u64;
            self.outcome.traffic.bytes_read += bytes as u64;
            self.thumbnailer.tally.read(bytes);
        }
        got
    }

    /// Whether all outputs beside the mark are those that it was written for.
    async fn siblings_stand(&mut self, mark: &Mark) -> Result<bool, Error> {
        let (store, (_, siblings)) = (self.store(), self.plan.mark_and_siblings());
        let heads = siblings.iter().map(async |sibling: &Output| {
            found(store.head(&sibling.key).await).map(|head| head.map(|head| head.etag))
        });
        let standing = self.timed(Stage::Check, try_join_all(heads)).await?;
        self.outcome.traffic.heads += u32::try_from(siblings.len()).unwrap_or(u32::MAX);
        Ok(standing
            .into_iter()
            .eq(mark.siblings.iter().cloned().map(Some)))
    }
}

/// `None` where there is no such object.
pub(super) fn found(head: Result<Head, storage::Error>) -> Result<Option<Head>, storage::Error> {
    match head {
        Ok(head) => Ok(Some(head)),
        Err(error) if error.kind() == Kind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}
