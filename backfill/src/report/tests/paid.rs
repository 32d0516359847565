//! What a mode costs, by its typical sample.

use super::*;
use crate::cost::{Interval, Item};

#[test]
fn costs_are_those_of_what_a_typical_sample_used() {
    let folder = tempfile::tempdir().unwrap();
    // An hour for two pictures.
    let path = experiment(folder.path(), "a", &[3_600_000]);
    let mut data = read(&[path]).unwrap();
    let [row] = &costs::rows(&data)[..] else {
        panic!("one mode")
    };
    let used = |item| row.thousand.usage.get(item);
    assert_eq!(used(Item::VmHour), Interval::exactly(500.0));
    // Six of each picture, and a page twice.
    assert_eq!(used(Item::ClassA), Interval::exactly(6002.0));
    assert_eq!(
        row.million.usage.get(Item::ClassA),
        Interval::exactly(6_002_000.0)
    );
    let files = files(&data, false).unwrap();
    let chart = file(&files, "cost.svg");
    assert!(
        chart.contains("VM hours") && chart.contains("49.5 to 54.5"),
        "{chart}"
    );
    assert!(file(&files, "report.html").contains("<td>2 (1)</td>"));
    data.samples[0].spent = None;
    assert!(costs::rows(&data).is_empty());
}

#[test]
fn a_machine_of_more_processors_is_paid_for_as_several() {
    let folder = tempfile::tempdir().unwrap();
    let mut lines = vec![head("a")];
    lines[0]["environment"]["processors"] = 16.into();
    lines.extend(sample(1, 1_800_000_000, None));
    let data = read(&[write_record(folder.path(), &lines)]).unwrap();
    let [row] = &costs::rows(&data)[..] else {
        panic!("one mode")
    };
    // An hour for two pictures, on eight times as much as is sold for the price.
    let hours = row.thousand.usage.get(Item::VmHour).least;
    assert!((hours - 4000.0).abs() < 1e-6, "{hours}");
}

#[test]
fn of_a_run_its_machine_or_its_instances_are_paid_for() {
    let folder = tempfile::tempdir().unwrap();
    let of = |name: &str, mode: &str, job: Option<Value>, went_on: bool| {
        let run = json!({
            "record": "run", "run": name, "version": "1", "mode": mode, "pictures": 2, "bytes": 9, "in_flight": 8,
            "recipe": "f00d", "started": "2026-11-26T10:00:00Z", "instance": {"vcpu": 2.0, "memory_gb": 8.0},
        });
        let picture = |n: u64| {
            json!({
                "record": "picture", "n": n, "key": "images/a.jpg", "submitted_us": 0, "sent_us": 0,
                "finished_us": 10_000_000, "attempts": 1, "outcome": {
                    "event_id": "e", "key": "images/a.jpg", "verdict": "made", "recipe": "f00d",
                    "traffic": {
                        "gets": 1, "heads": 0, "puts": 6, "deletes": 0, "bytes_read": 1, "bytes_written": 1,
                    },
                    "timings_us": {"total": 8_000_000},
                    "execution": {
                        "instance": format!("i{n}"), "before": 0, "ready_at_us": 0, "began_at_us": 0,
                        "ended_at_us": 0, "cpu_us": 1, "process_cpu_us": [0, 1],
                    },
                },
            })
        };
        let mut measure = Measure::new(&serde_json::from_value(run.clone()).unwrap());
        let mut lines = vec![run];
        if went_on {
            let failed = json!({
                "record": "picture", "n": 9, "key": "images/a.jpg", "submitted_us": 0, "sent_us": 0,
                "finished_us": 10_000_000, "attempts": 3, "error": "why",
            });
            measure.add_attempt(&serde_json::from_value(failed.clone()).unwrap());
            measure.resume();
            let resumed = json!({"record": "resumed", "at": "2026-11-26T11:00:00Z", "done": 0});
            lines.extend([failed, resumed]);
        }
        for picture in [picture(1), picture(2)] {
            measure.add(&serde_json::from_value(picture.clone()).unwrap());
            lines.push(picture);
        }
        let mut summary =
            serde_json::to_value(Line::Summary(Box::new(measure.summary(None)))).unwrap();
        if let Some(job) = job {
            summary["job"] = job;
        }
        lines.push(summary);
        let path = write_record(&folder.path().join(name), &lines);
        let manifest = json!({"environment": head("a")["environment"]});
        fs::write(path.join("manifest.json"), manifest.to_string()).unwrap();
        let data = read(&[path]).unwrap();
        let rows = costs::rows(&data);
        assert_eq!(rows.len(), 1, "{name}");
        rows[0].clone()
    };
    let here = of("here", "parallel", None, false);
    let hours = here.thousand.usage.get(Item::VmHour).least;
    assert!((hours - 5000.0 / 3600.0).abs() < 1e-9, "{hours}");
    let called = of("called", "fan-out", None, false);
    let used = |row: &costs::Row, item| row.thousand.usage.get(item);
    assert_eq!(used(&called, Item::HttpCall), Interval::exactly(1000.0));
    // Two of 2 vCPU that started and are idle at the end; four at once in each, of 8 s each.
    let seconds = used(&called, Item::VcpuSecond);
    let least = 2.0 * (2.0 * 61.0 + 8000.0 / 4.0);
    assert!((seconds.least - least).abs() < 1e-6, "{seconds:?}");
    // Work began after 2 s, which is no matter of the number of pictures.
    assert_eq!(called.million.seconds, Interval::exactly(4_000_002.0));
    // What failed before it went on was sent three times for two pictures.
    let went_on = of("went on", "fan-out", None, true);
    assert_eq!(used(&went_on, Item::HttpCall), Interval::exactly(2500.0));
    let job = json!({
        "job_run": "j", "instances": 4, "shards": 4, "instance_retries": 0, "failed_instances": 0,
    });
    let by_job = of("job", "fan-out", Some(job), false);
    assert_eq!(used(&by_job, Item::HttpCall), Interval::ZERO);
    let seconds = used(&by_job, Item::VcpuSecond);
    let least = 2.0 * (4.0 * 1.0 + 8000.0 / 8.0);
    assert!((seconds.least - least).abs() < 1e-6, "{seconds:?}");
}

