//! What hostile files take: a binary of its own, for its allocator counts.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod largest;

use std::thread;
use std::time::{Duration, Instant};

use cos_thumbnails::plan::Recipe;
use cos_thumbnails::render::{self, render};
use cos_thumbnails::thumbnail::{Decoder, Effort, Error, Ignored, Limits, Stop, inspect};
use dataset::golden::{Expected, Hostile, hostile, pictures};
use peak_alloc::PeakAlloc;

#[global_allocator]
static ALLOCATOR: PeakAlloc = PeakAlloc;

/// More than the process has before it begins with a file.
const MOST_BYTES: usize = 20 << 20;

const PROFILE: Ignored = Ignored {
    icc: true,
    exif: false,
};
const EXIF: Ignored = Ignored {
    icc: false,
    exif: true,
};
const BOTH: Ignored = Ignored {
    icc: true,
    exif: true,
};
/// What is too long in which file. GIF has no profile that is looked at; the longest of PNG says that it has no byte.
const TOO_LONG: [(&str, Ignored); 5] = [
    ("png-iccp-says-8-mib", PROFILE),
    ("png-exif-8-mib", EXIF),
    ("jpeg-icc-8-mib", PROFILE),
    ("webp-icc-and-exif-8-mib", BOTH),
    ("tiff-icc-8-mib", PROFILE),
];

/// One test, so that nothing else allocates beside it.
#[test]
fn case_5_7_9_and_10_hostile_files_are_contained_and_golden_ones_take_what_was_predicted() {
    let mut problems = Vec::new();
    println!("| file | bytes | verdict | ms | peak bytes |");
    println!("|---|---:|---|---:|---:|");
    for file in hostile() {
        let start = Instant::now();
        let (result, peak) = counted(|| read(&file.bytes));
        // Told, not judged: the machine may be busy.
        let milliseconds = start.elapsed().as_secs_f64() * 1000.0;
        let verdict = match &result {
            Ok(_) => "read".to_owned(),
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
        let too_long = TOO_LONG.iter().find(|(name, _)| *name == file.name);
        if let Ok(ignored) = result
            && ignored != too_long.map_or(Ignored::default(), |(_, too_long)| *too_long)
        {
            problems.push(format!("{}: {ignored:?}", file.name));
        }
        if peak > MOST_BYTES {
            problems.push(format!("{}: {peak} bytes", file.name));
        }
        problems.extend(unpredicted(&file.name, predicted(&file.bytes), peak));
    }
    for picture in pictures() {
        let (result, peak) = counted(|| read(&picture.bytes));
        assert!(result.is_ok(), "{}: {result:?}", picture.name);
        problems.extend(unpredicted(&picture.name, predicted(&picture.bytes), peak));
    }
    assert!(problems.is_empty(), "\n{}", problems.join("\n"));
}

/// What pictures at the limits take, and how soon their work ends when it is stopped half-way. Some minutes:
/// `cargo test --release --test hostile --features webp -- --ignored --nocapture`.
#[test]
#[ignore = "some minutes, and only in release of any meaning"]
fn the_largest_pictures_are_read_and_stopped() {
    let (recipe, limits) = (Recipe::standard(), Limits::default());
    let mut problems = Vec::new();
    println!("| picture | MB | seconds | peak MB | stopped half-way, seconds later |");
    println!("|---|---:|---:|---:|---:|");
    for (name, make) in largest::ALL {
        let bytes = make();
        assert!(
            bytes.len() as u64 <= limits.max_bytes,
            "{name}: {}",
            bytes.len()
        );
        let start = Instant::now();
        let (result, peak) = counted(|| render(&bytes, &recipe, &limits, &Stop::default()));
        let whole = start.elapsed();
        if let Err(error) = result {
            problems.push(format!("{name}: {error}"));
            continue;
        }
        let info = render::inspect(&bytes, &recipe, &limits).unwrap();
        problems.extend(unpredicted(name, Some(info.peak_bytes), peak));

        let stop = Stop::default();
        let late = thread::scope(|scope| {
            let stopped = scope.spawn(|| {
                thread::sleep(whole / 2);
                stop.stop();
                Instant::now()
            });
            let result = render(&bytes, &recipe, &limits, &stop);
            assert!(matches!(result, Err(Error::Stopped)), "{name}");
            let end = Instant::now();
            end.saturating_duration_since(stopped.join().unwrap())
        });
        let seconds = |time: Duration| format!("{:.2}", time.as_secs_f64());
        println!(
            "| {name} | {} | {} | {} | {} |",
            bytes.len() / 1_000_000,
            seconds(whole),
            peak / 1_000_000,
            seconds(late)
        );
    }
    assert!(problems.is_empty(), "\n{}", problems.join("\n"));
}

/// The bytes that [`read`] is to take, if the header says it.
fn predicted(bytes: &[u8]) -> Option<u64> {
    let info = inspect(bytes, 64, Effort::Default, &Limits::default());
    info.ok().map(|info| info.peak_bytes)
}

/// What is wrong with more bytes than were predicted.
fn unpredicted(name: &str, predicted: Option<u64>, peak: usize) -> Option<String> {
    let predicted = predicted.filter(|&predicted| peak as u64 > predicted)?;
    Some(format!("{name}: {peak} bytes, predicted were {predicted}"))
}

/// What the work returns, and the bytes that it held at one time.
fn counted<T>(work: impl FnOnce() -> T) -> (T, usize) {
    let before = ALLOCATOR.current_usage();
    ALLOCATOR.reset_peak_usage();
    let result = work();
    (result, ALLOCATOR.peak_usage().saturating_sub(before))
}

/// With all that may be asked for. What of the metadata was too long.
fn read(bytes: &[u8]) -> Result<Ignored, Error> {
    let (limits, stop) = (Limits::default(), Stop::default());
    let decoder = Decoder::new(64, Effort::Default, &limits, &stop).keeping_copyright(true);
    decoder.finish(bytes).map(|picture| picture.ignored())
}

fn is_as_expected(file: &Hostile, result: &Result<Ignored, Error>) -> bool {
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

fn panicked(result: &Result<Ignored, Error>) -> bool {
    let cause = result.as_ref().err().and_then(std::error::Error::source);
    cause.is_some_and(|cause| cause.to_string().contains("panicked"))
}
