//! A stand-in for Code Engine's REST v2 for jobs and job runs, and for the IAM that gives its tokens.
//!
//! ```text
//! POST /identity/token ──► bearer token ──► POST /v2/projects/{id}/job_runs ──► processes, one per index
//! ```
//!
//! An instance is a real process: this program as `function` or `backfill`, with nothing in its environment
//! but what the job says and what Code Engine sets, and it ends with this one. What is checked there is checked here: tokens, names,
//! limits, references. Left out, and refused by name where it is asked for: updates of jobs, config
//! maps, mounts, daemons, other images. CPU and memory are told and not enforced. Everything is in memory.

mod array;
pub(crate) mod instance;
mod project;
mod refusal;
mod run;
mod server;
mod spec;

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use self::project::{Identifiers, Project};
use self::server::Server;
use crate::identity::Identity;

/// The project's id, in the form that Code Engine's have.
pub(crate) const PROJECT_ID: &str = "10ca1c10-0d00-4000-8000-000000000001";

/// What to start.
pub(crate) struct Setup {
    pub(crate) identity: Identity,
    pub(crate) region: String,
    /// What an instance is a process of.
    pub(crate) program: PathBuf,
    /// Secrets by name, which jobs may refer to.
    pub(crate) secrets: BTreeMap<String, BTreeMap<String, String>>,
    /// As many instances run at once.
    pub(crate) instances_at_once: usize,
}

/// A running engine; what it started ends with it.
pub(crate) struct Engine {
    project: Arc<Project>,
    server: JoinHandle<()>,
    url: String,
}

/// Without the project, whose jobs hold secrets.
impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut fields = f.debug_struct("Engine");
        fields.field("url", &self.url).finish_non_exhaustive()
    }
}

impl Engine {
    /// Serves on `listener`.
    ///
    /// # Errors
    /// The listener has no address.
    pub(crate) fn start(listener: TcpListener, setup: Setup) -> io::Result<Self> {
        let url = format!("http://{}", listener.local_addr()?);
        let identifiers = Identifiers {
            base_url: url.clone(),
            id: PROJECT_ID.to_owned(),
            region: setup.region,
        };
        let project = Arc::new(Project::new(
            identifiers,
            setup.program,
            setup.secrets,
            setup.instances_at_once,
        ));
        let server = Server {
            identity: Arc::new(setup.identity),
            project: Arc::clone(&project),
        };
        Ok(Self {
            project,
            server: tokio::spawn(server.serve(listener)),
            url,
        })
    }

    /// `http://127.0.0.1:PORT`: IAM's URL, and with `/v2` Code Engine's.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Creates a job from a body of `POST .../jobs`.
    ///
    /// # Errors
    /// What is wrong with it.
    pub(crate) fn create_job(&self, body: serde_json::Value) -> Result<(), String> {
        let asked = serde_json::from_value(body).map_err(|error| error.to_string())?;
        let created = self.project.create_job(asked);
        created
            .map(drop)
            .map_err(|refusal| refusal.body().to_string())
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.server.abort();
        self.project.stop();
    }
}
