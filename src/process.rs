//! What this process has used, what it may use, and how it ends.

use std::fs;
use std::process::ExitCode;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

mod memory;

pub use memory::budget_bytes;

/// Time of processors that all its threads have used.
#[must_use]
pub fn cpu() -> Duration {
    clock(ClockId::ProcessCPUTime)
}

/// Time of a processor that this thread has used.
#[must_use]
pub fn cpu_of_thread() -> Duration {
    clock(ClockId::ThreadCPUTime)
}

fn clock(clock: ClockId) -> Duration {
    clock_gettime(clock).try_into().unwrap_or_default()
}

/// The most memory that it has held, in bytes: `VmHWM` of proc(5). `None` where there is no such file.
#[must_use]
pub fn peak_bytes() -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let mut lines = status.lines();
    let peak = lines.find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u64 = peak.trim().strip_suffix(" kB")?.parse().ok()?;
    Some(kib << 10)
}

/// How the programs end: what their exit codes mean to who started them. The README says what each is of which
/// command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// What was asked for is done, or all is well.
    Done = 0,
    /// It failed in part or as a whole, or not all is well. Trying again may help.
    Failed = 1,
    /// The command line or the settings are wrong. Nothing was done.
    Usage = 2,
    /// Something is left on purpose, or cannot be had; all else is done.
    Left = 3,
    /// Ctrl-C or SIGTERM ended it: 128 and SIGINT's number, as shells have it.
    Interrupted = 130,
}

impl Exit {
    /// All of them, in ascending order.
    pub const ALL: [Self; 5] = [
        Self::Done,
        Self::Failed,
        Self::Usage,
        Self::Left,
        Self::Interrupted,
    ];

    /// The number.
    #[must_use]
    pub const fn code(self) -> u8 {
        self as u8
    }

    /// In a word or two.
    #[must_use]
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Usage => "usage or settings",
            Self::Left => "something is left",
            Self::Interrupted => "interrupted",
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        exit.code().into()
    }
}
