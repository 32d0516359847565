//! A bar with rate and remaining time, or a count where no one knows how many there are; on a
//! terminal, nothing elsewhere.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::audit::{Finding, State};
use crate::record::{End, Picture};

/// Shows how far a run is.
#[derive(Debug)]
pub(crate) struct Progress {
    bar: ProgressBar,
    failed: u64,
    mended: u64,
}

impl Progress {
    /// A bar over `pictures`, drawn on stderr if that is a terminal.
    pub(crate) fn new(pictures: u64, mode: &'static str) -> Self {
        // indicatif draws nothing where stderr is no terminal.
        let bar = ProgressBar::with_draw_target(Some(pictures), ProgressDrawTarget::stderr());
        let template = "{prefix} {wide_bar} {pos}/{len} {per_sec}, {eta} left{msg}";
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style);
        }
        bar.set_prefix(mode);
        Self {
            bar,
            failed: 0,
            mended: 0,
        }
    }

    /// A count of what is looked at, drawn on stderr if that is a terminal and not `hidden`.
    pub(crate) fn counting(what: &'static str, hidden: bool) -> Self {
        let target = if hidden {
            ProgressDrawTarget::hidden()
        } else {
            ProgressDrawTarget::stderr()
        };
        let bar = ProgressBar::with_draw_target(None, target);
        if let Ok(style) = ProgressStyle::with_template("{prefix} {pos} looked at {per_sec}{msg}") {
            bar.set_style(style);
        }
        bar.set_prefix(what);
        Self {
            bar,
            failed: 0,
            mended: 0,
        }
    }

    /// One more is looked at.
    pub(crate) fn found(&mut self, finding: &Finding) {
        if finding.state != State::Ok {
            self.failed += 1;
            self.bar.set_message(format!(", {} not ok", self.failed));
        }
        self.bar.inc(1);
    }

    /// One more is replayed.
    pub(crate) fn mended(&mut self) {
        self.mended += 1;
        self.bar.set_message(format!(", {} replayed", self.mended));
    }

    /// Says something above the bar, on stderr.
    pub(crate) fn say(&self, text: &str) {
        self.bar.suspend(|| eprintln!("backfill: {text}"));
    }

    /// Says how far others are.
    pub(crate) fn note(&self, text: &str) {
        self.bar.set_message(text.to_owned());
    }

    /// One more is finished.
    pub(crate) fn add(&mut self, picture: &Picture) {
        if matches!(picture.end, End::Error(_)) {
            self.failed += 1;
            self.bar.set_message(format!(", {} failed", self.failed));
        }
        self.bar.inc(1);
    }

    /// A handle to say something above the bar.
    pub(crate) fn bar(&self) -> ProgressBar {
        self.bar.clone()
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
