//! What is kept of a command line, and what it means when the run goes on.

use std::ffi::OsString;
use std::time::SystemTime;

use clap::{ArgMatches, CommandFactory, FromArgMatches};
use cos_thumbnails::config::{
    COS_ACCESS_KEY_ID, COS_TRUSTED_PROFILE, IAM_CR_TOKEN_FILE, Mistake, Variable,
};

use super::experiment::{self, ExperimentAction, ExperimentFlags};
use super::written::{Cli, ResumeFlags, Sending, Subcommands};
use super::{Action, ArgsError, Asked, Given, Settings, checked, flags, innermost, variables};
use crate::journal::Manifest;

/// What requests are authorised by, beside the secrets: never kept, as a secret is changed together with
/// what it belongs to.
pub(super) const CREDENTIALS: [Variable; 3] =
    [COS_ACCESS_KEY_ID, COS_TRUSTED_PROFILE, IAM_CR_TOKEN_FILE];

fn is_credential(variable: &Variable) -> bool {
    variable.secret || CREDENTIALS.contains(variable)
}

/// The names by which a variable is known.
fn names(variable: &Variable) -> impl Iterator<Item = &'static str> + use<> {
    let names = [Some(variable.name), variable.fallback];
    names.into_iter().flatten()
}

impl Given {
    /// Of a command line without the program's name, the function's URL in it, and the environment: all but what
    /// requests are authorised by.
    pub(super) fn new(
        arguments: &[OsString],
        function: Option<&str>,
        env: &dyn Fn(&str) -> Option<String>,
        at: SystemTime,
    ) -> Self {
        let kept = |argument: &OsString| {
            let argument = argument.to_string_lossy();
            match function.and_then(|url| Some((url, without_query(url)?))) {
                Some((url, kept)) => argument.replace(url, &kept),
                None => argument.into_owned(),
            }
        };
        let of_credentials: Vec<String> = variables()
            .filter(|variable| is_credential(variable))
            .map(|variable| format!("--{}", variable.flag()))
            .collect();
        // A credential's value is behind its flag, in the same argument or in the next one.
        let mut is_value = false;
        let is_kept = |argument: &&OsString| {
            let argument = argument.to_string_lossy();
            let (flag, value) = match argument.split_once('=') {
                Some((flag, value)) => (flag, Some(value)),
                None => (&*argument, None),
            };
            let is_flag = !is_value && of_credentials.iter().any(|known| known == flag);
            let goes = is_flag || is_value;
            is_value = is_flag && value.is_none();
            !goes
        };
        let kept_variables = variables().filter(|variable| !is_credential(variable));
        Self {
            arguments: arguments.iter().filter(is_kept).map(kept).collect(),
            variables: kept_variables
                .flat_map(names)
                .filter_map(|name| Some((name.to_owned(), env(name)?)))
                .collect(),
            at,
        }
    }
}

/// A URL with an empty query in place of its own, if it has one.
fn without_query(url: &str) -> Option<String> {
    let (kept, _) = url.split_once(['?', '#'])?;
    Some(format!("{kept}?"))
}

/// A command line that was kept.
struct Kept {
    given: Given,
    matches: ArgMatches,
    mistakes: Vec<Mistake>,
}

impl Kept {
    fn read(given: Given) -> Result<(Self, Cli), ArgsError> {
        let arguments = given.arguments.iter().map(String::as_str);
        let matches = flags::command(Cli::command())
            .try_get_matches_from(["backfill"].into_iter().chain(arguments))?;
        let cli = Cli::from_arg_matches(&matches)?;
        let kept = Self {
            given,
            matches,
            mistakes: Vec::new(),
        };
        Ok((kept, cli))
    }

    /// The function's URL: as it is given now, or as it was kept, if that is all of it.
    fn function(&mut self, now: Option<String>, kept: Option<String>) -> Option<String> {
        if now.is_none() && kept.as_ref().is_some_and(|url| url.ends_with('?')) {
            self.mistakes.push(Mistake {
                variable: "--function",
                problem: "is needed again: the query of its URL was not kept, as it may be secret"
                    .into(),
            });
        }
        now.or(kept)
    }

    /// The settings of then, with the credentials of now.
    fn settings(
        self,
        asked: Asked,
        matches: &ArgMatches,
        env: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Settings, ArgsError> {
        let (given, kept) = (self.given.clone(), innermost(&self.matches));
        let lookup = |name: &str| {
            let mut credentials = variables().filter(|variable| is_credential(variable));
            if credentials.any(|variable| names(variable).any(|known| known == name)) {
                flags::value(matches, name).or_else(|| env(name))
            } else {
                flags::value(kept, name).or_else(|| self.given.variables.get(name).cloned())
            }
        };
        checked(asked, self.mistakes, lookup, given)
    }
}

/// The settings of a run that ended early, with the credentials of now.
pub(super) fn settings(
    flags: ResumeFlags,
    matches: &ArgMatches,
    env: &dyn Fn(&str) -> Option<String>,
) -> Result<Settings, ArgsError> {
    let folder = flags.folder();
    let manifest = Manifest::read(&folder)?;
    let (mut kept, cli) = Kept::read(Given {
        arguments: manifest.arguments,
        variables: manifest.variables,
        at: manifest.read.into(),
    })?;
    let mut run = cli.flags;
    run.sending.function = kept.function(flags.function, run.sending.function);
    if flags.budgets.has_prices() {
        // The table of then may be gone, and is not needed.
        run.budgets.forget_prices();
    }
    let of_run = (&kept.matches, kept.given.at);
    let asked = Asked::run(Action::Run, run, of_run, &mut kept.mistakes);
    let prices = flags.budgets.prices(&mut kept.mistakes);
    let prices = prices.or_else(|| asked.prices.clone());
    let asked = Asked { prices, ..asked };
    let settings = kept.settings(asked, matches, env)?;
    Ok(Settings {
        resume: Some(folder),
        journal: None,
        record: None,
        json: flags.json,
        budgets: flags.budgets.budgets().or(settings.budgets),
        ..settings
    })
}

/// The settings of an experiment that ended early, with the credentials of now.
pub(super) fn experiment(
    flags: experiment::ResumeFlags,
    matches: &ArgMatches,
    env: &dyn Fn(&str) -> Option<String>,
) -> Result<Settings, ArgsError> {
    let folder = flags.folder();
    let manifest = crate::experiment::manifest(&folder)?;
    let (mut kept, cli) = Kept::read(Given {
        arguments: manifest.arguments,
        variables: manifest.variables,
        at: manifest.started.into(),
    })?;
    let mut sending = match cli.action {
        Some(Subcommands::Experiment(ExperimentFlags::Run(run))) => run.asked().1,
        _ => Sending::default(),
    };
    sending.function = kept.function(flags.function, sending.function);
    let action = Action::Experiment(ExperimentAction::Resume { folder });
    let asked = Asked::new(action, sending);
    kept.settings(asked, matches, env)
}
