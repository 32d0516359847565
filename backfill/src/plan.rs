//! What a run would do, shown and not done.

use std::io::{self, Write};
use std::sync::Arc;

use cos_thumbnails::events::Change;
use cos_thumbnails::object::Key;
use cos_thumbnails::outcome::Reason;
use cos_thumbnails::plan::{Decision, Policy};
use cos_thumbnails::storage::Storage;
use futures_util::TryStreamExt;
use indicatif::DecimalBytes;
use serde::Serialize;

use crate::args::{Settings, Way};
use crate::estimate::{self, MeasuredError};
use crate::originals;
use crate::selection::Selected;

/// How many originals are shown with their keys to people.
const EXAMPLES: usize = 3;

/// Why a plan could not be shown.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// The listing broke off.
    #[error(transparent)]
    Originals(#[from] originals::Error),
    /// The rates of another run could not be taken.
    #[error(transparent)]
    Measured(#[from] MeasuredError),
    /// The output could not be written.
    #[error("standard output could not be written")]
    Output(#[from] io::Error),
}

/// What would become of one original: a line of `backfill plan --json`.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Planned {
    key: Key,
    bytes: Option<u64>,
    /// The keys that would be written, the mark last.
    writes: Vec<Key>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rejected: Option<Reason>,
}

impl Planned {
    fn new(policy: &Policy, change: Change) -> Self {
        let (writes, rejected) = match policy.decide(&change) {
            Decision::Make(plan) => (
                plan.outputs.into_iter().map(|output| output.key).collect(),
                None,
            ),
            Decision::Reject(reason) | Decision::Skip(reason) => (Vec::new(), Some(reason)),
            Decision::Refuse(_) => (Vec::new(), None),
        };
        Self {
            key: change.object.key,
            bytes: change.length,
            writes,
            rejected,
        }
    }
}

/// Shows the selection: for people, how much it is and the first keys; as JSON, one line per
/// original with all keys that would be written, and a last one of what the run would take and cost.
///
/// # Errors
/// [`PlanError`].
pub(crate) async fn write(
    settings: &Settings,
    selected: Selected,
    store: &Arc<dyn Storage>,
    out: &mut impl Write,
) -> Result<(), PlanError> {
    let (policy, extent) = (&settings.config.policy, selected.extent());
    let estimate = estimate::estimate(settings, extent, &selected.usage())?;
    if !settings.json {
        head(settings, &selected, out)?;
        estimate::write(settings, extent, &estimate, out)?;
        writeln!(out)?;
    }
    let originals = selected.stream(store, policy);
    let mut originals = originals.map_ok(|change| Planned::new(policy, change));
    if settings.json {
        while let Some(planned) = originals.try_next().await? {
            serde_json::to_writer(&mut *out, &planned).map_err(io::Error::from)?;
            writeln!(out)?;
        }
        serde_json::to_writer(&mut *out, &estimate).map_err(io::Error::from)?;
        writeln!(out)?;
        return Ok(());
    }
    for _ in 0..EXAMPLES {
        let Some(planned) = originals.try_next().await? else {
            break;
        };
        writeln!(out, "{}", planned.key)?;
        if let Some(reason) = planned.rejected {
            writeln!(out, "  would be rejected: {reason}")?;
        }
        for key in planned.writes {
            writeln!(out, "  -> {key}")?;
        }
    }
    if extent.pictures > EXAMPLES as u64 {
        writeln!(
            out,
            "and {} more; --json lists all",
            extent.pictures - EXAMPLES as u64
        )?;
    }
    Ok(())
}

/// The most thumbnails of one original.
pub(crate) fn thumbnails_each(policy: &Policy) -> u64 {
    let rules = policy.recipes().rules().iter();
    let each = rules.map(|rule| {
        let recipe = rule.recipe();
        recipe.sizes().len() * recipe.encodings().len()
    });
    each.max().unwrap_or_default() as u64
}

fn head(settings: &Settings, selected: &Selected, out: &mut impl Write) -> io::Result<()> {
    let (policy, extent) = (&settings.config.policy, selected.extent());
    writeln!(out, "A plan: nothing is sent, nothing is written.")?;
    writeln!(
        out,
        "bucket     {} at {}, originals under {:?}",
        policy.bucket(),
        settings.config.store.endpoint,
        policy.source_prefix()
    )?;
    writeln!(
        out,
        "originals  {}, {}",
        extent.pictures,
        DecimalBytes(extent.bytes)
    )?;
    if let Selected::Held { memory_bytes, .. } = selected {
        let memory = DecimalBytes(*memory_bytes as u64);
        writeln!(
            out,
            "memory     {memory} for the keys of all that these are chosen from"
        )?;
    }
    if settings.selection.is_by_chance() {
        writeln!(out, "chance     --seed {}", settings.selection.seed)?;
    }
    let rules = policy.recipes().rules();
    for rule in rules {
        let recipe = rule.recipe();
        let fingerprint = recipe.fingerprint();
        let name = rule.name();
        writeln!(
            out,
            "recipe     {name}: {recipe}, fingerprint {fingerprint}"
        )?;
    }
    let thumbnails = extent.pictures.saturating_mul(thumbnails_each(policy));
    writeln!(
        out,
        "writes     up to {thumbnails} thumbnails; those that stand are made anew"
    )?;
    let in_flight = settings.in_flight;
    let mode = settings.way.mode().name();
    let way = match &settings.way {
        Way::Sequential | Way::Parallel => format!("{in_flight} in flight, in this process"),
        Way::FanOut { function, .. } => match function {
            Some(function) => format!("{in_flight} in flight, to {function}"),
            None => format!("{in_flight} in flight, to the function (--function)"),
        },
        Way::Job(job) => format!("by instances of job {}", job.name),
    };
    writeln!(out, "mode       {mode}: {way}")?;
    Ok(())
}
