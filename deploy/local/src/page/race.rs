//! The race: the three modes, one after another over the same originals of the bucket, so that none takes the
//! processors from another.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use backfill::filter::Filter;
use backfill::originals::originals;
use backfill::record::End;
use backfill::replay::{backoff, run_id};
use backfill::target::{FunctionUrl, Http, InProcess, Secret, with_causes};
use backfill::{Replay, Target};
use cos_thumbnails::events::Change;
use cos_thumbnails::outcome::{Outcome, Verdict};
use cos_thumbnails::plan::Policy;
use cos_thumbnails::storage::{S3, S3Config, Storage};
use futures_util::{StreamExt, TryStreamExt, stream};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::board::{Board, Lane, RaceState};

/// The most pictures of one race.
pub(super) const MOST: usize = 1000;
/// How often one picture is tried again where that can help.
const RETRIES: usize = 5;
/// One request to the function, as `backfill` has it.
const TIMEOUT: Duration = Duration::from_mins(5);
/// What `backfill` has in flight over HTTP.
const OVER_HTTP: usize = 64;

type Failed = Box<dyn std::error::Error + Send + Sync>;

/// Over what it goes.
#[derive(Debug, Clone)]
pub(super) struct Course {
    pub(super) store: S3Config,
    pub(super) policy: Policy,
    pub(super) function_url: String,
    pub(super) bearer: Option<String>,
}

/// One race at a time.
#[derive(Debug)]
pub(super) struct Races {
    course: Course,
    board: Arc<Board>,
    running: Mutex<Option<(CancellationToken, JoinHandle<()>)>>,
}

impl Races {
    pub(super) fn new(course: Course, board: Arc<Board>) -> Self {
        Self {
            course,
            board,
            running: Mutex::default(),
        }
    }

    /// Starts one over so many originals at most, unless one is running. Says whether it did.
    pub(super) fn start(&self, pictures: usize) -> bool {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        if running
            .as_ref()
            .is_some_and(|(_, race)| !race.is_finished())
        {
            return false;
        }
        let stop = CancellationToken::new();
        let race = Race {
            course: self.course.clone(),
            board: Arc::clone(&self.board),
            stop: stop.clone(),
        };
        *running = Some((stop, tokio::spawn(race.run(pictures.min(MOST)))));
        true
    }

    /// Ends the one that is running: what is in flight comes to its end.
    pub(super) fn stop(&self) {
        let running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((stop, _)) = &*running {
            stop.cancel();
        }
    }
}

/// Nothing goes on without its page.
impl Drop for Races {
    fn drop(&mut self) {
        let running = self
            .running
            .get_mut()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some((_, race)) = running.take() {
            race.abort();
        }
    }
}

struct Race {
    course: Course,
    board: Arc<Board>,
    stop: CancellationToken,
}

impl Race {
    async fn run(self, pictures: usize) {
        self.board.race(|race, lanes| {
            *race = RaceState {
                is_running: true,
                ..RaceState::default()
            };
            lanes.clear();
        });
        let ended = self.all(pictures).await;
        self.board.race(|race, _| {
            race.is_running = false;
            race.failure = match ended {
                Err(error) => Some(with_causes(&*error)),
                Ok(()) if self.stop.is_cancelled() => Some("stopped".to_owned()),
                Ok(()) => None,
            };
        });
    }

    async fn all(&self, pictures: usize) -> Result<(), Failed> {
        let Course { policy, .. } = &self.course;
        let store: Arc<dyn Storage> = Arc::new(S3::new(&self.course.store)?);
        let listing = originals(Arc::clone(&store), policy.clone(), Filter::default());
        let changes: Vec<Change> = listing.take(pictures).try_collect().await?;
        if changes.is_empty() {
            return Err(format!(
                "there is nothing below {}: upload some pictures first",
                policy.source_prefix()
            )
            .into());
        }
        let here: Arc<dyn Target> = Arc::new(InProcess::within_memory(store, policy.clone()));
        let function: FunctionUrl = self.course.function_url.parse()?;
        let bearer = self.course.bearer.as_deref().and_then(Secret::new);
        let there: Arc<dyn Target> = Arc::new(Http::new(function, bearer, TIMEOUT)?);
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        let modes = [
            ("sequential", 1, Arc::clone(&here)),
            ("parallel", 4 * processors, here),
            ("fan-out", OVER_HTTP, there),
        ];
        self.board.race(|race, lanes| {
            race.pictures = changes.len();
            lanes.extend(modes.iter().map(|&(mode, in_flight, _)| Lane {
                mode,
                in_flight,
                state: "waits",
                ended_us: Vec::new(),
                not_made: 0,
                why: None,
            }));
        });
        for (lane, (_, in_flight, target)) in modes.into_iter().enumerate() {
            if self.stop.is_cancelled() {
                break;
            }
            self.is(lane, "runs");
            let replay = Replay {
                run: run_id(),
                first: 1,
                in_flight,
                retry: backoff(RETRIES),
                stop: self.stop.clone(),
            };
            let changes = stream::iter(changes.clone().into_iter().map(Ok));
            let ended = replay.run(changes, target, |picture| {
                let made = match &picture.end {
                    End::Outcome(outcome) if outcome.verdict == Verdict::Made => Ok(()),
                    End::Outcome(outcome) => Err(unmade(outcome)),
                    End::Error(error) => Err(error.clone()),
                };
                self.board.lap(lane, picture.finished_us, made);
                Ok::<_, io::Error>(())
            });
            ended.await?;
            self.is(
                lane,
                if self.stop.is_cancelled() {
                    "stopped"
                } else {
                    "done"
                },
            );
        }
        Ok(())
    }

    fn is(&self, lane: usize, state: &'static str) {
        self.board.race(|_, lanes| {
            if let Some(lane) = lanes.get_mut(lane) {
                lane.state = state;
            }
        });
    }
}

/// Why nothing was made.
fn unmade(outcome: &Outcome) -> String {
    let verdict = outcome.verdict;
    let reason = outcome.reason.map(|reason| {
        let words = reason.to_string().replace('_', " ");
        format!("{verdict}: {words}")
    });
    reason.unwrap_or_else(|| verdict.to_string())
}
