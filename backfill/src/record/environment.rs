//! What something ran on.

use serde::{Deserialize, Serialize};

/// The size of an instance of Code Engine, as it is configured and billed.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct InstanceSize {
    /// vCPUs.
    pub vcpu: f64,
    /// GB of memory.
    pub memory_gb: f64,
}

impl Default for InstanceSize {
    /// As `deploy/code-engine/up` has it: 1 vCPU and 4 GB.
    fn default() -> Self {
        Self {
            vcpu: 1.0,
            memory_gb: 4.0,
        }
    }
}

/// The machine and the program, as far as they bear on a measurement. There is no name in it by which the
/// machine could be found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Environment {
    /// Version of this program.
    pub version: String,
    /// The git revision that it was built of, where its build was told: by `SOURCE_REVISION` in the environment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<String>,
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

impl Environment {
    /// The version, with the revision where that is known.
    #[must_use]
    pub fn build(&self) -> String {
        build(&self.version, self.revision.as_deref())
    }
}

/// A version of a program, with the revision that it was built of where that is known.
pub(crate) fn build(version: &str, revision: Option<&str>) -> String {
    match revision {
        Some(revision) => format!("{version}, revision {revision}"),
        None => version.to_owned(),
    }
}
