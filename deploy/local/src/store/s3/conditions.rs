//! The conditions of reads and writes (RFC 9110, 13), as S3 has them.

use std::time::SystemTime;

use s3s::dto::{ETagCondition, Timestamp};
use s3s::{S3Result, s3_error};

use super::super::entry::Entry;

/// The conditions of a read.
#[derive(Debug, Clone, Default)]
pub(super) struct Conditions {
    /// `If-Match`
    pub(super) same: Option<ETagCondition>,
    /// `If-None-Match`
    pub(super) other: Option<ETagCondition>,
    pub(super) modified_since: Option<Timestamp>,
    pub(super) unmodified_since: Option<Timestamp>,
}

impl Conditions {
    /// In the order of RFC 9110, 13.2.2: dates count where there is no tag.
    pub(super) fn check(&self, entry: &Entry) -> S3Result<()> {
        let modified_since = |date: &Timestamp| {
            let date: SystemTime = time::OffsetDateTime::from(date.clone()).into();
            // Dates in header fields have whole seconds.
            entry
                .last_modified
                .duration_since(date)
                .is_ok_and(|later| later.as_secs() > 0)
        };
        let lost = match (&self.same, &self.unmodified_since) {
            (Some(wanted), _) => !is_tag(wanted, entry),
            (None, Some(date)) => modified_since(date),
            (None, None) => false,
        };
        if lost {
            return Err(s3_error!(PreconditionFailed));
        }
        let known = match (&self.other, &self.modified_since) {
            (Some(known), _) => is_tag(known, entry),
            (None, Some(date)) => !modified_since(date),
            (None, None) => false,
        };
        if known {
            return Err(s3_error!(NotModified));
        }
        Ok(())
    }

    /// For the source of a copy, where nothing is "not modified".
    pub(super) fn check_source(&self, entry: &Entry) -> S3Result<()> {
        self.check(entry).map_err(|_| s3_error!(PreconditionFailed))
    }
}

/// The conditions of a write, by what stands under its key.
#[derive(Debug, Clone, Default)]
pub(super) struct WriteConditions {
    pub(super) if_match: Option<ETagCondition>,
    pub(super) if_none_match: Option<ETagCondition>,
}

impl WriteConditions {
    /// `If-Match` where nothing stands is 404 (Amazon S3 user guide, "Conditional writes").
    pub(super) fn check(&self, standing: Option<&Entry>) -> S3Result<()> {
        match (&self.if_match, standing) {
            (Some(_), None) => return Err(s3_error!(NoSuchKey)),
            (Some(wanted), Some(entry)) if !is_tag(wanted, entry) => {
                return Err(s3_error!(PreconditionFailed));
            }
            _ => {}
        }
        let is = |known| standing.is_some_and(|entry| is_tag(known, entry));
        if self.if_none_match.as_ref().is_some_and(is) {
            return Err(s3_error!(PreconditionFailed));
        }
        Ok(())
    }
}

fn is_tag(condition: &ETagCondition, entry: &Entry) -> bool {
    match condition {
        ETagCondition::Any => true,
        ETagCondition::ETag(tag) => tag.value() == entry.etag.as_str(),
    }
}
