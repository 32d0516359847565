//! The program: reads its command line and does what it says; selects, replays, records and reports.

use std::ffi::OsString;
use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use chrono::Utc;
use cos_thumbnails::events::Change;
use cos_thumbnails::process::Exit;
use cos_thumbnails::storage::{S3, Storage};
use futures_util::{Stream, StreamExt, TryStreamExt, future};
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

mod error;

pub use self::error::Error;
use crate::account::Account;
use crate::advice::{Advice, Advised, nothing_selected};
use crate::args::{self, Action, ArgsError, Settings, Way};
use crate::budget::{Watch, paced};
use crate::job;
use crate::journal::{self, Environment, Journal, Manifest};
use crate::originals::{self, Extent};
use crate::record::{self, Mode};
use crate::replay::{Replay, backoff, run_id};
use crate::selection::{self, Selected};
use crate::signals::Signals;
use crate::target::{Http, InProcess, Target, with_causes};
use crate::verify;
use crate::{estimate, experiment, explain, failures, offline, plan, prompt};

/// Some failed, or the store or the record did.
pub(crate) const FAILED: u8 = Exit::Failed.code();
/// The command line or the configuration is wrong.
const USAGE: u8 = Exit::Usage.code();
/// Ended by a budget.
const STOPPED: u8 = Exit::Left.code();
/// Ended by Ctrl-C or SIGTERM.
pub(crate) const INTERRUPTED: u8 = Exit::Interrupted.code();

/// How long one that was stopped asks whether there is another original: where few are wanted, or many are done, a
/// listing can be long until the next one.
const FOR_ANOTHER: Duration = Duration::from_secs(2);

pub(crate) const RECORD: &str = "the record could not be written";
pub(crate) const SIGNALS: &str = "signals could not be listened for";
pub(crate) const OUTPUT: &str = "standard output could not be written";

/// Runs `backfill` with these arguments, the program's name first. The summary goes to stdout,
/// everything else to stderr. It ends as [`Exit`] says; a rejected picture counts as handled, since trying again
/// cannot help.
pub async fn run(args: impl IntoIterator<Item = impl Into<OsString> + Clone>) -> ExitCode {
    let args: Vec<OsString> = args.into_iter().map(Into::into).collect();
    if let Some(command) = args::offline(&args) {
        return match offline::execute(&command, &mut io::stdout()) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("backfill: {}", with_causes(&error));
                ExitCode::from(FAILED)
            }
        };
    }
    let settings = match args::parse(args, |name| std::env::var(name).ok()) {
        Ok(settings) => settings,
        Err(ArgsError::Usage(error)) => {
            // Where even this cannot be printed there is nothing left to say.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(USAGE));
        }
        Err(ArgsError::Settings(mistakes)) => {
            eprintln!(
                "backfill: the configuration is wrong:\n{mistakes}\n`backfill --help` explains each"
            );
            return ExitCode::from(USAGE);
        }
        Err(error @ (ArgsError::Journal(_) | ArgsError::Offline)) => {
            eprintln!("backfill: {}", with_causes(&error));
            return ExitCode::from(USAGE);
        }
    };
    let code = match over_s3(&settings).await {
        Ok(code) => code,
        Err(error) => {
            Advice::new(&settings).tell(&error);
            error.exit_code()
        }
    };
    ExitCode::from(code)
}

async fn over_s3(settings: &Settings) -> Result<u8, Error> {
    let store = S3::new(&settings.config.store)?;
    execute(settings, Arc::new(store), &mut io::stdout()).await
}

/// What [`run`] does once the command line has a meaning, over any store. Gives the exit code.
///
/// It listens for Ctrl-C and SIGTERM while it sends.
///
/// # Errors
/// [`Error`], where there is no summary. A run that ends early has one, which says why.
pub async fn execute(
    settings: &Settings,
    store: Arc<dyn Storage>,
    out: &mut (impl Write + Send),
) -> Result<u8, Error> {
    match &settings.action {
        Action::Plan => {
            let selected = select(settings, &store).await?;
            plan::write(settings, selected, &store, out).await?;
            Ok(0)
        }
        Action::Run => match &settings.resume {
            None => begin(settings, store, out).await,
            Some(folder) => resume(settings, folder, store, out).await,
        },
        Action::Shard(shard) => job::run_shards(settings, shard, store, out).await,
        Action::Experiment(action) => experiment::run(settings, action, store, out).await,
        Action::Verify(verify) => verify::run(settings, verify, store, out).await,
        Action::Explain(explain) => explain::run(settings, explain, store, out).await,
        Action::Failures { retry } => failures::run(settings, *retry, store, out).await,
    }
}

