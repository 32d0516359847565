//! From records on disk to the files of a report, and to what two say of each other.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::*;
use crate::compare::Compared;
use crate::measure::Measure;
use crate::record::{Line, Mode};

mod paid;
mod said;

/// The first line of an experiment's record.
fn head(name: &str) -> Value {
    json!({
        "record": "experiment", "experiment": name, "arguments": [], "variables": {},
        "design": {
            "name": "paper", "modes": ["parallel"], "counts": [2], "repetitions": 5, "output_prefix": "e/",
            "temperature": "any",
        },
        "environment": {
            "version": "1", "system": "Linux", "machine": "x86_64", "processors": 2, "memory_bytes": 1_u64 << 33,
        },
        "endpoint": "http://127.0.0.1:9000", "recipe": "f00d", "recipe_text": "six <sizes>",
        "data_set": {"pictures": 2, "bytes": 9, "sha256": "00"}, "in_flight": {"parallel": 8},
        "started": "2026-11-26T10:00:00Z",
    })
}

/// One sample of two pictures that took so many microseconds each, one after another.
fn sample(number: u32, us: u64, discarded: Option<&str>) -> Vec<Value> {
    let mut lines: Vec<Value> = (0..2_u64)
        .map(|n| {
            let at = |part: u64| n * us + us * part / 10;
            json!({
                "record": "call", "sample": number, "n": n + 1, "key": format!("images/{n}.jpg"),
                "attempts": 1, "cold": false, "verdict": "made", "cpu_us": us / 2,
                "times": {
                    "submitted_us": at(0), "sent_us": at(0), "function_started_us": at(1), "made_us": at(6),
                    "stored_us": at(9), "seen_us": at(10),
                },
                "stages_us": {"fetch": us / 10, "decode": us * 4 / 10, "store": us * 3 / 10, "total": us * 8 / 10},
                "traffic": {
                    "gets": 1, "heads": 0, "puts": 6, "deletes": 0, "bytes_read": 1, "bytes_written": 1,
                },
            })
        })
        .collect();
    let mut sample = json!({
        "record": "sample", "sample": number, "mode": "parallel", "count": 2, "repetition": number,
        "attempt": 1, "run": "r", "started": "2026-11-26T10:00:00Z", "bytes": 9, "verdicts": {"made": 2},
        "failed": 0, "retries": 0, "clocks": {"end_to_end_us": 2 * us, "paper_us": us}, "instances": [],
        "cold_instances": 0, "client": {"cpu_us": us},
        "traffic": {
            "gets": 2, "heads": 0, "puts": 12, "deletes": 0, "bytes_read": 2, "bytes_written": 2,
        },
    });
    if let Some(why) = discarded {
        sample["discarded"] = why.into();
    }
    lines.push(sample);
    lines
}

fn write_record(folder: &Path, lines: &[Value]) -> PathBuf {
    fs::create_dir_all(folder).unwrap();
    let text = lines.iter().fold(String::new(), |text, line| {
        text + &format!(
            "{line}
"
        )
    });
    fs::write(folder.join("record.ndjson"), text).unwrap();
    folder.to_owned()
}

/// An experiment whose samples took so many milliseconds by the end-to-end clock.
fn experiment(folder: &Path, name: &str, ms: &[u64]) -> PathBuf {
    let samples = ms
        .iter()
        .zip(1..)
        .flat_map(|(ms, number)| sample(number, ms * 500, None));
    let lines: Vec<Value> = [head(name)].into_iter().chain(samples).collect();
    write_record(&folder.join(name), &lines)
}

fn file<'a>(files: &'a [(String, String)], name: &str) -> &'a str {
    let found = files.iter().find(|(file, _)| file == name);
    &found.unwrap_or_else(|| panic!("no {name}")).1
}

#[test]
fn the_same_records_give_the_same_files() {
    let folder = tempfile::tempdir().unwrap();
    let path = experiment(folder.path(), "a", &[100, 110, 105, 120, 400]);
    let once = files(&read(std::slice::from_ref(&path)).unwrap(), true).unwrap();
    assert_eq!(
        once,
        files(&read(&[path.join("record.ndjson")]).unwrap(), true).unwrap()
    );
    let names: Vec<&str> = once.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(
        names,
        [
            "report.html",
            "report.md",
            "table.csv",
            "samples.csv",
            "time-end-to-end.svg",
            "time-paper.svg",
            "boxes-end-to-end.svg",
            "boxes-paper.svg",
            "calls-parallel.svg",
            "stages.svg",
            "cost.svg",
            "calls-sample-1.svg",
            "calls-sample-2.svg",
            "calls-sample-3.svg",
            "calls-sample-4.svg",
            "calls-sample-5.svg",
        ]
    );
}

