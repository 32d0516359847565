//! Our thumbnails, for the comparison: `ours default` or `ours fast`.
//!
//! A request is one line of JSON on standard input, its answer one on standard output. Pictures are
//! in memory before a clock starts.

use std::fs;
use std::io::{self, BufRead, Write};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use cos_thumbnails::plan::Recipe;
use cos_thumbnails::render::{Rendered, render};
use cos_thumbnails::thumbnail::{self, Effort, Limits, Stop};
use rustix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};

type Failure = Box<dyn std::error::Error + Send + Sync>;

#[derive(Deserialize)]
#[serde(untagged)]
enum Request {
    /// All thumbnails of one picture, written to `thumbnails` and `.SIZE.jpg` where that is given.
    One {
        picture: PathBuf,
        thumbnails: Option<String>,
    },
    /// All of many pictures, so many times, by so many threads.
    Many {
        pictures: Vec<PathBuf>,
        times: usize,
        threads: usize,
    },
    /// How much of a picture its thumbnails need.
    Needed { needed_of: PathBuf },
}

#[derive(Serialize)]
#[serde(untagged)]
enum Answer {
    One { cpu_ns: u128, peak_rss_bytes: u64 },
    Many { cpu_ns: u128, wall_ns: u128 },
    Needed { bytes: usize },
}

fn main() -> Result<(), Failure> {
    let effort = std::env::args().nth(1).unwrap_or_default();
    let recipe = recipe(&effort)?;
    let mut out = io::stdout().lock();
    // Ours is the revision that the harness notes.
    writeln!(out, r#"{{"versions":{{}}}}"#)?;
    for line in io::stdin().lock().lines() {
        let answer = match serde_json::from_str(&line?)? {
            Request::One {
                picture,
                thumbnails,
            } => one(&recipe, &picture, thumbnails.as_deref())?,
            Request::Many {
                pictures,
                times,
                threads,
            } => many(&recipe, &pictures, times, threads)?,
            Request::Needed { needed_of } => needed(&recipe, &needed_of)?,
        };
        writeln!(out, "{}", serde_json::to_string(&answer)?)?;
    }
    Ok(())
}

/// Six sizes at quality 75, with the effort of that name.
fn recipe(effort: &str) -> Result<Recipe, Failure> {
    Ok(Recipe::paper().with_effort(effort.parse::<Effort>()?))
}

fn made(recipe: &Recipe, picture: &[u8]) -> Result<Rendered, thumbnail::Error> {
    render(picture, recipe, &Limits::default(), &Stop::default())
}

fn one(recipe: &Recipe, picture: &PathBuf, thumbnails: Option<&str>) -> Result<Answer, Failure> {
    let picture = fs::read(picture)?;
    let began = cpu_time();
    let rendered = made(recipe, &picture)?;
    let cpu_ns = cpu_time().saturating_sub(began).as_nanos();
    if let Some(prefix) = thumbnails {
        for thumbnail in &rendered.thumbnails {
            fs::write(format!("{prefix}.{}.jpg", thumbnail.size), &thumbnail.bytes)?;
        }
    }
    Ok(Answer::One {
        cpu_ns,
        peak_rss_bytes: peak_rss_bytes()?,
    })
}

/// Every thread takes the next picture that nobody has taken.
fn many(
    recipe: &Recipe,
    pictures: &[PathBuf],
    times: usize,
    threads: usize,
) -> Result<Answer, Failure> {
    let pictures = pictures
        .iter()
        .map(fs::read)
        .collect::<Result<Vec<_>, _>>()?;
    let (next, end) = (AtomicUsize::new(0), pictures.len() * times);
    let (cpu, wall) = (cpu_time(), Instant::now());
    thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|_| {
                scope.spawn(|| {
                    loop {
                        let number = next.fetch_add(1, Ordering::Relaxed);
                        if number >= end {
                            return Ok::<_, thumbnail::Error>(());
                        }
                        made(recipe, &pictures[number % pictures.len()])?;
                    }
                })
            })
            .collect();
        workers.into_iter().try_for_each(|worker| {
            worker
                .join()
                .map_err(|_| "a thread panicked")?
                .map_err(Failure::from)
        })
    })?;
    Ok(Answer::Many {
        wall_ns: wall.elapsed().as_nanos(),
        cpu_ns: cpu_time().saturating_sub(cpu).as_nanos(),
    })
}

/// The shortest beginning of the file that gives the same thumbnails as all of it, by bisection.
fn needed(recipe: &Recipe, picture: &PathBuf) -> Result<Answer, Failure> {
    let picture = fs::read(picture)?;
    let files = |picture: &[u8]| {
        let rendered = made(recipe, picture).ok()?;
        Some(
            rendered
                .thumbnails
                .into_iter()
                .map(|thumbnail| thumbnail.bytes)
                .collect::<Vec<_>>(),
        )
    };
    let all = files(&picture).ok_or("a picture without thumbnails")?;
    let (mut too_few, mut enough) = (0, picture.len());
    while enough - too_few > 1 {
        let middle = usize::midpoint(too_few, enough);
        if files(&picture[..middle]).as_ref() == Some(&all) {
            enough = middle;
        } else {
            too_few = middle;
        }
    }
    Ok(Answer::Needed { bytes: enough })
}

/// CPU time of all threads of this process.
fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
    Duration::from_secs(seconds)
        + Duration::from_nanos(u64::try_from(time.tv_nsec).unwrap_or_default())
}

/// The most that this process ever held: `exec` sets it back, which it does not with `getrusage`.
fn peak_rss_bytes() -> Result<u64, Failure> {
    let status = fs::read_to_string("/proc/self/status")?;
    let kilobytes = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:")?.strip_suffix("kB"))
        .ok_or("there is no VmHWM in /proc/self/status")?;
    Ok(kilobytes.trim().parse::<u64>()? * 1024)
}