/// Selects: as many as `--count` says, as the terminal answers, or all.
async fn select(settings: &Settings, store: &Arc<dyn Storage>) -> Result<Selected, Error> {
    let (selection, policy) = (&settings.selection, &settings.config.policy);
    let too_many = |flag, asked, max| {
        let prefix = policy.source_prefix().to_owned();
        Error::TooMany {
            flag,
            asked,
            max,
            prefix,
        }
    };
    let selected = selection.select(store, policy, verify::options()).await;
    let selected = selected.map_err(|error| match error {
        selection::Error::Sample { asked, max } => {
            if max == 0 {
                nothing_selected(settings);
            }
            too_many("--sample", asked, max)
        }
        error => error.into(),
    })?;
    let max = selected.extent().pictures;
    if max == 0 {
        nothing_selected(settings);
    }
    if let Some(count) = selection.count {
        return if max < count {
            Err(too_many("--count", count, max))
        } else {
            Ok(selected)
        };
    }
    let terminal = io::stdin().is_terminal() && io::stderr().is_terminal();
    if settings.action == Action::Plan || max == 0 || !terminal {
        return Ok(selected);
    }
    let answer = tokio::task::spawn_blocking(move || {
        prompt::ask(max, &mut io::stdin().lock(), &mut io::stderr())
    });
    let answer = answer.await.map_err(io::Error::other).flatten();
    let answer = answer.map_err(Error::io("the terminal could not be read"))?;
    let count = answer.ok_or(Error::NoCount)?;
    Ok(selected.first(count, store, policy).await?)
}

/// Begins a run.
async fn begin(
    settings: &Settings,
    store: Arc<dyn Storage>,
    out: &mut (impl Write + Send),
) -> Result<u8, Error> {
    let (run, begun) = (run_id(), Instant::now());
    if let Some(runs) = &settings.journal {
        Journal::check(runs, &run)?;
    }
    let selected = select(settings, &store).await?;
    let mut account = Account::begin(settings, run, selected.extent())?;
    account.begun = begun;
    if let Some(runs) = &settings.journal {
        let (originals, held, asked) = match &selected {
            Selected::Listed {
                last_key, objects, ..
            } => {
                let (last_key, objects) = (last_key.clone(), *objects);
                let listed = journal::Selection::Listed { last_key, objects };
                (listed, None, (0, 0))
            }
            Selected::Held {
                originals, asked, ..
            } => (journal::Selection::Held, Some(originals.as_slice()), *asked),
        };
        let manifest = Manifest {
            run: account.run.clone(),
            arguments: settings.given.arguments.clone(),
            variables: settings.given.variables.clone(),
            read: settings.given.at.into(),
            seed: settings.selection.seed,
            originals,
            asked,
            environment: Environment::here(),
        };
        account.keep(Journal::create(runs, &manifest, held)?);
    }
    account.selecting = selected.usage();
    let originals = selected.stream(&store, &settings.config.policy);
    replay(settings, store, account, (1, originals), out).await
}

/// Goes on with a run that ended early: with what is in its selection and has no outcome yet.
async fn resume(
    settings: &Settings,
    folder: &Path,
    store: Arc<dyn Storage>,
    out: &mut (impl Write + Send),
) -> Result<u8, Error> {
    if matches!(settings.way, Way::Job(_)) {
        return Err(Error::ResumedJob);
    }
    let manifest = Manifest::read(folder)?;
    let recipe = settings.config.policy.recipes().fingerprint();
    if recipe != manifest.run.recipe {
        let before = manifest.run.recipe;
        return Err(Error::AnotherRecipe { before, recipe });
    }
    let (mut account, before) = Account::resume(settings, folder, &manifest)?;
    let selected = match manifest.originals {
        journal::Selection::Held => Selected::Held {
            originals: before.held,
            memory_bytes: 0,
            asked: manifest.asked,
        },
        journal::Selection::Listed { last_key, objects } => Selected::Listed {
            filter: settings.selection.filter.clone(),
            extent: Extent {
                pictures: manifest.run.pictures,
                bytes: manifest.run.bytes,
            },
            last_key,
            objects,
        },
    };
    account.selecting = selected.sending();
    account.selected_before = selected.usage() + selected.sending().scaled(before.resumed.into());
    let done = before.done;
    let left = selected
        .stream(&store, &settings.config.policy)
        .try_filter(move |change| future::ready(!done.contains(&change.object.key)));
    replay(settings, store, account, (before.next, left), out).await
}

