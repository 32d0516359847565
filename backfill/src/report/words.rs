//! What the page and the text both say.

use std::collections::{BTreeMap, BTreeSet};

use super::data::{Clock, Data, Sample, Source};
use super::paper;
use super::table::Row;

/// What has to be known of the clocks.
pub(super) const CLOCKS: &str = "Two clocks, never without their names: the end-to-end clock counts from the first send to the last \
     thumbnail stored; the paper clock leaves out start-up and storing, as the paper's programs do. Made from the records alone.";

pub(super) fn title(data: &Data) -> String {
    let names: Vec<&str> = data
        .sources
        .iter()
        .map(|source| source.name.as_str())
        .collect();
    format!("Thumbnails: {}", names.join(", "))
}

pub(super) fn heading(clock: Clock) -> String {
    format!("Seconds by the {}", clock.name())
}

/// What is to be said of a table.
pub(super) fn caption(clock: Clock, rows: &[Row]) -> String {
    let mut text = format!("{}: {}.", clock.name(), clock.meaning());
    if rows.iter().any(|row| row.cpu_ms.is_some()) {
        text += " CPU a picture: decoding, resizing and encoding alone, in all modes.";
    }
    if rows.iter().any(|row| row.paper.is_some()) {
        text += " ";
        text += paper::NOTE;
    }
    text
}

/// What a reader has to know before any figure.
pub(super) fn notes(data: &Data) -> Vec<String> {
    let mut notes = Vec::new();
    let differences = data.differences();
    if !differences.is_empty() {
        notes.push(format!(
            "these records are not of one series. They differ in {}",
            differences.join("; ")
        ));
    }
    let on_loopback: Vec<&str> = data
        .sources
        .iter()
        .filter(|source| source.on_loopback)
        .map(|source| source.name.as_str())
        .collect();
    if !on_loopback.is_empty() {
        notes.push(format!(
            "the store was on the same machine, behind no network: {}. Times of a cloud, the paper's among them, hold its network",
            on_loopback.join(", ")
        ));
    }
    let generated: Vec<&str> = data
        .sources
        .iter()
        .filter(|source| source.generated)
        .map(|source| source.name.as_str())
        .collect();
    if !generated.is_empty() {
        notes.push(format!(
            "the pictures are generated stand-ins and no photographs: {}",
            generated.join(", ")
        ));
    }
    let few = data
        .cells()
        .into_values()
        .map(|samples| samples.len())
        .min();
    if few.is_some_and(|few| few < 5) {
        notes.push(
            "some rows stand on fewer than five samples: of these the intervals say little"
                .to_owned(),
        );
    }
    for ((mode, pictures), numbers) in cells_with(data, |sample| sample.rejected) {
        let numbers: Vec<String> = numbers.iter().map(ToString::to_string).collect();
        notes.push(format!(
            "{mode}, {pictures} pictures: {} of them were rejected, and took time without any thumbnail",
            numbers.join(" or ")
        ));
    }
    for ((mode, pictures), numbers) in cells_with(data, |sample| sample.retries) {
        let most = numbers.last().copied().unwrap_or_default();
        notes.push(format!(
            "{mode}, {pictures} pictures: sent again up to {most} times in a sample, as the function was busy or an attempt \
             failed; its times hold the waits for that"
        ));
    }
    notes
}

/// The modes and numbers of pictures of which a sample has such a number, and which numbers.
fn cells_with(
    data: &Data,
    number: impl Fn(&Sample) -> u64,
) -> BTreeMap<(&'static str, u64), BTreeSet<u64>> {
    let samples = data.samples.iter().filter(|sample| number(sample) > 0);
    samples.fold(BTreeMap::new(), |mut cells, sample| {
        let cell = (sample.mode.name(), sample.pictures);
        let numbers: &mut BTreeSet<u64> = cells.entry(cell).or_default();
        numbers.insert(number(sample));
        cells
    })
}

/// The facts of a source, with what was left out.
pub(super) fn facts(source: &Source) -> Vec<(String, String)> {
    let named = |(name, value): &(&str, String)| ((*name).to_owned(), value.clone());
    let left_out = source.left_out.iter();
    source
        .facts
        .iter()
        .chain(&source.comparable)
        .map(named)
        .chain(left_out.map(|(reason, count)| (format!("left out, {reason}"), count.to_string())))
        .collect()
}
