//! The command line, in two steps: what was written ([`Flags`], by clap), then what it means
//! ([`Settings`]), with every mistake at once.

use std::ffi::OsString;
use std::num::NonZeroU64;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Arg, ArgMatches, Args, Command, CommandFactory, FromArgMatches, Parser, Subcommand};
use cos_thumbnails::config::{Config, Mistake, Mistakes, PORT, VARIABLES, Variable};

use crate::record::Mode;
use crate::target::{FunctionUrl, Secret};

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
}

/// What was written on the command line, but for the settings of the store and the recipe.
#[derive(Debug, Args)]
struct Flags {
    /// Take the first N originals [default: asks on a terminal, else all]
    #[arg(long, value_name = "N")]
    count: Option<NonZeroU64>,
    /// How the events are replayed
    #[arg(long, value_enum, default_value = "parallel")]
    mode: Mode,
    /// The function's URL, for fan-out; without a path it means /events
    #[arg(long, value_name = "URL")]
    function: Option<String>,
    /// Events under way at once [default: sequential 1, parallel 4 per core, fan-out 64]
    #[arg(long, value_name = "K", value_parser = clap::value_parser!(u16).range(1..))]
    in_flight: Option<u16>,
    /// Times that a picture is tried again where that can help
    #[arg(long, value_name = "N", default_value_t = 8)]
    retries: u8,
    /// Seconds that fan-out waits for each answer (300 is Code Engine's own request time-out)
    #[arg(long, value_name = "SECONDS", default_value = "300", value_parser = clap::value_parser!(u32).range(1..))]
    timeout: u32,
    /// Write NDJSON as the run goes: the run, one line per picture, the summary; FILE must be new
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
    /// Print JSON: the summary as one line; with plan, one line per original
    #[arg(long)]
    json: bool,
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
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Replay.
    Run,
    /// Show what would be done.
    Plan,
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
}

impl Way {
    /// The mode.
    #[must_use]
    pub fn mode(&self) -> Mode {
        match self {
            Self::Sequential => Mode::Sequential,
            Self::Parallel => Mode::Parallel,
            Self::FanOut { .. } => Mode::FanOut,
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
    let matches = command().try_get_matches_from(args)?;
    let cli = Cli::from_arg_matches(&matches)?;
    let (action, flags, matches) = match (cli.action, matches.subcommand()) {
        (Some(Subcommands::Plan(flags)), Some((_, matches))) => (Action::Plan, flags, matches),
        _ => (Action::Run, cli.flags, &matches),
    };
    settings(action, flags, |name| {
        flag(matches, name).or_else(|| env(name))
    })
    .map_err(|mistakes| ArgsError::Settings(Mistakes::new(mistakes)))
}

fn settings(
    action: Action,
    flags: Flags,
    lookup: impl Fn(&str) -> Option<String>,
) -> Result<Settings, Vec<Mistake>> {
    // The port is the function's; a backfill that runs beside it does not stumble over it.
    let config = Config::from_lookup(|name| lookup(name).filter(|_| name != PORT.name));
    let (config, mut mistakes) = match config {
        Ok(config) => (Some(config), Vec::new()),
        Err(mistakes) => (None, mistakes.as_slice().to_vec()),
    };
    let mut mistake = |variable, problem: String| mistakes.push(Mistake { variable, problem });

    let function_given = flags.function.is_some();
    let function = flags.function.and_then(|text| {
        let url = text.parse::<FunctionUrl>();
        url.map_err(|error| {
            mistake(
                "--function",
                format!("{error}, such as http://127.0.0.1:8080"),
            );
        })
        .ok()
    });
    let way = match flags.mode {
        Mode::Sequential => Way::Sequential,
        Mode::Parallel => Way::Parallel,
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
                timeout: Duration::from_secs(flags.timeout.into()),
            }
        }
    };
    match &way {
        Way::FanOut { function: None, .. } if action == Action::Run && !function_given => {
            mistake(
                "--function",
                "is needed by --mode fan-out: the function's URL".into(),
            );
        }
        Way::FanOut { .. } => {}
        _ if function_given => mistake("--function", "is for --mode fan-out only".into()),
        _ => {}
    }
    let in_flight = flags
        .in_flight
        .map_or_else(|| default_in_flight(flags.mode), usize::from);
    if flags.mode == Mode::Sequential && in_flight != 1 {
        mistake(
            "--in-flight",
            "is 1 in --mode sequential: one after another".into(),
        );
    }
    match config {
        Some(config) if mistakes.is_empty() => Ok(Settings {
            action,
            config,
            count: flags.count.map(NonZeroU64::get),
            way,
            in_flight,
            retries: flags.retries.into(),
            record: flags.record,
            json: flags.json,
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

/// The settings that have a flag.
fn flagged() -> impl Iterator<Item = &'static Variable> {
    VARIABLES
        .iter()
        .filter(|variable| !variable.secret && variable.name != PORT.name)
}

fn flag(matches: &ArgMatches, name: &str) -> Option<String> {
    let known = flagged().any(|variable| variable.name == name);
    known
        .then(|| matches.get_one::<String>(name).cloned())
        .flatten()
}

/// The command line with one flag per setting, explained from the table of settings.
///
/// clap's own reading of the environment is not used: its help shows the values found there.
fn command() -> Command {
    let settings = || {
        flagged().map(|variable| {
            let fallback = variable
                .fallback
                .map(|name| format!(" or {name}"))
                .unwrap_or_default();
            let default = variable
                .default
                .map(|text| format!(" [default: {text}]"))
                .unwrap_or_default();
            Arg::new(variable.name)
                .long(variable.flag())
                .value_name("TEXT")
                .help_heading("Store and recipe")
                .help(format!(
                    "{} [env: {}{fallback}]{default}",
                    variable.help, variable.name
                ))
        })
    };
    let secrets = VARIABLES
        .iter()
        .filter(|variable| variable.secret)
        .chain([&BACKFILL_SECRET]);
    let mut text = "Secrets, by the environment alone:\n".to_owned();
    for variable in secrets {
        text += &format!("  {:<24}{}\n", variable.name, variable.help);
    }
    text += "\nExit codes: 0 every picture was handled (rejected ones included), 1 some failed,\n\
             2 usage or configuration, 130 interrupted";
    Cli::command()
        .args(settings())
        .after_help(text)
        .mut_subcommand("plan", |plan| plan.args(settings()))
}
