//! One instance: a process, from its start to its end.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, ChildStdout, Command};
use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::oneshot;
use tokio::time::{Instant, timeout};

use super::notice::{Event, Notice};
use super::pool::Pool;
use super::{Program, StartError};
use crate::notifier::causes;

/// How long a process may take until it listens.
const START_TIMEOUT: Duration = Duration::from_mins(1);

/// What one instance needs.
pub(super) struct Process {
    pub(super) instance: u64,
    pub(super) program: Arc<Program>,
    pub(super) cold_start: Duration,
    /// How long it may take to end after SIGTERM.
    pub(super) grace: Duration,
    pub(super) pool: Arc<Pool>,
    pub(super) notices: UnboundedSender<Notice>,
}

/// How an instance ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// By itself, before it took any request.
    NeverReady,
    /// By itself, or as it was told to.
    Ended,
}

/// What an instance says when it can take requests.
#[derive(Debug, Serialize, Deserialize)]
struct Ready {
    listening: SocketAddr,
}

/// Runs one instance until it ends by itself or, after the other end of `stop` is gone, is told to.
pub(super) async fn run(process: Process, stop: oneshot::Receiver<()>) -> (u64, End) {
    let ended = process.run(stop).await;
    process.pool.close(process.instance);
    let (event, end) = match ended {
        Ok((None, _)) => (Event::Ended, End::Ended),
        Ok((Some(how), true)) => (Event::Failed { how }, End::Ended),
        Ok((Some(how), false)) => (Event::Failed { how }, End::NeverReady),
        Err(error) => (
            Event::Failed {
                how: causes(&error),
            },
            End::NeverReady,
        ),
    };
    process.tell(event);
    (process.instance, end)
}

impl Process {
    /// How it ended by itself, if it did, and whether it had been ready.
    async fn run(&self, stop: oneshot::Receiver<()>) -> Result<(Option<String>, bool), StartError> {
        let started = Instant::now();
        let mut child = self.command().spawn().map_err(StartError::Spawn)?;
        self.tell(Event::Started {
            pid: child.id().unwrap_or_default(),
        });
        // It lives as long as the process may: its end ends the process.
        let _input = child.stdin.take();
        let output = child.stdout.take();
        let mut was_ready = false;
        let serving = async {
            let address = timeout(START_TIMEOUT, listening(output)).await;
            let (address, _output) = address.map_err(|_| StartError::Late(START_TIMEOUT))??;
            tokio::time::sleep(self.cold_start).await;
            was_ready = true;
            self.pool.open(self.instance, address);
            let after_ms = Notice::milliseconds(started.elapsed());
            self.tell(Event::Ready { after_ms });
            std::future::pending::<Result<(), StartError>>().await
        };
        let by_itself = tokio::select! {
            status = child.wait() => Some(status.map_or_else(|e| e.to_string(), |s| s.to_string())),
            // Something went wrong before it was ready.
            Err(error) = serving => return Err(error),
            _ = stop => None,
        };
        if by_itself.is_none() {
            self.pool.close(self.instance);
            self.tell(Event::Terminating);
            // What is on its way to it would find nobody. That it takes longer than it may is seen by the
            // router, and that it ends meanwhile is what is wanted.
            tokio::select! {
                () = self.pool.emptied(self.instance) => {}
                _ = child.wait() => {}
            }
            terminate(&mut child, self.grace).await;
        }
        Ok((by_itself, was_ready))
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.program.path);
        command
            .args(&self.program.arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            // If this task is dropped, nothing stays behind.
            .kill_on_drop(true);
        for (name, value) in &self.program.variables {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        command
    }

    fn tell(&self, event: Event) {
        let notice = Notice {
            instance: self.instance,
            event,
            ready: self.pool.ready(),
        };
        // Nobody listens any more when the program ends.
        let _ = self.notices.send(notice);
    }
}

/// SIGTERM, and SIGKILL if that was not enough.
async fn terminate(child: &mut Child, grace: Duration) {
    let pid = child.id().and_then(|id| Pid::from_raw(id.try_into().ok()?));
    if let Some(pid) = pid {
        // It has not been waited for, so that the number is still its own; it may have ended already.
        let _ = kill_process(pid, Signal::TERM);
    }
    if timeout(grace, child.wait()).await.is_err() {
        // As above.
        let _ = child.kill().await;
    }
}

/// Where it listens, and the rest of its output, which must stay open as long as it may write.
async fn listening(
    output: Option<ChildStdout>,
) -> Result<(SocketAddr, Option<BufReader<ChildStdout>>), StartError> {
    let mut output = output.map(BufReader::new);
    let mut line = String::new();
    while let Some(reader) = &mut output {
        line.clear();
        match reader.read_line(&mut line).await {
            Ok(0) | Err(_) => break,
            Ok(_) => {}
        }
        if let Ok(ready) = serde_json::from_str::<Ready>(&line) {
            return Ok((ready.listening, output));
        }
    }
    Err(StartError::Silent)
}

/// Why an instance of the function could not serve.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ServeError {
    /// The settings make no configuration.
    #[error("{0}")]
    Config(#[from] cos_thumbnails::config::Mistakes),
    /// The function ended by itself.
    #[error("the function failed")]
    Function(#[from] function::Error),
    /// Nobody can be told where it listens.
    #[error("standard output cannot be written")]
    Output(#[source] io::Error),
}

/// The instance's side: the function as it is deployed, on a free port of loopback, until SIGTERM or until
/// standard input ends, which it does with the router's process.
pub(crate) async fn serve(lookup: impl Fn(&str) -> Option<String>) -> Result<(), ServeError> {
    let config = function::Config::from_lookup(lookup)?;
    let terminated = function::runtime::terminated().map_err(function::Error::from)?;
    let listener = function::runtime::listen(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).await;
    let listener = listener.map_err(function::Error::from)?;
    let listening = listener.local_addr().map_err(ServeError::Output)?;
    let ready = serde_json::to_string(&Ready { listening }).map_err(io::Error::from);
    let told = ready.and_then(|ready| writeln!(io::stdout(), "{ready}"));
    told.map_err(ServeError::Output)?;
    let (sender, orphaned) = oneshot::channel::<()>();
    // A thread of its own: reading standard input cannot be cancelled, and must not keep the process.
    std::thread::spawn(move || {
        let _ = io::stdin().lock().read_to_end(&mut Vec::new());
        drop(sender);
    });
    let shutdown = async {
        tokio::select! {
            () = terminated => {}
            _ = orphaned => {}
        }
    };
    Ok(function::serve(listener, config, shutdown).await?)
}
