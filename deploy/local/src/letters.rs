//! Events that were given up: looked at, and tried again.

use std::io::{self, Write};
use std::path::PathBuf;

use chrono::SecondsFormat;
use clap::Args;
use cos_thumbnails::events::Operation;
use serde_json::json;

use crate::store::{self, DeadLetter};

#[derive(Debug, Args)]
pub(crate) struct LettersArguments {
    /// Where the store keeps things.
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// Put them back, behind what waits: the next start delivers them.
    #[arg(long)]
    replay: bool,
    /// One line of JSON each, and nothing else.
    #[arg(long)]
    json: bool,
}

/// Why dead letters cannot be listed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error(
        "cannot look for dead letters in {0}; --data names the folder that a local-cloud kept things in"
    )]
    Data(PathBuf, #[source] io::Error),
    #[error("cannot write the list")]
    Write(#[from] io::Error),
}

/// Lists the dead letters, oldest first, and replays them if that is asked for.
pub(crate) async fn list(arguments: &LettersArguments, out: &mut impl Write) -> Result<(), Error> {
    let data = &arguments.data;
    let unreadable = |error| Error::Data(data.clone(), error);
    let letters = store::dead_letters(data).await.map_err(unreadable)?;
    for letter in &letters {
        writeln!(out, "{}", line(letter, arguments.json))?;
    }
    let mut summary = match letters.len() {
        1 => "1 dead letter".to_owned(),
        count => format!("{count} dead letters"),
    };
    if arguments.replay {
        let count = store::replay(data).await.map_err(unreadable)?;
        summary = format!("{summary}, {count} put back");
    }
    if !arguments.json {
        writeln!(out, "{summary}")?;
    }
    Ok(())
}

fn line(letter: &DeadLetter, as_json: bool) -> String {
    let DeadLetter {
        event,
        attempts,
        failure,
        time,
    } = letter;
    let time = time.to_rfc3339_opts(SecondsFormat::Millis, true);
    let change = event.change();
    let key = &change.object.key;
    let operation = match change.operation {
        Operation::Write => "write",
        Operation::Delete => "delete",
    };
    if as_json {
        json!({
            "time": time,
            "event_id": event.id(),
            "key": key,
            "operation": operation,
            "attempts": attempts,
            "failure": failure,
        })
        .to_string()
    } else {
        format!("{time}  {key}  {operation}  {attempts} attempts: {failure}")
    }
}
