//! Writes generated pictures into a folder.

use std::fs;
use std::io;
use std::path::PathBuf;

use clap::{Parser, Subcommand};

/// The paper's data set.
#[derive(Debug, Parser)]
#[command(version, about)]
struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Write photo-like JPEGs with the sizes of the paper's photographs. The same arguments always
    /// give the same files.
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
    },
}

fn main() -> io::Result<()> {
    let Command::Generate {
        count,
        out,
        max_side,
    } = Args::parse().command;
    fs::create_dir_all(&out)?;
    let mut total = 0;
    for picture in dataset::pictures_within(count, max_side) {
        fs::write(out.join(&picture.name), &picture.bytes)?;
        println!("{:>9} bytes  {}", picture.bytes.len(), picture.name);
        total += picture.bytes.len();
    }
    println!("{total:>9} bytes in {count} pictures in {}", out.display());
    Ok(())
}
