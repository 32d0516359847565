//! An S3 store, its notifier and the thumbnail function on this machine.

use std::process::ExitCode;

fn main() -> ExitCode {
    local_cloud::cli::run(std::env::args_os())
}
