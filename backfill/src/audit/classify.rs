//! From what is there to a [`State`]. Pure.

use std::time::{Duration, SystemTime};

use cos_thumbnails::object::Key;
use cos_thumbnails::outcome::Reason;
use cos_thumbnails::plan::Plan;
use cos_thumbnails::storage::Listed;
use cos_thumbnails::thumbnailer::{FailureRecord, FailureState, Mark, Recorded};

use super::{Finding, State};

/// What is there of one original.
#[derive(Debug)]
pub(crate) struct Seen<'a> {
    pub(crate) original: &'a Listed,
    pub(crate) plan: &'a Plan,
    /// Fingerprint of the recipe that plans it.
    pub(crate) recipe: &'a str,
    /// Fingerprint of the limits that failure records name.
    pub(crate) limits: &'a str,
    /// The planned thumbnails, in the plan's order, that are there.
    pub(crate) outputs: &'a [Option<Listed>],
    /// What stands beside the planned thumbnails.
    pub(crate) beside: &'a Beside,
    /// Whether a rejected original's thumbnails are removed.
    pub(crate) removes: bool,
    /// Whether no other original can have the same thumbnails' keys.
    pub(crate) keys_are_its_own: bool,
    pub(crate) evidence: Evidence<'a>,
}

/// What stands among an original's thumbnails and is not planned.
#[derive(Debug, Default)]
pub(crate) struct Beside {
    /// Thumbnails of another recipe.
    pub(crate) obsolete: Vec<Key>,
    /// What has no metadata of ours: someone else put it there, and it stays.
    pub(crate) foreign: Vec<Key>,
}

/// What is known beyond the listing.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Evidence<'a> {
    /// The mark, if the last output carries one, and what stands where the failure record belongs.
    Read {
        mark: Option<&'a Mark>,
        record: Option<&'a Recorded>,
    },
    /// Nothing was read: times must do.
    Times {
        /// The failure record as it is listed.
        record: Option<&'a Listed>,
    },
}

/// Until when an original is so young that its event may still be on its way.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Young {
    pub(crate) now: SystemTime,
    pub(crate) within: Duration,
}

/// The finding. Where several are true, the one that explains the others.
pub(crate) fn classify(seen: &Seen<'_>, young: Young) -> Finding {
    let fault = fault(seen).or_else(|| left_over(seen));
    let mark = match seen.evidence {
        // Another original's says nothing of this one.
        Evidence::Read { mark, .. } => mark.filter(|mark| !mark.is_foreign_to(seen.plan)),
        Evidence::Times { .. } => None,
    };
    let failed = failed(seen, fault.is_some()).filter(|_| !is_half_rejected(seen));
    let judged = match (failed, fault) {
        (Some(failed), _) => failed,
        (None, Some(fault)) if young.is(seen.original) => Finding {
            state: State::Pending,
            message: Some(format!(
                "as {}, but the original is younger than {} min",
                fault.state,
                young.within.as_secs().div_ceil(60)
            )),
            ..fault
        },
        (None, Some(fault)) => fault,
        (None, None) if !seen.beside.obsolete.is_empty() => found(seen, State::Obsolete)
            .about(seen.beside.obsolete.clone())
            .saying(format!("{} no longer planned", seen.beside.obsolete.len())),
        (None, None) if is_taken(seen) => {
            found(seen, State::Foreign).about(vec![seen.plan.failure.clone()])
        }
        (None, None) if !seen.beside.foreign.is_empty() => {
            found(seen, State::Foreign).about(seen.beside.foreign.clone())
        }
        (None, None) => found(seen, State::Ok),
    };
    let judged = match seen.beside.foreign.len() {
        0 => judged,
        others => judged.saying_also(format!(
            "{others} beside them not made by this service, left as they are"
        )),
    };
    let judged = if seen.is_of_an_ended_collision() {
        judged.saying_also("the collision that its record tells is over".to_owned())
    } else {
        judged
    };
    let judged = if is_taken(seen) {
        judged.saying_also(format!(
            "no failure record can be written: {} holds something else",
            seen.plan.failure
        ))
    } else {
        judged
    };
    Finding {
        bytes: Some(seen.original.length),
        foreign: seen.beside.foreign.clone(),
        recipe: mark.map(|mark| mark.recipe.clone()),
        planned_recipe: Some(seen.recipe.to_owned()),
        ..judged
    }
}

