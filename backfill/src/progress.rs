//! A bar with rate and remaining time, on a terminal; nothing elsewhere.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::record::{End, Picture};

/// Shows how far a run is.
#[derive(Debug)]
pub(crate) struct Progress {
    bar: ProgressBar,
    failed: u64,
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
        Self { bar, failed: 0 }
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
