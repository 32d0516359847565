//! What hostile files take: a binary of its own, for its allocator counts.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::time::Instant;

use cos_thumbnails::thumbnail::{Effort, Error, Limits, Stop, decode, inspect};
use dataset::golden::{Expected, Hostile, hostile, pictures};
use peak_alloc::PeakAlloc;

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

/// More than the process has before it begins with a file.
const MOST_BYTES: usize = 20 << 20;

/// One test, so that nothing else allocates beside it.
#[test]
fn hostile_files_are_contained_and_golden_ones_take_what_was_predicted() {
    let mut problems = Vec::new();
    println!("| file | bytes | verdict | ms | peak bytes |");
    println!("|---|---:|---|---:|---:|");
    for file in hostile() {
        let start = Instant::now();
        let (result, peak) = counted(|| read(&file.bytes));
        // Told, not judged: the machine may be busy.
        let milliseconds = start.elapsed().as_secs_f64() * 1000.0;
        let verdict = match &result {
            Ok(()) => "read".to_owned(),
            Err(error) => error.to_string(),
        };
        println!(
            "| {} | {} | {verdict} | {milliseconds:.1} | {peak} |",
            file.name,
            file.bytes.len()
        );
        if !is_as_expected(&file, &result) {
            problems.push(format!("{}: {verdict}", file.name));
        }
        if peak > MOST_BYTES {
            problems.push(format!("{}: {peak} bytes", file.name));
        }
    }
    for picture in pictures() {
        let limits = Limits::default();
        let info = inspect(&picture.bytes, 64, Effort::Default, &limits).unwrap();
        let (result, peak) = counted(|| read(&picture.bytes));
        assert!(result.is_ok(), "{}: {result:?}", picture.name);
        if peak as u64 > info.peak_bytes {
            problems.push(format!(
                "{}: {peak} bytes, predicted were {}",
                picture.name, info.peak_bytes
            ));
        }
    }
    assert!(problems.is_empty(), "\n{}", problems.join("\n"));
}

/// What the work returns, and the bytes that it held at one time.
fn counted<T>(work: impl FnOnce() -> T) -> (T, usize) {
    let before = ALLOCATOR.current_usage();
    ALLOCATOR.reset_peak_usage();
    let result = work();
    (result, ALLOCATOR.peak_usage().saturating_sub(before))
}

fn read(bytes: &[u8]) -> Result<(), Error> {
    let (limits, stop) = (Limits::default(), Stop::default());
    decode(bytes, 64, Effort::Default, &limits, &stop).map(|_| ())
}

fn is_as_expected(file: &Hostile, result: &Result<(), Error>) -> bool {
    match file.expected {
        Expected::TooLarge => matches!(result, Err(Error::TooLarge { .. })),
        Expected::NoPicture => {
            matches!(result, Err(Error::NotAPicture | Error::Unsupported { .. }))
        }
        Expected::Damaged => {
            matches!(
                result,
                Err(Error::Malformed { .. } | Error::Truncated { .. })
            )
        }
        Expected::Read => result.is_ok(),
        Expected::Bounded => !panicked(result),
    }
}

fn panicked(result: &Result<(), Error>) -> bool {
    let cause = result.as_ref().err().and_then(std::error::Error::source);
    cause.is_some_and(|cause| cause.to_string().contains("panicked"))
}
