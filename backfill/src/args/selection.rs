//! The flags by which originals are selected, and a run is bounded.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::{Duration, SystemTime};

use bytesize::ByteSize;
use clap::{ArgMatches, Args};
use cos_thumbnails::config::Mistake;
use cos_thumbnails::plan::Pattern;

use super::read_prices;
use crate::budget::Budgets;
use crate::cost::Prices;
use crate::filter::{Filter, Glob};
use crate::selection::{Only, Order, Selection};
use crate::target::with_causes;

/// Which originals are taken.
#[derive(Debug, Default, Args)]
#[command(next_help_heading = "Selection")]
pub(super) struct SelectionFlags {
    /// Take what this pattern of the path below `SOURCE_PREFIX` matches; may be given several times, also
    /// between --exclude: the last pattern that matches decides. Where none does, an original is taken
    /// unless the first pattern is an --include. `*` is any text without `/`, `**` any number of folders
    #[arg(long, value_name = "GLOB")]
    include: Vec<Pattern>,
    /// Leave out what this pattern matches
    #[arg(long, value_name = "GLOB")]
    exclude: Vec<Pattern>,
    /// The least length, such as 500kB or 2MiB
    #[arg(long, value_name = "BYTES")]
    min_size: Option<ByteSize>,
    /// The greatest length
    #[arg(long, value_name = "BYTES")]
    max_size: Option<ByteSize>,
    /// Last written at this time or later: 2026-01-31, 2026-01-31T12:00:00Z (UTC, without Z too), or so long ago,
    /// such as 7days
    #[arg(long, value_name = "TIME")]
    newer_than: Option<When>,
    /// Last written before this time
    #[arg(long, value_name = "TIME")]
    older_than: Option<When>,
    /// Those alone of which an audit finds this
    #[arg(long, value_enum, default_value = "all")]
    only: Only,
    /// So many of these by chance; if there are fewer, with --only all it is an error, else these are taken
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    sample: Option<u64>,
    /// In which order; by name they are sent as they are listed, for any other order (and with --only and
    /// --sample) the keys are held in memory, about 100 bytes and the key for each
    #[arg(long, value_enum, default_value = "name")]
    order: Order,
    /// By which chance draws: the same seed gives the same sample and order [default: a new one]
    #[arg(long, value_name = "S")]
    seed: Option<u64>,
}

/// What ends a run early.
#[derive(Debug, Default, Args)]
#[command(
    next_help_heading = "Budgets, which end a run cleanly, with exit code 3 if something is left; they count anew when it goes on"
)]
pub(super) struct BudgetFlags {
    /// End when more pictures have failed
    #[arg(long, value_name = "N")]
    max_errors: Option<u64>,
    /// Begin no picture after this time, such as 90s or 2h; it counts from the start, selecting included
    #[arg(long, value_name = "TIME")]
    max_duration: Option<humantime::Duration>,
    /// Begin no picture when those that ended have cost so many USD, by the upper end of an estimate without
    /// any free tier
    #[arg(long, value_name = "USD", value_parser = usd)]
    max_cost: Option<f64>,
    /// Price table in place of this version's, a TOML file like backfill/prices.toml
    #[arg(long, value_name = "FILE")]
    prices: Option<PathBuf>,
    /// Begin no more pictures in a second
    #[arg(long, value_name = "N", value_parser = rate)]
    rate: Option<f64>,
}

/// A point in time, as it is written.
#[derive(Debug, Clone, Copy)]
enum When {
    At(SystemTime),
    Ago(Duration),
}

impl FromStr for When {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let time = humantime::parse_rfc3339_weak(text)
            .or_else(|_| humantime::parse_rfc3339_weak(&format!("{text}T00:00:00")));
        if let Ok(time) = time {
            return Ok(Self::At(time));
        }
        let ago = humantime::parse_duration(text);
        ago.map(Self::Ago).map_err(|_| {
            "neither a date (2026-01-31), nor a time (2026-01-31T12:00:00Z), nor so long ago (7days)"
                .to_owned()
        })
    }
}

impl When {
    fn before(self, now: SystemTime) -> Option<SystemTime> {
        match self {
            Self::At(time) => Some(time),
            Self::Ago(time) => now.checked_sub(time),
        }
    }
}

