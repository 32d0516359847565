//! The program: reads its command line and does what it says; selects, replays, records and reports.

use std::ffi::OsString;
use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use chrono::Utc;
use cos_thumbnails::events::Change;
use cos_thumbnails::object::Key;
use cos_thumbnails::process::Exit;
use cos_thumbnails::storage::{self, ConfigError, S3, Storage};
use futures_util::{Stream, TryStreamExt, future};
use tokio_util::sync::CancellationToken;

use crate::account::Account;
use crate::advice::{Advice, Advised, nothing_selected};
use crate::args::{self, Action, ArgsError, Settings, Way};
use crate::budget::{Watch, paced};
use crate::job::{self, JobError};
use crate::journal::{self, Environment, Journal, JournalError, Manifest};
use crate::originals::{self, Extent};
use crate::record::{self, Writer};
use crate::replay::{Replay, backoff, run_id};
use crate::selection::{self, Selected};
use crate::signals::Signals;
use crate::target::{Http, HttpError, InProcess, Target, TargetError, with_causes};
use crate::verify::{self, Refused};
use crate::{audit, estimate, experiment, explain, failures, offline, plan, prompt};

/// Some failed, or the store or the record did.
pub(crate) const FAILED: u8 = Exit::Failed.code();
/// The command line or the configuration is wrong.
const USAGE: u8 = Exit::Usage.code();
/// Ended by a budget.
const STOPPED: u8 = Exit::Left.code();
/// Ended by Ctrl-C or SIGTERM.
pub(crate) const INTERRUPTED: u8 = Exit::Interrupted.code();

