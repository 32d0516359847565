//! Experiments by a function whose instances come and go: cold and warm are what was asked for.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use backfill::record::experiment::{Call, Discarded, Line, Sample};
use cos_thumbnails::object::Key;
use cos_thumbnails::storage::{PutOptions, S3, Storage};
use local_cloud::{Cloud, Hosting, Options, Scaling};

use crate::cloud::picture;
use crate::job_cloud::settings;

const PREFIX: &str = "experiments/temperature/";
const FAILURES: &str = "experiments/temperature-failures/";

/// Fan-out in that temperature, and its record.
async fn measured(scaling: Scaling, temperature: &str) -> (Vec<Sample>, Vec<Call>) {
    let options = Options {
        hosting: Hosting::Instances {
            program: env!("CARGO_BIN_EXE_local-cloud").into(),
            scaling,
        },
        ..Options::on_free_ports()
    };
    let prefix = |name: &str| match name {
        "OUTPUT_PREFIX" => Some(PREFIX.to_owned()),
        "FAILURE_PREFIX" => Some(FAILURES.to_owned()),
        _ => None,
    };
    let (cloud, _) = Cloud::start(options, prefix).await.unwrap();
    let store = S3::new(&cloud.store_config).unwrap();
    for n in 1..=4 {
        let key = Key::new(format!("images/{n}.jpg"));
        let put = store.put(&key, picture(n).into(), PutOptions::default());
        put.await.unwrap();
    }
    let folder = tempfile::tempdir().unwrap();
    let design = format!(
        "name = 'temperature'\nmodes = ['fan-out']\ncounts = [1, 4]\nrepetitions = 2\n\
         output_prefix = '{PREFIX}'\ntries = 20\n{temperature}"
    );
    let file = folder.path().join("design.toml");
    fs::write(&file, design).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_local-cloud"));
    command
        .args(["backfill", "experiment", "run"])
        .arg(&file)
        .args(["--function", &cloud.function_url, "--journal"])
        .arg(folder.path().join("runs"))
        .env_clear()
        .envs(settings(&cloud.store_config));
    let output = tokio::task::spawn_blocking(move || command.output());
    let Output { status, stderr, .. } = output.await.unwrap().unwrap();
    let told = String::from_utf8(stderr).unwrap();
    assert!(status.success(), "{told}");
    cloud.stop().await.unwrap();
    record(&folder.path().join("runs"))
}

fn record(runs: &Path) -> (Vec<Sample>, Vec<Call>) {
    let folder = fs::read_dir(runs).unwrap().next().unwrap().unwrap().path();
    let text = fs::read_to_string(folder.join("record.ndjson")).unwrap();
    let (mut samples, mut calls) = (Vec::new(), Vec::new());
    for line in text.lines() {
        match serde_json::from_str(line).unwrap() {
            Line::Sample(sample) => samples.push(*sample),
            Line::Call(call) => calls.push(*call),
            _ => {}
        }
    }
    (samples, calls)
}

fn counted(samples: &[Sample]) -> Vec<&Sample> {
    let counted = samples.iter().filter(|sample| sample.discarded.is_none());
    counted.collect()
}

#[tokio::test]
async fn cold_samples_are_of_instances_that_started_for_them() {
    let scaling = Scaling {
        scale_down_delay: Duration::from_millis(20),
        ..Scaling::default()
    };
    let (samples, calls) = measured(scaling, "temperature = 'cold'\ncold_after = '500ms'\n").await;
    let counted = counted(&samples);
    assert_eq!(counted.len(), 4);
    for sample in counted {
        assert!(!sample.instances.is_empty());
        assert_eq!(sample.cold_instances as usize, sample.instances.len());
        for (n, instance) in sample.instances.iter().enumerate() {
            assert!(instance.cold && instance.before == 0, "{instance:?}");
            let mut calls = calls.iter().filter(|call| call.sample == sample.sample);
            let first = calls.find(|call| call.cold && call.instance == Some(n));
            let first = first.expect("the first event of a cold instance").times;
            let begun = i64::try_from(first.function_started_us.unwrap()).unwrap();
            let error = i64::try_from(instance.offset_error_us).unwrap();
            assert!(begun + error >= instance.ready_us, "{first:?} {instance:?}");
        }
    }
}

#[tokio::test]
async fn warm_samples_met_no_instance_that_had_handled_nothing() {
    let scaling = Scaling {
        max_scale: 2,
        ..Scaling::default()
    };
    let (samples, _) = measured(scaling, "temperature = 'warm'\n").await;
    let counted = counted(&samples);
    assert_eq!(counted.len(), 4);
    for sample in counted {
        assert!(!sample.instances.is_empty());
        assert!(sample.instances.iter().all(|instance| instance.before > 0));
        assert_eq!(sample.cold_instances, 0);
    }
    let discarded = samples.iter().filter_map(|sample| sample.discarded);
    for why in discarded {
        assert!(
            matches!(why, Discarded::WarmUp | Discarded::Temperature),
            "{why:?}"
        );
    }
}