#[test]
fn a_record_that_is_compressed_gives_the_same_report() {
    let folder = tempfile::tempdir().unwrap();
    let path = experiment(folder.path(), "a", &[100, 110]);
    let of = || files(&read(std::slice::from_ref(&path)).unwrap(), true).unwrap();
    let plain = of();
    let record = path.join("record.ndjson");
    let compressed = fs::File::create(path.join("record.ndjson.gz")).unwrap();
    let mut compressed = flate2::write::GzEncoder::new(compressed, flate2::Compression::best());
    compressed.write_all(&fs::read(&record).unwrap()).unwrap();
    compressed.finish().unwrap();
    fs::remove_file(record).unwrap();
    assert_eq!(of(), plain);
}

#[test]
fn the_table_has_the_figures_and_marks_what_is_far_away() {
    let folder = tempfile::tempdir().unwrap();
    let path = experiment(folder.path(), "a", &[100, 110, 105, 120, 400]);
    let files = files(&read(&[path]).unwrap(), false).unwrap();
    let table = file(&files, "table.csv");
    let row = table.lines().nth(1).unwrap();
    assert!(
        row.starts_with("end-to-end clock,parallel,2,5,0.11,0.167,"),
        "{row}"
    );
    // A picture takes half of (100 + 110 + 105 + 120 + 400) / 2 ms in the mean of five samples.
    assert!(row.ends_with(",0.1,0.4,1,41.75,,loopback"), "{row}");
    assert!(file(&files, "report.html").contains("<td class=\"outlier\">0.400 (5)</td>"));
    let samples = file(&files, "samples.csv");
    assert_eq!(samples.lines().last(), Some("5,parallel,2,0,0,0.4,0.2,0.2"));
}

#[test]
fn the_page_needs_nothing_beside_it_and_names_both_clocks() {
    let folder = tempfile::tempdir().unwrap();
    let path = experiment(folder.path(), "a<script>", &[100; 5]);
    let files = files(&read(&[path]).unwrap(), false).unwrap();
    let page = file(&files, "report.html");
    for asks in [
        "<script", "<link", "<img", "src=", "href=", "@import", "url(",
    ] {
        assert!(!page.contains(asks), "{asks}");
    }
    assert!(page.contains("a&lt;script&gt;") && page.contains("six &lt;sizes&gt;"));
    let text = file(&files, "report.md");
    assert!(text.contains("# Thumbnails: a\\<script\\>\n") && text.contains("six \\<sizes\\>"));
    for said in [
        "end-to-end clock",
        "paper clock",
        "the paper, in the cloud, 2021",
        "@media print",
    ] {
        assert!(page.contains(said), "{said}");
    }
    let paper = file(&files, "time-paper.svg");
    assert!(
        paper.contains("prefers-color-scheme:dark")
            && paper.contains("the paper, in the cloud, 2021")
    );
    assert!(
        !file(&files, "time-end-to-end.svg").contains("in the cloud"),
        "that is not its clock"
    );
}

#[test]
fn what_is_discarded_is_counted_and_left_out() {
    let folder = tempfile::tempdir().unwrap();
    let mut lines = vec![head("a")];
    lines.extend(sample(1, 100, Some("temperature")));
    lines.extend(sample(2, 200, None));
    let mut path = write_record(folder.path(), &lines);
    path.push("record.ndjson");
    // A line that was cut when the process was killed.
    let mut text = fs::read(&path).unwrap();
    // Within a character of two bytes.
    text.extend_from_slice(b"{\"record\":\"call\",\"key\":\"images/\xc3");
    fs::write(&path, text).unwrap();
    let data = read(&[path]).unwrap();
    assert_eq!(data.samples.len(), 1);
    assert_eq!(
        data.sources[0].left_out["instances of the wrong temperature"],
        1
    );
    assert_eq!(
        data.samples[0].calls.len(),
        2,
        "those of the other are not its calls"
    );
}

