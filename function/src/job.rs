//! The one event of a Code Engine job: it is in the environment, the result goes to stdout, and the
//! exit code says whether running again can help.

use cos_thumbnails::config::advice;
use cos_thumbnails::events;
use cos_thumbnails::storage::S3;
use cos_thumbnails::thumbnailer;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::handler::chain;
use crate::{Config, Error};

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
    let now = Instant::now();
    let time = now..now + config.deadline;
    let store = S3::new(&config.flow.store)?;
    match crate::thumbnailer(config, store)
        .handle_within(&event, time)
        .await
    {
        Ok(outcome) => Ok(Finished {
            line: json!(outcome),
            again: false,
        }),
        Err(error) => {
            let again = !matches!(error, thumbnailer::Error::Foreign(_));
            let advice = advice(&error, &config.flow.store);
            Ok(failed(Some(event.id()), &error, again, advice))
        }
    }
}

/// `what_to_do` is what a person can do about it, where anyone can.
fn failed(
    id: Option<&str>,
    error: &(dyn std::error::Error + 'static),
    again: bool,
    what_to_do: Option<String>,
) -> Finished {
    let error = chain(error);
    tracing::error!(error = %error.escape_debug(), again, what_to_do, "the event was not handled");
    let mut line = json!({ "event_id": id, "error": error, "again": again });
    if let Some(what_to_do) = what_to_do {
        line["what_to_do"] = what_to_do.into();
    }
    Finished { line, again }
}
