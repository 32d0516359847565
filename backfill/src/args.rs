//! The command line, in two steps: what was written (`Flags`, by clap), then what it means
//! ([`Settings`]), with every mistake at once.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::num::NonZeroU64;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use clap::{ArgMatches, CommandFactory, FromArgMatches};
use cos_thumbnails::config::{Config, Mistake, Mistakes, PORT, VARIABLES, Variable};

use self::job::JobFlags;
use self::written::{Cli, Flags, JOURNAL, Sending, Subcommands};
use crate::budget::Budgets;
use crate::cost::{Application, Prices};
use crate::journal::JournalError;
use crate::record::Mode;
use crate::selection::Selection;
use crate::target::{FunctionUrl, Secret};

mod application;
mod audit;
mod examples;
mod experiment;
mod flags;
mod job;
mod offline;
mod prices;
mod resume;
mod selection;
mod written;

pub use self::audit::{Explain, Repair, Verify};
pub use self::experiment::ExperimentAction;
use self::experiment::ExperimentFlags;
pub(crate) use self::job::MAX_SHARDS;
pub use self::job::{JOB_VARIABLES, Job, Shard};
pub use self::offline::{Compare, Completions, Offline, Report, offline};
pub use self::prices::ReadPricesError;
pub(crate) use self::prices::read_prices;

/// How many requests fan-out has in flight unless told otherwise.
const FAN_OUT_IN_FLIGHT: usize = 64;

/// How many pictures per core parallel has in flight unless told otherwise: each waits for the
/// store most of its time, and the flow itself keeps only as many in work as there are cores.
const IN_FLIGHT_PER_CORE: usize = 4;

/// The secret shared with the function; not needed where the function is on loopback.
pub const BACKFILL_SECRET: Variable = Variable {
    name: "BACKFILL_SECRET",
    fallback: None,
    default: None,
    secret: true,
    help: "secret shared with the function, for fan-out: lets thumbnails that stand be made anew",
};

/// What a command line means.
#[derive(Debug)]
pub struct Settings {
    /// What to do.
    pub action: Action,
    /// Store, bucket, prefixes, recipe.
    pub config: Config,
    /// Which originals a run takes.
    pub selection: Selection,
    /// What ends a run early.
    pub budgets: Budgets,
    /// What things cost.
    pub prices: Prices,
    /// How the function's application, or the job, is set up, as far as it is billed.
    pub application: Application,
    /// The record, or its folder, of the run by whose rates a plan goes.
    pub measured: Option<PathBuf>,
    /// Below which folder a run is kept, if it is.
    pub journal: Option<PathBuf>,
    /// The folder of the run to go on with, if it is not a new one.
    pub resume: Option<PathBuf>,
    /// What was given, to give it again.
    pub given: Given,
    /// How.
    pub way: Way,
    /// Events under way at once.
    pub in_flight: usize,
    /// Times that a picture is tried again.
    pub retries: usize,
    /// The record file.
    pub record: Option<PathBuf>,
    /// JSON rather than text for people.
    pub json: bool,
}

/// A command line and its environment, without secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Given {
    /// The command line, without the program's name.
    pub arguments: Vec<String>,
    /// The settings that the environment gave.
    pub variables: BTreeMap<String, String>,
    /// When they were read, from which durations go back.
    pub at: SystemTime,
}

/// What to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Replay.
    Run,
    /// Show what would be done.
    Plan,
    /// Audit the bucket.
    Verify(Verify),
    /// Explain one key.
    Explain(Explain),
    /// Measure.
    Experiment(ExperimentAction),
    /// List the failure records.
    Failures {
        /// Replay what they are of.
        retry: bool,
    },
    /// Do the shards of one instance of a job.
    Shard(Shard),
}

/// The mode with what it needs.
#[derive(Debug, Clone)]
pub enum Way {
    /// In this process, one after another.
    Sequential,
    /// In this process, on all cores.
    Parallel,
    /// Over HTTP.
    FanOut {
        /// Where to. Absent only in a plan.
        function: Option<FunctionUrl>,
        /// The secret shared with it.
        secret: Option<Secret>,
        /// How long to wait for each answer.
        timeout: Duration,
    },
    /// By the instances of a Code Engine job.
    Job(Box<Job>),
}

impl Way {
    /// The mode.
    #[must_use]
    pub fn mode(&self) -> Mode {
        match self {
            Self::Sequential => Mode::Sequential,
            Self::Parallel => Mode::Parallel,
            Self::FanOut { .. } | Self::Job(_) => Mode::FanOut,
        }
    }
}

