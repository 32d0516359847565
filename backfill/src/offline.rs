//! The commands that need no store.

use std::io::{self, Write};

use crate::args::{Compare, Offline, ReadPricesError, Report, read_prices};
use crate::compare::Compared;
use crate::report::{self, ReadError, WriteError};

/// Why such a command failed.
#[derive(Debug, thiserror::Error)]
pub enum OfflineError {
    /// A record.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The report.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// The price table.
    #[error(transparent)]
    Prices(#[from] ReadPricesError),
    /// Standard output.
    #[error("standard output could not be written")]
    Output(#[from] io::Error),
}

/// Does what the command says, and tells it on `out`.
///
/// # Errors
/// [`OfflineError`].
pub fn execute(command: &Offline, out: &mut impl Write) -> Result<(), OfflineError> {
    match command {
        Offline::Report(Report {
            runs,
            out: folder,
            each,
            prices,
        }) => {
            let mut data = report::read(runs)?;
            if let Some(path) = prices {
                data.prices = read_prices(path)?;
            }
            for file in report::write(&data, folder, *each)? {
                writeln!(out, "{}", folder.join(file).display())?;
            }
        }
        Offline::Compare(Compare {
            first,
            second,
            json,
        }) => {
            let first = report::read(std::slice::from_ref(first))?;
            let second = report::read(std::slice::from_ref(second))?;
            let compared = Compared::new(&first, &second);
            if *json {
                let json = serde_json::to_string(&compared).map_err(io::Error::from)?;
                writeln!(out, "{json}")?;
            } else {
                write!(out, "{compared}")?;
            }
        }
        Offline::Completions(completions) => out.write_all(&completions.script())?,
    }
    Ok(())
}