fn rate(text: &str) -> Result<f64, String> {
    let rate = text.parse().ok();
    rate.filter(|rate: &f64| (0.001..=1e6).contains(rate))
        .ok_or_else(|| "not a number from 0.001 to 1000000".to_owned())
}

fn usd(text: &str) -> Result<f64, String> {
    let usd = text.parse().ok();
    usd.filter(|usd: &f64| (1e-6..=1e9).contains(usd))
        .ok_or_else(|| "not a number of USD, more than 0".to_owned())
}

impl SelectionFlags {
    /// What they mean at the time `now`. The patterns' order is known to `matches` alone.
    pub(super) fn selection(
        &self,
        count: Option<u64>,
        matches: &ArgMatches,
        now: SystemTime,
        mistakes: &mut Vec<Mistake>,
    ) -> Selection {
        let mut mistake = |variable, problem: &str| {
            mistakes.push(Mistake {
                variable,
                problem: problem.to_owned(),
            });
        };
        if self.min_size > self.max_size.or(self.min_size) {
            mistake("--min-size", "is more than --max-size");
        }
        let chance = self.sample.is_some() || self.order == Order::Random;
        if self.seed.is_some() && !chance {
            mistake("--seed", "is for --sample and --order random only");
        }
        let mut time = |variable, when: Option<When>| {
            let time = when.map(|when| when.before(now));
            if time == Some(None) {
                mistake(variable, "is too long ago");
            }
            time.flatten()
        };
        let (newer_than, older_than) = (
            time("--newer-than", self.newer_than),
            time("--older-than", self.older_than),
        );
        if let (Some(from), Some(until)) = (newer_than, older_than)
            && from >= until
        {
            mistake(
                "--newer-than",
                "is not before --older-than: nothing is taken",
            );
        }
        Selection {
            count,
            filter: Filter {
                globs: self.globs(matches),
                min_bytes: self.min_size.map(|size| size.as_u64()),
                max_bytes: self.max_size.map(|size| size.as_u64()),
                newer_than,
                older_than,
            },
            only: self.only,
            sample: self.sample,
            order: self.order,
            seed: self.seed.unwrap_or_else(|| fastrand::u64(..)),
        }
    }

    fn globs(&self, matches: &ArgMatches) -> Vec<Glob> {
        let places = |id| matches.indices_of(id).into_iter().flatten();
        let included = self.include.iter().cloned().map(Glob::Include);
        let excluded = self.exclude.iter().cloned().map(Glob::Exclude);
        let mut globs: Vec<_> = places("include").zip(included).collect();
        globs.extend(places("exclude").zip(excluded));
        globs.sort_by_key(|(place, _)| *place);
        globs.into_iter().map(|(_, glob)| glob).collect()
    }
}

impl BudgetFlags {
    /// The instances of a job go on without this program.
    pub(super) fn mistakes(&self, of_job: bool) -> Vec<Mistake> {
        let given = [
            ("--max-errors", self.max_errors.is_some()),
            ("--max-duration", self.max_duration.is_some()),
            ("--max-cost", self.max_cost.is_some()),
            ("--rate", self.rate.is_some()),
        ];
        let given = given.into_iter().filter(|(_, given)| of_job && *given);
        let mistake = |variable| Mistake {
            variable,
            problem: "is not for --job: its instances go on without this program".to_owned(),
        };
        given.map(|(variable, _)| mistake(variable)).collect()
    }

    pub(super) fn budgets(&self) -> Budgets {
        Budgets {
            max_errors: self.max_errors,
            max_duration: self.max_duration.map(Into::into),
            max_usd: self.max_cost,
            rate: self.rate,
        }
    }

    pub(super) fn has_prices(&self) -> bool {
        self.prices.is_some()
    }

    pub(super) fn forget_prices(&mut self) {
        self.prices = None;
    }

    /// The price table, if another than this version's is given.
    pub(super) fn prices(&self, mistakes: &mut Vec<Mistake>) -> Option<Prices> {
        let mistake = |error| {
            mistakes.push(Mistake {
                variable: "--prices",
                problem: with_causes(&error).trim_end().to_owned(),
            });
        };
        read_prices(self.prices.as_deref()?).map_err(mistake).ok()
    }
}
