//! What is written down, measured and told of a run, whoever did its work.

use std::io::{self, Write};
use std::path::Path;

use chrono::Utc;
use tokio::time::Instant;

use crate::args::Settings;
use crate::cli::{self, Error, OUTPUT, RECORD};
use crate::cost::{Meter, Prices, Usage};
use crate::estimate;
use crate::journal::{Before, Journal, Manifest, Told};
use crate::measure::Measure;
use crate::originals::Extent;
use crate::progress::Progress;
use crate::record::{JobSummary, Line, Picture, Resumed, Run, Summary, Writer};
use crate::report;

/// The account of one run.
pub(crate) struct Account {
    pub(crate) run: Run,
    pub(crate) progress: Progress,
    /// When it was begun, or went on.
    pub(crate) begun: Instant,
    /// What finding out which originals it takes uses of the store: selecting them, and listing those anew that are
    /// not held; where it went on, the listing alone. A budget counts it.
    pub(crate) selecting: Usage,
    /// What the times before it went on used for that, selecting and each listing. No budget counts it.
    pub(crate) selected_before: Usage,
    measure: Measure,
    meter: Meter,
    prices: Prices,
    writer: Option<Writer>,
    journal: Option<Journal>,
    /// A picture could not be written down: then nothing more is.
    is_broken: bool,
    /// Microseconds from the run's begin to where it went on.
    later_us: u64,
    json: bool,
}

impl Account {
    /// Begins it, by the run's id, and the record file.
    pub(crate) fn begin(settings: &Settings, run: String, extent: Extent) -> Result<Self, Error> {
        let run = cli::header(settings, run, extent);
        let mut writer = settings.record.as_deref().map(Error::begin).transpose()?;
        if let Some(writer) = &mut writer {
            let begun = writer.write(&Line::Run(Box::new(run.clone())));
            begun.map_err(Error::io(RECORD))?;
        }
        Ok(Self {
            progress: Progress::new(run.pictures, run.mode.name()),
            begun: Instant::now(),
            selecting: Usage::default(),
            selected_before: Usage::default(),
            measure: Measure::new(&run),
            meter: estimate::meter(settings, &run, Usage::default()),
            prices: settings.prices.clone(),
            writer,
            journal: None,
            is_broken: false,
            later_us: 0,
            json: settings.json,
            run,
        })
    }

    /// Keeps the run in a folder from here on.
    pub(crate) fn keep(&mut self, journal: Journal) {
        self.journal = Some(journal);
    }

    /// Goes on with the run of `manifest` in `folder`. Gives what was done before, too.
    pub(crate) fn resume(
        settings: &Settings,
        folder: &Path,
        manifest: &Manifest,
    ) -> Result<(Self, Before), Error> {
        let run = manifest.run.clone();
        let (mut progress, mut measure, mut meter) = (
            Progress::new(run.pictures, run.mode.name()),
            Measure::new(&run),
            estimate::meter(settings, &run, Usage::default()),
        );
        let begun = Instant::now();
        let (mut journal, before) = Journal::open(folder, manifest, |told| match told {
            Told::Done(picture) => {
                progress.add(picture);
                measure.add(picture);
                meter.add(picture);
            }
            Told::Again(picture) => {
                measure.add_attempt(picture);
                meter.add(picture);
            }
            Told::Resumed => {
                measure.resume();
                meter.went_on();
            }
        })?;
        measure.resume();
        meter.went_on();
        let at = Utc::now();
        let resumed = Line::Resumed(Resumed {
            at,
            done: before.done.len() as u64,
        });
        journal.write(&resumed).map_err(Error::io(RECORD))?;
        let later = (at - run.started).num_microseconds().unwrap_or_default();
        let account = Self {
            run,
            progress,
            begun,
            selecting: Usage::default(),
            selected_before: Usage::default(),
            measure,
            meter,
            prices: settings.prices.clone(),
            writer: None,
            journal: Some(journal),
            is_broken: false,
            later_us: later.try_into().unwrap_or_default(),
            json: settings.json,
        };
        Ok((account, before))
    }

    /// Where the run is kept, if it is.
    pub(crate) fn folder(&self) -> Option<&Path> {
        self.journal.as_ref().map(Journal::folder)
    }

    /// Adds a picture that came to its end.
    pub(crate) fn add(&mut self, mut picture: Picture) -> io::Result<()> {
        picture.happened_later(self.later_us);
        self.progress.add(&picture);
        self.measure.add(&picture);
        self.meter.add(&picture);
        let written = self.write(&Line::Picture(Box::new(picture)));
        self.is_broken |= written.is_err();
        written
    }

    fn write(&mut self, line: &Line) -> io::Result<()> {
        if let Some(writer) = &mut self.writer {
            writer.write(line)?;
        }
        if let Some(journal) = &mut self.journal {
            journal.write(line)?;
        }
        Ok(())
    }

    /// Ends it: the summary is told and written down. Gives the exit code: `code` where the run was ended
    /// on purpose, else by what became of the pictures.
    pub(crate) fn end(
        mut self,
        ended_early: Option<String>,
        code: Option<u8>,
        job: Option<JobSummary>,
        out: &mut (impl Write + Send),
    ) -> Result<u8, Error> {
        let cost = self.measure.took().map(|took| {
            let usage = self.meter.usage(took.all) + self.selected_before + self.selecting;
            self.prices.summary(&usage)
        });
        let summary = Summary {
            job,
            cost,
            ..self.measure.summary(ended_early)
        };
        drop(self.progress);
        let by_pictures = if summary.failed > 0 || summary.ended_early.is_some() {
            cli::FAILED
        } else {
            0
        };
        let text = if self.json {
            let json = serde_json::to_string(&summary).map_err(io::Error::from);
            json.map(|json| json + "\n")
        } else {
            Ok(report::text(&self.run, &summary))
        };
        let told = text.and_then(|text| out.write_all(text.as_bytes()));
        told.map_err(Error::io(OUTPUT))?;
        if self.is_broken {
            return Ok(code.unwrap_or(by_pictures));
        }
        let summary = Line::Summary(Box::new(summary));
        if let Some(writer) = &mut self.writer {
            writer.write(&summary).map_err(Error::io(RECORD))?;
        }
        if let Some(mut journal) = self.journal {
            let written = journal.write(&summary).and_then(|()| journal.end());
            written.map_err(Error::io(RECORD))?;
        }
        Ok(code.unwrap_or(by_pictures))
    }
}
