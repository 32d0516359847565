//! From one sample to the next, until all that were asked for are there.

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::Utc;
use cos_thumbnails::storage::Storage;
use indicatif::ProgressBar;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::design::cells;
use super::folder::Folder;
use super::preflight::Prepared;
use super::sample::{Place, Taken, take};
use super::{Cell, Error, summary};
use crate::advice::{Advice, Advised};
use crate::args::Settings;
use crate::cli;
use crate::journal::JournalError;
use crate::record::Mode;
use crate::record::experiment::{Discarded, Ended, Sample, Temperature};
use crate::target::{InProcess, Target};

/// Why it ended early.
#[derive(Debug)]
pub(super) enum Stopped {
    Interrupted,
    Error(Error),
}

impl From<Error> for Stopped {
    fn from(error: Error) -> Self {
        Self::Error(error)
    }
}

impl From<JournalError> for Stopped {
    fn from(error: JournalError) -> Self {
        Self::Error(error.into())
    }
}

/// An experiment on its way.
pub(super) struct Session {
    prepared: Prepared,
    retries: usize,
    here: Arc<dyn Target>,
    function: Option<Arc<dyn Target>>,
    /// When something was sent to the function last.
    asked: Instant,
    /// All that were taken, the discarded ones among them.
    samples: Vec<Sample>,
}

impl Session {
    pub(super) fn new(
        settings: &Settings,
        prepared: Prepared,
        store: Arc<dyn Storage>,
        samples: Vec<Sample>,
    ) -> Result<Self, cli::Error> {
        let advised = |target: Arc<dyn Target>| -> Arc<dyn Target> {
            let (advice, bar) = (Advice::new(settings), ProgressBar::hidden());
            Arc::new(Advised::new(target, advice, bar))
        };
        let here = InProcess::within_memory(store, prepared.policy.clone());
        let function = match &prepared.experiment.function {
            Some(_) => Some(advised(Arc::new(cli::function(settings)?))),
            None => None,
        };
        Ok(Self {
            prepared,
            retries: settings.retries,
            here: advised(Arc::new(here)),
            function,
            asked: Instant::now(),
            samples,
        })
    }

    /// All that were taken.
    pub(super) fn samples(&self) -> &[Sample] {
        &self.samples
    }

    /// Takes what is left.
    pub(super) async fn go(
        &mut self,
        folder: &mut Folder,
        stop: &CancellationToken,
    ) -> Result<(), Stopped> {
        let design = self.prepared.experiment.design.clone();
        let done: BTreeSet<Cell> = self
            .samples
            .iter()
            .filter(|sample| sample.discarded.is_none())
            .map(Cell::of)
            .collect();
        let mut left = cells(&design);
        left.retain(|cell| !done.contains(cell));
        let total = left.len() + done.len();
        let modes: BTreeSet<Mode> = left.iter().map(|cell| cell.mode).collect();
        for mode in modes {
            // What warms the function up would only be waited for.
            let cold = mode == Mode::FanOut && design.temperature == Temperature::Cold;
            let warm_ups = if cold { 0 } else { design.warm_ups };
            for repetition in 1..=warm_ups {
                let count = design.counts.iter().copied().min().unwrap_or_default();
                let cell = Cell {
                    mode,
                    count,
                    repetition,
                };
                let mut taken = self.take(cell, 1, stop).await?;
                taken.sample.discarded = Some(Discarded::WarmUp);
                taken.calls.clear();
                self.keep(taken, folder, &format!("warm-up {repetition}"))?;
            }
        }
        for (n, cell) in (done.len() + 1..).zip(left) {
            self.measure(cell, &format!("{n} of {total}"), folder, stop)
                .await?;
        }
        let count = |discarded| {
            let all = self.samples.iter();
            let number = all.filter(|sample| sample.discarded == discarded).count();
            u32::try_from(number).unwrap_or(u32::MAX)
        };
        folder.end(Ended {
            at: Utc::now(),
            samples: count(None),
            warm_ups: count(Some(Discarded::WarmUp)),
            wrong_temperature: count(Some(Discarded::Temperature)),
            failed: count(Some(Discarded::Failed)),
        })?;
        Ok(())
    }

    /// Takes one sample until it counts.
    async fn measure(
        &mut self,
        cell: Cell,
        which: &str,
        folder: &mut Folder,
        stop: &CancellationToken,
    ) -> Result<(), Stopped> {
        let tries = self.prepared.experiment.design.tries;
        let mut last = Error::Failed {
            cell,
            tries,
            why: String::new(),
        };
        // Where the experiment went on, those of before have their numbers, and it is tried as often again.
        let before = self.samples.iter().filter(|sample| {
            Cell::of(sample) == cell && sample.discarded != Some(Discarded::WarmUp)
        });
        let before = before.map(|sample| sample.attempt).max().unwrap_or(0);
        for attempt in before + 1..=before + tries {
            self.cool_down(cell.mode, stop).await?;
            let taken = self.take(cell, attempt, stop).await?;
            match taken.sample.discarded {
                None => return self.keep(taken, folder, which),
                Some(Discarded::Temperature) => {
                    let wanted = match self.prepared.experiment.design.temperature {
                        Temperature::Warm => "warm",
                        Temperature::Cold | Temperature::Any => "cold",
                    };
                    last = Error::Temperature {
                        cell,
                        wanted,
                        tries,
                    };
                }
                Some(Discarded::Failed | Discarded::WarmUp) => {
                    let why = taken.why_failed();
                    last = Error::Failed { cell, tries, why };
                }
            }
            self.keep(taken, folder, which)?;
        }
        Err(last.into())
    }

    /// Waits until the function should be scaled to zero, if that is asked for.
    async fn cool_down(&self, mode: Mode, stop: &CancellationToken) -> Result<(), Stopped> {
        let design = &self.prepared.experiment.design;
        if mode != Mode::FanOut || design.temperature != Temperature::Cold {
            return Ok(());
        }
        let pause = tokio::time::sleep_until(self.asked + design.cold_after);
        let waited = stop.run_until_cancelled(pause).await;
        waited.ok_or(Stopped::Interrupted)
    }

    async fn take(
        &mut self,
        cell: Cell,
        attempt: u32,
        stop: &CancellationToken,
    ) -> Result<Taken, Stopped> {
        let fan_out = cell.mode == Mode::FanOut;
        let target = match &self.function {
            Some(function) if fan_out => function,
            None if fan_out => return Err(Error::NoFunction.into()),
            _ => &self.here,
        };
        let place = Place {
            target,
            prepared: &self.prepared,
            retries: self.retries,
            stop,
        };
        let number = u32::try_from(self.samples.len() + 1).unwrap_or(u32::MAX);
        let taken = take(&place, number, cell, attempt).await;
        if fan_out {
            self.asked = Instant::now();
        }
        taken.ok_or(Stopped::Interrupted)
    }

    fn keep(&mut self, taken: Taken, folder: &mut Folder, which: &str) -> Result<(), Stopped> {
        folder.keep(&taken)?;
        eprintln!("{}", summary::line(&taken.sample, which));
        self.samples.push(taken.sample);
        Ok(())
    }
}