fn found(seen: &Seen<'_>, state: State) -> Finding {
    Finding::new(seen.original.key.clone(), state)
}

/// What is wrong with the set, whatever a failure record says.
fn fault(seen: &Seen<'_>) -> Option<Finding> {
    let planned = seen.plan.outputs.len();
    let keys_where = |wrong: &dyn Fn(&Option<Listed>) -> bool| -> Vec<Key> {
        let outputs = seen.plan.outputs.iter().zip(seen.outputs);
        let wrong = outputs.filter(|(_, output)| wrong(output));
        wrong.map(|(planned, _)| planned.key.clone()).collect()
    };
    let absent = keys_where(&|output| output.is_none());
    if absent.len() == planned {
        return Some(found(seen, State::Missing));
    }
    if !absent.is_empty() {
        let message = format!("{} of {planned} are not there", absent.len());
        let partial = found(seen, State::Partial);
        return Some(partial.saying(message).about(absent));
    }
    let empty = keys_where(&|output| output.as_ref().is_some_and(|output| output.length == 0));
    if !empty.is_empty() {
        let message = format!("{} of {planned} have no bytes", empty.len());
        let zero_byte = found(seen, State::ZeroByte);
        return Some(zero_byte.saying(message).about(empty));
    }
    let stale = |message: String| Some(found(seen, State::Stale).saying(message));
    match seen.evidence {
        Evidence::Times { .. } => {
            let older = keys_where(&|output| {
                let written = output.as_ref().and_then(|output| output.last_modified);
                let uploaded = seen.original.last_modified;
                written
                    .zip(uploaded)
                    .is_some_and(|(written, uploaded)| written < uploaded)
            });
            if older.is_empty() {
                return None;
            }
            let message = format!("{} of {planned} are older than the original", older.len());
            stale(message).map(|stale| stale.about(older))
        }
        Evidence::Read { mark: None, .. } => stale("the last one carries no mark".to_owned()),
        Evidence::Read {
            mark: Some(mark), ..
        } => {
            if mark.is_foreign_to(seen.plan) {
                let missing = found(seen, State::Missing);
                return Some(missing.saying("the keys hold another original's thumbnails"));
            }
            if mark.original_etag != seen.original.etag {
                let (shown, now) = (&mark.original_etag, &seen.original.etag);
                return stale(format!("they show version {shown}, the original is {now}"));
            }
            if mark.recipe != seen.recipe {
                let (by, planned) = (&mark.recipe, seen.recipe);
                return stale(format!("made by recipe {by}, not by {planned}"));
            }
            mixed(seen, mark)
        }
    }
}

fn mixed(seen: &Seen<'_>, mark: &Mark) -> Option<Finding> {
    let (_, siblings) = seen.plan.mark_and_siblings();
    let standing = siblings.iter().zip(seen.outputs);
    let named = mark
        .siblings
        .iter()
        .map(Some)
        .chain(std::iter::repeat(None));
    let others: Vec<_> = standing
        .zip(named)
        .filter(|((_, output), named)| output.as_ref().map(|output| &output.etag) != *named)
        .map(|((sibling, _), _)| sibling.key.clone())
        .collect();
    if others.is_empty() && mark.siblings.len() == siblings.len() {
        return None;
    }
    let message = format!("{} are not those that the mark names", others.len());
    Some(found(seen, State::Mixed).saying(message).about(others))
}

