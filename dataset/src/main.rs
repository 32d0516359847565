//! Brings the paper's photographs into a folder, or generated pictures like them.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use backon::ExponentialBuilder;
use clap::{CommandFactory, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use dataset::fetch::{Fetcher, PUBLIC, Report, SetupError, with_causes};
use dataset::{Photograph, Picture};
use futures_util::StreamExt;
use indicatif::{DecimalBytes, ProgressBar, ProgressStyle};

/// Some are not there, and to try again may help.
const FAILED: u8 = 1;
/// The folder's URL or the folder itself is wrong.
const USAGE: u8 = 2;

/// The paper's data set.
#[derive(Debug, Parser)]
#[command(
    version,
    about,
    after_help = "Exit codes: 0 done, 1 failed, 2 usage, 3 some photographs are gone from their place"
)]
struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Write photo-like JPEGs with the sizes of the paper's photographs. The same arguments always
    /// give the same files.
    #[command(
        after_help = "Examples:\n  dataset generate --out pictures\n  dataset generate --out pictures --count 250 --coding progressive --max-side 2000\n\n\
                      Exit codes: 0 done, 1 a file could not be written, 2 usage, or the folder cannot be had"
    )]
    Generate {
        /// How many.
        #[arg(long, default_value_t = 25, value_name = "N")]
        count: usize,
        /// The folder to write them to; it is made if it is not there.
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
        /// Scale them to have no side longer than this, in pixels.
        #[arg(long, default_value_t = u16::MAX, value_name = "PX", value_parser = clap::value_parser!(u16).range(1..))]
        max_side: u16,
        /// How their coefficients are ordered.
        #[arg(long, value_enum, default_value_t)]
        coding: Codings,
    },
    /// Download the paper's photographs, verify each by its hash, and say which are gone. What is there is
    /// not downloaded again; what was cut is gone on with.
    #[command(
        after_help = "Examples:\n  dataset fetch --out photographs\n  dataset fetch --out photographs --count 10 --in-flight 8\n\n\
                      Exit codes: 0 all are there, 1 some are not and to try again may help, 2 usage, or the folder cannot be had, \
                      3 some are gone and all others are there"
    )]
    Fetch {
        /// The folder to write them to; it is made if it is not there.
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
        /// Only the first so many of the manifest.
        #[arg(long, value_name = "N")]
        count: Option<usize>,
        /// URL of the folder that has them.
        #[arg(long, default_value = PUBLIC, value_name = "URL")]
        base: String,
        /// How many are fetched at once.
        #[arg(long, default_value_t = 4, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=64))]
        in_flight: u16,
        /// How often each is tried again.
        #[arg(long, default_value_t = 5, value_name = "N")]
        retries: u16,
        /// After how many seconds without a byte an attempt is given up.
        #[arg(long, default_value_t = 30, value_name = "SECONDS", value_parser = clap::value_parser!(u16).range(1..))]
        patience: u16,
    },
    /// Print the script by which a shell completes command lines of this program.
    #[command(
        after_help = "Examples:\n  dataset completions bash > ~/.local/share/bash-completion/completions/dataset\n  \
                      dataset completions zsh > ~/.zfunc/_dataset"
    )]
    Completions {
        /// The shell.
        #[arg(value_enum)]
        shell: Shell,
    },
}

/// How the coefficients of generated pictures are ordered.
#[derive(Debug, Clone, Copy, Default, ValueEnum)]
enum Codings {
    /// Three of four progressive, the fourth baseline
    #[default]
    Mixed,
    /// All progressive, as the paper's photographs: to stand in for these
    Progressive,
}

