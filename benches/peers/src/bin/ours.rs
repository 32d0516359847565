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
use cos_thumbnails::thumbnail::{self, Limits, Stop};
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
    /// All of many pictures, by so many threads.
    Many {
        pictures: Vec<PathBuf>,
        threads: usize,
    },
}

#[derive(Serialize)]
#[serde(untagged)]
enum Answer {
    One {
        cpu_ns: u128,
        peak_rss_bytes: u64,
        /// How much of the file was needed.
        bytes_read: u64,
    },
    Many {
        cpu_ns: u128,
        wall_ns: u128,
    },
}

fn main() -> Result<(), Failure> {
    let effort = std::env::args().nth(1).unwrap_or_default();
    let recipe = recipe(&effort)?;
    let mut out = io::stdout().lock();
    let versions = serde_json::json!({ "versions": { "cos-thumbnails": env!("CARGO_PKG_VERSION") } });
    writeln!(out, "{versions}")?;
    for line in io::stdin().lock().lines() {
        let answer = match serde_json::from_str(&line?)? {
            Request::One {
                picture,
                thumbnails,
            } => one(&recipe, &picture, thumbnails.as_deref())?,
            Request::Many { pictures, threads } => many(&recipe, &pictures, threads)?,
        };
        writeln!(out, "{}", serde_json::to_string(&answer)?)?;
    }
    Ok(())
}

/// Six sizes at quality 75 with the effort of that name.
fn recipe(effort: &str) -> Result<Recipe, Failure> {
    match effort {
        "default" | "fast" => Ok(Recipe::paper()),
        other => Err(format!("there is no effort {other:?}").into()),
    }
}

fn made(recipe: &Recipe, picture: &[u8]) -> Result<Rendered, thumbnail::Error> {
    render(picture, recipe, &Limits::default(), &Stop::default())
}

fn one(
    recipe: &Recipe,
    picture: &PathBuf,
    thumbnails: Option<&str>,
) -> Result<Answer, Failure> {
    let picture = fs::read(picture)?;
    let began = cpu_time();
    let rendered = made(recipe, &picture)?;
    let cpu_ns = (cpu_time() - began).as_nanos();
    if let Some(prefix) = thumbnails {
        for thumbnail in &rendered.thumbnails {
            fs::write(format!("{prefix}.{}.jpg", thumbnail.size), &thumbnail.bytes)?;
        }
    }
    Ok(Answer::One {
        cpu_ns,
        peak_rss_bytes: peak_rss_bytes()?,
        bytes_read: rendered.original.bytes,
    })
}

/// Every thread takes the next picture that nobody has taken.
fn many(recipe: &Recipe, pictures: &[PathBuf], threads: usize) -> Result<Answer, Failure> {
    let pictures = pictures.iter().map(fs::read).collect::<Result<Vec<_>, _>>()?;
    let next = AtomicUsize::new(0);
    let (cpu, wall) = (cpu_time(), Instant::now());
    thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|_| {
                scope.spawn(|| {
                    while let Some(picture) = pictures.get(next.fetch_add(1, Ordering::Relaxed)) {
                        made(recipe, picture)?;
                    }
                    Ok::<_, thumbnail::Error>(())
                })
            })
            .collect();
        workers
            .into_iter()
            .try_for_each(|worker| worker.join().map_err(|_| "a thread panicked")?.map_err(Failure::from))
    })?;
    Ok(Answer::Many {
        wall_ns: wall.elapsed().as_nanos(),
        cpu_ns: (cpu_time() - cpu).as_nanos(),
    })
}

/// CPU time of all threads of this process.
fn cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
    Duration::from_secs(seconds) + Duration::from_nanos(u64::try_from(time.tv_nsec).unwrap_or_default())
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
