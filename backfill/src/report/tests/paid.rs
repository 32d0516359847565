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
    let greatest = 2.0 * 2.0 * (6.5 + 120.0 + 5000.0);
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
