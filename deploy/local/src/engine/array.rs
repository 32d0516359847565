//! Sets of array indices as Code Engine writes them: `5,12-14,23`.

use std::collections::BTreeSet;

/// The greatest index (<https://cloud.ibm.com/docs/codeengine?topic=codeengine-job-plan>).
const MAX_INDEX: u32 = 9_999_999;
/// The most indices of one job run.
const MAX_INDICES: usize = 1000;

/// Reads `scale_array_spec`.
pub(super) fn parse(spec: &str) -> Result<BTreeSet<u32>, String> {
    let wrong = || format!("scale_array_spec {spec:?} is no list of indices such as 0-9,12");
    let mut indices = BTreeSet::new();
    for part in spec.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        let index = |text: &str| text.trim().parse::<u32>().map_err(|_| wrong());
        let (first, last) = (index(first)?, index(last)?);
        if first > last || last > MAX_INDEX {
            return Err(wrong());
        }
        indices.extend((first..=last).take(MAX_INDICES + 1));
        if indices.len() > MAX_INDICES {
            return Err(format!(
                "scale_array_spec names more than {MAX_INDICES} indices"
            ));
        }
    }
    Ok(indices)
}

/// Writes ascending indices, runs of neighbours as ranges.
pub(super) fn text(indices: impl IntoIterator<Item = u32>) -> String {
    let mut ranges: Vec<(u32, u32)> = Vec::new();
    for index in indices {
        match ranges.last_mut() {
            Some((_, last)) if *last + 1 == index => *last = index,
            _ => ranges.push((index, index)),
        }
    }
    let shown = ranges.iter().map(|(first, last)| {
        if first == last {
            first.to_string()
        } else {
            format!("{first}-{last}")
        }
    });
    shown.collect::<Vec<_>>().join(",")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn lists_and_ranges_are_read_and_written() {
        for (spec, written) in [
            ("0", "0"),
            ("0-2", "0-2"),
            ("5,12-14,23", "5,12-14,23"),
            ("3,1,2,9,9", "1-3,9"),
            ("0-999", "0-999"),
            ("9999999", "9999999"),
        ] {
            assert_eq!(text(parse(spec).unwrap()), written);
        }
        assert_eq!(text([]), "");
    }

    #[test]
    fn what_is_none_or_too_much_is_refused() {
        for spec in ["", "a", "1-", "-1", "3-1", "1,,2", "10000000", "1.5"] {
            assert!(parse(spec).unwrap_err().contains("is no list"), "{spec}");
        }
        for spec in ["0-1000", "0-9999999", "0-999,2000-9000000"] {
            assert!(
                parse(spec).unwrap_err().contains("more than 1000"),
                "{spec}"
            );
        }
    }
}
