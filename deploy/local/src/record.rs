//! The record of a run: what became of each event, one line of JSON each, as it goes.

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use chrono::{SecondsFormat, Utc};
use cos_thumbnails::events::Operation;
use serde_json::{Value, json};

use crate::instances::Notice;
use crate::notifier::{Delivery, Mischief, causes};
use crate::serve::Failure;

/// A record, or nothing where none is wanted.
#[derive(Debug)]
pub(crate) struct Record(Option<(PathBuf, File)>);

impl Record {
    /// A new file at `path`, which begins with what is done to events on purpose.
    pub(crate) fn create(
        path: Option<&Path>,
        mischief: Option<&Mischief>,
    ) -> Result<Self, Failure> {
        let Some(path) = path else {
            return Ok(Self(None));
        };
        let file =
            File::create_new(path).map_err(|error| Failure::Record(path.to_owned(), error))?;
        let mut record = Self(Some((path.to_owned(), file)));
        let version = env!("CARGO_PKG_VERSION");
        record.write(&json!({
            "time": now(),
            "local_cloud": version,
            "mischief": mischief.map(ToString::to_string),
        }))?;
        Ok(record)
    }

    /// Adds a delivery. One that succeeded has a verdict, all others have a failure.
    pub(crate) fn delivery(&mut self, delivery: &Delivery) -> Result<(), Failure> {
        let change = delivery.event.change();
        let outcome = delivery.result.as_ref();
        self.write(&json!({
            "time": now(),
            "event_id": delivery.event.id(),
            "key": change.object.key,
            "operation": match change.operation {
                Operation::Write => "write",
                Operation::Delete => "delete",
            },
            "attempts": delivery.attempts,
            "took_us": u64::try_from(delivery.took.as_micros()).unwrap_or(u64::MAX),
            "verdict": outcome.ok().map(|outcome| outcome.verdict.to_string()),
            "failure": outcome.err().map(|failure| causes(failure)),
            "mischief": delivery.fate,
        }))
    }

    /// Adds what became of an instance.
    pub(crate) fn notice(&mut self, notice: &Notice) -> Result<(), Failure> {
        let mut line = json!(notice);
        line["time"] = json!(now());
        self.write(&line)
    }

    fn write(&mut self, line: &Value) -> Result<(), Failure> {
        match &mut self.0 {
            None => Ok(()),
            // In one piece, so that a run that is killed leaves whole lines.
            Some((path, file)) => file
                .write_all(format!("{line}\n").as_bytes())
                .map_err(|error: io::Error| Failure::Record(path.clone(), error)),
        }
    }
}

fn now() -> String {
    Utc::now().to_rfc3339_opts(SecondsFormat::Millis, true)
}