/// Replays originals, numbered from `first` on, and accounts for them.
pub(crate) async fn replay(
    settings: &Settings,
    store: Arc<dyn Storage>,
    mut account: Account,
    (first, originals): (
        u64,
        impl Stream<Item = Result<Change, originals::Error>> + Send,
    ),
    out: &mut (impl Write + Send),
) -> Result<u8, Error> {
    if let Way::Job(job) = &settings.way {
        return job::run_job(settings, job, store, account, originals, out).await;
    }
    let advice = Advice::new(settings);
    let target = target(settings, store)?;
    let replay = Replay {
        run: account.run.run.clone(),
        first,
        in_flight: settings.in_flight,
        retry: backoff(settings.retries),
        stop: CancellationToken::new(),
    };
    let give_up = CancellationToken::new();
    let signals = Signals::listen().map_err(Error::io(SIGNALS))?;
    let bar = account.progress.bar();
    let target = Advised::new(target, advice.clone(), bar.clone());
    let listener = tokio::spawn(signals.act(replay.stop.clone(), give_up.clone(), bar));
    let meter = estimate::meter(settings, &account.run, account.selecting.clone());
    let stop = replay.stop.clone();
    let spent = (meter, &settings.prices);
    let mut watch = Watch::new(&settings.budgets, account.begun, spent, stop);
    let (taken, mut done) = (AtomicU64::new(0), 0);
    let originals = originals.inspect(|_| {
        taken.fetch_add(1, Ordering::Relaxed);
    });
    let mut originals = std::pin::pin!(originals);
    let in_time = paced(originals.as_mut(), settings.budgets.rate);
    let replayed = replay.run(in_time, Arc::new(target), |picture| {
        done += 1;
        watch.add(&picture);
        account.add(picture)
    });
    let ended = tokio::select! {
        ended = replayed => Some(ended),
        () = give_up.cancelled() => None,
    };
    let none_left = match &ended {
        // Where it was stopped behind the last one, no one has asked yet whether there is another.
        Some(Ok(ended)) if ended.interrupted == 0 => {
            let all_done = done == taken.load(Ordering::Relaxed);
            let next = give_up.run_until_cancelled(timeout(FOR_ANOTHER, originals.next()));
            ended.all_sent || (all_done && matches!(next.await, Some(Ok(None))))
        }
        _ => false,
    };
    listener.abort();
    let (ended_early, code) = match &ended {
        None => (
            Some("interrupted twice: what was in flight is not counted".to_owned()),
            Some(INTERRUPTED),
        ),
        Some(Err(broken)) => (Some(with_causes(broken)), Some(FAILED)),
        Some(Ok(_)) => match watch.exhausted() {
            _ if none_left => (None, None),
            Some(budget) => (Some(budget.to_string()), Some(STOPPED)),
            None => (Some("interrupted".to_owned()), Some(INTERRUPTED)),
        },
    };
    let folder = account.folder().map(Path::to_owned);
    let code = account.end(ended_early, code, None, out);
    if let Some(Err(broken)) = &ended {
        advice.tell(broken);
    }
    if let Some(folder) = folder.filter(|_| !matches!(code, Ok(0))) {
        eprintln!(
            "backfill: to go on with what is left, and with what failed: backfill resume {}",
            folder.display()
        );
    }
    code
}

/// Where the events go.
pub(crate) fn target(
    settings: &Settings,
    store: Arc<dyn Storage>,
) -> Result<Arc<dyn Target>, Error> {
    Ok(match &settings.way {
        Way::Sequential | Way::Parallel => {
            let policy = settings.config.policy.clone();
            Arc::new(InProcess::within_memory(store, policy))
        }
        Way::FanOut { .. } | Way::Job(_) => Arc::new(function(settings)?),
    })
}

/// The function of a fan-out.
pub(crate) fn function(settings: &Settings) -> Result<Http, Error> {
    match &settings.way {
        Way::FanOut {
            function: Some(function),
            secret,
            timeout,
        } => Ok(Http::new(function.clone(), secret.clone(), *timeout)?),
        _ => Err(Error::NoFunction),
    }
}

/// The first line of the record of the run with this id.
pub(crate) fn header(settings: &Settings, run: String, extent: Extent) -> record::Run {
    let started = Utc::now();
    let recipes = settings.config.policy.recipes();
    let each = recipes
        .rules()
        .iter()
        .map(|rule| rule.recipe().fingerprint());
    record::Run {
        run,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        mode: settings.way.mode(),
        pictures: extent.pictures,
        bytes: extent.bytes,
        in_flight: settings.in_flight,
        recipe: recipes.fingerprint(),
        recipes: each.filter(|one| *one != recipes.fingerprint()).collect(),
        function: match &settings.way {
            Way::FanOut { function, .. } => function.as_ref().map(ToString::to_string),
            Way::Sequential | Way::Parallel | Way::Job(_) => None,
        },
        job: match &settings.way {
            Way::Job(job) => Some(job.name.clone()),
            _ => None,
        },
        endpoint: Some(settings.config.store.endpoint.clone()),
        instance: (settings.way.mode() == Mode::FanOut).then_some(settings.application.size),
        started,
    }
}
