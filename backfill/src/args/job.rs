//! The settings of a fan-out by a Code Engine job, at both of its ends: who starts it, and an instance.

use clap::Args;
use cos_thumbnails::config::{Config, Mistake, Reader, Variable};
use cos_thumbnails::object::Key;
use cos_thumbnails::plan::Policy;
use cos_thumbnails::storage::iam::Credential;

use crate::engine::{BaseUrl, EngineSettings};

/// The most instances of one job run
/// (<https://cloud.ibm.com/docs/codeengine?topic=codeengine-limits>).
const MAX_INSTANCES: i64 = 1000;
/// How many instances a job run has unless told otherwise, if there are as many pictures.
const INSTANCES: u16 = 100;
/// The most shards: their keys have five digits.
pub(crate) const MAX_SHARDS: u32 = 100_000;

/// Where Code Engine's API is.
const CODE_ENGINE_URL: Variable = Variable {
    name: "CODE_ENGINE_URL",
    fallback: Some("CE_API_BASE_URL"),
    default: None,
    secret: false,
    help: "URL of Code Engine's API, such as https://api.eu-de.codeengine.cloud.ibm.com",
};
/// The project of the job.
const CODE_ENGINE_PROJECT_ID: Variable = Variable {
    name: "CODE_ENGINE_PROJECT_ID",
    fallback: Some("CE_PROJECT_ID"),
    default: None,
    secret: false,
    help: "id of the job's project",
};
/// The trusted profile.
const IAM_PROFILE: Variable = Variable::with_default(
    "IAM_PROFILE",
    "none: an API key or a token",
    "name of a trusted profile, or its id (Profile-...), whose tokens are taken",
);
/// The API key.
const IBMCLOUD_API_KEY: Variable = Variable {
    name: "IBMCLOUD_API_KEY",
    fallback: None,
    default: Some("none: IAM_TOKEN or IAM_PROFILE"),
    secret: true,
    help: "API key that tokens are taken for",
};
/// A token.
const IAM_TOKEN: Variable = Variable {
    name: "IAM_TOKEN",
    fallback: None,
    default: Some("none: IBMCLOUD_API_KEY or IAM_PROFILE"),
    secret: true,
    help: "bearer token, of an hour at most",
};
/// Where runs are kept.
const RUNS_PREFIX: Variable = Variable::with_default(
    "RUNS_PREFIX",
    "backfill-runs/",
    "the shards of a run and their records go under keys that start so; nothing may subscribe to it",
);

/// The settings of `--job`, beside those of the store and the recipe.
pub const JOB_VARIABLES: [Variable; 6] = [
    CODE_ENGINE_URL,
    CODE_ENGINE_PROJECT_ID,
    IBMCLOUD_API_KEY,
    IAM_TOKEN,
    IAM_PROFILE,
    RUNS_PREFIX,
];

/// What was written of a job.
#[derive(Debug, Default, Args)]
pub(super) struct JobFlags {
    /// The Code Engine job whose instances make the thumbnails, for fan-out
    #[arg(long, value_name = "NAME", conflicts_with_all = ["function", "in_flight", "timeout"])]
    pub(super) job: Option<String>,
    /// Instances of the job run, up to 1000 [default: 100, or one per shard if these are fewer]
    #[arg(long, value_name = "N", requires = "job", value_parser = clap::value_parser!(u16).range(1..=MAX_INSTANCES))]
    instances: Option<u16>,
    /// Shards of the originals, each done as a whole by one instance, which holds the records of it in memory, one to
    /// two kB for each picture [default: one per instance, or more, of 10,000 pictures at most]
    #[arg(long, value_name = "N", requires = "job", value_parser = clap::value_parser!(u32).range(1..=i64::from(MAX_SHARDS)))]
    shards: Option<u32>,
}

/// What was written behind `shard`.
#[derive(Debug, Args)]
pub(super) struct ShardFlags {
    /// Key of the run's manifest
    #[arg(value_name = "MANIFEST")]
    manifest: String,
    /// Pictures under way at once [default: 4 per core]
    #[arg(long, value_name = "K", value_parser = clap::value_parser!(u16).range(1..))]
    pub(super) in_flight: Option<u16>,
    /// Times that a picture is tried again where that can help
    #[arg(long, value_name = "N", default_value_t = 8)]
    pub(super) retries: u8,
}