#[test]
fn a_run_is_one_sample() {
    let folder = tempfile::tempdir().unwrap();
    let run = json!({
        "record": "run", "run": "r1", "version": "1", "mode": "parallel", "pictures": 1, "bytes": 9, "in_flight": 8,
        "recipe": "f00d", "started": "2026-11-26T10:00:00Z",
    });
    let picture = json!({
        "record": "picture", "n": 1, "key": "images/generated-001.jpg", "submitted_us": 0, "sent_us": 100,
        "finished_us": 1000, "attempts": 1, "outcome": {
            "event_id": "e", "key": "images/generated-001.jpg", "verdict": "made", "recipe": "f00d",
            "traffic": {
                "gets": 1, "heads": 0, "puts": 6, "deletes": 0, "bytes_read": 1, "bytes_written": 1,
            },
            "timings_us": {"fetch": 300, "store": 200, "total": 800},
        },
    });
    let path = write_record(folder.path(), &[run.clone(), picture.clone()]);
    let data = read(&[path]).unwrap();
    assert!(data.samples.is_empty() && data.sources[0].left_out["the run has not ended"] == 1);
    assert!(matches!(files(&data, false), Err(WriteError::NoSample(_))));

    let mut measure = Measure::new(&serde_json::from_value(run.clone()).unwrap());
    measure.add(&serde_json::from_value(picture.clone()).unwrap());
    let summary = Line::Summary(Box::new(measure.summary(None)));
    let lines = [run, picture, serde_json::to_value(summary).unwrap()];
    let data = read(&[write_record(&folder.path().join("ended"), &lines)]).unwrap();
    let [sample] = data.samples.as_slice() else {
        panic!("{data:?}")
    };
    assert_eq!((sample.mode, sample.pictures), (Mode::Parallel, 1));
    assert_eq!(sample.clocks[&Clock::EndToEnd], 0.001);
    let call = &sample.calls[0];
    let tenths = [call.started, call.made, call.stored].map(|time| (time.unwrap() * 1e4).round());
    assert_eq!(tenths, [2.0, 8.0, 10.0], "in tenths of a millisecond");
    let originals = (
        "originals",
        "generated stand-ins for photographs".to_owned(),
    );
    assert!(data.sources[0].comparable.contains(&originals));
    assert!(!data.sources[0].on_loopback, "nobody says where");
    assert!(sample.spent.is_none(), "nor on what machine");
    let files = files(&data, false).unwrap();
    let notes = file(&files, "report.md");
    assert!(
        notes.contains("generated stand-ins and no photographs: r1"),
        "{notes}"
    );
    let chart = file(&files, "time-paper.svg");
    assert!(!chart.contains("behind no network"), "{chart}");
    assert!(
        file(&files, "table.csv")
            .trim_end()
            .ends_with(",,elsewhere")
    );
}

#[test]
fn what_is_no_record_is_told_by_file_and_line() {
    let folder = tempfile::tempdir().unwrap();
    let said = |path: PathBuf| read(&[path]).unwrap_err().to_string();
    assert!(said(folder.path().to_owned()).contains("could not be read"));
    let path = write_record(folder.path(), &[head("a"), json!({"record": "sample"})]);
    assert!(said(path).ends_with("is no record of this version: line 2"));
    assert!(
        said(write_record(folder.path(), &[json!({"record": "audit"})]))
            .ends_with("but of \"audit\"")
    );
    assert!(said(write_record(folder.path(), &[])).ends_with("is empty"));
}

