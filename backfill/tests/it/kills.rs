//! Runs that are killed.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use backfill::record::{End, Line, Verdict, experiment};
use cos_thumbnails::storage::S3Config;

use crate::cloud::{backfill, ended, store_alone};
use crate::journal::{folders, outcomes, record};

const PICTURES: u16 = 100;
const IN_FLIGHT: usize = 4;
const KILLS: usize = 100;
const SIGKILL: i32 = 9;

fn start(config: &S3Config, args: &str) -> Child {
    let mut command = backfill(config, args);
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().unwrap()
}

/// The folder of the run that goes on, if one was begun: a run can be gone on with once it has a manifest.
fn begun(runs: &Path) -> Option<std::path::PathBuf> {
    let mut begun = folders(runs).into_iter();
    begun.find(|folder| folder.join("manifest.json").exists())
}

/// Runs are killed a hundred times at random moments, and gone on with until they are complete. Nothing is
/// lost, and what is done again was in flight.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn case_23_a_run_that_is_killed_loses_nothing_and_repeats_what_was_in_flight() {
    let (server, config, _folder) = store_alone(PICTURES).await;
    let mut random = fastrand::Rng::with_seed(7);
    let (mut kills, mut runs_done, mut resumes) = (0, 0, 0);
    while kills < KILLS {
        let runs = tempfile::tempdir().unwrap();
        let args = format!(
            "--mode parallel --in-flight {IN_FLIGHT} --journal {}",
            runs.path().display()
        );
        let mut kills_here = 0;
        let folder = loop {
            let folder = begun(runs.path());
            let args = match &folder {
                Some(folder) => format!("resume {}", folder.display()),
                None => args.clone(),
            };
            resumes += usize::from(folder.is_some());
            // The last ones of all are left to come to their end.
            if kills + kills_here >= KILLS {
                let (code, text) = ended(&config, &args).await;
                assert_eq!(code, Some(0), "{text}");
                break begun(runs.path()).unwrap();
            }
            let mut child = start(&config, &args);
            tokio::time::sleep(Duration::from_micros(random.u64(..250_000))).await;
            child.kill().unwrap();
            let status = child.wait().unwrap();
            if status.signal() != Some(SIGKILL) {
                // It came to its end before.
                assert!(status.success(), "{status}");
                break begun(runs.path()).unwrap();
            }
            kills_here += 1;
        };
        kills += kills_here;
        runs_done += 1;

        let outcomes = outcomes(&folder);
        assert_eq!(outcomes.len(), usize::from(PICTURES), "none is lost");
        assert!(outcomes.values().all(|&times| times == 1), "{outcomes:?}");
        let again = record(&folder).into_iter().filter(is_duplicate).count();
        assert!(
            again <= kills_here * IN_FLIGHT,
            "{again} done again after {kills_here} kills"
        );
    }
    println!("{kills} kills of {runs_done} runs, {resumes} times gone on");
    assert!(
        resumes > KILLS / 4,
        "{resumes} of {kills} were gone on with"
    );
    server.stop().await;
}

/// The command, with files that cannot grow beyond 8 KiB: a disk that is full there.
async fn on_a_full_disk(config: &S3Config, args: &str) -> (Option<i32>, String) {
    let program = backfill(config, args);
    let mut limited = Command::new("bash");
    limited
        .args(["-c", "trap '' XFSZ; ulimit -f 8; exec \"$0\" \"$@\""])
        .arg(program.get_program())
        .args(program.get_args())
        .env_clear()
        .envs(
            program
                .get_envs()
                .filter_map(|(name, value)| Some((name, value?))),
        )
        .stdin(Stdio::null());
    let output = tokio::task::spawn_blocking(move || limited.output());
    let output = output.await.unwrap().unwrap();
    let text = String::from_utf8(output.stderr).unwrap();
    (output.status.code(), text)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_whose_disk_is_full_says_how_to_go_on() {
    let (server, config, _folder) = store_alone(20).await;
    let runs = tempfile::tempdir().unwrap();
    let args = format!("--mode sequential --journal {}", runs.path().display());
    let (code, text) = on_a_full_disk(&config, &args).await;
    assert_eq!(code, Some(1), "{text}");
    let folder = begun(runs.path()).unwrap();
    let hint = format!("backfill resume {}", folder.display());
    assert!(text.contains(&hint), "{text}");
    assert!(text.contains("the record could not be written"), "{text}");
    let (code, text) = ended(&config, &hint.replace("backfill ", "")).await;
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("20 of 20 pictures"), "{text}");
    server.stop().await;
}