/// A fan-out by a job.
#[derive(Debug, Clone)]
pub struct Job {
    /// The job's name.
    pub name: String,
    /// Instances at most.
    pub instances: u16,
    /// Shards, where it was said; never more than pictures.
    pub shards: Option<u32>,
    /// Keys of the run start so.
    pub prefix: String,
    /// How to reach Code Engine.
    pub engine: EngineSettings,
}

/// One instance of a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shard {
    /// The run's manifest.
    pub manifest: Key,
    /// Which instance this is: it does the shards whose number is this one modulo `array_size`.
    pub index: u32,
    /// How many instances there are.
    pub array_size: u32,
}

impl JobFlags {
    /// The job with its settings; all mistakes at once.
    pub(super) fn job(
        self,
        config: Option<&Config>,
        lookup: impl Fn(&str) -> Option<String>,
    ) -> Result<Option<Job>, Vec<Mistake>> {
        let Some(name) = self.job else {
            return Ok(None);
        };
        let mut reader = Reader::new(lookup);
        let engine = reader.checked_unseen(CODE_ENGINE_URL, str::parse::<BaseUrl>);
        let iam = config.map(|config| config.iam.clone());
        let policy = config.map(|config| &config.policy);
        let project = reader.checked(CODE_ENGINE_PROJECT_ID, |text| {
            let good = |c: char| c.is_ascii_alphanumeric() || c == '-';
            let id = text.chars().all(good).then(|| text.to_owned());
            id.ok_or_else(|| "is no id of a project".to_owned())
        });
        let credential = credential(&mut reader);
        let prefix = reader.checked(RUNS_PREFIX, |prefix| check_prefix(prefix, policy));
        let mistakes = reader.into_mistakes();
        match (engine, iam, project, credential, prefix) {
            // Without the store's settings there is no job either, and they tell why.
            (_, None, ..) if mistakes.is_empty() => Ok(None),
            (Some(url), Some(iam), Some(project), Some(credential), Some(prefix)) => {
                Ok(Some(Job {
                    name,
                    instances: self.instances.unwrap_or(INSTANCES),
                    shards: self.shards,
                    prefix,
                    engine: EngineSettings {
                        url,
                        project,
                        iam,
                        credential,
                    },
                }))
            }
            _ => Err(mistakes),
        }
    }
}

impl ShardFlags {
    /// What this instance is by the variables that Code Engine sets.
    pub(super) fn shard(
        &self,
        env: impl Fn(&str) -> Option<String>,
    ) -> Result<Shard, Vec<Mistake>> {
        let number = |name: &'static str| {
            let value = env(name).and_then(|value| value.parse::<u32>().ok());
            value.ok_or_else(|| Mistake {
                variable: name,
                problem: "is no number: Code Engine sets it for the instances of a job".to_owned(),
            })
        };
        match (number("JOB_INDEX"), number("JOB_ARRAY_SIZE")) {
            (Ok(index), Ok(array_size)) => Ok(Shard {
                manifest: Key::new(self.manifest.as_str()),
                index,
                array_size: array_size.max(1),
            }),
            (index, size) => Err(index.err().into_iter().chain(size.err()).collect()),
        }
    }
}

/// A token before an API key before a trusted profile: what is set for this one call comes first.
fn credential<L: Fn(&str) -> Option<String>>(reader: &mut Reader<L>) -> Option<Credential> {
    if let Some(token) = reader.set(IAM_TOKEN) {
        let credential = Credential::token(&token);
        if credential.is_none() {
            reader.mistake(IAM_TOKEN, "holds what no HTTP header can carry");
        }
        return credential;
    }
    if reader.set(IBMCLOUD_API_KEY).is_some() {
        return reader.api_key(IBMCLOUD_API_KEY);
    }
    if reader.set(IAM_PROFILE).is_some() {
        return reader.trusted_profile(IAM_PROFILE);
    }
    let problem = "is not set (nor are IAM_TOKEN and IAM_PROFILE): --job needs one of them";
    reader.mistake(IBMCLOUD_API_KEY, problem);
    None
}

/// Records must raise no event, and be no thumbnails.
fn check_prefix(prefix: &str, policy: Option<&Policy>) -> Result<String, String> {
    if prefix.contains(|c: char| c.is_control()) {
        return Err("holds a control character".to_owned());
    }
    let others = policy.map(|policy| {
        [
            policy.source_prefix(),
            policy.output_prefix(),
            policy.failure_prefix(),
        ]
    });
    for other in others.into_iter().flatten() {
        if prefix.starts_with(other) || other.starts_with(prefix) {
            return Err(format!("lies in {other:?}, or holds it"));
        }
    }
    Ok(prefix.to_owned())
}
