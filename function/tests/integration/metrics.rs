//! What `GET /metrics` of the real binary says; and that README and dashboard speak of the same.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::faults::{ORIGINAL, Place};
use crate::http::{bare, event, send};
use crate::proxy::{Fault, Rule};
use crate::serving::{Serving, relengthen};

const SLOW_DOWN: &str = "HTTP/1.1 503 Slow Down\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";

/// The text after an event that was made, a duplicate, one that found the store failing once, and a foreign one.
async fn text() -> String {
    let place = Place::new().await;
    let serving = Serving::start_at(&place.endpoint());
    let failing = Rule {
        method: "PUT",
        path: String::new(),
        nth: 0..1,
        fault: Fault::Answer(SLOW_DOWN),
    };
    place.proxy.follow(Some(failing));
    let foreign = event("e", ORIGINAL).replace("\"pictures\"", "\"others\"");
    for (request, status) in [
        (event("e", ORIGINAL), 200),
        (event("e", ORIGINAL), 200),
        (relengthen(&foreign), 403),
    ] {
        assert_eq!(send(serving.address, &request).await.status, status);
    }
    let answer = send(serving.address, &bare("GET", "/metrics")).await;
    assert_eq!(answer.status, 200);
    let media_type = answer.header("content-type").unwrap();
    assert!(media_type.starts_with("application/openmetrics-text;"));
    let refused = send(serving.address, &bare("POST", "/metrics")).await;
    assert_eq!(refused.status, 405);
    place.stop().await;
    answer.body
}

/// The value of each sample, by its name and labels.
fn samples(text: &str) -> BTreeMap<&str, f64> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| {
            let (name, value) = line.rsplit_once(' ').unwrap();
            (name, value.parse().unwrap())
        })
        .collect()
}

/// Name, type and meaning of each metric.
fn described(text: &str) -> Vec<(String, String, String)> {
    let of = |what: &str| -> Vec<(String, String)> {
        let lines = text.lines().filter_map(|line| line.strip_prefix(what));
        let pairs = lines.map(|line| line.split_once(' ').unwrap());
        pairs
            .map(|(name, rest)| (name.to_owned(), rest.to_owned()))
            .collect()
    };
    let types: BTreeMap<_, _> = of("# TYPE ").into_iter().collect();
    of("# HELP ")
        .into_iter()
        .map(|(name, help)| {
            let kind = types[&name].clone();
            let end = match kind.as_str() {
                "counter" => "_total",
                "info" => "_info",
                _ => "",
            };
            (format!("{name}{end}"), kind, help)
        })
        .collect()
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

#[tokio::test]
async fn metrics_tell_what_was_done_and_readme_and_dashboard_speak_of_them() {
    let text = text().await;
    assert!(text.ends_with("# EOF\n"), "{text}");
    let samples = samples(&text);
    for (name, expected) in [
        ("requests_total", 3.0),
        ("status_codes_total{status=\"200\"}", 2.0),
        ("status_codes_total{status=\"403\"}", 1.0),
        ("request_duration_seconds_count", 3.0),
        ("requests_in_progress", 0.0),
        ("requests_waiting", 0.0),
        ("events_total{outcome=\"made\",reason=\"\"}", 1.0),
        ("events_total{outcome=\"duplicate\",reason=\"\"}", 1.0),
        ("errors_total{type=\"foreign\"}", 1.0),
        ("request_span_duration_seconds_count{span=\"total\"}", 2.0),
        ("request_span_duration_seconds_count{span=\"commit\"}", 1.0),
        ("thumbnails_total{size=\"512\",format=\"jpeg\"}", 1.0),
        ("cold_starts_total", 1.0),
        ("memory_admitted_bytes", 0.0),
        ("store_retries_total{cause=\"throttled\"}", 1.0),
        ("store_retries_total{cause=\"timeout\"}", 0.0),
        ("token_refreshes_total{result=\"given\"}", 0.0),
    ] {
        let name = format!("cos_thumbnails_{name}");
        assert_eq!(samples.get(&*name), Some(&expected), "{name}\n{text}");
    }
    for name in [
        "bytes_read_total",
        "bytes_written_total",
        "memory_peak_bytes",
        "cpu_seconds_total",
    ] {
        let name = format!("cos_thumbnails_{name}");
        assert!(samples[&*name] > 0.0, "{name}\n{text}");
    }
    let described = described(&text);
    the_readme_has(&described);
    the_dashboard_shows(&described);
}

/// `UPDATE_README=1 cargo test -p function metrics` writes the table anew.
fn the_readme_has(described: &[(String, String, String)]) {
    const BEGIN: &str = "<!-- metrics:begin -->\n";
    const END: &str = "<!-- metrics:end -->";
    let mut table = "| metric | type | meaning |\n|---|---|---|\n".to_owned();
    for (name, kind, help) in described {
        let help = help.trim_end_matches('.');
        table += &format!("| `{name}` | {kind} | {help} |\n");
    }
    let path = root().join("README.md");
    let readme = fs::read_to_string(&path).unwrap();
    let (before, rest) = readme.split_once(BEGIN).unwrap();
    let (_, after) = rest.split_once(END).unwrap();
    let expected = format!("{before}{BEGIN}{table}{END}{after}");
    if std::env::var_os("UPDATE_README").is_some() {
        fs::write(&path, &expected).unwrap();
    }
    assert_eq!(fs::read_to_string(&path).unwrap(), expected);
}

fn the_dashboard_shows(described: &[(String, String, String)]) {
    let dashboard = fs::read_to_string(root().join("deploy/grafana/dashboard.json")).unwrap();
    let dashboard: Value = serde_json::from_str(&dashboard).unwrap();
    let panels = dashboard["panels"].as_array().unwrap().iter();
    let targets = panels.flat_map(|panel| panel["targets"].as_array().unwrap());
    let words = targets.flat_map(|target| {
        let expression = target["expr"].as_str().unwrap();
        // An instance is mostly seen first when it has had its cold start: a counter that begins at one never grows.
        let grows = expression.contains("cold_starts_total[");
        assert!(!grows, "{expression}");
        expression.split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
    });
    let shown: BTreeSet<&str> = words
        .filter(|word| word.starts_with("cos_thumbnails_"))
        .map(|word| word.strip_suffix("_bucket").unwrap_or(word))
        .collect();
    let exported: BTreeSet<&str> = described.iter().map(|(name, ..)| name.as_str()).collect();
    assert_eq!(shown, exported);
}
