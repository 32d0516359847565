use std::collections::BTreeMap;
use std::io::{self, Read};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};

use tokio::signal::unix::{SignalKind, signal};

/// How this program is told to be an instance of a job; see [`end_with_engine`].
pub(crate) const COMMAND: &str = "job-instance";

/// The instance's side: it ends as if killed when its standard input does, which the engine holds. So none
/// outlives an engine that was killed itself.
pub(crate) fn end_with_engine() {
    // A thread of its own, since what the instance does may take all others.
    std::thread::spawn(|| {
        let _ = io::stdin().lock().read_to_end(&mut Vec::new());
        std::process::exit(KILLED);
    });
}

/// 128 and SIGKILL's number.
const KILLED: i32 = 137;

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
    command.arg(COMMAND).args(arguments);
    command.env_clear().envs(environment);
    command.stdin(Stdio::piped()).stdout(Stdio::null());
    let mut process = command.spawn()?;
    let mut running = Running {
        _input: process.stdin.take(),
        process,
    };
    loop {
        if let Some(status) = running.process.try_wait()? {
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

struct Running {
    process: Child,
    /// Its end would end the process.
    _input: Option<ChildStdin>,
}

impl Drop for Running {
    fn drop(&mut self) {
        // It has ended, or is to end now.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
