//! Experiments against a real store and a real function, over HTTP, with real events.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, OpenOptions};
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::Stdio;

use backfill::record::Mode;
use backfill::record::experiment::{CallEnd, Discarded, Ended, Experiment, Instance, Line, Sample};
use cos_thumbnails::object::Key;
use cos_thumbnails::outcome::Verdict;
use cos_thumbnails::storage::{ListOptions, PutOptions, S3, Storage};
use local_cloud::{Cloud, Options};
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;

use crate::cloud::{backfill, ended};
use crate::journal::folders;
use crate::modes::jpeg;

const SMALL: &str = "name = 'small'\nmodes = ['parallel', 'fan-out']\ncounts = [2, 24]\nrepetitions = 2\n\
                     seed = 3\nrecipe = 'paper'\noutput_prefix = 'experiments/small/'\n";

/// A cloud whose function is for the experiment, with originals; and a folder.
struct Laboratory {
    cloud: Cloud,
    store: S3,
    folder: TempDir,
}

impl Laboratory {
    async fn with(pictures: u16) -> Self {
        let settings = |name: &str| match name {
            "OUTPUT_PREFIX" => Some("experiments/small/".to_owned()),
            "FAILURE_PREFIX" => Some("experiments/small-failures/".to_owned()),
            "RECIPE" => Some("paper".to_owned()),
            _ => None,
        };
        let (cloud, _) = Cloud::start(Options::on_free_ports(), settings)
            .await
            .unwrap();
        let laboratory = Self {
            store: S3::new(&cloud.store_config).unwrap(),
            cloud,
            folder: tempfile::tempdir().unwrap(),
        };
        for n in 0..pictures {
            laboratory.put(&format!("images/{n:02}.jpg"), n).await;
        }
        laboratory
    }

    async fn put(&self, key: &str, n: u16) {
        let (key, options) = (Key::new(key), PutOptions::default());
        let put = self.store.put(&key, jpeg(n).into(), options);
        put.await.unwrap();
    }

    fn runs(&self) -> PathBuf {
        self.folder.path().join("runs")
    }

    /// The command line for a design.
    fn line(&self, design: &str) -> String {
        let file = self.folder.path().join("design.toml");
        fs::write(&file, design).unwrap();
        format!(
            "experiment run {} --function {} --journal {}",
            file.display(),
            self.cloud.function_url,
            self.runs().display()
        )
    }

    async fn run(&self, design: &str) -> (Option<i32>, String) {
        ended(&self.cloud.store_config, &self.line(design)).await
    }

    fn experiment(&self) -> PathBuf {
        let folders = folders(&self.runs());
        assert_eq!(folders.len(), 1, "{folders:?}");
        folders[0].clone()
    }

    async fn resume(&self) -> (Option<i32>, String) {
        let args = format!("experiment resume {}", self.experiment().display());
        ended(&self.cloud.store_config, &args).await
    }

    async fn keys(&self, prefix: &str) -> Vec<String> {
        let options = ListOptions {
            prefix: prefix.to_owned(),
            ..ListOptions::default()
        };
        let listed = self.store.list(options).await.unwrap().objects;
        let keys = listed.into_iter().map(|one| one.key.as_str().to_owned());
        keys.collect()
    }
}

fn record(folder: &Path) -> Vec<Line> {
    let text = fs::read_to_string(folder.join("record.ndjson")).unwrap();
    let lines = text.lines().map(serde_json::from_str);
    lines.collect::<Result<_, _>>().unwrap()
}

fn samples(lines: &[Line]) -> Vec<&Sample> {
    let samples = lines.iter().filter_map(|line| match line {
        Line::Sample(sample) => Some(&**sample),
        _ => None,
    });
    samples.collect()
}

/// Every sample that counts once, each with its calls before it, and what these say.
fn check(lines: &[Line]) {
    let (mut counted, mut calls) = (BTreeSet::new(), Vec::new());
    for line in lines {
        match line {
            Line::Call(call) => calls.push(call),
            Line::Sample(sample) => {
                let calls = std::mem::take(&mut calls);
                if sample.discarded == Some(Discarded::WarmUp) {
                    assert!(calls.is_empty());
                    continue;
                }
                assert_eq!(sample.discarded, None);
                let cell = (sample.mode, sample.count, sample.repetition);
                assert!(counted.insert(cell), "{cell:?} twice");
                assert_eq!(calls.len(), sample.count as usize);
                let keys: BTreeSet<_> = calls.iter().map(|call| &call.key).collect();
                assert_eq!(keys.len(), calls.len());
                for call in &calls {
                    assert_eq!(call.sample, sample.sample);
                    assert_eq!(call.end, CallEnd::Verdict(Verdict::Made));
                    let times = call.times;
                    let way = [
                        Some(times.submitted_us),
                        Some(times.sent_us),
                        times.function_started_us,
                        times.made_us,
                        times.stored_us,
                        Some(times.seen_us),
                    ];
                    assert!(
                        way.iter().all(Option::is_some) && way.is_sorted(),
                        "{way:?}"
                    );
                    assert_eq!(call.instance, Some(0));
                    assert!(call.cpu_us.unwrap() > 0 && call.peak_bytes.unwrap() > 1 << 20);
                    assert!(call.traffic.bytes_read > 0 && call.traffic.bytes_written > 0);
                    assert!(call.stages_us.len() > 5, "{:?}", call.stages_us);
                }
                check_sample(sample);
            }
            _ => assert!(calls.is_empty()),
        }
    }
    assert_eq!(counted.len(), 2 * 2 * 2);
}

