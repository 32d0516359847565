//! `backfill failures`: the failure records of a bucket, and their replay.

use std::io::Write;
use std::sync::Arc;

use chrono::{DateTime, SecondsFormat, Utc};
use cos_thumbnails::object::{ETag, Key};
use cos_thumbnails::outcome::Reason;
use cos_thumbnails::storage::Storage;
use cos_thumbnails::thumbnailer::{FailureState, Recorded};
use futures_util::{Stream, StreamExt, TryStreamExt, future};
use serde::Serialize;

use crate::account::Account;
use crate::args::Settings;
use crate::audit::Audit;
use crate::cli::{self, Error, OUTPUT};
use crate::listing::listing;
use crate::originals::Original;
use crate::replay::run_id;
use crate::selection::Selected;
use crate::verify::{IN_FLIGHT, options};

/// What stands where a failure record goes: a line of `backfill failures --json`.
#[derive(Debug, Serialize)]
struct Row {
    /// The original's key.
    key: Key,
    /// Absent where the record cannot be read, or is none.
    #[serde(flatten)]
    known: Option<Known>,
    /// The key of what is not the original's record.
    #[serde(skip_serializing_if = "Option::is_none")]
    foreign: Option<Key>,
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
    let policy = &settings.config.policy;
    let audit = Audit::new(Arc::clone(&store), policy.clone(), options());
    if retry {
        let failed = failed(settings, &audit, &store).await?;
        let mut account = Account::begin(settings, run_id(), failed.extent())?;
        account.selecting = failed.usage();
        let failed = failed.stream(&store, policy);
        return cli::replay(settings, store, account, (1, failed), out).await;
    }
    let mut rows = std::pin::pin!(rows(settings, &audit, store));
    let (mut records, mut others) = (0_u64, 0_u64);
    while let Some(row) = rows.try_next().await? {
        let head = if records + others == 0 { HEAD } else { "" };
        let line = if settings.json {
            serde_json::to_string(&row).map_err(Into::into)
        } else {
            Ok(format!("{head}{}", row.text()))
        };
        line.and_then(|line| writeln!(out, "{line}"))
            .map_err(Error::io(OUTPUT))?;
        match row.foreign {
            None => records += 1,
            Some(_) => others += 1,
        }
    }
    if !settings.json {
        writeln!(out, "{}", total(records, others)).map_err(Error::io(OUTPUT))?;
    }
    Ok(0)
}

fn total(records: u64, others: u64) -> String {
    let what = if records == 1 { "record" } else { "records" };
    if others == 0 {
        return format!("{records} failure {what}");
    }
    format!(
        "{records} failure {what}; {others} of something else, which is left as it is: \
         better give FAILURE_PREFIX a folder of its own"
    )
}

const HEAD: &str = "state     attempts  last                  reason         key: message\n";

/// What stands where failure records go, in the order of the keys.
fn rows(
    settings: &Settings,
    audit: &Audit,
    store: Arc<dyn Storage>,
) -> impl Stream<Item = Result<Row, Error>> + Send {
    listing(store, settings.config.policy.failure_prefix())
        .map(move |listed| async move { row(settings, audit, listed?.key).await })
        .buffered(IN_FLIGHT)
        .try_filter_map(future::ok)
}

/// The originals that have a record, in the order of their keys.
async fn failed(
    settings: &Settings,
    audit: &Audit,
    store: &Arc<dyn Storage>,
) -> Result<Selected, Error> {
    let mut originals = Vec::new();
    let mut rows = std::pin::pin!(rows(settings, audit, Arc::clone(store)));
    let mut listed = 0;
    while let Some(row) = rows.try_next().await? {
        listed += 1;
        if row.foreign.is_none() {
            // The record's own version and length are not the original's.
            originals.push(Original {
                key: row.key,
                etag: None,
                bytes: None,
            });
        }
    }
    let (_, looks) = audit.asked();
    Ok(Selected::Held {
        memory_bytes: originals.iter().map(Original::memory).sum(),
        originals,
        asked: (listed, looks),
    })
}

/// `None` where it is gone by now, or could be of no original.
async fn row(settings: &Settings, audit: &Audit, key: Key) -> Result<Option<Row>, Error> {
    let Some(original) = settings.config.policy.original_of(&key) else {
        return Ok(None);
    };
    let mut foreign = None;
    let known = match audit.record(&key, &original).await? {
        None => return Ok(None),
        Some(Recorded::Unreadable) => None,
        Some(Recorded::Foreign) => {
            foreign = Some(key);
            None
        }
        Some(Recorded::Readable(record)) => Some(Known {
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
        foreign,
    }))
}

impl Row {
    fn text(&self) -> String {
        let key = &self.key;
        match (&self.known, &self.foreign) {
            (_, Some(foreign)) => format!("{:<56}{key}: {foreign} is not its record", ""),
            (None, None) => format!("{:<56}{key}: the record cannot be read", ""),
            (Some(known), None) => format!(
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

/// A record's state, in the words of the records.
pub(crate) fn state(state: FailureState) -> &'static str {
    match state {
        FailureState::Retrying => "retrying",
        FailureState::Rejected => "rejected",
    }
}
