//! An audit in figures, as lines of a record, and as text for people.

use std::collections::BTreeMap;
use std::fmt::Write;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::{Finding, State};

/// How many findings a report for people shows. All are in the record file.
const SHOWN_FINDINGS: usize = 20;

/// One line of an audit's record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "record", rename_all = "snake_case")]
pub enum Line {
    /// The first line.
    Audit(Header),
    /// What was found of one key; nothing is written of what is well.
    Finding(Finding),
    /// What was found of a key after it was to be mended.
    Mended(Finding),
    /// The last line.
    Summary(Summary),
}

/// What is audited.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// Version of this program.
    pub version: String,
    /// The bucket.
    pub bucket: String,
    /// Originals are the keys that start so.
    pub source_prefix: String,
    /// Thumbnails are under keys that start so.
    pub output_prefix: String,
    /// Fingerprint of the recipe configured here.
    pub recipe: String,
    /// Whether the listings alone were looked at.
    pub fast: bool,
    /// Whether thumbnails without an original could be told.
    pub orphans_told: bool,
    /// When it began, by this machine's clock.
    pub started: DateTime<Utc>,
}

/// How many are in each state.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Counts(BTreeMap<State, u64>);

impl Counts {
    /// How many are in this state.
    #[must_use]
    pub fn of(&self, state: State) -> u64 {
        self.0.get(&state).copied().unwrap_or(0)
    }

    /// How many originals there are: all but what has none.
    #[must_use]
    pub fn originals(&self) -> u64 {
        self.0.values().sum::<u64>() - self.of(State::Orphaned)
    }

    pub(crate) fn add(&mut self, state: State) {
        *self.0.entry(state).or_default() += 1;
    }

    /// One that was in this state no longer is.
    pub(crate) fn take(&mut self, state: State) {
        if let Some(count) = self.0.get_mut(&state) {
            *count = count.saturating_sub(1);
        }
        self.0.retain(|_, count| *count > 0);
    }

    /// Whether there is nothing beyond what is well and what is accepted.
    #[must_use]
    pub fn all_well(&self, accepted: &[State]) -> bool {
        let fine = |state: &State| *state == State::Ok || accepted.contains(state);
        self.0.keys().all(fine)
    }
}

/// An audit in figures.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Summary {
    /// How many were found in each state.
    pub found: Counts,
    /// How many marks were looked at.
    pub marks: u64,
    /// How many of them name a recipe that is not the planned one.
    pub other_recipes: BTreeMap<String, u64>,
    /// What was done, where anything was to be mended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repair: Option<Repair>,
    /// Whether all is well at the end: nothing is in a state that is not accepted.
    pub well: bool,
    /// Why the audit or the repair was ended early, if it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_early: Option<String>,
}

impl Summary {
    pub(crate) fn add(&mut self, finding: &Finding) {
        self.found.add(finding.state);
        if let Some(recipe) = &finding.recipe {
            self.marks += 1;
            if finding.is_of_another_recipe() {
                *self.other_recipes.entry(recipe.clone()).or_default() += 1;
            }
        }
    }

    /// How many of the marks name another recipe, and which one most often, if most of the marks do: where
    /// recipes go by path, no one of them need have most.
    pub(crate) fn other_recipes_of_most(&self) -> Option<(u64, String)> {
        let count = self.other_recipes.values().sum();
        let (recipe, _) = self.other_recipes.iter().max_by_key(|(_, count)| **count)?;
        (count > self.marks / 2).then(|| (count, recipe.clone()))
    }
}

/// A repair in figures.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Repair {
    /// Originals that were replayed.
    pub replayed: u64,
    /// Originals whose replay failed, after all attempts.
    pub failed: u64,
    /// Keys that were removed: without an original, or no longer planned.
    pub removed: u64,
    /// How many are in each state afterwards.
    pub after: Counts,
}

/// What a report for people shows of the findings: the first ones.
#[derive(Debug, Default)]
pub(crate) struct Shown {
    findings: Vec<Finding>,
    more: u64,
}

impl Shown {
    pub(crate) fn add(&mut self, finding: &Finding) {
        if self.findings.len() < SHOWN_FINDINGS {
            self.findings.push(finding.clone());
        } else {
            self.more += 1;
        }
    }
}

/// The summary as a few lines and a table. `shown` are the findings that are not well at the end.
pub(crate) fn text(header: &Header, summary: &Summary, shown: &Shown) -> String {
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _ = write(&mut text, header, summary, shown);
    text
}

fn write(out: &mut String, header: &Header, summary: &Summary, shown: &Shown) -> std::fmt::Result {
    writeln!(
        out,
        "bucket {}: {} originals under {:?}, recipe {}",
        header.bucket.escape_debug(),
        summary.found.originals(),
        header.source_prefix,
        header.recipe
    )?;
    if header.fast {
        writeln!(
            out,
            "fast: by the times in the listing alone; another recipe and thumbnails of several makings are not seen"
        )?;
    }
    if !header.orphans_told {
        writeln!(
            out,
            "orphaned and obsolete thumbnails cannot be told: their keys do not say whose they are"
        )?;
    }
    table(out, summary)?;
    for finding in &shown.findings {
        let key = &finding.key;
        write!(out, "{}: {key}", finding.state)?;
        if let Some(reason) = finding.reason {
            write!(out, ": {reason}")?;
        }
        if let Some(message) = &finding.message {
            write!(out, ": {}", message.escape_debug())?;
        }
        writeln!(out)?;
    }
    if shown.more > 0 {
        writeln!(out, "and {} more; --json or --record names all", shown.more)?;
    }
    if let Some(repair) = &summary.repair {
        writeln!(
            out,
            "{} replayed, of which {} failed; {} keys removed",
            repair.replayed, repair.failed, repair.removed
        )?;
    }
    if let Some(why) = &summary.ended_early {
        writeln!(out, "ended early: {why}")?;
    }
    writeln!(
        out,
        "{}",
        if summary.well {
            "all is well"
        } else {
            "not all is well"
        }
    )
}

fn table(out: &mut String, summary: &Summary) -> std::fmt::Result {
    let after = summary.repair.as_ref().map(|repair| &repair.after);
    write!(out, "\n{:<10}{:>10}", "state", "found")?;
    if after.is_some() {
        write!(out, "{:>10}", "after")?;
    }
    writeln!(out)?;
    for state in State::ALL {
        let (found, now) = (summary.found.of(state), after.map(|after| after.of(state)));
        if found == 0 && now.unwrap_or(0) == 0 {
            continue;
        }
        write!(out, "{:<10}{found:>10}", state.to_string())?;
        if let Some(now) = now {
            write!(out, "{now:>10}")?;
        }
        writeln!(out, "  {}", state.meaning())?;
    }
    writeln!(out)
}
