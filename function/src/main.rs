//! The thumbnail function. See `function --help`.

use std::process::ExitCode;

fn main() -> ExitCode {
    function::cli::run(std::env::args_os())
}
