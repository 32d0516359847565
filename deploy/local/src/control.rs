//! What Code Engine is configured with before anyone comes: a project with one secret and one job, an API key
//! and a trusted profile.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, Write as _};
use std::path::PathBuf;

use cos_thumbnails::config::{PORT, VARIABLES};
use cos_thumbnails::storage::{HmacKey, S3Config};
use serde_json::json;
use tempfile::NamedTempFile;
use tokio::net::TcpListener;

use crate::engine::{Engine, PROJECT_ID, Setup};
use crate::identity::{Identity, MAX_LIFETIME_SECONDS, PROFILE_NAME};

/// The job that is there from the start: `backfill` with the store's settings.
const JOB: &str = "backfill";
/// The secret with the store's credentials.
const SECRET: &str = "cos";

/// How the stand-ins for Code Engine and IAM are started.
#[derive(Clone)]
pub struct EngineOptions {
    /// Their port; 0 takes a free one. Default 8090.
    pub port: u16,
    /// The API key that has tokens. No secret by default: it listens on loopback alone.
    pub api_key: String,
    /// How long tokens live, at most and by default 3600 s, as at IBM.
    pub token_seconds: u32,
    /// `local-cloud` itself, which instances are processes of; the running program where it is `None`.
    pub program: Option<PathBuf>,
}

impl Default for EngineOptions {
    fn default() -> Self {
        Self {
            port: 8090,
            api_key: "local-cloud-api-key".to_owned(),
            token_seconds: MAX_LIFETIME_SECONDS,
            program: None,
        }
    }
}

/// Without the API key.
impl fmt::Debug for EngineOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut fields = f.debug_struct("EngineOptions");
        fields.field("port", &self.port);
        fields.field("token_seconds", &self.token_seconds);
        fields
            .field("program", &self.program)
            .finish_non_exhaustive()
    }
}

/// Code Engine and IAM, running, and what one needs to use them.
pub struct ControlPlane {
    engine: Engine,
    token_file: NamedTempFile,
    /// The API key.
    pub api_key: String,
}

/// Without the API key.
impl fmt::Debug for ControlPlane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ControlPlane").field(&self.engine).finish()
    }
}

impl ControlPlane {
    /// Starts them, with a job that works on the bucket of `store` by the settings that `lookup` gives.
    ///
    /// # Errors
    /// The program or a file for the compute-resource token cannot be had, or the job is refused, which
    /// happens for settings of more than 10 KiB.
    pub(crate) fn start(
        listener: TcpListener,
        options: EngineOptions,
        store: &S3Config,
        credentials: &HmacKey,
        lookup: impl Fn(&str) -> Option<String>,
    ) -> io::Result<Self> {
        let identity = Identity::new(options.api_key.clone(), options.token_seconds);
        let mut token_file = NamedTempFile::new()?;
        token_file.write_all(identity.compute_resource_token().as_bytes())?;
        let secret = [
            ("COS_ACCESS_KEY_ID", &credentials.access_key_id),
            ("COS_SECRET_ACCESS_KEY", &credentials.secret_access_key),
        ];
        let secret = secret.map(|(name, value)| (name.to_owned(), value.clone()));
        let program = match options.program {
            Some(program) => program,
            None => std::env::current_exe()?,
        };
        let setup = Setup {
            identity,
            region: store.region.clone(),
            program,
            secrets: BTreeMap::from([(SECRET.to_owned(), BTreeMap::from(secret))]),
            // As many as there are processors, for each decodes on all of them; but two, so that some
            // are seen to run side by side.
            instances_at_once: std::thread::available_parallelism().map_or(2, |n| n.get().max(2)),
        };
        let engine = Engine::start(listener, setup)?;
        engine
            .create_job(job(store, lookup))
            .map_err(io::Error::other)?;
        Ok(Self {
            engine,
            token_file,
            api_key: options.api_key,
        })
    }

    /// IAM's URL; Code Engine's API is below `/v2` of it.
    #[must_use]
    pub fn url(&self) -> &str {
        self.engine.url()
    }

    /// The variables by which `backfill --job backfill` finds it.
    pub(crate) fn exports(&self) -> String {
        let url = self.url();
        let mut text = format!(
            "  export CODE_ENGINE_URL={url} CODE_ENGINE_PROJECT_ID={PROJECT_ID} IAM_URL={url}"
        );
        if self.api_key == EngineOptions::default().api_key {
            text += &format!(" IBMCLOUD_API_KEY={}", self.api_key);
        }
        text
    }

    /// What programs are told of it.
    pub(crate) fn ready(&self) -> serde_json::Value {
        json!({
            "engine": self.url(),
            "project_id": PROJECT_ID,
            "api_key": self.api_key,
            "profile_name": PROFILE_NAME,
            "compute_resource_token_file": self.token_file.path(),
        })
    }
}

/// The body of a request that creates the job.
fn job(store: &S3Config, lookup: impl Fn(&str) -> Option<String>) -> serde_json::Value {
    let own = [
        ("COS_ENDPOINT", store.endpoint.clone()),
        ("COS_REGION", store.region.clone()),
        ("COS_BUCKET", store.bucket.as_str().to_owned()),
    ];
    let is_own = |name: &str| own.iter().any(|(own, _)| *own == name);
    let more = VARIABLES
        .iter()
        .filter(|variable| !variable.secret && variable.name != PORT.name && !is_own(variable.name))
        // The credentials come from the secret.
        .filter(|variable| !variable.name.starts_with("COS_"))
        .filter_map(|variable| Some((variable.name, lookup(variable.name)?)));
    let literals = own.iter().cloned().chain(more);
    let mut variables: Vec<_> = literals
        .map(|(name, value)| json!({"type": "literal", "name": name, "value": value}))
        .collect();
    variables.push(json!({"type": "secret_full_reference", "reference": SECRET}));
    json!({
        "name": JOB,
        "image_reference": "cos-thumbnails",
        "run_commands": ["/backfill"],
        "run_env_variables": variables,
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use cos_thumbnails::object::Bucket;
    use cos_thumbnails::storage::Credentials;

    use super::*;

    #[tokio::test]
    async fn no_secret_is_in_the_debug_output() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let options = EngineOptions {
            api_key: "canary-key".to_owned(),
            ..EngineOptions::default()
        };
        let key = HmacKey {
            access_key_id: "id".to_owned(),
            secret_access_key: "canary-secret".to_owned(),
        };
        let store = S3Config {
            endpoint: "http://127.0.0.1:1".to_owned(),
            region: "local".to_owned(),
            bucket: Bucket::new("b"),
            credentials: Credentials::Hmac(key.clone()),
        };
        let control = ControlPlane::start(listener, options.clone(), &store, &key, |_| None);
        let control = control.unwrap();
        let token = std::fs::read_to_string(control.token_file.path()).unwrap();
        let shown = format!("{control:?} {options:?} {store:?}");
        assert!(shown.contains(control.url()), "{shown}");
        assert!(
            !shown.contains("canary") && !shown.contains(&token),
            "{shown}"
        );
    }
}
