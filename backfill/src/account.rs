//! What is written down, measured and told of a run, whoever did its work.

use std::io::{self, Write};

use crate::args::Settings;
use crate::cli::{self, Error, OUTPUT, RECORD};
use crate::measure::Measure;
use crate::originals::Extent;
use crate::progress::Progress;
use crate::record::{JobSummary, Line, Picture, Run, Summary, Writer};
use crate::report;

/// The account of one run.
pub(crate) struct Account {
    pub(crate) run: Run,
    pub(crate) progress: Progress,
    measure: Measure,
    writer: Option<Writer>,
    json: bool,
}

impl Account {
    /// Begins it, and the record file.
    pub(crate) fn begin(settings: &Settings, extent: Extent) -> Result<Self, Error> {
        let run = cli::header(settings, extent);
        let mut writer = settings.record.as_deref().map(Error::begin).transpose()?;
        write(writer.as_mut(), &Line::Run(run.clone())).map_err(Error::io(RECORD))?;
        Ok(Self {
            progress: Progress::new(run.pictures, run.mode.name()),
            measure: Measure::new(&run),
            writer,
            json: settings.json,
            run,
        })
    }

    /// Adds a picture that came to its end.
    pub(crate) fn add(&mut self, picture: Picture) -> io::Result<()> {
        self.progress.add(&picture);
        self.measure.add(&picture);
        write(self.writer.as_mut(), &Line::Picture(Box::new(picture)))
    }

    /// Ends it: the summary is told and written down. Gives the exit code.
    pub(crate) fn end(
        self,
        ended_early: Option<String>,
        interrupted: bool,
        job: Option<JobSummary>,
        out: &mut (impl Write + Send),
    ) -> Result<u8, Error> {
        let Self {
            run,
            progress,
            measure,
            mut writer,
            json,
        } = self;
        drop(progress);
        let summary = Summary {
            job,
            ..measure.summary(ended_early)
        };
        let code = if interrupted {
            cli::INTERRUPTED
        } else if summary.failed > 0 || summary.ended_early.is_some() {
            cli::FAILED
        } else {
            0
        };
        let text = if json {
            let json = serde_json::to_string(&summary).map_err(io::Error::from);
            json.map(|json| json + "\n")
        } else {
            Ok(report::text(&run, &summary))
        };
        let told = text.and_then(|text| out.write_all(text.as_bytes()));
        told.map_err(Error::io(OUTPUT))?;
        let summary = Line::Summary(Box::new(summary));
        write(writer.as_mut(), &summary).map_err(Error::io(RECORD))?;
        Ok(code)
    }
}

fn write(writer: Option<&mut Writer>, line: &Line) -> io::Result<()> {
    writer.map_or(Ok(()), |writer| writer.write(line))
}
