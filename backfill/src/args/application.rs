//! The flags that say how the application is set up whose instances are paid for.

use clap::Args;
use cos_thumbnails::config::Mistake;

use crate::cost::{Application, InstanceSize};

/// The GB of memory that an instance may have with so many vCPUs
/// (<https://cloud.ibm.com/docs/codeengine?topic=codeengine-mem-cpu-combo>).
const PAIRS: [(f64, [f64; 3]); 10] = [
    (0.125, [0.25, 0.5, 1.0]),
    (0.25, [0.5, 1.0, 2.0]),
    (0.5, [1.0, 2.0, 4.0]),
    (1.0, [2.0, 4.0, 8.0]),
    (2.0, [4.0, 8.0, 16.0]),
    (4.0, [8.0, 16.0, 32.0]),
    (6.0, [12.0, 24.0, 48.0]),
    (8.0, [16.0, 32.0, f64::NAN]),
    (10.0, [20.0, 40.0, f64::NAN]),
    (12.0, [24.0, 48.0, f64::NAN]),
];

/// What was written of it.
#[derive(Debug, Clone, Args)]
#[command(
    next_help_heading = "The application or job that is paid for, by which cost is estimated"
)]
pub(super) struct ApplicationFlags {
    /// vCPUs of an instance, as `ibmcloud ce app get` tells them
    #[arg(long, value_name = "N", default_value_t = Application::default().size.vcpu)]
    instance_cpu: f64,
    /// Memory of an instance, in GB
    #[arg(long, value_name = "GB", default_value_t = Application::default().size.memory_gb)]
    instance_memory: f64,
    /// Instances of the application at most (max-scale); those of a job are --instances
    #[arg(long, value_name = "N", default_value_t = Application::default().max_instances, value_parser = clap::value_parser!(u16).range(1..=250))]
    max_instances: u16,
}

impl ApplicationFlags {
    /// What they mean, if Code Engine has such instances.
    pub(super) fn application(&self, mistakes: &mut Vec<Mistake>) -> Application {
        let of = |vcpu: f64| {
            PAIRS
                .iter()
                .find(|(known, _)| known.total_cmp(&vcpu).is_eq())
        };
        let problem = match of(self.instance_cpu) {
            None => Some((
                "--instance-cpu",
                format!(
                    "{} is none of Code Engine's: 0.125, 0.25, 0.5, 1, 2, 4, 6, 8, 10, 12",
                    self.instance_cpu
                ),
            )),
            Some((_, memory)) if !memory.contains(&self.instance_memory) => {
                let memory: Vec<String> = memory
                    .iter()
                    .filter(|gb| !gb.is_nan())
                    .map(ToString::to_string)
                    .collect();
                Some((
                    "--instance-memory",
                    format!(
                        "{} is none of Code Engine's with --instance-cpu {}: {}",
                        self.instance_memory,
                        self.instance_cpu,
                        memory.join(", ")
                    ),
                ))
            }
            Some(_) => None,
        };
        mistakes.extend(problem.map(|(variable, problem)| Mistake { variable, problem }));
        Application {
            size: InstanceSize {
                vcpu: self.instance_cpu,
                memory_gb: self.instance_memory,
            },
            max_instances: self.max_instances,
        }
    }
}
