//! The command line. Flags are made from the tables of variables, so that a setting has one name,
//! one default and one meaning everywhere.
//!
//! It ends as [`Exit`] says. A job ends as done also where there is no event, or running again cannot help; and as
//! failed where it can, be it once its configuration is mended.

use std::ffi::OsString;
use std::future::Future;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Arg, ArgAction, ArgMatches, Command, value_parser};
use clap_complete::Shell;
use cos_thumbnails::config::{self as flow, Mistakes, Variable};
use cos_thumbnails::process::Exit;
use cos_thumbnails::storage::with_causes;

use crate::{Config, config, job, logging, render, runtime};

const FILES: &str = "FILE";
const OUT: &str = "out";
const AS: &str = "as";
const JSON: &str = "json";

const SHELL: &str = "SHELL";

const EXIT_CODES: &str = "Exit codes: 0 done, 1 failed, 2 usage or settings";
/// By its path, for shells take the word alone for one of their own.
const ALL_EXAMPLES: &str = "Examples:
  ./function                                   serves: events by POST at /events
  ./function render cat.jpg --out thumbnails   needs no store

";
const SERVE_EXAMPLES: &str = "Examples:
  ./function serve                             with what the environment says
  ./function serve --bind-address 127.0.0.1 --port 9090
";
const JOB_EXAMPLES: &str = "Examples:
  ./function job                               with CE_DATA, CE_ID, CE_SOURCE and CE_TYPE, as Code Engine sets them
";
const JOB_EXIT_CODES: &str = "Exit codes: 0 handled, no event, or running again cannot help; 1 running again can help, \
                              be it\nonce the settings are mended; 2 usage";
const RENDER_HELP: &str = "Examples:
  ./function render cat.jpg --out thumbnails
  ./function render 2024/cat.jpg dog.png --out thumbnails --recipes recipes.toml --json

Exit codes: 0 all have thumbnails, 1 one has none, 2 usage or settings";
const COMPLETIONS_HELP: &str = "Examples:
  ./function completions bash > ~/.local/share/bash-completion/completions/function
  ./function completions zsh > ~/.zfunc/_function
  ./function completions fish > ~/.config/fish/completions/function.fish";

/// Why a command ended early, and so its exit code.
enum End {
    /// What was asked for makes no sense.
    Usage(String),
    /// What was asked for did not succeed.
    Failed(String),
    /// There is nothing to do.
    Nothing(String),
}

/// Runs the command that `args` are, the program's name first, and returns its exit code.
pub fn run(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let matches = match command().try_get_matches_from(args) {
        Ok(matches) => matches,
        Err(error) => {
            // Help and version end with 0, mistakes with 2. Nobody is left to tell if this fails.
            let _ = error.print();
            return u8::try_from(error.exit_code()).map_or(Exit::Usage.into(), ExitCode::from);
        }
    };
    let end = match matches.subcommand() {
        Some(("render", matches)) => render(matches),
        Some(("job", matches)) => job(matches),
        Some(("completions", matches)) => completions(matches),
        Some((_, matches)) => serve(matches),
        None => serve(&matches),
    };
    let (exit, text) = match end {
        Ok(exit) => return exit.into(),
        Err(End::Usage(text)) => (Exit::Usage, text),
        Err(End::Failed(text)) => (Exit::Failed, text),
        Err(End::Nothing(text)) => (Exit::Done, text),
    };
    let _ = writeln!(io::stderr(), "function: {text}");
    exit.into()
}

fn serve(matches: &ArgMatches) -> Result<Exit, End> {
    let config = configured(matches)?;
    logging::init(&config.log);
    runtime::raise_descriptor_limit();
    block_on(async {
        // Signals first: from here on SIGTERM drains.
        let terminated = runtime::terminated().map_err(failed)?;
        let listener = runtime::listen(config.address()).await.map_err(|error| {
            let place = "PORT and BIND_ADDRESS, or --port and --bind-address, name another place";
            End::Failed(format!(
                "{}\nfunction: what to do: {place}",
                with_causes(&error)
            ))
        })?;
        let address = listener.local_addr().map_err(failed)?;
        let bucket = config.flow.store.bucket.as_str();
        tracing::info!(%address, bucket, "listening");
        crate::serve(listener, config.clone(), terminated)
            .await
            .map_err(failed)?;
        tracing::info!("drained");
        Ok(Exit::Done)
    })?
}

