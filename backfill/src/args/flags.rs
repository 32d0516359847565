//! A flag for each setting, explained from the table of settings.

use clap::{Arg, ArgMatches, Command};
use cos_thumbnails::config::{PORT, VARIABLES, Variable};
use cos_thumbnails::process::Exit;

use super::resume::CREDENTIALS;
use super::{BACKFILL_SECRET, JOB_VARIABLES, examples};

/// The settings of `variables` that have a flag.
fn flagged(variables: &[Variable]) -> impl Iterator<Item = &Variable> {
    let public = variables.iter().filter(|variable| !variable.secret);
    public.filter(|variable| variable.name != PORT.name)
}

fn args(variables: &[Variable], heading: &'static str) -> impl Iterator<Item = Arg> {
    flagged(variables).map(move |variable| {
        let fallback = variable.fallback.map(|name| format!(" or {name}"));
        let fallback = fallback.unwrap_or_default();
        let default = variable.default.map(|text| format!(" [default: {text}]"));
        let default = default.unwrap_or_default();
        Arg::new(variable.name)
            .long(variable.flag())
            .value_name("TEXT")
            .help_heading(heading)
            .help(format!(
                "{} [env: {}{fallback}]{default}",
                variable.help, variable.name
            ))
    })
}

/// The value that a flag gives to the setting `name`, if this command has that flag.
pub(super) fn value(matches: &ArgMatches, name: &str) -> Option<String> {
    let known = VARIABLES.iter().chain(&JOB_VARIABLES);
    let flagged = known.filter(|variable| !variable.secret && variable.name != PORT.name);
    let id = flagged
        .map(|variable| variable.name)
        .find(|known| *known == name)?;
    // Commands that start no job have no flags for it.
    matches.try_get_one::<String>(id).ok().flatten().cloned()
}

/// `cli` with its flags for the settings, and its secrets named.
///
/// clap's own reading of the environment is not used: its help shows the values found there.
pub(super) fn command(cli: Command) -> Command {
    let settings = || args(&VARIABLES, "Store and recipe");
    let of_job = || args(&JOB_VARIABLES, "Fan-out by a job");
    let secrets = VARIABLES
        .iter()
        .chain([&BACKFILL_SECRET])
        .chain(&JOB_VARIABLES);
    let mut text = format!(
        "{}\nSecrets, by the environment alone:\n",
        examples::BACKFILL
    );
    for variable in secrets.filter(|variable| variable.secret) {
        text += &format!("  {:<28}{}\n", variable.name, variable.help);
    }
    let codes = Exit::ALL.map(|exit| format!("{} {}", exit.code(), exit.meaning()));
    text += &format!(
        "\nExit codes: {}.\nA picture that is rejected counts as done; a budget leaves something. The README has the table.",
        codes.join(", ")
    );
    cli.args(settings())
        .args(of_job())
        .after_help(text)
        .mut_subcommands(|subcommand| match subcommand.get_name() {
            "help" | "report" | "compare" | "completions" => subcommand,
            "experiment" => subcommand.mut_subcommands(|of_it| match of_it.get_name() {
                "run" => of_it.args(settings()),
                "resume" => of_it.args(args(&CREDENTIALS, "Credentials")),
                _ => of_it,
            }),
            "resume" => subcommand.args(args(&CREDENTIALS, "Credentials")),
            "plan" => subcommand.args(settings()).args(of_job()),
            _ => subcommand.args(settings()),
        })
}
