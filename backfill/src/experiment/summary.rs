//! What is told of an experiment on the terminal. Everything that is to be read from it is read from its record.

use std::collections::BTreeMap;

use crate::record::Mode;
use crate::record::experiment::{Discarded, Sample};

/// One sample, as it is taken.
pub(super) fn line(sample: &Sample, which: &str) -> String {
    let discarded = match sample.discarded {
        None => "",
        Some(Discarded::WarmUp) => " (discarded: a warm-up)",
        Some(Discarded::Temperature) => " (discarded: instances of the wrong temperature)",
        Some(Discarded::Failed) => " (discarded: calls failed)",
    };
    let rejected = match sample.rejected() {
        0 => String::new(),
        number => format!("; {number} rejected, of which nothing was made"),
    };
    format!(
        "{which}: {} of {} pictures: end-to-end clock {}, paper clock {}{rejected}{discarded}",
        sample.mode.name(),
        sample.count,
        seconds(sample.clocks.end_to_end_us),
        seconds(sample.clocks.paper_us)
    )
}

/// All samples that count, by mode and count; how many do not, and why.
pub(super) fn text(samples: &[Sample]) -> String {
    let mut cells: BTreeMap<(Mode, u32), [Vec<u64>; 2]> = BTreeMap::new();
    for sample in samples.iter().filter(|sample| sample.discarded.is_none()) {
        let [end_to_end, paper] = cells.entry((sample.mode, sample.count)).or_default();
        end_to_end.extend(sample.clocks.end_to_end_us);
        paper.extend(sample.clocks.paper_us);
    }
    let mut text = format!(
        "{:<12}{:>10}{:>10}{:>26}{:>21}\n",
        "mode", "pictures", "samples", "end-to-end clock, median", "paper clock, median"
    );
    for ((mode, count), [end_to_end, paper]) in &mut cells {
        text += &format!(
            "{:<12}{count:>10}{:>10}{:>26}{:>21}\n",
            mode.name(),
            end_to_end.len(),
            seconds(median(end_to_end)),
            seconds(median(paper))
        );
    }
    for (why, what) in [
        (Discarded::WarmUp, "as warm-ups"),
        (
            Discarded::Temperature,
            "for the temperature of the function",
        ),
        (Discarded::Failed, "as calls failed"),
    ] {
        let all = samples.iter();
        let number = all.filter(|sample| sample.discarded == Some(why)).count();
        if number > 0 {
            text += &format!("{number} discarded {what}\n");
        }
    }
    let counted = samples.iter().filter(|one| one.discarded.is_none());
    let with_rejected = counted.filter(|one| one.rejected() > 0).count();
    if with_rejected > 0 {
        text += &format!(
            "{with_rejected} samples hold pictures that were rejected, of which nothing was made\n"
        );
    }
    text
}

/// The middle one, or the mean of both.
fn median(values: &mut [u64]) -> Option<u64> {
    values.sort_unstable();
    let upper = *values.get(values.len() / 2)?;
    let lower = *values.get((values.len() - 1) / 2)?;
    Some(u64::midpoint(lower, upper))
}

fn seconds(us: Option<u64>) -> String {
    match us {
        Some(us) => format!("{}.{:03} s", us / 1_000_000, us % 1_000_000 / 1000),
        None => "unknown".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle_or_the_mean_of_both() {
        assert_eq!(median(&mut []), None);
        assert_eq!(median(&mut [3, 1, 2]), Some(2));
        assert_eq!(median(&mut [4, 1, 2, 3]), Some(2));
        assert_eq!(median(&mut [5, 1]), Some(3));
    }
}
