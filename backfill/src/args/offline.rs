//! The command lines that need no store: they work on records alone, or on nothing.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, CommandFactory, FromArgMatches};
use clap_complete::Shell;

use super::flags;
use super::written::{Cli, Subcommands};

/// What was written behind `report`.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct Report {
    /// Runs and experiments: their folders, or their records, which may be compressed by gzip (.gz). All of their
    /// pictures are held in memory, about 1 kB each
    #[arg(required = true, value_name = "RUN")]
    pub runs: Vec<PathBuf>,
    /// The folder for the files; what has their names there is replaced
    #[arg(long, value_name = "DIR", default_value = "report")]
    pub out: PathBuf,
    /// Add the calls of every sample, an SVG each
    #[arg(long)]
    pub each: bool,
    /// Price table in place of this version's, a TOML file like backfill/prices.toml
    #[arg(long, value_name = "FILE")]
    pub prices: Option<PathBuf>,
}

/// What was written behind `compare`.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct Compare {
    /// A run or an experiment: its folder, or its record
    pub first: PathBuf,
    /// Another, which is compared with it
    pub second: PathBuf,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
}

/// What was written behind `completions`.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct Completions {
    /// The shell
    #[arg(value_enum)]
    pub shell: Shell,
}

impl Completions {
    /// The script.
    pub(crate) fn script(&self) -> Vec<u8> {
        let mut script = Vec::new();
        let mut command = flags::command(Cli::command());
        clap_complete::generate(self.shell, &mut command, "backfill", &mut script);
        script
    }
}

/// A command that needs no store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Offline {
    /// Make a report.
    Report(Report),
    /// Compare two.
    Compare(Compare),
    /// Print a script for a shell.
    Completions(Completions),
}

/// The command that needs no store, if this command line is of one. What is wrong with a command line,
/// [`parse`](super::parse) says.
#[must_use]
pub fn offline(args: &[OsString]) -> Option<Offline> {
    let matches = flags::command(Cli::command()).try_get_matches_from(args);
    match Cli::from_arg_matches(&matches.ok()?).ok()?.action? {
        Subcommands::Report(report) => Some(Offline::Report(report)),
        Subcommands::Compare(compare) => Some(Offline::Compare(compare)),
        Subcommands::Completions(completions) => Some(Offline::Completions(completions)),
        _ => None,
    }
}
