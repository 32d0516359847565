//! The table of tests/README.md names what there is.

use std::collections::BTreeSet;

use crate::architecture::{files, read, root, with_extension};

const TABLE: &str = "tests/README.md";
const CASES: usize = 29;

/// The texts between back ticks.
fn named(line: &str) -> impl Iterator<Item = &str> {
    line.split('`').skip(1).step_by(2)
}

/// The functions that are tests in these files.
fn tests() -> BTreeSet<String> {
    let files = files();
    let mut tests = BTreeSet::new();
    for path in with_extension(&files, &["rs"]) {
        let text = read(path);
        let mut lines = text.lines().map(str::trim).peekable();
        while let Some(line) = lines.next() {
            if !line.starts_with("#[test]") && !line.starts_with("#[tokio::test") {
                continue;
            }
            let after = lines.by_ref().find(|line| !line.starts_with('#'));
            let name = after.and_then(|line| line.split("fn ").nth(1)?.split('(').next());
            tests.extend(name.map(str::to_owned));
        }
    }
    tests
}

/// The cases that a test is named after, `case_1_` or `case_1_2_and_3_`.
fn cases(name: &str) -> impl Iterator<Item = usize> {
    let words = name.strip_prefix("case_").unwrap_or_default().split('_');
    let numbers = words.take_while(|word| *word == "and" || word.parse::<usize>().is_ok());
    numbers.filter_map(|word| word.parse().ok())
}

#[test]
fn every_case_is_shown_by_what_exists() {
    let table = read(TABLE.as_ref());
    let tests = tests();
    let rows: Vec<_> = table
        .lines()
        .filter(|line| {
            let first = line.split('|').nth(1).unwrap_or_default().trim();
            first.parse::<usize>().is_ok()
        })
        .collect();
    assert_eq!(rows.len(), CASES);
    for (row, number) in rows.iter().zip(1..) {
        assert!(row.starts_with(&format!("| {number} |")), "{row}");
        let after_it = named(row).any(|name| cases(name).any(|case| case == number));
        assert!(after_it, "{row} names nothing that is named after it");
        for name in named(row) {
            let exists = if name.contains('/') {
                root().join(name).is_file()
            } else {
                tests.contains(name)
            };
            assert!(exists, "there is no {name}, which {TABLE} names");
        }
    }
    let shown: BTreeSet<_> = rows.iter().flat_map(|row| named(row)).collect();
    for test in tests.iter().filter(|test| test.starts_with("case_")) {
        assert!(shown.contains(test.as_str()), "{test} is not in {TABLE}");
    }
}