/// Why a command line has no meaning.
#[derive(Debug, thiserror::Error)]
pub enum ArgsError {
    /// A flag that is none, or `--help`: clap knows what to print.
    #[error(transparent)]
    Usage(#[from] clap::Error),
    /// Settings that are missing or wrong, all of them.
    #[error("{0}")]
    Settings(Mistakes),
    /// The folder of a run to go on with.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// A command without settings: see [`offline()`].
    #[error("report, compare and completions have no settings")]
    Offline,
}

/// Reads a command line (with the program's name first) and, where a flag does not say it, the
/// environment by `env`.
///
/// # Errors
/// [`ArgsError`]; it shows no secret.
pub fn parse(
    args: impl IntoIterator<Item = impl Into<OsString> + Clone>,
    env: impl Fn(&str) -> Option<String>,
) -> Result<Settings, ArgsError> {
    let arguments: Vec<OsString> = args.into_iter().map(Into::into).collect();
    let matches = flags::command(Cli::command()).try_get_matches_from(&arguments)?;
    let cli = Cli::from_arg_matches(&matches)?;
    let of_action = innermost(&matches);
    let now = SystemTime::now();
    let written = arguments.get(1..).unwrap_or_default();
    let given = Given::new(written, cli.function(), &env, now);
    let mut mistakes = Vec::new();
    let asked = match cli.action {
        Some(Subcommands::Resume(flags)) => return resume::settings(flags, of_action, &env),
        None => Asked::run(Action::Run, cli.flags, (of_action, now), &mut mistakes),
        Some(Subcommands::Plan(flags)) => {
            let (measured, flags) = (flags.measured, flags.run);
            Asked {
                measured,
                ..Asked::run(Action::Plan, flags, (of_action, now), &mut mistakes)
            }
        }
        Some(Subcommands::Verify(flags)) => Asked {
            record: flags.record.clone(),
            json: flags.json,
            ..Asked::new(Action::Verify(flags.verify()), flags.sending)
        },
        Some(Subcommands::Explain(flags)) => Asked {
            json: flags.json,
            ..Asked::new(Action::Explain(flags.explain()), Sending::default())
        },
        Some(Subcommands::Experiment(ExperimentFlags::Resume(flags))) => {
            return resume::experiment(flags, of_action, &env);
        }
        Some(Subcommands::Experiment(ExperimentFlags::Run(flags))) => {
            let application = flags.application.application(&mut mistakes);
            let (action, sending) = flags.asked();
            Asked {
                application,
                ..Asked::new(Action::Experiment(action), sending)
            }
        }
        Some(Subcommands::Report(_) | Subcommands::Compare(_) | Subcommands::Completions(_)) => {
            return Err(ArgsError::Offline);
        }
        Some(Subcommands::Failures(flags)) => Asked {
            record: flags.record,
            json: flags.json,
            ..Asked::new(Action::Failures { retry: flags.retry }, flags.sending)
        },
        Some(Subcommands::Shard(flags)) => {
            let shard = flags.shard(&env);
            let shard = shard.map_err(|mistakes| ArgsError::Settings(Mistakes::new(mistakes)))?;
            let sending = Sending {
                in_flight: flags.in_flight,
                retries: flags.retries,
                ..Sending::default()
            };
            Asked::new(Action::Shard(shard), sending)
        }
    };
    let lookup = |name: &str| flags::value(of_action, name).or_else(|| env(name));
    checked(asked, mistakes, lookup, given)
}

/// All settings with what was given, or all mistakes.
fn checked(
    asked: Asked,
    mut mistakes: Vec<Mistake>,
    lookup: impl Fn(&str) -> Option<String>,
    given: Given,
) -> Result<Settings, ArgsError> {
    match settings(asked, lookup, given) {
        Ok(settings) if mistakes.is_empty() => Ok(settings),
        ended => {
            mistakes.extend(ended.err().into_iter().flatten());
            Err(ArgsError::Settings(Mistakes::new(mistakes)))
        }
    }
}

/// All settings, those of jobs included.
fn variables() -> impl Iterator<Item = &'static Variable> {
    let own = [&BACKFILL_SECRET];
    VARIABLES.iter().chain(&JOB_VARIABLES).chain(own)
}

/// What was written behind the last command.
fn innermost(mut matches: &ArgMatches) -> &ArgMatches {
    while let Some((_, inner)) = matches.subcommand() {
        matches = inner;
    }
    matches
}

/// What all commands have in common.
struct Asked {
    action: Action,
    mode: Mode,
    sending: Sending,
    job: JobFlags,
    selection: Selection,
    budgets: Budgets,
    prices: Option<Prices>,
    application: Application,
    measured: Option<PathBuf>,
    journal: Option<PathBuf>,
    record: Option<PathBuf>,
    json: bool,
}

impl Asked {
    fn new(action: Action, sending: Sending) -> Self {
        Self {
            action,
            mode: sending.mode(),
            sending,
            job: JobFlags::default(),
            selection: Selection::default(),
            budgets: Budgets::default(),
            prices: None,
            application: Application::default(),
            measured: None,
            journal: None,
            record: None,
            json: false,
        }
    }

