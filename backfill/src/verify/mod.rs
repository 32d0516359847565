//! `backfill verify`: an audit, and the repair of what it found.
//!
//! ```text
//! (by the function's recipe?) -> look at all -> mend -> look at those again -> report
//! ```
//!
//! What is to be mended is kept in memory, up to `BATCH` of it. If there is more, the bucket is
//! looked at a second time and mended batch by batch on the way.

mod mend;
mod sink;

use std::io::Write;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use cos_thumbnails::storage::Storage;
use futures_util::StreamExt;
use tokio_util::sync::CancellationToken;

use self::mend::Mender;
use self::sink::Sink;
use crate::advice::{Advice, nothing_selected};
use crate::args::{Settings, Verify};
use crate::audit::report::{Header, Line, Repair, Shown, Summary};
use crate::audit::{Audit, Finding, Options, State};
use crate::cli::{Error, FAILED, INTERRUPTED};
use crate::progress::Progress;
use crate::signals::Signals;
use crate::target::with_causes;

pub use self::mend::Refused;

/// How many originals are looked at at once: each waits for one answer of the store.
pub(crate) const IN_FLIGHT: usize = 64;

/// How many findings are kept at once to be mended, of some hundred bytes each.
const BATCH: usize = 5_000;

/// A full audit from now on, of which nothing is pending.
pub(crate) fn options() -> Options {
    Options {
        fast: false,
        now: SystemTime::now(),
        pending: Duration::ZERO,
        in_flight: IN_FLIGHT,
    }
}

/// Audits the bucket and, if asked to, mends it. Gives the exit code.
///
/// # Errors
/// [`Error`], where there is not even a summary. An audit that ends early has one, which says why.
pub(crate) async fn run(
    settings: &Settings,
    verify: &Verify,
    store: Arc<dyn Storage>,
    out: &mut (impl Write + Send),
) -> Result<u8, Error> {
    let policy = &settings.config.policy;
    let options = Options {
        fast: verify.fast,
        pending: verify.pending,
        ..options()
    };
    let header = Header {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        bucket: policy.bucket().to_string(),
        source_prefix: policy.source_prefix().to_owned(),
        output_prefix: policy.output_prefix().to_owned(),
        recipe: policy.recipes().fingerprint(),
        fast: verify.fast,
        orphans_told: policy.keys_name_originals(),
        started: options.now.into(),
    };
    let (stop, give_up) = (CancellationToken::new(), CancellationToken::new());
    let progress = Progress::counting("verify", verify.quiet);
    let audit = Audit::new(Arc::clone(&store), policy.clone(), options);
    let told = (stop.clone(), progress.bar());
    let mender = Mender::new(settings, verify, store, audit.clone(), told)?;
    // Before anything is begun: a report of nothing would look like one of an empty bucket.
    mender.check_function().await?;
    let mut sink = Sink::new(settings, out)?;
    sink.line(&Line::Audit(header.clone()))?;
    let signals = Signals::listen().map_err(Error::io("signals could not be listened for"))?;
    let listener = tokio::spawn(signals.act(stop.clone(), give_up.clone(), progress.bar()));
    let mut verification = Verification {
        mender,
        audit,
        verify,
        sink,
        summary: Summary::default(),
        shown: Shown::default(),
        progress,
        stop,
    };
    let ended = tokio::select! {
        ended = verification.go() => Some(ended),
        () = give_up.cancelled() => None,
    };
    listener.abort();
    let whole = !verification.stop.is_cancelled();
    let is_empty = whole && verification.summary.found.originals() == 0;
    let code = verification.end(&header, ended.as_ref());
    match &ended {
        Some(Err(error)) => Advice::new(settings).tell(error),
        Some(Ok(())) if is_empty && !verify.quiet => nothing_selected(settings),
        _ => {}
    }
    code
}

/// A verification on its way.
struct Verification<'a, W> {
    audit: Audit,
    mender: Mender<'a>,
    verify: &'a Verify,
    sink: Sink<'a, W>,
    summary: Summary,
    shown: Shown,
    progress: Progress,
    stop: CancellationToken,
}

