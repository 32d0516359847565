//! The six thumbnails of the paper from one picture: `six-thumbnails FILE`. It prints their lengths in
//! bytes. The script beside it counts the instructions.

use std::process::ExitCode;

use cos_thumbnails::plan::Recipe;
use cos_thumbnails::render::{Rendered, render};
use cos_thumbnails::thumbnail::{Error, Limits, Stop};

/// What is counted: everything between the bytes of an original and those of its thumbnails.
#[inline(never)]
fn six_thumbnails(original: &[u8]) -> Result<Rendered, Error> {
    render(
        original,
        &Recipe::paper(),
        &Limits::default(),
        &Stop::default(),
    )
}

fn main() -> ExitCode {
    let Some(path) = std::env::args_os().nth(1) else {
        eprintln!("usage: six-thumbnails FILE");
        return ExitCode::FAILURE;
    };
    let original = match std::fs::read(&path) {
        Ok(bytes) => bytes,
        Err(error) => {
            eprintln!("cannot read {}: {error}", path.display());
            return ExitCode::FAILURE;
        }
    };
    match six_thumbnails(&original) {
        Ok(rendered) => {
            for thumbnail in rendered.thumbnails {
                println!("{} px: {} bytes", thumbnail.size, thumbnail.bytes.len());
            }
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