    fn run(
        action: Action,
        flags: Flags,
        (matches, now): (&ArgMatches, SystemTime),
        mistakes: &mut Vec<Mistake>,
    ) -> Self {
        let count = flags.count.map(NonZeroU64::get);
        let of_job = flags.job.job.is_some();
        mistakes.extend(flags.budgets.mistakes(of_job));
        // An instance of a job, which starts others, has no disk.
        let journal = (!of_job).then(|| PathBuf::from(JOURNAL));
        Self {
            mode: flags.mode,
            job: flags.job,
            selection: flags.selection.selection(count, matches, now, mistakes),
            budgets: flags.budgets.budgets(),
            prices: flags.budgets.prices(mistakes),
            application: flags.application.application(mistakes),
            journal: flags.journal.or(journal).filter(|_| !flags.no_journal),
            record: flags.record,
            json: flags.json,
            ..Self::new(action, flags.sending)
        }
    }
}

fn settings(
    asked: Asked,
    lookup: impl Fn(&str) -> Option<String>,
    given: Given,
) -> Result<Settings, Vec<Mistake>> {
    let Asked {
        action,
        mode,
        sending,
        job,
        ..
    } = asked;
    // The port is the function's; a backfill that runs beside it does not stumble over it.
    let config = Config::from_lookup(|name| lookup(name).filter(|_| name != PORT.name));
    let (config, mut mistakes) = match config {
        Ok(config) => (Some(config), Vec::new()),
        Err(mistakes) => (None, mistakes.as_slice().to_vec()),
    };
    let by_job = job.job.is_some();
    let job = job.job(config.as_ref(), &lookup).unwrap_or_else(|of_job| {
        mistakes.extend(of_job);
        None
    });
    let mut mistake = |variable, problem: String| mistakes.push(Mistake { variable, problem });

    let function_given = sending.function.is_some();
    let function = sending.function.and_then(|text| {
        let url = text.parse::<FunctionUrl>();
        url.map_err(|error| {
            mistake(
                "--function",
                format!("{error}, such as http://127.0.0.1:8080"),
            );
        })
        .ok()
    });
    let way = match mode {
        Mode::Sequential => Way::Sequential,
        Mode::Parallel => Way::Parallel,
        Mode::FanOut if by_job => job.map_or(Way::Parallel, |job| Way::Job(Box::new(job))),
        Mode::FanOut => {
            let secret = lookup(BACKFILL_SECRET.name).filter(|secret| !secret.is_empty());
            let secret = secret.and_then(|secret| {
                let secret = Secret::new(&secret);
                if secret.is_none() {
                    mistake(
                        BACKFILL_SECRET.name,
                        "holds what no HTTP header can carry".into(),
                    );
                }
                secret
            });
            Way::FanOut {
                function,
                secret,
                timeout: Duration::from_secs(sending.timeout.into()),
            }
        }
    };
    match &way {
        Way::FanOut { function: None, .. } if action == Action::Run && !function_given => {
            mistake(
                "--function",
                "or --job is needed by --mode fan-out: the function's URL".into(),
            );
        }
        Way::FanOut { .. } => {}
        _ if function_given => mistake("--function", "is for --mode fan-out only".into()),
        _ => {}
    }
    if by_job && mode != Mode::FanOut {
        mistake("--job", "is for --mode fan-out only".into());
    }
    let in_flight = match (&way, sending.in_flight) {
        (Way::Job(job), _) => job.instances.into(),
        (_, Some(in_flight)) => in_flight.into(),
        (_, None) => default_in_flight(mode),
    };
    if mode == Mode::Sequential && in_flight != 1 {
        mistake(
            "--in-flight",
            "is 1 in --mode sequential: one after another".into(),
        );
    }
    if let (Action::Verify(verify), Some(config)) = (&action, &config) {
        mistakes.extend(verify.mistakes(&config.policy));
    }
    match config {
        Some(config) if mistakes.is_empty() => Ok(Settings {
            action,
            config,
            selection: asked.selection,
            budgets: asked.budgets,
            prices: asked.prices.unwrap_or_else(Prices::of_this_version),
            application: asked.application,
            measured: asked.measured,
            journal: asked.journal,
            resume: None,
            given,
            way,
            in_flight,
            retries: sending.retries.into(),
            record: asked.record,
            json: asked.json,
        }),
        _ => Err(mistakes),
    }
}

/// Events under way at once unless told otherwise.
pub(crate) fn default_in_flight(mode: Mode) -> usize {
    match mode {
        Mode::Sequential => 1,
        Mode::Parallel => {
            IN_FLIGHT_PER_CORE * std::thread::available_parallelism().map_or(1, usize::from)
        }
        Mode::FanOut => FAN_OUT_IN_FLIGHT,
    }
}
