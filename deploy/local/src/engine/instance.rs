use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};

use tokio::signal::unix::{SignalKind, signal};

/// Runs a program to its end, with nothing in its environment but `environment`. What it says on standard
/// error is said by this process; of its standard output the platform would make a log.
///
/// The future's end is the process's end: who drops it kills the process.
///
/// # Errors
/// Why the instance failed, in Code Engine's words.
pub(super) async fn run(
    program: &Path,
    arguments: &[String],
    environment: &BTreeMap<String, String>,
) -> Result<(), String> {
    let ended = wait(program, arguments, environment).await;
    let status = ended.map_err(|error| format!("ContainerCannotRun: {error}"))?;
    match exit_code(status) {
        0 => Ok(()),
        code => Err(format!("ContainerExitedCode{code}")),
    }
}

async fn wait(
    program: &Path,
    arguments: &[String],
    environment: &BTreeMap<String, String>,
) -> io::Result<ExitStatus> {
    // Listened for from before the start, so that no end is missed.
    let mut a_child_ended = signal(SignalKind::child())?;
    let mut command = Command::new(program);
    command.args(arguments).env_clear().envs(environment);
    command.stdin(Stdio::null()).stdout(Stdio::null());
    let mut running = Running(command.spawn()?);
    loop {
        if let Some(status) = running.0.try_wait()? {
            return Ok(status);
        }
        a_child_ended.recv().await;
    }
}

/// As shells and Kubernetes count: 128 and the signal's number.
fn exit_code(status: ExitStatus) -> i32 {
    use std::os::unix::process::ExitStatusExt;
    let signal = || status.signal().map(|signal| 128 + signal);
    status.code().or_else(signal).unwrap_or(1)
}

struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It has ended, or is to end now.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