fn main() -> ExitCode {
    let ended = match Args::parse().command {
        Command::Generate {
            count,
            out,
            max_side,
            coding: Codings::Mixed,
        } => generate(dataset::pictures_within(count, max_side), &out),
        Command::Generate {
            count,
            out,
            max_side,
            coding: Codings::Progressive,
        } => generate(dataset::stand_ins(count, max_side), &out),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Args::command(), "dataset", &mut script);
            io::stdout().write_all(&script).map(|()| ExitCode::SUCCESS)
        }
        Command::Fetch {
            out,
            count,
            base,
            in_flight,
            retries,
            patience,
        } => {
            let retry = ExponentialBuilder::new()
                .with_min_delay(Duration::from_secs(1))
                .with_max_delay(Duration::from_secs(30))
                .with_max_times(retries.into())
                .with_jitter();
            let patience = Duration::from_secs(patience.into());
            match Fetcher::new(&base, &out, patience, retry) {
                Ok(fetcher) => {
                    let mut photographs = dataset::photographs();
                    photographs.truncate(count.unwrap_or(usize::MAX));
                    let ended = fetch(&fetcher, &photographs, in_flight.into());
                    if matches!(ended, Ok(FAILED)) {
                        eprintln!(
                            "dataset: what to do: the same again goes on with what is left; --base names another place than {base}"
                        );
                    }
                    ended.map(ExitCode::from)
                }
                Err(SetupError::Folder { folder, source }) => Ok(no_folder(&folder, source)),
                Err(error) => {
                    eprintln!("dataset: {}", with_causes(&error));
                    Ok(ExitCode::from(USAGE))
                }
            }
        }
    };
    ended.unwrap_or_else(|error| {
        eprintln!("dataset: {error}");
        ExitCode::FAILURE
    })
}

fn generate(pictures: impl Iterator<Item = Picture>, out: &Path) -> io::Result<ExitCode> {
    if let Err(error) = fs::create_dir_all(out) {
        return Ok(no_folder(out, error));
    }
    let (mut count, mut total) = (0, 0);
    for picture in pictures {
        let file = out.join(&picture.name);
        fs::write(&file, &picture.bytes).map_err(of_place(&file))?;
        println!("{:>9} bytes  {}", picture.bytes.len(), picture.name);
        count += 1;
        total += picture.bytes.len();
    }
    println!("{total:>9} bytes in {count} pictures in {}", out.display());
    Ok(ExitCode::SUCCESS)
}

/// Says that the folder that was named cannot be had, before anything was written to it.
fn no_folder(folder: &Path, error: io::Error) -> ExitCode {
    eprintln!("dataset: {}", of_place(folder)(error));
    ExitCode::from(USAGE)
}

/// The same error with the place that it is of, and what to do.
fn of_place(path: &Path) -> impl FnOnce(io::Error) -> io::Error {
    move |error| {
        let path = path.display();
        io::Error::other(format!(
            "{path} could not be written: {error}; --out names another folder"
        ))
    }
}

fn fetch(fetcher: &Fetcher, photographs: &[Photograph], at_once: usize) -> io::Result<u8> {
    // indicatif draws nothing where stderr is no terminal.
    let bar = ProgressBar::new(photographs.len() as u64);
    if let Ok(style) = ProgressStyle::with_template("{wide_bar} {pos}/{len}{msg}, {eta} left") {
        bar.set_style(style);
    }
    let total = std::cell::Cell::new(0);
    let received = |bytes| {
        total.set(total.get() + bytes);
        bar.set_message(format!(", {}", DecimalBytes(total.get())));
    };
    let mut report = Report::default();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let mut ends = std::pin::pin!(fetcher.fetch(photographs, at_once, &received));
        while let Some((place, end)) = ends.next().await {
            report.add(place, &photographs[place], &end);
            bar.inc(1);
        }
    });
    bar.finish_and_clear();
    print!("{report}");
    Ok(report.exit_code())
}

#[cfg(test)]
#[path = "../../tests/help/mod.rs"]
mod help;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_example_has_a_meaning() {
        let pages = help::of_pages("dataset");
        for words in help::examples(&Args::command()).into_iter().chain(pages) {
            let read = Args::try_parse_from(&words);
            assert!(read.is_ok(), "{words:?}: {read:?}");
        }
    }
}
