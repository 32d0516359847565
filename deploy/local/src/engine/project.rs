//! The one project: its jobs, its job runs, and the processes that these are.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use uuid::Uuid;

use super::instance;
use super::refusal::Refusal;
use super::run::{Index, Run, time_text, without_nulls};
use super::spec::{Prototype, Secrets, Start, Template, check_name};

/// The most jobs, and the most job runs that are kept (<https://cloud.ibm.com/docs/codeengine?topic=codeengine-limits>).
const MAX_RESOURCES: usize = 100;
/// The longest name of a job, and of a job run.
const MAX_JOB_NAME: usize = 63;
const MAX_RUN_NAME: usize = 53;

/// What the project is, as instances and answers name it.
#[derive(Debug, Clone)]
pub(super) struct Identifiers {
    /// `http://127.0.0.1:PORT`, without `/v2`.
    pub(super) base_url: String,
    pub(super) id: String,
    pub(super) region: String,
}

/// Jobs and job runs, kept in memory. Variables and secrets are shown nowhere, so it has no `Debug`.
pub(super) struct Project {
    pub(super) identifiers: Identifiers,
    program: PathBuf,
    secrets: Secrets,
    /// As many instances run at once; the others are pending.
    slots: Semaphore,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    jobs: BTreeMap<String, Job>,
    runs: BTreeMap<String, Run>,
}

struct Job {
    id: String,
    created: DateTime<Utc>,
    template: Template,
}

impl Project {
    pub(super) fn new(
        identifiers: Identifiers,
        program: PathBuf,
        secrets: Secrets,
        instances_at_once: usize,
    ) -> Self {
        Self {
            identifiers,
            program,
            secrets,
            slots: Semaphore::new(instances_at_once),
            state: Mutex::default(),
        }
    }

    pub(super) fn create_job(&self, asked: Prototype) -> Result<Value, Refusal> {
        let name = asked
            .name
            .clone()
            .ok_or_else(|| Refusal::bad("name is missing"))?;
        check_name(&name, MAX_JOB_NAME)?;
        if asked.scale_array_size_variable_override.is_some() {
            let text = "scale_array_size_variable_override is for job runs, not for jobs";
            return Err(Refusal::bad(text));
        }
        let template = Template::new(asked, None)?;
        template.start(&self.secrets)?;
        let mut state = self.state();
        if state.jobs.contains_key(&name) {
            return Err(Refusal::exists(&name));
        }
        if state.jobs.len() >= MAX_RESOURCES {
            return Err(Refusal::quota(format!(
                "there are {MAX_RESOURCES} jobs already"
            )));
        }
        let job = Job {
            id: Uuid::new_v4().to_string(),
            created: Utc::now(),
            template,
        };
        let answer = self.job_body(&name, &job);
        state.jobs.insert(name, job);
        Ok(answer)
    }

    pub(super) fn job(&self, name: &str) -> Result<Value, Refusal> {
        let state = self.state();
        let job = state.jobs.get(name).ok_or_else(Refusal::not_found)?;
        Ok(self.job_body(name, job))
    }

    pub(super) fn jobs(&self) -> Vec<(String, Value)> {
        let state = self.state();
        let jobs = state.jobs.iter();
        jobs.map(|(name, job)| (name.clone(), self.job_body(name, job)))
            .collect()
    }

    pub(super) fn delete_job(&self, name: &str) -> Result<(), Refusal> {
        let deleted = self.state().jobs.remove(name);
        deleted.map(drop).ok_or_else(Refusal::not_found)
    }

