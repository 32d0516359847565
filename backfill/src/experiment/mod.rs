//! `backfill experiment`: modes, counts and repetitions measured in an order by chance, each call with all that
//! is known of it.
//!
//! ```text
//! design (TOML) ─► cells, shuffled ─► sample: a run of its own ─► calls, instances, clocks ─► record.ndjson
//!                                        ▲ again, where the temperature was wrong or calls failed
//! ```
//!
//! It makes thumbnails by a policy of its own, below a prefix of its own. What it writes down is
//! [`record::experiment`](crate::record::experiment).

mod assemble;
mod design;
mod error;
mod folder;
mod preflight;
mod sample;
mod session;
mod summary;

use std::io::Write;
use std::sync::Arc;

use cos_thumbnails::storage::Storage;
use indicatif::ProgressBar;
use tokio_util::sync::CancellationToken;

pub use self::design::{Cell, DesignError};
pub use self::error::Error;
use self::folder::Folder;
pub(crate) use self::folder::manifest;
use self::session::{Session, Stopped};
use crate::args::{ExperimentAction, Settings};
use crate::cli::{self, INTERRUPTED, OUTPUT};
use crate::signals::Signals;

/// Takes the samples of an experiment, or those that are left of it. Gives the exit code.
///
/// # Errors
/// [`Error`]; whatever was measured before is in the folder.
pub(crate) async fn run(
    settings: &Settings,
    action: &ExperimentAction,
    store: Arc<dyn Storage>,
    out: &mut (impl Write + Send),
) -> Result<u8, cli::Error> {
    let (mut folder, mut session) = match action {
        ExperimentAction::Run { file, runs } => {
            let design = design::read(file)?;
            let prepared = preflight::prepare(settings, design, &store).await?;
            let folder = Folder::create(runs, &prepared.experiment)?;
            (folder, Session::new(settings, prepared, store, Vec::new())?)
        }
        ExperimentAction::Resume { folder } => {
            let before = manifest(folder)?;
            let prepared = preflight::prepare(settings, before.design.clone(), &store).await?;
            preflight::compare(&before, &prepared.experiment)?;
            let (folder, samples) = Folder::open(folder, &before, &prepared.experiment)?;
            let prepared = preflight::Prepared {
                experiment: before,
                ..prepared
            };
            (folder, Session::new(settings, prepared, store, samples)?)
        }
    };
    eprintln!("backfill: experiment in {}", folder.path().display());
    let (stop, give_up) = (CancellationToken::new(), CancellationToken::new());
    let signals = Signals::listen().map_err(cli::Error::io(cli::SIGNALS))?;
    let listener = signals.act(stop.clone(), give_up.clone(), ProgressBar::hidden());
    let listener = tokio::spawn(listener);
    let ended = tokio::select! {
        ended = session.go(&mut folder, &stop) => ended,
        () = give_up.cancelled() => Err(Stopped::Interrupted),
    };
    listener.abort();
    let code = match ended {
        Ok(()) => 0,
        Err(Stopped::Interrupted) => INTERRUPTED,
        Err(Stopped::Error(error)) => {
            hint(&folder);
            return Err(error.into());
        }
    };
    let told = summary::text(session.samples());
    let told = out.write_all(told.as_bytes());
    told.map_err(cli::Error::io(OUTPUT))?;
    if code == INTERRUPTED {
        hint(&folder);
    }
    Ok(code)
}

fn hint(folder: &Folder) {
    eprintln!(
        "backfill: to take the samples that are left: backfill experiment resume {}",
        folder.path().display()
    );
}
