//! Runs that are killed.

use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use backfill::record::{End, Line, Verdict};
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

/// A file that cannot grow beyond a size is a disk that is full there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_whose_disk_is_full_says_how_to_go_on() {
    let (server, config, _folder) = store_alone(20).await;
    let runs = tempfile::tempdir().unwrap();
    let args = format!("--mode sequential --journal {}", runs.path().display());
    let program = backfill(&config, &args);
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
    assert_eq!(output.status.code(), Some(1), "{text}");
    let folder = begun(runs.path()).unwrap();
    let hint = format!("backfill resume {}", folder.display());
    assert!(text.contains(&hint), "{text}");
    assert!(text.contains("the record could not be written"), "{text}");
    let (code, text) = ended(&config, &hint.replace("backfill ", "")).await;
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("20 of 20 pictures"), "{text}");
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
