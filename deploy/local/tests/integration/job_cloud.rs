//! A cloud whose job makes thumbnails, the program that starts it, and its instances.

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

use aws_sdk_s3::Client;
use cos_thumbnails::storage::S3Config;
use rustix::process::{Pid, Signal, kill_process};

use crate::binary::Serving;
use crate::client::{BUCKET, client, list};

pub(crate) const API_KEY: &str = "canary-key-51";
pub(crate) const PICTURES: usize = 12;

/// A cloud with pictures whose thumbnails were lost.
pub(crate) struct Cloud {
    pub(crate) serving: Serving,
    pub(crate) client: Client,
    _temporary: tempfile::TempDir,
}

impl Cloud {
    pub(crate) async fn start() -> Self {
        let cloud = Self::empty(&[]);
        let (serving, client) = (&cloud.serving, &cloud.client);
        for n in 0..PICTURES {
            serving.upload(&format!("{n:02}.jpg")).await;
        }
        for key in list(client, "thumbnails/").await {
            let delete = client.delete_object().bucket(BUCKET).key(key);
            delete.send().await.unwrap();
        }
        cloud
    }

    /// Without pictures.
    pub(crate) fn empty(args: &[&str]) -> Self {
        let temporary = tempfile::tempdir().unwrap();
        let environment = [("IBMCLOUD_API_KEY", API_KEY)];
        let args = [&["--count", "0"], args].concat();
        let serving = Serving::start_with(temporary.path(), &args, &environment);
        Self {
            client: client(&serving.config),
            serving,
            _temporary: temporary,
        }
    }

    pub(crate) fn field(&self, name: &str) -> &str {
        self.serving.ready[name].as_str().unwrap()
    }

    /// The program that starts a run by a job, with an API key.
    pub(crate) fn backfill(&self, api_key: &str, args: &str) -> Child {
        self.backfill_with(&[("IBMCLOUD_API_KEY", api_key)], args)
    }

    /// The same with any credential.
    pub(crate) fn backfill_with(&self, credential: &[(&str, &str)], args: &str) -> Child {
        let mut command = Command::new(env!("CARGO_BIN_EXE_local-cloud"));
        command
            .args([
                "backfill",
                "--no-journal",
                "--mode",
                "fan-out",
                "--job",
                "backfill",
                "--json",
            ])
            .args(args.split_whitespace())
            .env_clear()
            .envs(settings(&self.serving.config))
            .env("CODE_ENGINE_URL", self.field("engine"))
            .env("CODE_ENGINE_PROJECT_ID", self.field("project_id"))
            .env("IAM_URL", self.field("engine"))
            .envs(credential.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command.spawn().unwrap()
    }

    /// Stops an instance of this index as soon as there is one: so the job run does not end.
    pub(crate) fn hold(&self, index: &str) -> Pid {
        let engine = Pid::from_child(&self.serving.child);
        loop {
            let of_run = children(engine).into_iter();
            let mut of_index = of_run.filter(|(_, environment)| {
                environment
                    .get("JOB_INDEX")
                    .is_some_and(|found| found == index)
            });
            if let Some((pid, _)) = of_index.next() {
                kill_process(pid, Signal::STOP).unwrap();
                return pid;
            }
            std::thread::yield_now();
        }
    }

    /// Kills instances of this index, those whose number of retries is `below`, until the program ends.
    pub(crate) fn kill_instances(
        &self,
        index: &str,
        below: u32,
        mut starter: Child,
    ) -> (Output, HashSet<Pid>) {
        let engine = Pid::from_child(&self.serving.child);
        let mut killed = HashSet::new();
        while starter.try_wait().unwrap().is_none() {
            for (pid, environment) in children(engine) {
                let of = |name: &str| environment.get(name).map(String::as_str);
                let retries = of("JOB_INDEX_RETRY_COUNT").and_then(|n| n.parse::<u32>().ok());
                if of("JOB_INDEX") == Some(index) && retries.is_some_and(|n| n < below) {
                    // Unless it has ended by itself meanwhile.
                    if kill_process(pid, Signal::KILL).is_ok() {
                        killed.insert(pid);
                    }
                }
            }
            std::thread::yield_now();
        }
        (starter.wait_with_output().unwrap(), killed)
    }
}

/// The variables by which programs find a store.
pub(crate) fn settings(config: &S3Config) -> [(&str, &str); 5] {
    let credentials = config.hmac_key().unwrap();
    [
        ("COS_ENDPOINT", &config.endpoint),
        ("COS_REGION", &config.region),
        ("COS_BUCKET", config.bucket.as_str()),
        ("COS_ACCESS_KEY_ID", &credentials.access_key_id),
        ("COS_SECRET_ACCESS_KEY", &credentials.secret_access_key),
    ]
}

/// The processes that `parent` has started, with their environment.
pub(crate) fn children(parent: Pid) -> Vec<(Pid, BTreeMap<String, String>)> {
    let parent = parent.as_raw_nonzero().to_string();
    let processes = fs::read_dir("/proc").unwrap().filter_map(|entry| {
        let path = entry.ok()?.path();
        let pid = Pid::from_raw(path.file_name()?.to_str()?.parse().ok()?)?;
        let stat = fs::read_to_string(path.join("stat")).ok()?;
        let mut fields = stat.rsplit_once(") ")?.1.split(' ');
        (fields.nth(1)? == parent).then_some(())?;
        Some((pid, environment(&path)?))
    });
    processes.collect()
}

fn environment(process: &Path) -> Option<BTreeMap<String, String>> {
    let variables = fs::read(process.join("environ")).ok()?;
    let variables = String::from_utf8(variables).ok()?;
    let pairs = variables
        .split('\0')
        .filter_map(|pair| pair.split_once('='));
    Some(
        pairs
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect(),
    )
}

pub(crate) fn told(output: &Output) -> (Option<i32>, String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
    for secret in [API_KEY, crate::binary::CANARY, "eyJ"] {
        assert!(
            !stdout.contains(secret) && !stderr.contains(secret),
            "{stdout}{stderr}"
        );
    }
    (output.status.code(), stdout, stderr)
}
