//! The steps for an original that gets no thumbnails: the record that says why, and its removal.

use std::time::Duration;

use chrono::{SubsecRound, Utc};
use tokio::time::Instant;

use super::steps::need_before_reading;
use super::{Error, FailureRecord, FailureState, Flow, Replaced, Working};
use crate::object::{ETag, Key};
use crate::outcome::{Reason, Stage, Verdict};
use crate::storage::{PutOptions, with_causes};
use crate::thumbnail;

/// So much of an event's id is kept in a record, so that no sender makes one too long to be read.
const MAX_ID_CHARS: usize = 1000;

impl Flow<'_> {
    /// The original can never succeed: a record says so, and no thumbnails of it are left.
    pub(super) async fn reject(
        &mut self,
        etag: &ETag,
        reason: Reason,
        message: String,
    ) -> Result<(), Error> {
        self.record(etag, FailureState::Rejected, reason, message)
            .await?;
        if self.removes() {
            self.delete_outputs().await?;
        }
        Ok(())
    }

    /// The picture cannot be read, which is a fact about its bytes.
    pub(super) async fn reject_picture(
        &mut self,
        etag: &ETag,
        rejection: &thumbnail::Error,
    ) -> Result<(), Error> {
        self.reject(etag, reason(rejection), with_causes(rejection))
            .await
    }

    /// This version was rejected before. What the handler left that wrote the record, and did not
    /// come to its end, is removed once more.
    pub(super) async fn reject_again(&mut self, record: FailureRecord) -> Result<ETag, Error> {
        self.end(Verdict::Rejected, Some(record.reason));
        self.outcome.message = Some(record.message);
        self.outcome.etag = Some(record.etag.clone());
        if self.removes() {
            self.delete_outputs().await?;
        }
        Ok(record.etag)
    }

    /// An original of more bytes than are taken, or than there was memory for: its length and its
    /// version are all that is asked for.
    pub(super) async fn reject_unread(&mut self) -> Result<Replaced, Error> {
        let limits = &self.thumbnailer.limits;
        let limit = limits.max_bytes;
        match self.look(Stage::Check).await? {
            Some(head) if head.length > limit => {
                let message = format!("the object is longer than {limit} bytes");
                self.reject(&head.etag, Reason::TooManyBytes, message)
                    .await?;
                Ok(Replaced::Done)
            }
            Some(head) => {
                let need = need_before_reading(Some(head.length), limits);
                self.need_bytes = self.need_bytes.max(need);
                Ok(Replaced::Again)
            }
            None => Ok(Replaced::Again),
        }
    }

    /// The planned keys hold another original's set, which is neither replaced nor removed.
    pub(super) async fn collide(&mut self) -> Result<Option<ETag>, Error> {
        let etag = self.version(Stage::Check).await?;
        if let Some(etag) = &etag {
            let message = "the thumbnails' keys belong to another original; \
                           a template with {path} keeps them apart";
            let (state, reason) = (FailureState::Rejected, Reason::Collision);
            self.record(etag, state, reason, message.to_owned()).await?;
        } else {
            self.end(Verdict::Skipped, Some(Reason::Gone));
            self.forget_what_is_gone().await?;
        }
        Ok(etag)
    }

    /// The deadline came. If it was the picture that took the time, or half of it, that was one of its
    /// tries, and after the last one it is rejected: a picture that takes for ever must not come back for
    /// ever, unless its tries cannot be recorded, which is told each time. A slow store, a queue, or others of
    /// the same request are no fault of the picture's, and their time is not counted.
    pub(super) async fn overdue(&mut self) -> Result<(), Error> {
        let Some(Working { etag, begun }) = self.working.take() else {
            return Err(Error::Deadline);
        };
        let computed = self.computed + begun.get().map_or(Duration::ZERO, Instant::elapsed);
        if computed.is_zero() || computed * 2 < self.since.elapsed() {
            return Err(Error::Deadline);
        }
        // A try that is not counted is never the last one: one slow moment must not cost the thumbnails that stand.
        if self.is_taken() {
            return Err(Error::Uncounted(self.plan.failure.clone()));
        }
        let message = "its thumbnails were not made in the time for one event".to_owned();
        if self.tries(&etag) < self.thumbnailer.policy.max_attempts().get() {
            self.record(&etag, FailureState::Retrying, Reason::Stopped, message)
                .await?;
            return Err(Error::Deadline);
        }
        self.reject(&etag, Reason::Stopped, message).await?;
        if self.version(Stage::Recheck).await? != Some(etag) {
            return Err(Error::Deadline);
        }
        Ok(())
    }

    /// How many tries of this version have failed, this one included.
    fn tries(&self, etag: &ETag) -> u32 {
        let earlier = self.earlier().filter(|record| record.etag == *etag);
        earlier.map_or(1, |record| record.attempts.saturating_add(1))
    }

    /// Writes the failure record, unless something else stands there: then the outcome alone tells.
    async fn record(
        &mut self,
        etag: &ETag,
        state: FailureState,
        reason: Reason,
        message: String,
    ) -> Result<(), Error> {
        self.outcome.etag = Some(etag.clone());
        self.outcome.message = Some(message.clone());
        self.end(Verdict::Rejected, Some(reason));
        if self.is_taken() {
            let message = format!("{message}; {}", not_recorded(&self.plan.failure));
            self.outcome.message = Some(message);
            return Ok(());
        }
        let record = FailureRecord {
            key: self.outcome.key.clone(),
            etag: etag.clone(),
            state,
            reason,
            message,
            recipe: self.outcome.recipe.clone(),
            limits: self.limits.clone(),
            event_id: self.outcome.event_id.chars().take(MAX_ID_CHARS).collect(),
            attempts: self.tries(etag),
            backfill_run: self.run.clone(),
            time: Utc::now().trunc_subsecs(3),
        };
        let body = record.to_json();
        let options = PutOptions {
            content_type: Some("application/json".to_owned()),
            ..PutOptions::default()
        };
        let bytes = body.len();
        let written = self.store().put(&self.plan.failure, body, options);
        self.timed(Stage::Record, written).await?;
        self.outcome.traffic.puts += 1;
        self.outcome.traffic.bytes_written += bytes as u64;
        self.thumbnailer.tally.written(bytes);
        Ok(())
    }

    /// A record goes with its original. It is no thumbnail, so that `ON_DELETE=keep` does not keep it.
    pub(super) async fn forget_what_is_gone(&mut self) -> Result<(), Error> {
        if self.is_recorded() {
            self.forget().await?;
        }
        Ok(())
    }

    /// Removes the failure record: what it says is no longer true.
    pub(super) async fn forget(&mut self) -> Result<(), Error> {
        self.timed(Stage::Remove, self.store().delete(&self.plan.failure))
            .await?;
        self.outcome.traffic.deletes += 1;
        Ok(())
    }
}

/// Why there is no failure record, and what to do.
pub(super) fn not_recorded(key: &Key) -> String {
    format!(
        "no failure record was written: {key} holds something else, which is left as it is; \
         move it elsewhere, or give FAILURE_PREFIX a folder of its own"
    )
}

/// A rejection in the words of the records.
fn reason(rejection: &thumbnail::Error) -> Reason {
    use thumbnail::{Error, Limited};
    match rejection {
        Error::NotAPicture => Reason::NotAPicture,
        Error::Unsupported { .. } => Reason::Unsupported,
        Error::Malformed { .. } => Reason::Malformed,
        Error::Truncated { .. } => Reason::Truncated,
        Error::TooLarge { what, .. } => match what {
            Limited::Bytes => Reason::TooManyBytes,
            Limited::Pixels => Reason::TooManyPixels,
            Limited::Side => Reason::SideTooLong,
            Limited::DecodedBytes => Reason::TooMuchMemory,
            Limited::Scans => Reason::TooManyScans,
            // A recipe asks for no such thumbnail.
            Limited::OutputSide => Reason::Internal,
        },
        Error::Stopped => Reason::Stopped,
        Error::Failed { .. } => Reason::Internal,
    }
}
