//! The one event of a Code Engine job: it is in the environment, the result goes to stdout, and the
//! exit code says whether running again can help.

use cos_thumbnails::config::{COS_BUCKET, advice};
use cos_thumbnails::events::{self, Event};
use cos_thumbnails::plan::Foreign;
use cos_thumbnails::storage::{S3, with_causes};
use cos_thumbnails::thumbnailer;
use serde_json::{Value, json};
use tokio::time::Instant;
use tracing::Instrument;

use crate::{Config, Error, runtime};

/// The result line of a job, and whether running it again can help.
pub(crate) struct Finished {
    pub(crate) line: Value,
    pub(crate) again: bool,
}

/// Handles the event that `lookup` finds in `CE_DATA`, `CE_ID` and the other variables that Code
/// Engine sets.
///
/// The name of a backfill's run is honoured: whoever sets a job's environment owns the function.
///
/// # Errors
/// When the store's client cannot be built.
pub(crate) async fn handle(
    config: &Config,
    lookup: impl Fn(&str) -> Option<String>,
) -> Result<Finished, Error> {
    let event = match events::parse_job(lookup) {
        Ok(event) => event,
        Err(error) => return Ok(failed(error.id.as_deref(), &error.problem, false, None)),
    };
    let span = runtime::span(&event, None);
    handle_event(config, &event).instrument(span).await
}

async fn handle_event(config: &Config, event: &Event) -> Result<Finished, Error> {
    let now = Instant::now();
    let time = now..now + config.deadline;
    let store = S3::new(&config.flow.store)?;
    let thumbnailer = crate::thumbnailer(config, store);
    Ok(match thumbnailer.handle_within(event, time).await {
        Ok(outcome) => Finished {
            line: json!(outcome),
            again: false,
        },
        Err(error) => {
            let again = !matches!(error, thumbnailer::Error::Foreign(_));
            failed(Some(event.id()), &error, again, what_to_do(&error, config))
        }
    })
}

/// What a person can do about it, where anyone can.
fn what_to_do(error: &thumbnailer::Error, config: &Config) -> Option<String> {
    let (setting, bucket) = (COS_BUCKET.name, &config.flow.store.bucket);
    match error {
        thumbnailer::Error::Foreign(Foreign::Bucket(other)) => Some(format!(
            "{setting} is {bucket}: let the subscription be of that bucket, or set {setting} to {:?}",
            other.as_str()
        )),
        error => advice(error, &config.flow.store),
    }
}

fn failed(
    id: Option<&str>,
    error: &(dyn std::error::Error + 'static),
    again: bool,
    what_to_do: Option<String>,
) -> Finished {
    let text = with_causes(error);
    let (error, advised) = (text.as_str(), what_to_do.as_deref());
    tracing::error!(
        event_id = id,
        error,
        again,
        what_to_do = advised,
        "the event was not handled"
    );
    let mut line = json!({ "event_id": id, "error": error, "again": again });
    if let Some(what_to_do) = what_to_do {
        line["what_to_do"] = what_to_do.into();
    }
    Finished { line, again }
}