fn check_sample(sample: &Sample) {
    let [instance] = &sample.instances[..] else {
        panic!("{:?}", sample.instances)
    };
    assert_eq!(instance.calls, u64::from(sample.count));
    assert!(instance.usage.cpu_us > 0 && sample.client.cpu_us > 0);
    // The function is on this machine, whose clock is its own.
    let Instance {
        offset_us,
        offset_error_us,
        ..
    } = instance;
    // Both are rounded to microseconds.
    assert!(
        offset_us.unsigned_abs() <= offset_error_us + 2,
        "{instance:?}"
    );
    let clocks = sample.clocks;
    assert!(clocks.paper_us.unwrap() < clocks.end_to_end_us.unwrap());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_experiment_that_is_interrupted_and_then_killed_goes_on_and_counts_every_sample_once() {
    let laboratory = Laboratory::with(25).await;
    // Production's, of one that could not be read by then.
    laboratory.put("failures/00.jpg", 0).await;
    let mut child = backfill(&laboratory.cloud.store_config, &laboratory.line(SMALL))
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let stderr = BufReader::new(child.stderr.take().unwrap());
    let interrupted = tokio::task::spawn_blocking(move || {
        let mut told = String::new();
        for line in stderr.lines() {
            let line = line.unwrap();
            // The first sample that counts.
            if line.starts_with("1 of 8: ") {
                let pid = Pid::from_raw(child.id().try_into().unwrap()).unwrap();
                kill_process(pid, Signal::INT).unwrap();
            }
            told += &(line + "\n");
        }
        (child.wait().unwrap().code(), told)
    });
    let (code, told) = interrupted.await.unwrap();
    assert_eq!(code, Some(130), "{told}");
    assert!(told.contains("backfill experiment resume "), "{told}");
    assert!(
        told.contains("end-to-end clock 0.") && told.contains(" paper clock 0."),
        "{told}"
    );
    let folder = laboratory.experiment();
    let before = record(&folder);
    let counted = |lines: &[Line]| {
        let all = samples(lines).into_iter();
        all.filter(|sample| sample.discarded.is_none()).count()
    };
    assert!((1..8).contains(&counted(&before)), "{}", counted(&before));
    assert!(matches!(before.last(), Some(Line::Sample(_))));

    // As a kill leaves it: calls without their sample, the last one cut.
    let path = folder.join("record.ndjson");
    let mut file = OpenOptions::new().append(true).open(&path).unwrap();
    let call = before.iter().find(|line| matches!(line, Line::Call(_)));
    let call = serde_json::to_string(call.unwrap()).unwrap();
    write!(file, "{call}\n{}", &call[..20]).unwrap();
    let (code, text) = laboratory.resume().await;
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("end-to-end clock, median") && text.contains("paper clock, median"));
    assert!(text.contains("discarded as warm-ups\n"), "{text}");
    let lines = record(&folder);
    assert_eq!(lines[..before.len()], before);
    assert!(matches!(lines[before.len()], Line::Resumed(_)));
    check(&lines);
    let Some(Line::Ended(Ended {
        samples: 8,
        warm_ups: 4,
        wrong_temperature: 0,
        failed: 0,
        ..
    })) = lines.last()
    else {
        panic!("{:?}", lines.last())
    };

    // Where all is there nothing is taken, and nothing written.
    let (code, text) = laboratory.resume().await;
    assert_eq!(code, Some(0), "{text}");
    assert_eq!(record(&folder), lines);
    check_manifest(&folder, &lines[0]);
    assert!(laboratory.keys("thumbnails/").await.is_empty());
    assert!(!laboratory.keys("experiments/small/").await.is_empty());
    assert_eq!(laboratory.keys("failures/").await, ["failures/00.jpg"]);

    // Other pictures would be another experiment.
    laboratory.put("images/03.jpg", 99).await;
    let (code, text) = laboratory.resume().await;
    assert_eq!(code, Some(2), "{text}");
    assert!(text.contains("begun with another data set"), "{text}");
    laboratory.cloud.stop().await.unwrap();
}

