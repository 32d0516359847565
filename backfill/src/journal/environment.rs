//! What a run ran on.

use std::fs;
use std::thread;

use crate::record::Environment;

impl Environment {
    /// That of this process.
    #[must_use]
    pub fn here() -> Self {
        let name = rustix::system::uname();
        Self {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            revision: option_env!("SOURCE_REVISION").map(str::to_owned),
            system: format!(
                "{} {}",
                name.sysname().to_string_lossy(),
                name.release().to_string_lossy()
            ),
            machine: name.machine().to_string_lossy().into_owned(),
            processor: processor(),
            processors: thread::available_parallelism().map_or(1, usize::from),
            memory_bytes: memory_bytes(),
        }
    }
}

#[cfg(target_os = "linux")]
fn memory_bytes() -> Option<u64> {
    let memory = rustix::system::sysinfo();
    memory.totalram.checked_mul(memory.mem_unit.into())
}

#[cfg(not(target_os = "linux"))]
fn memory_bytes() -> Option<u64> {
    None
}

/// The first processor's name, by proc(5).
fn processor() -> Option<String> {
    let text = fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = text.lines().find(|line| line.starts_with("model name"))?;
    let (_, name) = line.split_once(':')?;
    Some(name.trim().to_owned())
}
