//! How many descriptors this process may have open: each connection is one.

use std::io;

use rustix::io::Errno;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Left for all else: the store's connections, files, pipes.
const OTHERS: usize = 256;

/// Raises the limit as far as the system lets this process: often 1024 is set, for programs that cannot bear
/// more, and far more allowed.
pub fn raise_descriptor_limit() {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        ..limit
    };
    if let Err(error) = setrlimit(Resource::Nofile, raised) {
        tracing::warn!(%error, "the limit of open files could not be raised");
    }
}

/// How many connections there is room for.
pub(super) fn connections() -> usize {
    let limit = getrlimit(Resource::Nofile).current;
    let limit = limit.map_or(usize::MAX, |limit| {
        usize::try_from(limit).unwrap_or(usize::MAX)
    });
    limit.saturating_sub(OTHERS).max(limit / 2).max(1)
}

/// Whether an error says that there is no descriptor left, for this process or for all.
pub(super) fn are_used_up(error: &io::Error) -> bool {
    let errno = Errno::from_io_error(error);
    matches!(errno, Some(Errno::MFILE | Errno::NFILE))
}
