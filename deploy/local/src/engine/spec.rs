//! What a job or a job run is asked to be, and what becomes of that: the fields of Code Engine's REST v2.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::array;
use super::refusal::Refusal;

/// The most bytes of a job's or a job run's specification
/// (<https://cloud.ibm.com/docs/codeengine?topic=codeengine-limits>).
pub(super) const MAX_SPEC_BYTES: usize = 10 * 1024;

/// The programs of the image, and what each is called on this program's command line.
const PROGRAMS: [(&str, &str); 2] = [("/function", "function"), ("/backfill", "backfill")];

/// Secrets by name, each a set of variables.
pub(super) type Secrets = BTreeMap<String, BTreeMap<String, String>>;

/// The body of a request that creates a job or a job run.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(super) struct Prototype {
    pub(super) name: Option<String>,
    pub(super) job_name: Option<String>,
    image_reference: Option<String>,
    image_secret: Option<String>,
    run_arguments: Option<Vec<String>>,
    run_as_user: Option<i64>,
    run_commands: Option<Vec<String>>,
    run_compute_resource_token_enabled: Option<bool>,
    run_env_variables: Vec<Variable>,
    run_mode: Option<String>,
    run_service_account: Option<String>,
    run_volume_mounts: Vec<Value>,
    /// Of job runs alone.
    pub(super) scale_array_size_variable_override: Option<u32>,
    scale_array_spec: Option<String>,
    scale_cpu_limit: Option<String>,
    scale_ephemeral_storage_limit: Option<String>,
    scale_max_execution_time: Option<u32>,
    scale_memory_limit: Option<String>,
    scale_retry_limit: Option<u32>,
}

/// Everything that an instance is started by, complete with Code Engine's defaults.
#[derive(Clone, Serialize)]
pub(super) struct Template {
    image_reference: String,
    run_arguments: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    run_as_user: Option<i64>,
    run_commands: Vec<String>,
    run_compute_resource_token_enabled: bool,
    run_env_variables: Vec<Variable>,
    run_mode: &'static str,
    run_service_account: String,
    run_volume_mounts: [Value; 0],
    #[serde(skip_serializing_if = "Option::is_none")]
    scale_array_size_variable_override: Option<u32>,
    scale_array_spec: String,
    scale_cpu_limit: String,
    scale_ephemeral_storage_limit: String,
    pub(super) scale_max_execution_time: u32,
    scale_memory_limit: String,
    pub(super) scale_retry_limit: u32,
}

/// A variable of the environment, or where variables come from.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Variable {
    #[serde(rename = "type", default = "literal")]
    kind: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    value: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    reference: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    prefix: Option<String>,
}

fn literal() -> String {
    "literal".to_owned()
}

/// A program with its arguments, and the variables that the owner of the job gave it.
#[derive(Clone)]
pub(super) struct Start {
    pub(super) arguments: Vec<String>,
    pub(super) environment: BTreeMap<String, String>,
}

impl Template {
    /// What `asked` says, and where it says nothing the job that it names, and then the defaults.
    pub(super) fn new(asked: Prototype, job: Option<&Self>) -> Result<Self, Refusal> {
        if job.is_some() && (asked.image_secret.is_some() || asked.run_service_account.is_some()) {
            let text = "image_secret and run_service_account must not be set beside job_name";
            return Err(Refusal::bad(text));
        }
        if !asked.run_volume_mounts.is_empty() {
            return Err(Refusal::bad("this stand-in mounts nothing"));
        }
        if asked.run_mode.is_some_and(|mode| mode != "task") {
            return Err(Refusal::bad("this stand-in has run_mode task only"));
        }
        let of_job = |of: fn(&Self) -> &String| job.map(|job| of(job).clone());
        let image = asked
            .image_reference
            .or_else(|| of_job(|job| &job.image_reference));
        let image_reference = image.ok_or_else(|| Refusal::bad("image_reference is missing"))?;
        if !is_ours(&image_reference) {
            let text = "the only image on this machine is cos-thumbnails, of any registry";
            return Err(Refusal::bad(text));
        }
        let mut run_env_variables = job
            .map(|job| job.run_env_variables.clone())
            .unwrap_or_default();
        run_env_variables.retain(|old| {
            let overridden = |new: &Variable| new.name.is_some() && new.name == old.name;
            !asked.run_env_variables.iter().any(overridden)
        });
        run_env_variables.extend(asked.run_env_variables);
        let or_jobs = |own: Option<String>, of: fn(&Self) -> &String, default: &str| {
            own.or_else(|| of_job(of))
                .unwrap_or_else(|| default.to_owned())
        };
        let list = |own: Option<Vec<String>>, of: fn(&Self) -> &Vec<String>| {
            own.or_else(|| job.map(|job| of(job).clone()))
                .unwrap_or_default()
        };
        let number = |own: Option<u32>, of: fn(&Self) -> u32, default| {
            own.or_else(|| job.map(of)).unwrap_or(default)
        };
        let template = Self {
            image_reference,
            run_arguments: list(asked.run_arguments, |job| &job.run_arguments),
            run_as_user: asked.run_as_user.or_else(|| job?.run_as_user),
            run_commands: list(asked.run_commands, |job| &job.run_commands),
            run_compute_resource_token_enabled: asked
                .run_compute_resource_token_enabled
                .or_else(|| job.map(|job| job.run_compute_resource_token_enabled))
                .unwrap_or(false),
            run_env_variables,
            run_mode: "task",
            run_service_account: or_jobs(
                asked.run_service_account,
                |job| &job.run_service_account,
                "default",
            ),
            run_volume_mounts: [],
            scale_array_size_variable_override: asked.scale_array_size_variable_override,
            scale_array_spec: or_jobs(asked.scale_array_spec, |job| &job.scale_array_spec, "0"),
            scale_cpu_limit: or_jobs(asked.scale_cpu_limit, |job| &job.scale_cpu_limit, "1"),
            scale_ephemeral_storage_limit: or_jobs(
                asked.scale_ephemeral_storage_limit,
                |job| &job.scale_ephemeral_storage_limit,
                "400M",
            ),
            scale_max_execution_time: number(
                asked.scale_max_execution_time,
                |job| job.scale_max_execution_time,
                7200,
            ),
            scale_memory_limit: or_jobs(
                asked.scale_memory_limit,
                |job| &job.scale_memory_limit,
                "4G",
            ),
            scale_retry_limit: number(asked.scale_retry_limit, |job| job.scale_retry_limit, 3),
        };
        template.check()?;
        Ok(template)
    }

