//! What something ran on.

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
    /// Main memory in bytes, where the system tells.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory_bytes: Option<u64>,
}
