//! Code Engine's way of running an application, on one machine: processes of the function behind a router
//! with Knative's semantics as documented. It is a stand-in: all instances share this machine's
//! processors, so that more of them do not mean more speed.
//!
//! ```text
//! request ──► router ──► pool: free places, and a buffer ──► instance 1, 2, … max-scale
//!                          ▲ scaler: how many there should be
//! ```
//!
//! | what | as |
//! |---|---|
//! | at most `concurrency` requests in one instance | a hard limit, as Code Engine has it; one whose client hung up counts to its end |
//! | beyond that requests wait, and start instances | Knative's activator, and its autoscaler in panic mode |
//! | beyond `buffer` of them 503 at once | Knative's queue-proxy; IBM's documentation says 502 |
//! | an instance that breaks off: 502; one that takes too long: 504 | a gateway (RFC 9110); with the 504 the place is free, though the instance may work on, as Knative's queue-proxy has it |
//! | fewer instances when the most that was needed of late is less | Knative's `scale-down-delay` and stable window |
//! | SIGTERM once its requests have ended, and SIGKILL one request time-out later | Knative's queue-proxy holds SIGTERM back until then; Code Engine |
//!
//! Sources: IBM Cloud docs, "Configuring application scaling"; Knative Serving, "Autoscaling concepts",
//! and the breakers of its queue-proxy and activator.

use std::ffi::OsString;
use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::sync::watch;
use tokio::task::JoinHandle;

mod arguments;
mod notice;
mod pool;
mod process;
mod router;
mod scaler;

pub(crate) use arguments::ScalingArguments;
pub use notice::{Event, Notice};
pub(crate) use process::serve;

use self::pool::Pool;
use self::scaler::Scaler;

/// How many instances there are and when. The names are those of `ibmcloud code-engine app create`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scaling {
    /// So many instances are always there. Default 0.
    pub min_scale: u16,
    /// There are never more. Default 10.
    pub max_scale: u16,
    /// Requests that one instance works on at once, at least 1. Default 2, as `deploy/` has it for one CPU;
    /// Code Engine's own is 100.
    pub concurrency: u16,
    /// What passes between a process's start and its first request beyond what the process needs itself:
    /// placing, pulling the image, starting the container. Default none.
    pub cold_start: Duration,
    /// How long less must be needed before an instance goes. Default 60 s, as Knative's stable window;
    /// Code Engine speaks of about a minute, plus its scale-down delay.
    pub scale_down_delay: Duration,
    /// How long a request may take, waiting and its answer's body included, and an instance to end after
    /// SIGTERM. Default 300 s.
    pub request_timeout: Duration,
    /// Requests that wait for a place; beyond them 503. Default ten times what all instances take at once,
    /// as Knative's queue-proxies.
    pub buffer: Option<usize>,
}

impl Default for Scaling {
    fn default() -> Self {
        Self {
            min_scale: 0,
            max_scale: 10,
            concurrency: 2,
            cold_start: Duration::ZERO,
            scale_down_delay: Duration::from_mins(1),
            request_timeout: Duration::from_mins(5),
            buffer: None,
        }
    }
}

impl Scaling {
    fn buffer(&self) -> usize {
        let places = usize::from(self.max_scale) * usize::from(self.concurrency);
        self.buffer.unwrap_or(10 * places)
    }
}

impl fmt::Display for Scaling {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} to {} behind a router, {} requests each, {} wait; a stand-in for Code Engine: all share \
             this machine",
            self.min_scale,
            self.max_scale,
            self.concurrency,
            self.buffer()
        )
    }
}

/// What an instance is a process of. When it can take requests it writes a line of JSON to its standard
/// output, `{"listening":"127.0.0.1:PORT"}`; when its standard input ends it ends, too, so that none
/// outlives a router that was killed.
#[derive(Clone)]
pub struct Program {
    /// The file.
    pub path: PathBuf,
    /// Its arguments.
    pub arguments: Vec<OsString>,
    /// Variables that are set, or taken away, beside this process's own.
    pub variables: Vec<(String, Option<String>)>,
}

/// Of the variables the names alone: some hold secrets.
impl fmt::Debug for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.variables.iter().map(|(name, _)| name).collect();
        let mut fields = f.debug_struct("Program");
        fields.field("path", &self.path);
        fields.field("arguments", &self.arguments);
        fields.field("variables", &names).finish()
    }
}

/// A running router and its instances. Dropping it leaves them running; see [`Instances::stop`].
#[derive(Debug)]
pub struct Instances {
    stop: watch::Sender<bool>,
    router: JoinHandle<()>,
    scaler: JoinHandle<()>,
}

impl Instances {
    /// Routes what comes to `listener`. What becomes of the instances comes out of the receiver.
    #[must_use]
    pub fn start(
        listener: TcpListener,
        program: Program,
        scaling: Scaling,
    ) -> (Self, UnboundedReceiver<Notice>) {
        let (stop, stopped) = watch::channel(false);
        let (notices, received) = unbounded_channel();
        let pool = Arc::new(Pool::new(scaling.concurrency, scaling.buffer()));
        let router = router::serve(
            listener,
            Arc::clone(&pool),
            scaling.request_timeout,
            stopped,
        );
        let router = tokio::spawn(router);
        let (no_more, router_ended) = tokio::sync::oneshot::channel();
        let scaler = Scaler::new(program, scaling, pool, notices);
        let scaler = tokio::spawn(scaler.run(router_ended));
        let router = tokio::spawn(async move {
            // That it panicked was seen when it did.
            let _ = router.await;
            // Instances go when nothing is sent to them any more. A scaler that is gone needs no word.
            let _ = no_more.send(());
        });
        let instances = Self {
            stop,
            router,
            scaler,
        };
        (instances, received)
    }

    /// Takes no new connection, lets requests under way end, sends SIGTERM to every instance and waits for
    /// its end; neither takes longer than a request may.
    pub async fn stop(self) {
        self.stop.send_replace(true);
        let _ = self.router.await;
        let _ = self.scaler.await;
    }
}

/// Why an instance did not come up.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StartError {
    #[error("it cannot be started")]
    Spawn(#[source] io::Error),
    #[error("it ended without saying where it listens")]
    Silent,
    #[error("it did not say where it listens within {0:?}")]
    Late(Duration),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_programs_variables_the_names_alone_are_shown() {
        let program = Program {
            path: PathBuf::from("/program"),
            arguments: vec!["argument".into()],
            variables: vec![("NAME".to_owned(), Some("canary".to_owned()))],
        };
        let shown = format!("{program:?}");
        for part in ["/program", "argument", "NAME"] {
            assert!(shown.contains(part), "{shown}");
        }
        assert!(!shown.contains("canary"), "{shown}");
    }
}
