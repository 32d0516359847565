//! `backfill failures`: the failure records of a bucket, and their replay.

use std::io::Write;
use std::sync::Arc;

use chrono::{DateTime, SecondsFormat, Utc};
use cos_thumbnails::events::Change;
use cos_thumbnails::object::{ETag, Key};
use cos_thumbnails::outcome::Reason;
use cos_thumbnails::storage::Storage;
use cos_thumbnails::thumbnailer::FailureState;
use futures_util::{Stream, StreamExt, TryStreamExt, future};
use serde::Serialize;

use crate::account::Account;
use crate::args::Settings;
use crate::audit::{Audit, Record};
use crate::cli::{self, Error, OUTPUT};
use crate::cost::Usage;
use crate::listing::{self, listing};
use crate::originals::{extent, written};
use crate::replay::run_id;
use crate::verify::{IN_FLIGHT, options};

/// One failure record: a line of `backfill failures --json`.
#[derive(Debug, Serialize)]
struct Row {
    /// The original's key.
    key: Key,
    /// Absent where the record cannot be read.
    #[serde(flatten)]
    known: Option<Known>,
}

/// What a record says.
#[derive(Debug, Serialize)]
struct Known {
    state: FailureState,
    reason: Reason,
    message: String,
    attempts: u32,
    etag: ETag,
    recipe: String,
    time: DateTime<Utc>,
}

/// Lists the records, or replays what they are of. Gives the exit code.
///
/// # Errors
/// The store or the output failed.
pub(crate) async fn run(
    settings: &Settings,
    retry: bool,
    store: Arc<dyn Storage>,
    out: &mut (impl Write + Send),
) -> Result<u8, Error> {
    if retry {
        let count = extent(originals(settings, &store)).await?;
        let failed = originals(settings, &store);
        let mut account = Account::begin(settings, run_id(), count)?;
        account.selecting = Usage::of_listing(count.pictures).scaled(2.0);
        return cli::replay(settings, store, account, (1, failed), out).await;
    }
    let policy = settings.config.policy.clone();
    let audit = Audit::new(Arc::clone(&store), policy, options());
    let rows = listing(store, settings.config.policy.failure_prefix())
        .map(|listed| {
            let audit = audit.clone();
            async move { row(settings, &audit, listed?.key).await }
        })
        .buffered(IN_FLIGHT)
        .try_filter_map(future::ok);
    let mut rows = std::pin::pin!(rows);
    let mut count = 0_u64;
    while let Some(row) = rows.try_next().await? {
        count += 1;
        let line = if settings.json {
            serde_json::to_string(&row).map_err(Into::into)
        } else {
            let head = if count == 1 { HEAD } else { "" };
            Ok(format!("{head}{}", row.text()))
        };
        line.and_then(|line| writeln!(out, "{line}"))
            .map_err(Error::io(OUTPUT))?;
    }
    if !settings.json {
        let what = if count == 1 { "record" } else { "records" };
        writeln!(out, "{count} failure {what}").map_err(Error::io(OUTPUT))?;
    }
    Ok(0)
}

const HEAD: &str = "state     attempts  last                  reason         key: message\n";

/// `None` where it is gone by now, or nothing that this service writes.
async fn row(settings: &Settings, audit: &Audit, key: Key) -> Result<Option<Row>, Error> {
    let Some(original) = settings.config.policy.original_of(&key) else {
        return Ok(None);
    };
    let known = match audit.record(&key).await? {
        None => return Ok(None),
        Some(Record::Unreadable) => None,
        Some(Record::Readable(record)) => Some(Known {
            state: record.state,
            reason: record.reason,
            message: record.message,
            attempts: record.attempts,
            etag: record.etag,
            recipe: record.recipe,
            time: record.time,
        }),
    };
    Ok(Some(Row {
        key: original,
        known,
    }))
}

impl Row {
    fn text(&self) -> String {
        let key = &self.key;
        match &self.known {
            None => format!("{:<56}{key}: the record cannot be read", ""),
            Some(known) => format!(
                "{:<10}{:<10}{:<22}{:<15}{key}: {}",
                state(known.state),
                known.attempts,
                known.time.to_rfc3339_opts(SecondsFormat::Secs, true),
                known.reason.to_string(),
                known.message.escape_debug()
            ),
        }
    }
}

/// The originals that have a record, in the order of their keys.
fn originals(
    settings: &Settings,
    store: &Arc<dyn Storage>,
) -> impl Stream<Item = Result<Change, listing::Error>> + Send + use<> {
    let policy = settings.config.policy.clone();
    listing(Arc::clone(store), settings.config.policy.failure_prefix()).try_filter_map(
        move |record| {
            // The record's own version and length are not the original's.
            let original = policy.original_of(&record.key);
            future::ok(original.map(|key| written(policy.bucket(), key, None, None)))
        },
    )
}

/// A record's state, in the words of the records.
pub(crate) fn state(state: FailureState) -> &'static str {
    match state {
        FailureState::Retrying => "retrying",
        FailureState::Rejected => "rejected",
    }
}
