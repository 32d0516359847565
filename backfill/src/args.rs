//! The command line, in two steps: what was written (`Flags`, by clap), then what it means
//! ([`Settings`]), with every mistake at once.

use std::ffi::OsString;
use std::num::NonZeroU64;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, CommandFactory, FromArgMatches, Parser, Subcommand};
use cos_thumbnails::config::{Config, Mistake, Mistakes, PORT, Variable};

use self::audit::{ExplainFlags, FailuresFlags, VerifyFlags};
use self::job::{JobFlags, ShardFlags};
use crate::record::Mode;
use crate::target::{FunctionUrl, Secret};

mod audit;
mod flags;
mod job;

pub use self::audit::{Explain, Repair, Verify};
pub use self::job::{JOB_VARIABLES, Job, Shard};

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

/// Replays the originals of a bucket as events, so that their thumbnails are made (anew)
///
/// The originals under `SOURCE_PREFIX` are taken in ascending order of their keys. Each goes through
/// the same flow as an upload. Originals are never changed.
#[derive(Debug, Parser)]
#[command(name = "backfill", version, args_conflicts_with_subcommands = true)]
struct Cli {
    #[command(subcommand)]
    action: Option<Subcommands>,
    #[command(flatten)]
    flags: Flags,
}

#[derive(Debug, Subcommand)]
enum Subcommands {
    /// Shows what a run would do, and writes nothing
    Plan(Flags),
    /// Tells of every original whether its thumbnails stand, and mends what does not if asked to
    ///
    /// Looks at the bucket by its listings and one request per original, and changes nothing without
    /// --repair. Never asks anything: fit to run from cron.
    #[command(after_help = VERIFY_EXIT_CODES)]
    Verify(VerifyFlags),
    /// Tells of one key why it has its thumbnails or not, and what to do
    #[command(after_help = EXPLAIN_EXIT_CODES)]
    Explain(ExplainFlags),
    /// Lists the pictures that have a failure record, and replays them if asked to
    Failures(FailuresFlags),
    /// Does the shards of one instance of a job: what the job run of --job starts
    Shard(ShardFlags),
}

const VERIFY_EXIT_CODES: &str = "Exit codes: 0 all is well (ok or accepted), 1 it is not, or the audit broke off,\n\
                                 2 usage, configuration or another recipe, 130 interrupted";
const EXPLAIN_EXIT_CODES: &str = "Exit codes: 0 the thumbnails stand or nothing is to be done, 1 they do not,\n\
                                  2 usage or configuration";

/// What was written on the command line, but for the settings of the store and the recipe.
#[derive(Debug, Args)]
struct Flags {
    /// Take the first N originals [default: asks on a terminal, else all]
    #[arg(long, value_name = "N")]
    count: Option<NonZeroU64>,
    /// How the events are replayed
    #[arg(long, value_enum, default_value = "parallel")]
    mode: Mode,
    #[command(flatten)]
    sending: Sending,
    #[command(flatten)]
    job: JobFlags,
    /// Write NDJSON as the run goes: the run, one line per picture, the summary; FILE must be new
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
    /// Print JSON: the summary as one line; with plan, one line per original
    #[arg(long)]
    json: bool,
}

/// Where events are sent, and how.
#[derive(Debug, Default, Args)]
struct Sending {
    /// The function's URL, for fan-out; without a path it means /events
    #[arg(long, value_name = "URL")]
    function: Option<String>,
    /// Events under way at once; fan-out sends fewer where the function answers that this is too much
    /// [default: sequential 1, parallel 4 per core, fan-out 64]
    #[arg(long, value_name = "K", value_parser = clap::value_parser!(u16).range(1..))]
    in_flight: Option<u16>,
    /// Times that a picture is tried again where that can help
    #[arg(long, value_name = "N", default_value_t = 8)]
    retries: u8,
    /// Seconds that fan-out waits for each answer of --function (300 is Code Engine's own request time-out)
    #[arg(long, value_name = "SECONDS", default_value = "300", value_parser = clap::value_parser!(u32).range(1..))]
    timeout: u32,
}

impl Sending {
    /// The way of commands that send only what they must: to the function if there is one.
    fn mode(&self) -> Mode {
        match self.function {
            Some(_) => Mode::FanOut,
            None => Mode::Parallel,
        }
    }
}

/// What a command line means.
#[derive(Debug)]
pub struct Settings {
    /// What to do.
    pub action: Action,
    /// Store, bucket, prefixes, recipe.
    pub config: Config,
    /// How many originals, where it was said.
    pub count: Option<u64>,
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
    let matches = flags::command(Cli::command()).try_get_matches_from(args)?;
    let cli = Cli::from_arg_matches(&matches)?;
    let asked = match cli.action {
        None => Asked::run(Action::Run, cli.flags),
        Some(Subcommands::Plan(flags)) => Asked::run(Action::Plan, flags),
        Some(Subcommands::Verify(flags)) => Asked {
            action: Action::Verify(flags.verify()),
            mode: flags.sending.mode(),
            sending: flags.sending,
            job: JobFlags::default(),
            count: None,
            record: flags.record,
            json: flags.json,
        },
        Some(Subcommands::Explain(flags)) => Asked {
            action: Action::Explain(flags.explain()),
            mode: Mode::Parallel,
            sending: Sending::default(),
            job: JobFlags::default(),
            count: None,
            record: None,
            json: flags.json,
        },
        Some(Subcommands::Failures(flags)) => Asked {
            action: Action::Failures { retry: flags.retry },
            mode: flags.sending.mode(),
            sending: flags.sending,
            job: JobFlags::default(),
            count: None,
            record: flags.record,
            json: flags.json,
        },
        Some(Subcommands::Shard(flags)) => Asked {
            action: Action::Shard(
                flags
                    .shard(&env)
                    .map_err(|m| ArgsError::Settings(Mistakes::new(m)))?,
            ),
            mode: Mode::Parallel,
            sending: Sending {
                in_flight: flags.in_flight,
                retries: flags.retries,
                ..Sending::default()
            },
            job: JobFlags::default(),
            count: None,
            record: None,
            json: false,
        },
    };
    let matches = matches
        .subcommand()
        .map_or(&matches, |(_, matches)| matches);
    settings(asked, |name| {
        flags::value(matches, name).or_else(|| env(name))
    })
    .map_err(|mistakes| ArgsError::Settings(Mistakes::new(mistakes)))
}

/// What all commands have in common.
struct Asked {
    action: Action,
    mode: Mode,
    sending: Sending,
    job: JobFlags,
    count: Option<NonZeroU64>,
    record: Option<PathBuf>,
    json: bool,
}

impl Asked {
    fn run(action: Action, flags: Flags) -> Self {
        Self {
            action,
            mode: flags.mode,
            sending: flags.sending,
            job: flags.job,
            count: flags.count,
            record: flags.record,
            json: flags.json,
        }
    }
}

fn settings(
    asked: Asked,
    lookup: impl Fn(&str) -> Option<String>,
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
    let job = job.job(config.as_ref(), &lookup);
    let job = job.unwrap_or_else(|of_job| {
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
            count: asked.count.map(NonZeroU64::get),
            way,
            in_flight,
            retries: sending.retries.into(),
            record: asked.record,
            json: asked.json,
        }),
        _ => Err(mistakes),
    }
}

fn default_in_flight(mode: Mode) -> usize {
    match mode {
        Mode::Sequential => 1,
        Mode::Parallel => {
            IN_FLIGHT_PER_CORE * std::thread::available_parallelism().map_or(1, usize::from)
        }
        Mode::FanOut => FAN_OUT_IN_FLIGHT,
    }
}
