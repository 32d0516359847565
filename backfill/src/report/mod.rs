//! A [`Summary`](crate::record::Summary) as text for people; and tables and charts of any number of runs and
//! experiments. Made of [`record`](crate::record) values alone: the same bytes for the same records.
//!
//! | file | what |
//! |---|---|
//! | `report.html` | everything on one page that needs nothing beside it |
//! | `report.md`, `*.svg` | the same in Markdown, and the charts it shows |
//! | `table.csv`, `samples.csv` | the numbers |

mod chart;
mod costs;
mod csv_files;
mod data;
mod html;
mod markdown;
mod paper;
mod read;
mod summary;
mod table;
mod words;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use self::chart::Chart;
pub use self::chart::ChartError;
pub use self::data::{Call, Cell, Clock, Data, Sample, Source, times};
pub(crate) use self::read::Record;
pub use self::read::{ReadError, read};
pub use self::summary::text;

/// A report could not be written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// There is nothing to report, for these reasons.
    #[error("there is no sample that counts in these records{0}")]
    NoSample(String),
    /// A chart.
    #[error(transparent)]
    Chart(#[from] ChartError),
    /// A table.
    #[error("a table could not be written")]
    Table(#[from] csv::Error),
    /// A file.
    #[error("{path:?} could not be written")]
    File {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
}

/// Writes the files of a report into `folder`, which is made if it is not there; what has their names is
/// replaced. `each` adds the calls of every sample, in files of their own. Gives the names of the files.
///
/// # Errors
/// [`WriteError`].
pub fn write(data: &Data, folder: &Path, each: bool) -> Result<Vec<String>, WriteError> {
    let mut written = Vec::new();
    for (name, text) in files(data, each)? {
        let path = folder.join(&name);
        fs::create_dir_all(folder)
            .and_then(|()| fs::write(&path, text))
            .map_err(|source| WriteError::File { path, source })?;
        written.push(name);
    }
    Ok(written)
}

/// The files of a report: names and content.
fn files(data: &Data, each: bool) -> Result<Vec<(String, String)>, WriteError> {
    if data.samples.is_empty() {
        return Err(WriteError::NoSample(left_out(data)));
    }
    let charts = charts(data)?;
    let mut files = vec![
        ("report.html".to_owned(), html::page(data, &charts)),
        ("report.md".to_owned(), markdown::text(data, &charts)),
        ("table.csv".to_owned(), csv_files::table(data)?),
        ("samples.csv".to_owned(), csv_files::samples(data)?),
    ];
    let mut files_of = |charts: &[Chart]| {
        let named = charts
            .iter()
            .map(|chart| (format!("{}.svg", chart.name), chart.file()));
        files.extend(named);
    };
    files_of(&charts);
    if each {
        for sample in &data.samples {
            files_of(chart::calls(sample, &file_name(&sample.name))?.as_slice());
        }
    }
    Ok(files)
}

/// Why samples do not count, to be put behind a sentence.
fn left_out(data: &Data) -> String {
    let mut text = String::new();
    for source in &data.sources {
        for reason in source.left_out.keys() {
            text += &format!("; {:?}: {reason}", source.name);
        }
    }
    text
}

/// A sample's name as a part of a file's: records come from anywhere.
fn file_name(sample: &str) -> String {
    let safe = |c: char| {
        if c.is_ascii_alphanumeric() || c == '-' {
            c
        } else {
            '_'
        }
    };
    let name: String = sample.chars().map(safe).collect();
    format!("sample-{name}")
}

/// The charts, in the order in which they are shown.
fn charts(data: &Data) -> Result<Vec<Chart>, ChartError> {
    let mut charts = Vec::new();
    for clock in Clock::ALL {
        charts.extend(chart::lines(data, clock)?);
    }
    for clock in Clock::ALL {
        charts.extend(chart::boxes(data, clock)?);
    }
    for (mode, samples) in data.largest() {
        if let Some(typical) = Sample::typical(&samples) {
            charts.extend(chart::calls(typical, mode.name())?);
        }
    }
    charts.extend(chart::stages(data)?);
    charts.extend(chart::cost(data)?);
    Ok(charts)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::float_cmp)]
mod tests;