fn check_manifest(folder: &Path, first: &Line) {
    let text = fs::read_to_string(folder.join("manifest.json")).unwrap();
    assert!(!text.contains("local-cloud-secret"), "{text}");
    let manifest: Experiment = serde_json::from_str(&text).unwrap();
    assert_eq!(*first, Line::Experiment(Box::new(manifest.clone())));
    assert_eq!(manifest.data_set.pictures, 24);
    let revision = option_env!("SOURCE_REVISION").map(str::to_owned);
    assert_eq!(manifest.environment.revision, revision);
    assert_eq!(manifest.function.as_ref().unwrap().revision, revision);
    assert_eq!(manifest.data_set.sha256.len(), 64);
    let expected = BTreeMap::from([
        (Mode::Parallel, manifest.in_flight[&Mode::Parallel]),
        (Mode::FanOut, 64),
    ]);
    assert_eq!(manifest.in_flight, expected);
    let (oldest, newest) = backfill::cost::Prices::of_this_version().dates();
    assert_eq!(manifest.prices, Some(format!("{oldest} to {newest}")));
    assert_eq!(
        manifest.memory_bytes,
        cos_thumbnails::process::budget_bytes()
    );
    assert!(manifest.function.is_some() && manifest.environment.processors > 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_would_touch_production_or_measure_something_else_is_refused_before_anything_is_sent()
{
    let laboratory = Laboratory::with(2).await;
    for (from, to, told) in [
        (
            "'experiments/small/'",
            "'thumbnails/x/'",
            "overlaps with \"thumbnails/\"",
        ),
        (
            "'experiments/small/'",
            "'images/x/'",
            "overlap: what is written",
        ),
        (
            "'experiments/small/'",
            "'other/'",
            "and failure records below \"experiments/small-failures/\", the experiment below \"other/\" and \"other-failures/\"",
        ),
        ("'paper'", "'default'", "the function's recipe is "),
        (
            "[2]",
            "[3]",
            "the greatest count is 3, and there are 2 originals",
        ),
        (
            "name",
            "nom",
            "is no experiment: TOML parse error at line 1",
        ),
    ] {
        let design = SMALL.replace("[2, 24]", "[2]").replace(from, to);
        let (code, text) = laboratory.run(&design).await;
        assert_eq!(code, Some(2), "{to}: {text}");
        assert!(text.contains(told), "{told}: {text}");
    }
    let line = laboratory.line(SMALL);
    let (without, _) = line.split_once(" --function").unwrap();
    let (code, text) = ended(&laboratory.cloud.store_config, without).await;
    assert_eq!(code, Some(2), "{text}");
    assert!(text.contains("the mode fan-out needs --function"), "{text}");
    assert!(!laboratory.runs().exists());
    laboratory.cloud.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_function_that_never_goes_is_not_cold_which_is_said_and_counted() {
    let laboratory = Laboratory::with(2).await;
    let design = SMALL.replace("[2, 24]", "[2]").replace("'parallel', ", "");
    let cold = format!("{design}temperature = 'cold'\ncold_after = '1ms'\ntries = 2\n");
    let (code, text) = laboratory.run(&cold).await;
    assert_eq!(code, Some(1), "{text}");
    let told = "fan-out of 2 pictures, repetition ";
    assert!(
        text.contains(told) && text.contains("could not be measured cold in 2 tries"),
        "{text}"
    );
    let lines = record(&laboratory.experiment());
    let all = samples(&lines);
    assert_eq!(all.len(), 2, "and no warm-up");
    assert!(
        all.iter()
            .all(|one| one.discarded == Some(Discarded::Temperature))
    );
    assert_eq!((all[0].attempt, all[1].attempt), (1, 2));
    // It may go on, and then tries as often again, by other numbers.
    let (code, text) = laboratory.resume().await;
    assert_eq!(code, Some(1), "{text}");
    let lines = record(&laboratory.experiment());
    let attempts: Vec<_> = samples(&lines).iter().map(|one| one.attempt).collect();
    assert_eq!(attempts, [1, 2, 3, 4]);
    fs::remove_dir_all(laboratory.runs()).unwrap();

    let (code, text) = laboratory
        .run(&format!("{design}temperature = 'warm'\n"))
        .await;
    assert_eq!(code, Some(0), "{text}");
    laboratory.cloud.stop().await.unwrap();
}
