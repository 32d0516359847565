//! A [`Summary`] as text for people. Made of [`record`](crate::record) values alone.

use std::fmt::Write;

use indicatif::DecimalBytes;

use crate::cost::usd;
use crate::record::{Mode, Run, Spread, Summary, Verdict};

/// The summary as a few lines and a table.
#[must_use]
pub fn text(run: &Run, summary: &Summary) -> String {
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _ = write(&mut text, run, summary);
    text
}

fn write(out: &mut String, run: &Run, summary: &Summary) -> std::fmt::Result {
    let name = run.mode.name();
    match (&run.job, &summary.job) {
        (Some(job), Some(done)) => writeln!(
            out,
            "run {}: {name} by job {job}\njob run {}: {} instances, {} shards; {} started again, {} failed",
            run.run,
            done.job_run,
            done.instances,
            done.shards,
            done.instance_retries,
            done.failed_instances
        )?,
        _ => writeln!(out, "run {}: {name}, {} in flight", run.run, run.in_flight)?,
    }
    write!(
        out,
        "{} of {} pictures:",
        summary.finished, summary.pictures
    )?;
    for verdict in [Verdict::Made, Verdict::Duplicate, Verdict::Rejected] {
        write!(out, " {} {verdict},", summary.count(verdict))?;
    }
    for verdict in [Verdict::Skipped, Verdict::Removed] {
        if summary.count(verdict) > 0 {
            write!(out, " {} {verdict},", summary.count(verdict))?;
        }
    }
    writeln!(
        out,
        " {} failed; {} retries",
        summary.failed, summary.retries
    )?;
    if let Some(why) = &summary.ended_early {
        writeln!(out, "ended early: {why}")?;
    }
    since_begun(out, summary)?;
    for (reason, count) in &summary.reasons {
        writeln!(out, "  {count} x {reason}")?;
    }
    if let Some(adaptation) = &summary.adaptation {
        writeln!(
            out,
            "in flight         {} at first, {} at the least, {} at the end: halved {} times, one more {} times",
            run.in_flight,
            adaptation.least,
            adaptation.last,
            adaptation.decreases,
            adaptation.increases
        )?;
    }
    clocks(out, summary)?;
    let traffic = &summary.traffic;
    writeln!(
        out,
        "store             {} read in {} GETs, {} written in {} PUTs; {} HEADs, {} DELETEs",
        DecimalBytes(traffic.bytes_read),
        traffic.gets,
        DecimalBytes(traffic.bytes_written),
        traffic.puts,
        traffic.heads,
        traffic.deletes,
    )?;
    cost(out, summary)?;
    stages(out, summary)?;
    let ours = |recipe: &String| *recipe == run.recipe || run.recipes.contains(recipe);
    if !summary.recipes.iter().all(ours) {
        let found = summary
            .recipes
            .iter()
            .map(String::as_str)
            .collect::<Vec<_>>()
            .join(", ");
        writeln!(
            out,
            "note: made by recipe {found}, not by {} as configured here",
            run.recipe
        )?;
    }
    for failure in &summary.failures {
        writeln!(out, "failed: {}: {}", failure.key, failure.error)?;
    }
    let more = summary.failed.saturating_sub(summary.failures.len() as u64);
    if more > 0 {
        writeln!(out, "and {more} more failed; a record file names them all")?;
    }
    Ok(())
}

/// What is no longer as it was when the run began.
fn since_begun(out: &mut String, summary: &Summary) -> std::fmt::Result {
    if summary.ended_early.is_none() && summary.finished != summary.pictures {
        writeln!(
            out,
            "note: originals came or went since {} were counted, when the run began",
            summary.pictures
        )?;
    }
    if summary.resumed > 0 {
        let sessions = summary.sessions_us.map(seconds);
        writeln!(
            out,
            "gone on with {} times: at work for {} in all, and there is no clock over the time between",
            summary.resumed,
            sessions.as_deref().unwrap_or("no time")
        )?;
    }
    Ok(())
}

fn clocks(out: &mut String, summary: &Summary) -> std::fmt::Result {
    if let Some(us) = summary.clocks.end_to_end_us {
        writeln!(
            out,
            "end-to-end clock  {}, from the first send to the last thumbnail stored: {:.2} pictures/s",
            seconds(us),
            summary.made_per_second
        )?;
    }
    if let Some(us) = summary.clocks.paper_us {
        let how = match summary.mode {
            Mode::Sequential => "the same without storing",
            Mode::Parallel => "until the last thumbnails are made, not stored (upper bound)",
            Mode::FanOut => {
                "from the first start in the function until the last thumbnails are made, not stored (upper bound)"
            }
        };
        writeln!(out, "paper clock       {}, {how}", seconds(us))?;
    }
    Ok(())
}

fn cost(out: &mut String, summary: &Summary) -> std::fmt::Result {
    if let Some(cost) = &summary.cost {
        writeln!(
            out,
            "cost              {}, with a month's free tier {}: an estimate, by list prices of {}",
            usd(cost.total),
            usd(cost.total_with_free_tier),
            cost.prices
        )?;
    }
    Ok(())
}

fn stages(out: &mut String, summary: &Summary) -> std::fmt::Result {
    writeln!(
        out,
        "\n{:<10}{:>10}{:>12}{:>12}{:>12}{:>12}",
        "stage", "pictures", "p50 ms", "p95 ms", "p99 ms", "max ms"
    )?;
    for (stage, times) in &summary.stages {
        row(out, &stage.to_string(), times)?;
    }
    row(out, "answer", &summary.answer)
}

fn row(out: &mut String, name: &str, times: &Spread) -> std::fmt::Result {
    write!(out, "{name:<10}{:>10}", times.pictures)?;
    for us in [times.p50_us, times.p95_us, times.p99_us, times.max_us] {
        write!(
            out,
            "{:>12}",
            format!("{}.{:02}", us / 1000, us % 1000 / 10)
        )?;
    }
    writeln!(out)
}

fn seconds(us: u64) -> String {
    format!("{}.{:03} s", us / 1_000_000, us % 1_000_000 / 1000)
}
