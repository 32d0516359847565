//! A job run: its indices, each with its tries, and what is told of them.

use std::collections::BTreeMap;

use chrono::{DateTime, SecondsFormat, Utc};
use serde::Serialize;
use serde_json::{Value, json};
use tokio::task::AbortHandle;

use super::array;
use super::spec::Template;

/// A job run and what became of it so far.
pub(super) struct Run {
    pub(super) id: String,
    pub(super) job_name: Option<String>,
    pub(super) template: Template,
    pub(super) created: DateTime<Utc>,
    pub(super) indices: BTreeMap<u32, Index>,
    pub(super) completed: Option<DateTime<Utc>>,
    /// Ends all that runs for it.
    pub(super) task: Option<AbortHandle>,
}

/// One index.
#[derive(Debug, Default)]
pub(super) struct Index {
    pub(super) status: Status,
    pub(super) started: Option<DateTime<Utc>>,
    pub(super) finished: Option<DateTime<Utc>>,
    pub(super) retries: u32,
    pub(super) last_failure_reason: Option<String>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Status {
    #[default]
    Pending,
    Running,
    Succeeded,
    Failed,
}

impl Run {
    /// `pending`, `running`, `completed` or `failed`.
    pub(super) fn status(&self) -> &'static str {
        let any = |status| self.indices.values().any(|index| index.status == status);
        if self.completed.is_some() {
            if any(Status::Failed) {
                "failed"
            } else {
                "completed"
            }
        } else if self.indices.values().all(|index| index.started.is_none()) {
            "pending"
        } else {
            "running"
        }
    }

    /// Every index that has not come to its end fails, and the run with it.
    pub(super) fn give_up(&mut self, reason: &str) {
        for index in self.indices.values_mut() {
            if matches!(index.status, Status::Pending | Status::Running) {
                index.end(Some(reason.to_owned()));
            }
        }
    }

    pub(super) fn status_details(&self) -> Value {
        let of = |status| {
            let indices = self.indices.iter();
            indices
                .filter(move |(_, index)| index.status == status)
                .map(|(n, _)| *n)
        };
        let count = |status| of(status).count();
        let text = |status| array::text(of(status));
        let started = self
            .indices
            .values()
            .filter_map(|index| index.started)
            .min();
        let details: BTreeMap<String, Value> = self
            .indices
            .iter()
            .map(|(n, index)| (n.to_string(), index.details()))
            .collect();
        let mut told = json!({
            "requested": self.indices.len(),
            "pending": count(Status::Pending),
            "running": count(Status::Running),
            "succeeded": count(Status::Succeeded),
            "failed": count(Status::Failed),
            "unknown": 0,
            "pending_indices": text(Status::Pending),
            "running_indices": text(Status::Running),
            "succeeded_indices": text(Status::Succeeded),
            "failed_indices": text(Status::Failed),
            "indices_details": details,
        });
        told["start_time"] = started.map_or(Value::Null, |time| time_text(time).into());
        told["completion_time"] = self
            .completed
            .map_or(Value::Null, |time| time_text(time).into());
        without_nulls(told)
    }
}

impl Index {
    pub(super) fn begin(&mut self, retries: u32) {
        self.status = Status::Running;
        self.started.get_or_insert_with(Utc::now);
        self.retries = retries;
    }

    /// Its last try ended: well, or by `failure`.
    pub(super) fn end(&mut self, failure: Option<String>) {
        self.status = if failure.is_some() {
            Status::Failed
        } else {
            Status::Succeeded
        };
        self.finished = Some(Utc::now());
        self.last_failure_reason = failure.or(self.last_failure_reason.take());
    }

    /// A try failed, and there is another one.
    pub(super) fn wait(&mut self, failure: String) {
        self.status = Status::Pending;
        self.last_failure_reason = Some(failure);
    }

    fn details(&self) -> Value {
        without_nulls(json!({
            "status": self.status,
            "started_at": self.started.map(time_text),
            "finished_at": self.finished.map(time_text),
            "retries": self.retries,
            "last_failure_reason": self.last_failure_reason,
        }))
    }
}

/// To the second, as Code Engine does.
pub(super) fn time_text(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// What has no value is left out, as in Code Engine's answers.
pub(super) fn without_nulls(mut value: Value) -> Value {
    if let Value::Object(fields) = &mut value {
        fields.retain(|_, value| !value.is_null());
    }
    value
}
