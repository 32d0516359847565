//! The command line of the program.

use std::ffi::OsString;
use std::io::{self, IsTerminal, Write};
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{Args, CommandFactory, Parser, Subcommand};
use clap_complete::Shell;
use cos_thumbnails::process::Exit;
use http::Uri;
use tracing_subscriber::EnvFilter;

use crate::engine::instance;
use crate::hosting::FunctionUrl;
use crate::instances::{self, ScalingArguments};
use crate::letters::{self, LettersArguments};
use crate::notifier::{Mischief, causes};
use crate::serve::serve;

/// An S3 store, its notifier and the thumbnail function on this machine: put a picture under
/// images/, find six thumbnails under thumbnails/.
#[derive(Debug, Parser)]
#[command(name = "local-cloud", version, args_conflicts_with_subcommands = true, after_help = EXAMPLES)]
struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    cloud: CloudArguments,
}

impl Arguments {
    /// Reads a command line, flags that do not go together included.
    fn read(args: impl IntoIterator<Item = OsString>) -> Result<Self, clap::Error> {
        let arguments = Self::try_parse_from(args)?;
        match arguments.cloud.scaling.mistake() {
            None => Ok(arguments),
            Some(mistake) => Err(Self::command().error(ErrorKind::ArgumentConflict, mistake)),
        }
    }
}

const EXAMPLES: &str = "Examples:
  local-cloud                                  generated pictures, then open for uploads
  local-cloud --open                           the same, seen in the browser
  local-cloud --images ~/Pictures --once       thumbnails of a folder, then the end
  local-cloud backfill --mode parallel         the backfill program, here as a subcommand
  local-cloud backfill --mode fan-out --job backfill   by instances of the job that is there
  local-cloud --max-scale 8 --concurrency 1    the function in processes that come and go
  local-cloud dead-letters --data DIR          events that were given up; --replay tries them again
  aws --endpoint-url http://127.0.0.1:9000 s3 cp cat.jpg s3://pictures/images/cat.jpg

Warnings go to standard error; RUST_LOG=info shows more.
Exit codes: 0 all well, 1 a picture has not all its thumbnails or something failed, 2 usage.";

const LETTERS_EXAMPLES: &str = "Examples:
  local-cloud dead-letters --data kept         which were given up, and why
  local-cloud dead-letters --data kept --replay

Exit codes: 0 done, 1 the folder cannot be read, 2 usage.";

const COMPLETIONS_EXAMPLES: &str = "Examples:
  local-cloud completions bash > ~/.local/share/bash-completion/completions/local-cloud
  local-cloud completions zsh > ~/.zfunc/_local-cloud";

#[derive(Debug, Subcommand)]
enum Command {
    /// The function's own command line (serve, job, render).
    #[command(disable_help_flag = true)]
    Function {
        /// Its arguments.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
    /// One instance, as the router starts it.
    #[command(hide = true)]
    Instance,
    /// One instance of a job, as the engine starts it.
    #[command(hide = true, name = instance::COMMAND, disable_help_flag = true)]
    JobInstance {
        /// The program's name and its arguments.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
    /// Lists the events that were given up, or puts them back among those that wait; not while a cloud
    /// is running on the folder.
    #[command(after_help = LETTERS_EXAMPLES)]
    DeadLetters(LettersArguments),
    /// Prints the script by which a shell completes command lines of this program.
    #[command(after_help = COMPLETIONS_EXAMPLES)]
    Completions {
        /// The shell.
        #[arg(value_enum)]
        shell: Shell,
    },
    /// The backfill's own command line.
    #[command(disable_help_flag = true)]
    Backfill {
        /// Its arguments.
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<OsString>,
    },
}

#[derive(Debug, Args)]
pub(crate) struct CloudArguments {
    /// Take the pictures from this folder, subfolders included, instead of generating some.
    #[arg(long, value_name = "DIR")]
    pub(crate) images: Option<PathBuf>,
    /// So many generated pictures, with the sizes of the paper's photographs.
    #[arg(
        long,
        value_name = "N",
        default_value_t = 12,
        conflicts_with = "images"
    )]
    pub(crate) count: usize,
    /// No side of a generated picture is longer.
    #[arg(long, value_name = "PIXELS", default_value_t = u16::MAX, hide_default_value = true)]
    pub(crate) max_side: u16,
    /// Where the store keeps things. Default: a temporary folder, gone at the end.
    #[arg(long, value_name = "DIR")]
    pub(crate) data: Option<PathBuf>,
    #[arg(
        long,
        help = "Where the store and the function listen. Where other hosts reach them, \
                COS_SECRET_ACCESS_KEY must be set",
        value_name = "ADDRESS",
        default_value_t = Ipv4Addr::LOCALHOST.into()
    )]
    pub(crate) bind_address: IpAddr,
    /// Port of the store; 0 takes a free one.
    #[arg(long, value_name = "PORT", default_value_t = 9000)]
    pub(crate) store_port: u16,
    /// Port of the function; 0 takes a free one.
    #[arg(long, value_name = "PORT", default_value_t = 8080)]
    pub(crate) function_port: u16,
    #[arg(
        long,
        help = "Port of Code Engine's jobs (REST v2) and of IAM's tokens on 127.0.0.1; 0 takes a free \
                one. The API key that has tokens is IBMCLOUD_API_KEY, by default local-cloud-api-key",
        value_name = "PORT",
        default_value_t = 8090
    )]
    pub(crate) engine_port: u16,
    /// Port of the live page on 127.0.0.1, where pictures are dropped and what becomes of them is seen; 0 takes
    /// a free one.
    #[arg(long, value_name = "PORT", default_value_t = 9001)]
    pub(crate) page_port: u16,
    /// Open the live page in the browser.
    #[arg(long)]
    pub(crate) open: bool,
    /// Seconds that IAM's tokens live; 0 gives tokens that have expired.
    #[arg(long, value_name = "N", default_value_t = 3600, value_parser = clap::value_parser!(u32).range(..=3600))]
    pub(crate) token_seconds: u32,
    /// Start no function: deliver the events to this one, on another host, say.
    #[arg(long, value_name = "URL", value_parser = FunctionUrl, conflicts_with = "function_port")]
    pub(crate) function_url: Option<Uri>,
    /// The bucket.
    #[arg(long, value_name = "NAME", default_value = "pictures")]
    pub(crate) bucket: String,
    #[arg(
        long,
        help = "The access key that the store takes. Its secret is COS_SECRET_ACCESS_KEY, by \
                default local-cloud-secret, which will do on loopback alone",
        env = "COS_ACCESS_KEY_ID",
        value_name = "ID",
        default_value = "local-cloud",
        hide_env_values = true
    )]
    pub(crate) access_key_id: String,
    /// So many pictures are put at once.
    #[arg(long, value_name = "K", default_value_t = 4, value_parser = clap::value_parser!(u8).range(1..))]
    pub(crate) puts_in_flight: u8,
    /// End when all pictures were handled: with 0 if each has all its thumbnails, else with 1.
    #[arg(long)]
    pub(crate) once: bool,
    /// Duplicate, delay, reorder or drop deliveries by these chances, such as
    /// duplicate=0.1,delay=0.2,reorder=0.1,drop=0.05,up-to=2; up-to is the longest wait in seconds.
    #[arg(long, value_name = "CHANCES")]
    pub(crate) mischief: Option<Mischief>,
    /// By which --mischief draws its lots: the same uploads meet the same fates.
    #[arg(long, value_name = "N", default_value_t = 0, requires = "mischief")]
    pub(crate) seed: u64,
    /// Write what became of every event to this new file, one line of JSON each, as it goes.
    #[arg(long, value_name = "FILE")]
    pub(crate) record: Option<PathBuf>,
    /// When ready, print one line of JSON with the URLs and credentials on standard output; all
    /// else goes to standard error.
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) scaling: ScalingArguments,
}