#[test]
fn of_fan_out_its_instances_are_paid_for() {
    let folder = tempfile::tempdir().unwrap();
    let mut lines = vec![head("a")];
    lines[0]["instance"] = json!({"vcpu": 2.0, "memory_gb": 8.0});
    lines.extend(sample(1, 5_000_000, None));
    let last = lines.len() - 1;
    lines[last]["mode"] = "fan-out".into();
    let instance = json!({
        "id": "i", "before": 0, "cold": true, "calls": 1, "ready_us": 0, "offset_us": 0, "offset_error_us": 0,
        "usage": {"cpu_us": 1},
    });
    lines[last]["instances"] = json!([instance, instance]);
    lines[last]["cold_instances"] = 1.into();
    let data = read(&[write_record(folder.path(), &lines)]).unwrap();
    let [row] = &costs::rows(&data)[..] else {
        panic!("one mode")
    };
    let seconds = row.thousand.usage.get(Item::VcpuSecond);
    // Two of 2 vCPU: one started up, both idle at the end; pictures were in work for 4 s each, four at once.
    let fewest = 2.0 * (2.0 * (0.5 + 60.0) + 4000.0 / 4.0);
    // Half a second of the 10 s for two pictures was the start.
    let greatest = 2.0 * 2.0 * (6.5 + 120.0 + 500.0 * 9.5 + 0.5);
    assert!(
        (seconds.least - fewest).abs() < 1e-6,
        "{seconds:?} {fewest}"
    );
    assert!(
        (seconds.most.unwrap() - greatest).abs() < 1e-6,
        "{seconds:?} {greatest}"
    );
    assert_eq!(
        row.thousand.usage.get(Item::HttpCall),
        Interval::exactly(1000.0)
    );
}

#[test]
fn an_instance_is_paid_for_while_it_is_there_however_many_pictures_it_has_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let mut lines = vec![head("a")];
    lines.extend(sample(1, 5_000_000, None));
    for line in &mut lines {
        if line["record"] == "call" {
            // Eight times as long in work as the sample took: twenty at once, and more.
            line["stages_us"]["total"] = 100_000_000.into();
        }
    }
    let last = lines.len() - 1;
    lines[last]["mode"] = "fan-out".into();
    lines[last]["instances"] = json!([{
        "id": "i", "before": 9, "cold": false, "calls": 2, "ready_us": 0, "offset_us": 0, "offset_error_us": 0,
        "usage": {"cpu_us": 1},
    }]);
    let data = read(&[write_record(folder.path(), &lines)]).unwrap();
    let [row] = &costs::rows(&data)[..] else {
        panic!("one mode")
    };
    let seconds = row.thousand.usage.get(Item::VcpuSecond);
    // 10 s for two pictures, so 5000 for a thousand, and one to two minutes of idleness.
    assert!((seconds.least - 5060.0).abs() < 1e-6, "{seconds:?}");
    assert!((seconds.most.unwrap() - 5120.0).abs() < 1e-6, "{seconds:?}");
}
