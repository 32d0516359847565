//! An original with what the listings show of it.

use cos_thumbnails::object::Key;
use cos_thumbnails::outcome::Reason;
use cos_thumbnails::plan::{Decision, Plan, Policy};
use cos_thumbnails::storage::Listed;

use super::merge::Parent;
use crate::originals::change;

/// How many thumbnails that are not planned are kept by name, for one original.
const MAX_OBSOLETE: usize = 100;

/// An original, and what stands below it.
#[derive(Debug)]
pub(crate) struct Candidate {
    pub(crate) original: Listed,
    pub(crate) planned: Result<Plan, Reason>,
    /// In the plan's order.
    pub(crate) outputs: Vec<Option<Listed>>,
    /// At most so many that no one could list more by mistake.
    pub(crate) obsolete: Vec<Key>,
    /// How many more there are.
    pub(crate) unnamed: u64,
    pub(crate) record: Option<Listed>,
}

/// What stands below an original.
#[derive(Debug)]
pub(crate) enum Below {
    Output(Listed),
    Record(Listed),
}

impl Candidate {
    /// The candidate, if what is listed is an original by `policy`.
    pub(crate) fn new(policy: &Policy, original: Listed) -> Option<Self> {
        let planned = match policy.decide(&change(policy.bucket(), &original)) {
            Decision::Make(plan) => Ok(plan),
            Decision::Reject(reason) => Err(reason),
            Decision::Skip(_) | Decision::Refuse(_) => return None,
        };
        let outputs = planned.as_ref().map_or(0, |plan| plan.outputs.len());
        Some(Self {
            original,
            planned,
            outputs: vec![None; outputs],
            obsolete: Vec::new(),
            unnamed: 0,
            record: None,
        })
    }

    /// Where `key` stands in the plan.
    fn position(&self, key: &Key) -> Option<usize> {
        let plan = self.planned.as_ref().ok()?;
        plan.outputs.iter().position(|output| output.key == *key)
    }
}

impl Parent for Candidate {
    type Child = Below;

    fn adopt(&mut self, child: Below) {
        match child {
            Below::Record(record) => self.record = Some(record),
            Below::Output(output) => match self.position(&output.key) {
                Some(position) => self.outputs[position] = Some(output),
                None if self.obsolete.len() < MAX_OBSOLETE => self.obsolete.push(output.key),
                None => self.unnamed += 1,
            },
        }
    }
}