/// Runs the command that `args` are, the program's name first.
pub fn run(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments = match Arguments::read(args) {
        Ok(arguments) => arguments,
        Err(error) => {
            // Help ends with 0, mistakes with 2. Nobody is left to tell if this fails.
            let _ = error.print();
            return u8::try_from(error.exit_code()).map_or(Exit::Usage.into(), ExitCode::from);
        }
    };
    let named = |name: &str, arguments: Vec<OsString>| {
        std::iter::once(OsString::from(name))
            .chain(arguments)
            .collect::<Vec<_>>()
    };
    match arguments.command {
        Some(Command::Function { arguments }) => function::cli::run(named("function", arguments)),
        Some(Command::Backfill { arguments }) => {
            log("error");
            in_runtime(backfill::cli::run(named("backfill", arguments)))
        }
        Some(Command::JobInstance { arguments }) => {
            instance::end_with_engine();
            run(named("local-cloud", arguments))
        }
        Some(Command::Instance) => {
            log("warn");
            in_runtime(async {
                let served = instances::serve(|name| std::env::var(name).ok()).await;
                served.map_or_else(|error| failed(&error), |()| Exit::Done.into())
            })
        }
        Some(Command::DeadLetters(arguments)) => in_runtime(async {
            let listed = letters::list(&arguments, &mut io::stdout()).await;
            listed.map_or_else(|error| failed(&error), |()| Exit::Done.into())
        }),
        Some(Command::Completions { shell }) => {
            let mut script = Vec::new();
            let mut command = Arguments::command();
            clap_complete::generate(shell, &mut command, "local-cloud", &mut script);
            // For bash it calls what is below a program with a hyphen by two names, and so never offers its flags.
            let script = String::from_utf8_lossy(&script);
            let script = script.replace("local__subcmd__cloud__", "local__cloud__");
            let written = io::stdout().write_all(script.as_bytes());
            written.map_or_else(|error| failed(&error), |()| Exit::Done.into())
        }
        None => {
            log("warn");
            in_runtime(async {
                let served = serve(arguments.cloud).await;
                served.unwrap_or_else(|failure| failed(&failure))
            })
        }
    }
}

/// Logs to standard error what `RUST_LOG` lets through, or `default`. The function's own command line logs
/// by its own settings.
fn log(default: &str) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(default));
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(io::stderr().is_terminal())
        .with_writer(io::stderr);
    // A process runs one command: nobody has set another.
    let _ = log.try_init();
}

fn failed(error: &dyn std::error::Error) -> ExitCode {
    let _ = writeln!(io::stderr(), "local-cloud: {}", causes(error));
    Exit::Failed.into()
}

fn in_runtime(work: impl Future<Output = ExitCode>) -> ExitCode {
    match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime.block_on(work),
        Err(error) => {
            let _ = writeln!(
                io::stderr(),
                "local-cloud: cannot start the async runtime: {error}"
            );
            Exit::Failed.into()
        }
    }
}

#[cfg(test)]
#[path = "../../../tests/help/mod.rs"]
mod help;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_example_has_a_meaning() {
        let pages = help::of_pages("local-cloud");
        for words in help::examples(&Arguments::command())
            .into_iter()
            .chain(pages)
        {
            let read = Arguments::try_parse_from(&words);
            assert!(read.is_ok(), "{words:?}: {read:?}");
        }
    }
}