#[test]
fn experiments_are_compared_by_cell_and_clock() {
    let folder = tempfile::tempdir().unwrap();
    let before = [100, 104, 103, 101, 108, 102, 105, 107, 106, 109];
    let path = |name, ms: &[u64]| read(&[experiment(folder.path(), name, ms)]).unwrap();
    let slow = path("slow", &before);
    let fast = path("fast", &before.map(|ms| ms / 2));
    let again = path("again", &before.map(|ms| 209 - ms));

    let compared = Compared::new(&slow, &fast);
    let by: Vec<&str> = compared.rows.iter().map(|row| row.clock).collect();
    assert_eq!(by, ["end-to-end clock", "paper clock", "CPU a picture"]);
    assert!(compared.rows.iter().all(|row| row.difference), "{compared}");
    let text = compared.to_string();
    assert_eq!(text.matches("the second takes less").count(), 3, "{text}");
    // Two pictures of a sample take half of its time each, and half of that a processor.
    assert!(
        text.contains("CPU a picture: median 26.125 ms (10 samples) and 13.000 ms (10)"),
        "{text}"
    );
    assert!(text.contains("not by turns"), "{text}");
    assert!(
        Compared::new(&fast, &slow)
            .to_string()
            .contains("the second takes more")
    );

    let compared = Compared::new(&slow, &again);
    assert!(
        !compared.rows.iter().any(|row| row.difference),
        "{compared}"
    );
    assert_eq!(
        compared
            .to_string()
            .matches(": no difference shown")
            .count(),
        3
    );

    // Four samples are too few, however far apart.
    let compared = Compared::new(
        &path("one", &[100; 4]),
        &path("other", &[900, 901, 902, 903]),
    );
    assert!(
        !compared.rows.iter().any(|row| row.difference),
        "{compared}"
    );
    assert_eq!(
        compared
            .to_string()
            .matches("no interval of fewer than 5 samples")
            .count(),
        3
    );

    let mut other = fast;
    for sample in &mut other.samples {
        sample.pictures = 3;
    }
    let compared = Compared::new(&slow, &other);
    assert!(compared.rows.is_empty() && compared.unmatched.len() == 2);
    assert!(compared.to_string().contains("nothing to compare"));

    // What one clock did not measure is not silently away, nor what does not count.
    let mut without = path("without", &before);
    for sample in &mut without.samples {
        sample.clocks.remove(&Clock::Paper);
    }
    without.sources[0]
        .left_out
        .insert("warm\u{1b}[31m-ups".into(), 3);
    let compared = Compared::new(&slow, &without);
    assert_eq!(compared.rows.len(), 2);
    let text = compared.to_string();
    assert!(
        text.contains("not compared: parallel, 2 pictures (the second has no paper clock)"),
        "{text}"
    );
    assert!(
        text.contains("left out: 3 of without (warm\u{fffd}[31m-ups)"),
        "{text}"
    );
}

#[test]
fn a_sample_of_several_sources_is_named_with_its_source() {
    let folder = tempfile::tempdir().unwrap();
    let paths = [
        experiment(folder.path(), "a", &[1]),
        experiment(folder.path(), "b", &[2]),
    ];
    let data = read(&paths).unwrap();
    let names: Vec<&str> = data
        .samples
        .iter()
        .map(|sample| sample.name.as_str())
        .collect();
    assert_eq!(names, ["a-1", "b-1"]);
    assert_eq!(file_name("../a b"), "sample-___a_b");
}

#[test]
fn what_differs_within_a_series_is_told_before_any_figure() {
    let folder = tempfile::tempdir().unwrap();
    let of = |name: &str, change: &dyn Fn(&mut Value)| {
        let mut head = head(name);
        head["function"] = json!({"url": "http://f/", "version": "1", "limits": "l"});
        change(&mut head);
        let lines: Vec<Value> = [head].into_iter().chain(sample(1, 100, None)).collect();
        write_record(&folder.path().join(name), &lines)
    };
    let usual = of("usual", &|_| ());
    for (pointer, value, told) in [
        (
            "/design/temperature",
            json!("cold"),
            "temperature: any, and cold",
        ),
        ("/environment/version", json!("2"), "version: 1, and 2"),
        (
            "/in_flight/parallel",
            json!(9),
            "in flight, parallel: 8, and 9",
        ),
        (
            "/function/url",
            json!("http://g/"),
            "function: http://f/ (1), and http://g/ (1)",
        ),
    ] {
        let another = of(&file_name(pointer), &|head| {
            *head.pointer_mut(pointer).unwrap() = value.clone();
        });
        let data = read(&[usual.clone(), another]).unwrap();
        assert_eq!(data.differences(), [told]);
    }
    // Nor does it help that it is one experiment, if it went on elsewhere.
    let mut resumed = json!({"record": "resumed", "at": "2026-11-26T11:00:00Z"});
    resumed["environment"] = head("a")["environment"].clone();
    let same = write_record(&folder.path().join("same"), &[head("a"), resumed.clone()]);
    assert!(read(&[same]).unwrap().differences().is_empty());
    resumed["environment"]["processors"] = 64.into();
    let moved = write_record(&folder.path().join("moved"), &[head("a"), resumed]);
    let differences = read(&[moved]).unwrap().differences();
    assert!(
        differences[0].starts_with("machine: 2 x "),
        "{differences:?}"
    );
}

#[test]
fn a_record_counts_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = experiment(folder.path(), "a", &[1]);
    let twice = read(&[path.clone(), path.join("record.ndjson")]).unwrap_err();
    assert!(
        twice
            .to_string()
            .ends_with("holds a, which was given already"),
        "{twice}"
    );
}
