//! What a run ran on.

use std::fs;
use std::thread;

use serde::{Deserialize, Serialize};

/// The machine and the program, as far as they bear on a measurement. There is no name in it by which the
/// machine could be found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Environment {
    /// Version of this program.
    pub version: String,
    /// Operating system and its release, such as `Linux 6.1.0`.
    pub system: String,
    /// Architecture, such as `x86_64`.
    pub machine: String,
    /// The processor's name, where the system tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub processor: Option<String>,
    /// Processors that this process may use.
    pub processors: usize,
    /// Main memory in bytes.
    pub memory_bytes: u64,
}

impl Environment {
    /// That of this process.
    #[must_use]
    pub fn here() -> Self {
        let name = rustix::system::uname();
        let memory = rustix::system::sysinfo();
        Self {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            system: format!(
                "{} {}",
                name.sysname().to_string_lossy(),
                name.release().to_string_lossy()
            ),
            machine: name.machine().to_string_lossy().into_owned(),
            processor: processor(),
            processors: thread::available_parallelism().map_or(1, usize::from),
            memory_bytes: memory.totalram.saturating_mul(memory.mem_unit.into()),
        }
    }
}

/// The first processor's name, by proc(5).
fn processor() -> Option<String> {
    let text = fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = text.lines().find(|line| line.starts_with("model name"))?;
    let (_, name) = line.split_once(':')?;
    Some(name.trim().to_owned())
}