    fn check(&self) -> Result<(), Refusal> {
        self.indices()?;
        if !(1..=86_400).contains(&self.scale_max_execution_time) {
            return Err(Refusal::bad("scale_max_execution_time is not 1 to 86400"));
        }
        if self.scale_retry_limit > 5 {
            return Err(Refusal::bad("scale_retry_limit is more than 5"));
        }
        Ok(())
    }

    pub(super) fn indices(&self) -> Result<BTreeSet<u32>, Refusal> {
        array::parse(&self.scale_array_spec).map_err(Refusal::bad)
    }

    /// What `JOB_ARRAY_SIZE` says.
    pub(super) fn array_size(&self, indices: usize) -> u32 {
        let counted = u32::try_from(indices).unwrap_or(u32::MAX);
        self.scale_array_size_variable_override.unwrap_or(counted)
    }

    /// Program, arguments and variables. On the platform what is missing shows when an instance is to be
    /// started; here at once.
    pub(super) fn start(&self, secrets: &Secrets) -> Result<Start, Refusal> {
        let program = self
            .run_commands
            .first()
            .map_or("/function", String::as_str);
        let known = PROGRAMS.iter().find(|(path, _)| *path == program);
        let (_, name) = known.ok_or_else(|| {
            Refusal::bad(format!(
                "there is no {program} in the image, only /function and /backfill"
            ))
        })?;
        let mut arguments = vec![(*name).to_owned()];
        arguments.extend(self.run_commands.iter().skip(1).cloned());
        arguments.extend(self.run_arguments.iter().cloned());
        let mut environment = BTreeMap::new();
        for variable in &self.run_env_variables {
            variable.resolve(secrets, &mut environment)?;
        }
        Ok(Start {
            arguments,
            environment,
        })
    }
}

/// `[REGISTRY/[NAMESPACE/]]cos-thumbnails[:TAG]`.
fn is_ours(image: &str) -> bool {
    let last = image.rsplit('/').next().unwrap_or(image);
    last.split([':', '@']).next() == Some("cos-thumbnails")
}

impl Variable {
    fn resolve(
        &self,
        secrets: &Secrets,
        environment: &mut BTreeMap<String, String>,
    ) -> Result<(), Refusal> {
        let incomplete = || Refusal::bad(format!("a variable of type {} is incomplete", self.kind));
        let needed = |field: &Option<String>| field.clone().ok_or_else(incomplete);
        let secret = || {
            let name = needed(&self.reference)?;
            let secret = secrets.get(&name);
            secret.ok_or_else(|| Refusal::bad(format!("there is no secret {name}")))
        };
        match self.kind.as_str() {
            "literal" => {
                environment.insert(needed(&self.name)?, self.value.clone().unwrap_or_default());
            }
            "secret_full_reference" => {
                let prefix = self.prefix.as_deref().unwrap_or_default();
                let all = secret()?.iter();
                environment
                    .extend(all.map(|(name, value)| (format!("{prefix}{name}"), value.clone())));
            }
            "secret_key_reference" => {
                let key = needed(&self.key)?;
                let value = secret()?.get(&key);
                let value = value
                    .ok_or_else(|| Refusal::bad(format!("there is no key {key} in the secret")))?;
                environment.insert(needed(&self.name)?, value.clone());
            }
            other => {
                let text = format!("this stand-in has no variables of type {other}");
                return Err(Refusal::bad(text));
            }
        }
        Ok(())
    }
}

/// A name: lower-case letters, digits and hyphens, a letter or a digit at both ends.
pub(super) fn check_name(name: &str, most: usize) -> Result<(), Refusal> {
    let inner = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let good = (1..=most).contains(&name.len())
        && name.chars().all(inner)
        && !name.starts_with('-')
        && !name.ends_with('-');
    if good {
        Ok(())
    } else {
        Err(Refusal::bad(format!(
            "a name is 1 to {most} lower-case letters, digits and inner hyphens"
        )))
    }
}
