//! The numbers for other programs, as CSV (RFC 4180). Seconds in full; what nobody knows is empty.

use csv::Writer;

use super::data::{Clock, Data, Store};
use super::table::rows;

/// One line per sample.
pub(super) fn samples(data: &Data) -> Result<String, csv::Error> {
    let mut file = Writer::from_writer(Vec::new());
    file.write_record([
        "sample",
        "mode",
        "pictures",
        "rejected",
        "retries",
        "end_to_end_seconds",
        "paper_seconds",
        "cpu_seconds",
    ])?;
    for sample in &data.samples {
        let clock = |clock| number(sample.clocks.get(&clock).copied());
        file.write_record([
            sample.name.clone(),
            sample.mode.name().to_owned(),
            sample.pictures.to_string(),
            sample.rejected.to_string(),
            sample.retries.to_string(),
            clock(Clock::EndToEnd),
            clock(Clock::Paper),
            number(sample.cpu),
        ])?;
    }
    text(file)
}

/// One line per row of the table. What the paper measured in the cloud stands beside where the store was here.
pub(super) fn table(data: &Data) -> Result<String, csv::Error> {
    let mut file = Writer::from_writer(Vec::new());
    file.write_record([
        "clock",
        "mode",
        "pictures",
        "samples",
        "median_seconds",
        "mean_seconds",
        "mean_low_seconds",
        "mean_high_seconds",
        "variation",
        "min_seconds",
        "max_seconds",
        "outliers",
        "cpu_ms_per_picture",
        "papers_seconds",
        "store",
    ])?;
    let store = match data.store() {
        Store::Loopback => "loopback",
        Store::Elsewhere => "elsewhere",
        Store::Both => "both",
    };
    for clock in Clock::ALL {
        for row in rows(data, clock) {
            let it = &row.seconds;
            file.write_record([
                clock.name().to_owned(),
                row.mode.to_owned(),
                row.pictures.to_string(),
                it.count.to_string(),
                it.median.to_string(),
                it.mean.to_string(),
                number(it.mean_interval.map(|interval| interval.low)),
                number(it.mean_interval.map(|interval| interval.high)),
                number(it.variation),
                it.min.to_string(),
                it.max.to_string(),
                it.outliers.len().to_string(),
                number(row.cpu_ms),
                number(row.paper),
                store.to_owned(),
            ])?;
        }
    }
    text(file)
}

fn number(value: Option<f64>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}

fn text(file: Writer<Vec<u8>>) -> Result<String, csv::Error> {
    let bytes = file.into_inner().map_err(csv::IntoInnerError::into_error)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
