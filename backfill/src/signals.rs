//! Ctrl-C, and SIGTERM, by which platforms end jobs.

use std::io;

use indicatif::ProgressBar;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// Listens from the moment it is made.
#[derive(Debug)]
pub(crate) struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    pub(crate) fn listen() -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    /// The first signal cancels `stop`, the second `give_up`.
    pub(crate) async fn act(
        mut self,
        stop: CancellationToken,
        give_up: CancellationToken,
        bar: ProgressBar,
    ) {
        self.next().await;
        stop.cancel();
        bar.suspend(|| {
            eprintln!("backfill: stopping; waiting for what is in flight (again: end at once)");
        });
        self.next().await;
        give_up.cancel();
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