/// What a failure record explains.
fn failed(seen: &Seen<'_>, faulty: bool) -> Option<Finding> {
    let failed = |message: &str| found(seen, State::Failed).saying(message);
    match &seen.evidence {
        Evidence::Times { record } => {
            let recorded = record.as_ref()?.last_modified;
            let of_this_version = recorded
                .zip(seen.original.last_modified)
                .is_none_or(|(recorded, uploaded)| recorded >= uploaded);
            (faulty && of_this_version)
                .then(|| failed("there is a failure record, or something else (not read)"))
        }
        Evidence::Read { record, .. } => match record {
            Some(Recorded::Readable(record)) if holds(record, seen) => Some(Finding {
                reason: Some(record.reason),
                ..failed(&record.message)
            }),
            _ => None,
        },
    }
}

/// Whether thumbnails stand that go when the original is rejected: whoever wrote the record did not come to
/// remove them, and an event will. Another original's stay: where keys are shared, its set may be about to have its
/// mark.
fn is_half_rejected(seen: &Seen<'_>) -> bool {
    let its_own = match seen.evidence {
        Evidence::Read {
            mark: Some(mark), ..
        } => !mark.is_foreign_to(seen.plan),
        _ => seen.keys_are_its_own,
    };
    seen.removes && its_own && seen.outputs.iter().any(Option::is_some)
}

/// A record that explains nothing, beside a set that stands.
fn left_over(seen: &Seen<'_>) -> Option<Finding> {
    let message = match seen.evidence {
        Evidence::Read {
            record: Some(record),
            ..
        } => match record {
            Recorded::Readable(_) => "a failure record is left that no longer holds",
            Recorded::Unreadable => "a failure record is left that cannot be read",
            Recorded::Foreign => return None,
        },
        _ => return None,
    };
    let stale = found(seen, State::Stale).saying(message);
    Some(stale.about(vec![seen.plan.failure.clone()]))
}

/// Whether something else stands where the failure record belongs.
fn is_taken(seen: &Seen<'_>) -> bool {
    match seen.evidence {
        Evidence::Read { record, .. } => record.is_some_and(Recorded::is_foreign),
        Evidence::Times { .. } => false,
    }
}

/// Whether a failure is final for this version, by this recipe and within these limits; a collision as long as
/// another original's set is there.
fn holds(record: &FailureRecord, seen: &Seen<'_>) -> bool {
    is_of_now(record, seen) && (record.reason != Reason::Collision || seen.is_of_another())
}

fn is_of_now(record: &FailureRecord, seen: &Seen<'_>) -> bool {
    record.state == FailureState::Rejected
        && record.etag == seen.original.etag
        && record.recipe == seen.recipe
        && record.limits == seen.limits
}

impl Seen<'_> {
    /// Whether the planned keys hold another original's set.
    fn is_of_another(&self) -> bool {
        matches!(self.evidence, Evidence::Read { mark: Some(mark), .. } if mark.is_foreign_to(self.plan))
    }

    /// Whether the record tells a collision with a set that is no longer there.
    fn is_of_an_ended_collision(&self) -> bool {
        match self.evidence {
            Evidence::Read {
                record: Some(Recorded::Readable(record)),
                ..
            } => {
                let collided = record.reason == Reason::Collision && is_of_now(record, self);
                collided && !self.is_of_another()
            }
            _ => false,
        }
    }
}

/// What an original that the policy rejects is found as.
pub(crate) fn rejected(key: Key, reason: Reason) -> Finding {
    Finding {
        reason: Some(reason),
        ..Finding::new(key, State::Failed).saying("the policy rejects it; there is no record")
    }
}

impl Young {
    fn is(self, original: &Listed) -> bool {
        original.last_modified.is_some_and(|uploaded| {
            // From the future, by this clock: young all the more.
            let age = self.now.duration_since(uploaded).unwrap_or_default();
            age < self.within
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