    /// Creates a job run, and starts it.
    pub(super) fn create_run(self: &Arc<Self>, asked: Prototype) -> Result<Value, Refusal> {
        let mut state = self.state();
        let job = match &asked.job_name {
            Some(job) => Some(state.jobs.get(job).ok_or_else(Refusal::not_found)?),
            None => None,
        };
        let job_name = asked.job_name.clone();
        let name = match (&asked.name, &job_name) {
            (Some(name), _) => name.clone(),
            (None, Some(job)) => {
                let random = Uuid::new_v4().simple().to_string();
                let job: String = job.chars().take(MAX_RUN_NAME - 13).collect();
                format!("{job}-jobrun-{}", &random[..5])
            }
            (None, None) => return Err(Refusal::bad("name or job_name is missing")),
        };
        check_name(&name, MAX_RUN_NAME)?;
        let template = Template::new(asked, job.map(|job| &job.template))?;
        let start = template.start(&self.secrets)?;
        let indices = template.indices()?;
        if state.runs.contains_key(&name) {
            return Err(Refusal::exists(&name));
        }
        if state.runs.len() >= MAX_RESOURCES {
            let text = format!("there are {MAX_RESOURCES} job runs already; delete some");
            return Err(Refusal::quota(text));
        }
        let run = Run {
            id: Uuid::new_v4().to_string(),
            job_name,
            template,
            created: Utc::now(),
            indices: indices.into_iter().map(|n| (n, Index::default())).collect(),
            completed: None,
            task: None,
        };
        let answer = self.run_body(&name, &run);
        let running = tokio::spawn(Arc::clone(self).execute(name.clone(), run.id.clone(), start));
        let task = Some(running.abort_handle());
        state.runs.insert(name, Run { task, ..run });
        Ok(answer)
    }

    pub(super) fn run(&self, name: &str) -> Result<Value, Refusal> {
        let state = self.state();
        let run = state.runs.get(name).ok_or_else(Refusal::not_found)?;
        Ok(self.run_body(name, run))
    }

    /// All job runs, or those of one job.
    pub(super) fn runs(&self, job: Option<&str>) -> Vec<(String, Value)> {
        let state = self.state();
        let runs = state.runs.iter();
        let of_job =
            runs.filter(|(_, run)| job.is_none_or(|job| run.job_name.as_deref() == Some(job)));
        of_job
            .map(|(name, run)| (name.clone(), self.run_body(name, run)))
            .collect()
    }

    /// Deletes a job run; its instances end at once.
    pub(super) fn delete_run(&self, name: &str) -> Result<(), Refusal> {
        let run = self
            .state()
            .runs
            .remove(name)
            .ok_or_else(Refusal::not_found)?;
        if let Some(task) = run.task {
            task.abort();
        }
        Ok(())
    }

    /// Ends every instance.
    pub(super) fn stop(&self) {
        for task in self
            .state()
            .runs
            .values()
            .filter_map(|run| run.task.as_ref())
        {
            task.abort();
        }
    }

    /// All indices of a run, each with its retries, within the run's time.
    async fn execute(self: Arc<Self>, name: String, id: String, start: Start) {
        let Some((indices, template)) = self.on_run(&name, &id, |run| {
            let indices: Vec<_> = run.indices.keys().copied().collect();
            (indices, run.template.clone())
        }) else {
            return;
        };
        let size = template.array_size(indices.len());
        let mut environment = start.environment;
        environment.extend(self.variables(&name, &id, &template, size));
        let start = Arc::new(Start {
            environment,
            ..start
        });
        // Dropped with this future, and with it every process.
        let mut instances = JoinSet::new();
        for index in indices {
            let (project, name, id) = (Arc::clone(&self), name.clone(), id.clone());
            let start = Arc::clone(&start);
            let limit = template.scale_retry_limit;
            instances.spawn(async move { project.index(&name, &id, index, limit, &start).await });
        }
        let all = async { while instances.join_next().await.is_some() {} };
        let time = Duration::from_secs(template.scale_max_execution_time.into());
        let in_time = tokio::time::timeout(time, all).await.is_ok();
        instances.shutdown().await;
        self.on_run(&name, &id, |run| {
            if !in_time {
                run.give_up("DeadlineExceeded");
            }
            run.completed = Some(Utc::now());
        });
    }