/// The command line of an experiment of so many samples, which needs no function.
fn experiment_of(folder: &Path, repetitions: usize) -> String {
    let design = format!(
        "name = 'killed'\nmodes = ['sequential', 'parallel']\ncounts = [2, 4]\nrepetitions = {repetitions}\n\
         output_prefix = 'experiments/killed/'\n"
    );
    let file = folder.join("design.toml");
    fs::write(&file, design).unwrap();
    let runs = folder.join("runs");
    fs::create_dir_all(&runs).unwrap();
    format!(
        "experiment run {} --journal {}",
        file.display(),
        runs.display()
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_experiment_whose_disk_is_full_says_how_to_go_on() {
    let (server, config, _folder) = store_alone(4).await;
    let folder = tempfile::tempdir().unwrap();
    let (code, text) = on_a_full_disk(&config, &experiment_of(folder.path(), 3)).await;
    assert_eq!(code, Some(1), "{text}");
    let begun = begun(&folder.path().join("runs")).unwrap();
    let hint = format!("backfill experiment resume {}", begun.display());
    assert!(text.contains(&hint), "{text}");
    assert!(
        text.contains("could not be written") && !text.contains("--no-journal"),
        "{text}"
    );
    let (code, text) = ended(&config, &hint.replace("backfill ", "")).await;
    assert_eq!(code, Some(0), "{text}");
    server.stop().await;
}

/// An experiment is killed at random moments, and gone on with until it is complete: each sample is there once, with all
/// of its calls.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_experiment_that_is_killed_takes_each_sample_once() {
    const REPETITIONS: usize = 5;
    let (server, config, _folder) = store_alone(4).await;
    let folder = tempfile::tempdir().unwrap();
    let (first, runs) = (
        experiment_of(folder.path(), REPETITIONS),
        folder.path().join("runs"),
    );
    let mut random = fastrand::Rng::with_seed(11);
    let (mut kills_of_begun, mut longest) = (0, Duration::from_millis(150));
    let begun = loop {
        let before = begun(&runs);
        // From the fifteenth kill on it is left to come to its end.
        if let Some(begun) = before.as_ref().filter(|_| kills_of_begun >= 15) {
            let (code, text) =
                ended(&config, &format!("experiment resume {}", begun.display())).await;
            assert_eq!(code, Some(0), "{text}");
            break begun.clone();
        }
        let args = match &before {
            Some(folder) => format!("experiment resume {}", folder.display()),
            None => first.clone(),
        };
        if before.is_none() {
            // A machine that needs longer to begin is given longer.
            longest = longest * 5 / 4;
            assert!(
                longest < Duration::from_mins(1),
                "nothing is begun in {longest:?}"
            );
        }
        let mut child = start(&config, &args);
        tokio::time::sleep(longest.mul_f64(random.f64())).await;
        child.kill().unwrap();
        if child.wait().unwrap().signal() != Some(SIGKILL) {
            break begun(&runs).unwrap();
        }
        kills_of_begun += usize::from(before.is_some());
    };
    assert!(kills_of_begun > 2, "{kills_of_begun}");
    let text = fs::read_to_string(begun.join("record.ndjson")).unwrap();
    let (mut counted, mut calls, mut ends) = (BTreeSet::new(), 0, 0);
    for line in text.lines() {
        match serde_json::from_str(line).unwrap() {
            experiment::Line::Call(_) => calls += 1,
            experiment::Line::Sample(sample) if sample.discarded.is_none() => {
                assert_eq!(calls, sample.count, "{sample:?}");
                let cell = (sample.mode, sample.count, sample.repetition);
                assert!(counted.insert(cell), "{cell:?} twice");
                calls = 0;
            }
            experiment::Line::Ended(_) => ends += 1,
            _ => assert_eq!(calls, 0),
        }
    }
    assert_eq!((counted.len(), ends), (4 * REPETITIONS, 1));
    server.stop().await;
}

/// Whether a picture was made by the run before, and not written down.
fn is_duplicate(line: &Line) -> bool {
    match line {
        Line::Picture(picture) => {
            matches!(&picture.end, End::Outcome(outcome) if outcome.verdict == Verdict::Duplicate)
        }
        _ => false,
    }
}
