//! What a run would do, shown and not done.

use std::io::{self, Write};

use cos_thumbnails::events::Change;
use cos_thumbnails::object::Key;
use cos_thumbnails::outcome::Reason;
use cos_thumbnails::plan::{Decision, Policy};
use futures_util::{Stream, TryStreamExt};
use indicatif::DecimalBytes;
use serde::Serialize;

use crate::args::{Settings, Way};
use crate::originals::{self, Extent};

/// How many originals are shown with their keys to people.
const EXAMPLES: usize = 3;

/// Why a plan could not be shown.
#[derive(Debug, thiserror::Error)]
pub enum PlanError {
    /// The listing broke off.
    #[error(transparent)]
    Originals(#[from] originals::Error),
    /// The output could not be written.
    #[error("the output could not be written")]
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
/// original with all keys that would be written.
///
/// # Errors
/// [`PlanError`].
pub async fn write(
    settings: &Settings,
    extent: Extent,
    originals: impl Stream<Item = Result<Change, originals::Error>>,
    out: &mut impl Write,
) -> Result<(), PlanError> {
    let policy = &settings.config.policy;
    let mut originals = std::pin::pin!(originals.map_ok(|change| Planned::new(policy, change)));
    if settings.json {
        while let Some(planned) = originals.try_next().await? {
            serde_json::to_writer(&mut *out, &planned).map_err(io::Error::from)?;
            writeln!(out)?;
        }
        return Ok(());
    }
    head(settings, extent, out)?;
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

fn head(settings: &Settings, extent: Extent, out: &mut impl Write) -> io::Result<()> {
    let policy = &settings.config.policy;
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
    let each = rules.iter().map(|rule| {
        let recipe = rule.recipe();
        recipe.sizes().len() * recipe.encodings().len()
    });
    let thumbnails = extent
        .pictures
        .saturating_mul(each.max().unwrap_or_default() as u64);
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
    writeln!(out)
}
