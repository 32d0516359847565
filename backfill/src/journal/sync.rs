//! A file's way to the disk, beside those who write to it.

use std::fs::File;
use std::io;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::{self, JoinHandle};

/// Has a file synchronised after each write, by a thread of its own: writes that come meanwhile share the
/// next time.
#[derive(Debug)]
pub(super) struct Syncer {
    wanted: SyncSender<()>,
    thread: JoinHandle<io::Result<()>>,
}

impl Syncer {
    pub(super) fn of(file: &File) -> io::Result<Self> {
        let file = file.try_clone()?;
        // Room for one wish: it is of whatever was written before it is fulfilled.
        let (wanted, wishes) = sync_channel(1);
        let thread = thread::Builder::new()
            .name("journal".to_owned())
            .spawn(move || each(&file, &wishes))?;
        Ok(Self { wanted, thread })
    }

    /// What was written shall be with the disk soon.
    ///
    /// # Errors
    /// An earlier time failed; which, [`Self::end`] says.
    pub(super) fn soon(&self) -> io::Result<()> {
        match self.wanted.try_send(()) {
            Ok(()) | Err(TrySendError::Full(())) => Ok(()),
            Err(TrySendError::Disconnected(())) => {
                Err(io::Error::other("what was written did not reach the disk"))
            }
        }
    }

    /// Waits for what was wished.
    pub(super) fn end(self) -> io::Result<()> {
        drop(self.wanted);
        let ended = self.thread.join();
        ended.unwrap_or_else(|_| Err(io::Error::other("the journal's thread panicked")))
    }
}

fn each(file: &File, wishes: &Receiver<()>) -> io::Result<()> {
    while wishes.recv().is_ok() {
        file.sync_data()?;
    }
    Ok(())
}
