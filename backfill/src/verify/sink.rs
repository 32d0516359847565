use std::io::Write;

use crate::args::Settings;
use crate::audit::report::{self, Header, Line, Shown, Summary};
use crate::cli::{Error, OUTPUT, RECORD};
use crate::record::Writer;

/// Where an audit is written: its lines to the record file and, with `--json`, to the output; its
/// report to the output otherwise.
pub(super) struct Sink<'a, W> {
    record: Option<Writer>,
    out: &'a mut W,
    json: bool,
}

impl<'a, W: Write> Sink<'a, W> {
    pub(super) fn new(settings: &Settings, out: &'a mut W) -> Result<Self, Error> {
        Ok(Self {
            record: settings.record.as_deref().map(Error::begin).transpose()?,
            out,
            json: settings.json,
        })
    }

    pub(super) fn line(&mut self, line: &Line) -> Result<(), Error> {
        if let Some(record) = &mut self.record {
            record.write(line).map_err(Error::io(RECORD))?;
        }
        if self.json {
            let written = serde_json::to_writer(&mut *self.out, line).map_err(Into::into);
            written
                .and_then(|()| writeln!(self.out))
                .map_err(Error::io(OUTPUT))?;
        }
        Ok(())
    }

    pub(super) fn end(
        &mut self,
        header: &Header,
        summary: &Summary,
        shown: &Shown,
        quiet: bool,
    ) -> Result<(), Error> {
        self.line(&Line::Summary(summary.clone()))?;
        if self.json || (quiet && summary.well) {
            return Ok(());
        }
        let text = report::text(header, summary, shown);
        self.out
            .write_all(text.as_bytes())
            .map_err(Error::io(OUTPUT))
    }
}
