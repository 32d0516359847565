//! The command line's part.

use std::time::Duration;

use clap::Args;

use super::Scaling;

#[derive(Debug, Args)]
#[command(next_help_heading = "Instances of the function, a stand-in for Code Engine's")]
pub(crate) struct ScalingArguments {
    /// Run the function in up to N processes of its own behind a router, as many as requests need. All
    /// share this machine, so that more are not faster, and its memory, which is divided among them.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=250))]
    #[arg(conflicts_with_all = ["bind_address", "function_url"])]
    max_scale: Option<u16>,
    /// So many are always there.
    #[arg(long, value_name = "N", default_value_t = 0, requires = "max_scale")]
    min_scale: u16,
    /// Requests in one instance at once.
    #[arg(long, value_name = "N", default_value_t = 2, requires = "max_scale")]
    #[arg(value_parser = clap::value_parser!(u16).range(1..=1000))]
    concurrency: u16,
    /// Seconds that an instance's start takes beyond the process's own.
    #[arg(long, value_name = "SECONDS", default_value = "0", requires = "max_scale", value_parser = seconds)]
    cold_start: Duration,
    /// Seconds for which less must be needed before an instance ends.
    #[arg(long, value_name = "SECONDS", default_value = "60", requires = "max_scale", value_parser = seconds)]
    scale_down_delay: Duration,
    /// Seconds that a request may take, waiting included.
    #[arg(long, value_name = "SECONDS", default_value = "300", requires = "max_scale", value_parser = seconds)]
    request_timeout: Duration,
    /// Requests that wait for a place, the next gets 503; by default ten times what all instances take.
    #[arg(long, value_name = "N", requires = "max_scale")]
    buffer: Option<usize>,
}

impl ScalingArguments {
    /// What is wrong with several flags together.
    pub(crate) fn mistake(&self) -> Option<String> {
        let (least, most) = (self.min_scale, self.max_scale?);
        (least > most).then(|| format!("--min-scale {least} is more than --max-scale {most}"))
    }

    /// `None` where the function is to run in this process.
    pub(crate) fn scaling(&self) -> Option<Scaling> {
        Some(Scaling {
            min_scale: self.min_scale,
            max_scale: self.max_scale?,
            concurrency: self.concurrency,
            cold_start: self.cold_start,
            scale_down_delay: self.scale_down_delay,
            request_timeout: self.request_timeout,
            buffer: self.buffer,
        })
    }
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse::<f64>().map_err(|error| error.to_string())?;
    // A day is longer than anyone waits, and small enough to be added to any moment.
    if !(0.0..=86_400.0).contains(&seconds) {
        return Err("a time is from 0 to 86400 seconds".to_owned());
    }
    Ok(Duration::from_secs_f64(seconds))
}