    /// One index: tried until it succeeds, or the limit is reached.
    async fn index(&self, name: &str, id: &str, index: u32, limit: u32, start: &Start) {
        let on_index = |change: &dyn Fn(&mut Index)| {
            self.on_run(name, id, |run| {
                if let Some(index) = run.indices.get_mut(&index) {
                    change(index);
                }
            });
        };
        for retry in 0..=limit {
            // Nothing closes the semaphore.
            let Ok(_slot) = self.slots.acquire().await else {
                return;
            };
            on_index(&|index| index.begin(retry));
            let mut environment = start.environment.clone();
            environment.extend(
                [
                    ("JOB_INDEX", index.to_string()),
                    ("JOB_INDEX_RETRY_COUNT", retry.to_string()),
                    ("HOSTNAME", format!("{name}-{index}-{retry}")),
                ]
                .map(|(name, value)| (name.to_owned(), value)),
            );
            match instance::run(&self.program, &start.arguments, &environment).await {
                Ok(()) => return on_index(&|index| index.end(None)),
                Err(reason) => {
                    tracing::warn!(run = name, index, retry, reason, "an instance failed");
                    if retry == limit {
                        on_index(&|index| index.end(Some(reason.clone())));
                    } else {
                        on_index(&|index| index.wait(reason.clone()));
                    }
                }
            }
        }
    }

    /// What Code Engine sets (<https://cloud.ibm.com/docs/codeengine?topic=codeengine-inside-env-vars>).
    fn variables(
        &self,
        name: &str,
        id: &str,
        template: &Template,
        size: u32,
    ) -> Vec<(String, String)> {
        let job = self.on_run(name, id, |run| run.job_name.clone()).flatten();
        let Identifiers {
            base_url,
            id,
            region,
        } = &self.identifiers;
        let mut variables = vec![
            ("JOB_ARRAY_SIZE", size.to_string()),
            ("JOB_RETRY_LIMIT", template.scale_retry_limit.to_string()),
            ("JOB_MODE", "task".to_owned()),
            ("CE_JOBRUN", name.to_owned()),
            ("CE_DOMAIN", format!("{region}.codeengine.appdomain.cloud")),
            ("CE_SUBDOMAIN", "local-cloud".to_owned()),
            ("CE_REGION", region.clone()),
            ("CE_PROJECT_ID", id.clone()),
            ("CE_API_BASE_URL", base_url.clone()),
        ];
        variables.extend(job.map(|job| ("CE_JOB", job)));
        variables
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect()
    }

    /// Does something to a run, unless it was deleted meanwhile.
    fn on_run<T>(&self, name: &str, id: &str, act: impl FnOnce(&mut Run) -> T) -> Option<T> {
        let mut state = self.state();
        let run = state.runs.get_mut(name).filter(|run| run.id == id)?;
        Some(act(run))
    }

    fn job_body(&self, name: &str, job: &Job) -> Value {
        let mut body = self.common(name, "jobs", "job_v2", &job.id, job.created, &job.template);
        // There is no way to change a job here, so it has one version.
        body["entity_tag"] = job.id.clone().into();
        body
    }

    fn run_body(&self, name: &str, run: &Run) -> Value {
        let mut body = self.common(
            name,
            "job_runs",
            "job_run_v2",
            &run.id,
            run.created,
            &run.template,
        );
        body["job_name"] = run.job_name.clone().into();
        body["status"] = run.status().into();
        body["status_details"] = run.status_details();
        without_nulls(body)
    }

    fn common(
        &self,
        name: &str,
        kind: &str,
        resource_type: &str,
        id: &str,
        created: DateTime<Utc>,
        template: &Template,
    ) -> Value {
        let Identifiers {
            base_url,
            id: project,
            region,
        } = &self.identifiers;
        // Strings, numbers and lists of them: this does not fail.
        let mut body = serde_json::to_value(template).unwrap_or_default();
        let more = json!({
            "name": name,
            "id": id,
            "href": format!("{base_url}/v2/projects/{project}/{kind}/{name}"),
            "created_at": time_text(created),
            "project_id": project,
            "region": region,
            "resource_type": resource_type,
            "computed_env_variables": [],
        });
        if let (Value::Object(body), Value::Object(more)) = (&mut body, more) {
            body.extend(more);
        }
        body
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