impl<W: Write + Send> Verification<'_, W> {
    async fn go(&mut self) -> Result<(), Error> {
        let todo = self.look().await?;
        if self.verify.repair.is_none() || self.stop.is_cancelled() || todo.is_empty() {
            return Ok(());
        }
        self.mender.check_marks(&self.summary)?;
        if todo.len() <= BATCH {
            self.summary.repair = Some(Repair {
                after: self.summary.found.clone(),
                ..Repair::default()
            });
            self.mend(todo).await
        } else {
            self.look_and_mend().await
        }
    }

    /// Looks at all. Gives what is to be mended: if that is more than [`BATCH`], some of it.
    async fn look(&mut self) -> Result<Vec<Finding>, Error> {
        let mut todo = Vec::new();
        let findings = self
            .audit
            .all()
            .take_until(self.stop.clone().cancelled_owned());
        let mut findings = std::pin::pin!(findings);
        while let Some(finding) = findings.next().await {
            let finding = finding?;
            self.progress.found(&finding);
            self.summary.add(&finding);
            let wanted = self.mender.wants(&finding);
            if finding.state != State::Ok {
                self.sink.line(&Line::Finding(finding.clone()))?;
            }
            if !wanted {
                self.show(&finding);
            } else if todo.len() <= BATCH {
                todo.push(finding);
            }
        }
        Ok(todo)
    }

    /// Looks at all once more, and mends what is found on the way.
    async fn look_and_mend(&mut self) -> Result<(), Error> {
        self.summary.repair = Some(Repair::default());
        self.shown = Shown::default();
        let findings = self
            .audit
            .all()
            .take_until(self.stop.clone().cancelled_owned());
        let mut findings = std::pin::pin!(findings);
        let mut batch = Vec::new();
        while let Some(finding) = findings.next().await {
            let finding = finding?;
            self.repair().after.add(finding.state);
            if self.mender.wants(&finding) {
                batch.push(finding);
            } else {
                self.show(&finding);
            }
            if batch.len() == BATCH {
                self.mend(std::mem::take(&mut batch)).await?;
            }
        }
        self.mend(batch).await
    }

    /// Mends a batch, and looks at each of it again.
    async fn mend(&mut self, batch: Vec<Finding>) -> Result<(), Error> {
        let done = self.mender.mend(&batch, &mut self.progress).await?;
        let repair = self.repair();
        repair.replayed += done.replayed;
        repair.failed += done.failed;
        repair.removed += done.removed;
        let audit = self.audit.clone();
        let again = futures_util::stream::iter(batch)
            .take_until(self.stop.clone().cancelled_owned())
            .map(|before| {
                let audit = audit.clone();
                async move {
                    let now = audit.again(&before).await?;
                    Ok::<_, Error>((before, now))
                }
            })
            .buffered(IN_FLIGHT);
        let mut again = std::pin::pin!(again);
        while let Some(looked) = again.next().await {
            let (before, now) = looked?;
            self.repair().after.take(before.state);
            if let Some(now) = now {
                self.repair().after.add(now.state);
                self.show(&now);
                self.sink.line(&Line::Mended(now))?;
            }
        }
        Ok(())
    }

    fn repair(&mut self) -> &mut Repair {
        self.summary.repair.get_or_insert_default()
    }

    /// Keeps what is not well at the end, for people.
    fn show(&mut self, finding: &Finding) {
        if finding.state != State::Ok && !self.verify.accept.contains(&finding.state) {
            self.shown.add(finding);
        }
    }

    /// Reports. Gives the exit code.
    fn end(mut self, header: &Header, ended: Option<&Result<(), Error>>) -> Result<u8, Error> {
        drop(self.progress);
        let interrupted = self.stop.is_cancelled();
        let (why, code) = match ended {
            None => (
                Some("interrupted twice: what was in flight is not counted".to_owned()),
                INTERRUPTED,
            ),
            Some(Err(error)) => (Some(with_causes(error)), error.exit_code()),
            Some(Ok(())) if interrupted => (Some("interrupted".to_owned()), INTERRUPTED),
            Some(Ok(())) => (None, FAILED),
        };
        let summary = &mut self.summary;
        let repaired = summary.repair.as_ref().map(|repair| &repair.after);
        let at_end = repaired.unwrap_or(&summary.found);
        summary.well = why.is_none() && at_end.all_well(&self.verify.accept);
        summary.ended_early = why;
        self.sink
            .end(header, &self.summary, &self.shown, self.verify.quiet)?;
        Ok(if self.summary.well { 0 } else { code })
    }
}