fn job(matches: &ArgMatches) -> Result<Exit, End> {
    if environment("CE_DATA").is_none() {
        let text = "CE_DATA is not set, so there is no event: a job gets it from a Code Engine \
                    subscription";
        return Err(End::Nothing(text.to_owned()));
    }
    // An event waits: it must not count as handled before the configuration is mended.
    let config = configured(matches).map_err(|end| match end {
        End::Usage(text) => End::Failed(text),
        other => other,
    })?;
    logging::init(&config.log);
    let finished = block_on(job::handle(&config, environment))?.map_err(failed)?;
    writeln!(io::stdout(), "{}", finished.line).map_err(failed)?;
    Ok(if finished.again {
        Exit::Failed
    } else {
        Exit::Done
    })
}

fn render(matches: &ArgMatches) -> Result<Exit, End> {
    let rendering = flow::rendering_from_lookup(lookup(matches, &render_settings()));
    let (recipes, limits) = rendering.map_err(|mistakes| misconfigured(&mistakes))?;
    let many = |id| {
        matches
            .get_many::<PathBuf>(id)
            .into_iter()
            .flatten()
            .cloned()
    };
    let job = render::Job {
        files: many(FILES).collect(),
        out: many(OUT).collect(),
        recipes,
        limits,
        key: matches.get_one(AS).cloned(),
        json: matches.get_flag(JSON),
    };
    if job.key.is_some() && job.files.len() > 1 {
        let text = "--as is one file's key, but there are several files";
        return Err(End::Usage(text.to_owned()));
    }
    // A panic is told in the file's line, and should not be told twice.
    std::panic::set_hook(Box::new(|_| {}));
    let all = block_on(render::render_all(job, &mut io::stdout()))?.map_err(failed)?;
    Ok(if all { Exit::Done } else { Exit::Failed })
}

fn completions(matches: &ArgMatches) -> Result<Exit, End> {
    if let Some(shell) = matches.get_one::<Shell>(SHELL) {
        let mut script = Vec::new();
        clap_complete::generate(*shell, &mut command(), "function", &mut script);
        io::stdout().write_all(&script).map_err(failed)?;
    }
    Ok(Exit::Done)
}

fn block_on<T>(future: impl Future<Output = T>) -> Result<T, End> {
    let threads = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build();
    Ok(threads.map_err(failed)?.block_on(future))
}

fn configured(matches: &ArgMatches) -> Result<Config, End> {
    Config::from_lookup(lookup(matches, &settings())).map_err(|mistakes| misconfigured(&mistakes))
}

fn misconfigured(mistakes: &Mistakes) -> End {
    End::Usage(format!(
        "the configuration is wrong:\n{mistakes}\n`--help` explains each"
    ))
}

fn failed(error: impl std::error::Error + 'static) -> End {
    End::Failed(with_causes(&error))
}

/// A variable's value: its flag's, or else the environment's.
fn lookup(matches: &ArgMatches, variables: &[Variable]) -> impl Fn(&str) -> Option<String> {
    let flags: Vec<(&str, String)> = variables
        .iter()
        .filter(|variable| !variable.secret)
        .filter_map(|v| Some((v.name, matches.get_one::<String>(v.name)?.clone())))
        .collect();
    move |name| {
        let flag = flags.iter().find(|(known, _)| *known == name);
        flag.map(|(_, value)| value.clone())
            .or_else(|| environment(name))
    }
}

fn environment(name: &str) -> Option<String> {
    Some(std::env::var_os(name)?.to_string_lossy().into_owned())
}