/// Why a run came to no summary.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The originals could not be selected.
    #[error(transparent)]
    Selection(#[from] selection::Error),
    /// The originals could not be counted.
    #[error(transparent)]
    Originals(#[from] originals::Error),
    /// The run's folder.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// It was by a job.
    #[error(
        "the run was by a job, whose instances go on without this program; for what is left begin a run \
         with --only missing"
    )]
    ResumedJob,
    /// A run of two recipes would not be one.
    #[error(
        "the run was begun by recipe {before}, and here it is {recipe}: give the same settings, or begin \
         another run"
    )]
    AnotherRecipe {
        /// The run's fingerprint.
        before: String,
        /// That of the settings.
        recipe: String,
    },
    /// The store's settings cannot be right.
    #[error(transparent)]
    Store(#[from] ConfigError),
    /// The plan could not be shown.
    #[error(transparent)]
    Plan(#[from] plan::PlanError),
    /// The client for the function could not be built.
    #[error(transparent)]
    Function(#[from] HttpError),
    /// The bucket could not be looked at.
    #[error(transparent)]
    Audit(#[from] audit::Error),
    /// Nothing was mended.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// An experiment was not begun, or ended early.
    #[error(transparent)]
    Experiment(#[from] experiment::Error),
    /// A fan-out by a job could not be done.
    #[error(transparent)]
    Job(#[from] JobError),
    /// The function could not be asked how it makes thumbnails.
    #[error("the function could not be asked for its recipe")]
    Version(#[source] TargetError),
    /// What has no original could not be removed.
    #[error("{key} could not be removed")]
    Remove {
        /// The key.
        key: Key,
        /// The cause.
        source: storage::Error,
    },
    /// Fan-out needs to know where to.
    #[error("--mode fan-out needs --function")]
    NoFunction,
    /// More were asked for than there are. A run of fewer would not be the one that was meant.
    #[error(
        "--count {count} is more than there are: {max} originals under {prefix:?} are selected"
    )]
    TooMany {
        /// How many were asked for.
        count: u64,
        /// How many are selected but for that.
        max: u64,
        /// Where.
        prefix: String,
    },
    /// The question on the terminal was not answered.
    #[error("no number of pictures was given")]
    NoCount,
    /// The record file cannot be made, or exists.
    #[error("{path:?} could not be made for the record")]
    Record {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// Input or output of this process failed.
    #[error("{what}")]
    Io {
        /// What could not be done.
        what: &'static str,
        /// The cause.
        source: io::Error,
    },
}

pub(crate) const RECORD: &str = "the record could not be written";
pub(crate) const SIGNALS: &str = "signals could not be listened for";
pub(crate) const OUTPUT: &str = "standard output could not be written";

impl Error {
    pub(crate) fn io(what: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { what, source }
    }

    /// Begins a record file.
    pub(crate) fn begin(path: &Path) -> Result<Writer, Self> {
        Writer::create(path).map_err(|source| Self::Record {
            path: path.to_owned(),
            source,
        })
    }

    pub(crate) fn exit_code(&self) -> u8 {
        match self {
            Self::Experiment(error) if !error.is_usage() => FAILED,
            Self::Journal(error) if error.is_of_disk() => FAILED,
            Self::Refused(_)
            | Self::Experiment(_)
            | Self::Store(_)
            | Self::TooMany { .. }
            | Self::NoCount
            | Self::NoFunction
            | Self::Journal(_)
            | Self::ResumedJob
            | Self::AnotherRecipe { .. }
            | Self::Record { .. } => USAGE,
            Self::Selection(_)
            | Self::Originals(_)
            | Self::Plan(_)
            | Self::Audit(_)
            | Self::Version(_)
            | Self::Remove { .. }
            | Self::Job(_)
            | Self::Function(_)
            | Self::Io { .. } => FAILED,
        }
    }
}

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
    let selected = selection.select(store, policy, verify::options()).await?;
    let max = selected.extent().pictures;
    if max == 0 {
        nothing_selected(settings);
    }
    if let Some(count) = selection.count {
        return if max < count {
            let prefix = policy.source_prefix().to_owned();
            Err(Error::TooMany { count, max, prefix })
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
    let run = run_id();
    if let Some(runs) = &settings.journal {
        Journal::check(runs, &run)?;
    }
    let selected = select(settings, &store).await?;
    let mut account = Account::begin(settings, run, selected.extent())?;
    if let Some(runs) = &settings.journal {
        let (originals, held) = match &selected {
            Selected::Listed {
                last_key, objects, ..
            } => {
                let (last_key, objects) = (last_key.clone(), *objects);
                (journal::Selection::Listed { last_key, objects }, None)
            }
            Selected::Held { originals, .. } => {
                (journal::Selection::Held, Some(originals.as_slice()))
            }
        };
        let manifest = Manifest {
            run: account.run.clone(),
            arguments: settings.given.arguments.clone(),
            variables: settings.given.variables.clone(),
            read: settings.given.at.into(),
            seed: settings.selection.seed,
            originals,
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
            asked: (0, 0),
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
    // What it took to select them was paid for when the run was begun.
    account.selecting = selected.sending();
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
    let mut watch = Watch::new(&settings.budgets, (meter, &settings.prices), stop);
    let originals = paced(originals, settings.budgets.rate);
    let replayed = replay.run(originals, Arc::new(target), |picture| {
        watch.add(&picture);
        account.add(picture)
    });
    let ended = tokio::select! {
        ended = replayed => Some(ended),
        () = give_up.cancelled() => None,
    };
    listener.abort();
    let (ended_early, code) = match &ended {
        None => (
            Some("interrupted twice: what was in flight is not counted".to_owned()),
            Some(INTERRUPTED),
        ),
        Some(Err(broken)) => (Some(with_causes(broken)), Some(FAILED)),
        Some(Ok(ended)) => {
            let none_left = ended.all_sent || account.is_complete();
            match watch.exhausted() {
                _ if none_left && ended.interrupted == 0 => (None, None),
                Some(budget) => (Some(budget.to_string()), Some(STOPPED)),
                None => (Some("interrupted".to_owned()), Some(INTERRUPTED)),
            }
        }
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
        started,
    }
}