/// All settings of the function: the flow's and its own.
fn settings() -> Vec<Variable> {
    [&flow::VARIABLES[..], &config::VARIABLES].concat()
}

/// Those that do not need a store.
fn render_settings() -> Vec<Variable> {
    [&flow::RECIPE_VARIABLES[..], &flow::LIMIT_VARIABLES].concat()
}

fn command() -> Command {
    let settings = settings();
    let secrets = format!(
        "Secrets, by the environment alone:\n{}",
        settings
            .iter()
            .filter(|variable| variable.secret)
            .fold(String::new(), |text, v| text
                + &format!("  {:<28} {}\n", v.name, v.help))
    );
    let serving = format!("{SERVE_EXAMPLES}\n{secrets}\n{EXIT_CODES}");
    let serve = "Handles events over HTTP until SIGTERM (the default)";
    let job = "Handles the one event in CE_DATA, CE_ID, ..., as a Code Engine job gets it";
    let render = "Makes the thumbnails of local files, without any store";
    Command::new("function")
        .version(env!("CARGO_PKG_VERSION"))
        .about("Makes thumbnails of the pictures that events tell of")
        .args(flags(&settings))
        .after_help(ALL_EXAMPLES.to_owned() + &secrets + "\n" + EXIT_CODES)
        .args_conflicts_with_subcommands(true)
        .subcommand(
            Command::new("serve")
                .about(serve)
                .args(flags(&settings))
                .after_help(serving),
        )
        .subcommand(
            Command::new("job")
                .about(job)
                .args(flags(&settings))
                .after_help(format!("{JOB_EXAMPLES}\n{secrets}\n{JOB_EXIT_CODES}")),
        )
        .subcommand(
            Command::new("render")
                .about(render)
                .args(render_args())
                .args(flags(&render_settings()))
                .after_help(RENDER_HELP),
        )
        .subcommand(
            Command::new("completions")
                .about("Prints the script by which a shell completes command lines of this program")
                .arg(
                    Arg::new(SHELL)
                        .value_parser(value_parser!(Shell))
                        .required(true)
                        .help("The shell"),
                )
                .after_help(COMPLETIONS_HELP),
        )
}

fn render_args() -> [Arg; 4] {
    let path = || value_parser!(PathBuf);
    [
        Arg::new(FILES)
            .value_parser(path())
            .num_args(1..)
            .required(true)
            .help("Pictures. A path that leads down from here is the key that picks the recipe; of others the name is"),
        Arg::new(OUT)
            .long(OUT)
            .value_name("DIR")
            .value_parser(path())
            .required(true)
            .help("Folder for the thumbnails; made if it is not there"),
        Arg::new(AS)
            .long(AS)
            .value_name("KEY")
            .help("Key of the only picture below the source prefix, instead of its path"),
        Arg::new(JSON)
            .long(JSON)
            .action(ArgAction::SetTrue)
            .help("Write each result line as a JSON object, times in microseconds"),
    ]
}

/// A flag for each variable that is no secret.
fn flags(variables: &[Variable]) -> Vec<Arg> {
    let shown = variables.iter().filter(|variable| !variable.secret);
    shown
        .map(|variable| {
            let default = variable.default.map(|text| format!("; default {text}"));
            let help = format!(
                "{} [{}{}]",
                variable.help,
                variable.name,
                default.unwrap_or_default()
            );
            Arg::new(variable.name)
                .long(variable.flag())
                .value_name("VALUE")
                .help(help)
        })
        .collect()
}

#[cfg(test)]
#[path = "../../tests/help/mod.rs"]
mod help;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_example_has_a_meaning() {
        let pages = help::of_pages("function");
        for words in help::examples(&command()).into_iter().chain(pages) {
            let read = command().try_get_matches_from(&words);
            assert!(read.is_ok(), "{words:?}: {read:?}");
        }
    }

    #[test]
    fn the_command_is_consistent() {
        command().debug_assert();
    }
}
