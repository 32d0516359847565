//! What `GET /metrics` of the real binary says; and that README and dashboard speak of the same.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::http::{bare, event, send};
use crate::place::{ORIGINAL, Place, picture};
use crate::proxy::{Fault, Rule};
use crate::serving::{Serving, relengthen};

const SLOW_DOWN: &str = "HTTP/1.1 503 Slow Down\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";

/// An original of which the first bytes are enough.
const LONG: &str = "images/long.jpg";
const LONG_BYTES: usize = 600_000;
/// What is read of it at first.
const FIRST_BYTES: usize = 262_144;

/// The text after an event that was made, while the store failed once, a duplicate, one of a part of its original, a
/// foreign one and one that is none; and the outcomes.
async fn text() -> (String, Vec<Value>) {
    let place = Place::new().await;
    let serving = Serving::start_at(&place.endpoint());
    let failing = Rule {
        method: "PUT",
        path: String::new(),
        nth: 0..1,
        fault: Fault::Answer(SLOW_DOWN.to_owned()),
    };
    place.proxy.follow(Some(failing));
    let mut long = dataset::pictures_within(1, 600).next().unwrap().bytes;
    assert!(long.len() < FIRST_BYTES);
    long.resize(LONG_BYTES, 0);
    place.put_at(LONG, long).await;
    let foreign = event("e", ORIGINAL).replace("\"pictures\"", "\"others\"");
    let mut outcomes = Vec::new();
    for (request, status) in [
        (event("e", ORIGINAL), 200),
        (event("e", ORIGINAL), 200),
        (
            event("e", LONG).replace("128618", &LONG_BYTES.to_string()),
            200,
        ),
        (relengthen(&foreign), 403),
        (event("e", ORIGINAL).replacen("{\"", "[\"", 1), 400),
    ] {
        let answer = send(serving.address, &request).await;
        assert_eq!(answer.status, status, "{}", answer.body);
        if status == 200 {
            outcomes.push(answer.json());
        }
    }
    let answer = send(serving.address, &bare("GET", "/metrics")).await;
    assert_eq!(answer.status, 200);
    let media_type = answer.header("content-type").unwrap();
    assert!(media_type.starts_with("application/openmetrics-text;"));
    let refused = send(serving.address, &bare("POST", "/metrics")).await;
    assert_eq!(refused.status, 405);
    place.stop().await;
    (answer.body, outcomes)
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
    let (text, outcomes) = text().await;
    assert!(text.ends_with("# EOF\n"), "{text}");
    let samples = samples(&text);
    let thumbnails = outcomes
        .iter()
        .filter_map(|one| one["thumbnails"].as_array());
    let lengths = thumbnails.flatten().map(|one| one["bytes"].as_f64());
    let written = lengths.sum::<Option<f64>>().unwrap();
    for (name, expected) in [
        ("requests_total", 5.0),
        ("status_codes_total{status=\"200\"}", 3.0),
        ("status_codes_total{status=\"400\"}", 1.0),
        ("status_codes_total{status=\"403\"}", 1.0),
        ("status_codes_total{status=\"503\"}", 0.0),
        ("request_duration_seconds_count", 5.0),
        ("requests_in_progress", 0.0),
        ("requests_waiting", 0.0),
        ("events_total{outcome=\"made\",reason=\"\"}", 2.0),
        ("events_total{outcome=\"duplicate\",reason=\"\"}", 1.0),
        ("errors_total{type=\"foreign\"}", 1.0),
        ("errors_total{type=\"malformed\"}", 1.0),
        ("errors_total{type=\"store\"}", 0.0),
        ("request_span_duration_seconds_count{span=\"total\"}", 3.0),
        ("request_span_duration_seconds_count{span=\"commit\"}", 2.0),
        ("thumbnails_total{size=\"512\",format=\"jpeg\"}", 2.0),
        ("bytes_read_total", as_f64(picture(10).len() + FIRST_BYTES)),
        ("bytes_written_total", written),
        ("ranged_reads_total", 1.0),
        ("bytes_saved_total", as_f64(LONG_BYTES - FIRST_BYTES)),
        ("cold_starts_total", 1.0),
        ("memory_admitted_bytes", 0.0),
        ("store_retries_total{cause=\"throttled\"}", 1.0),
        ("store_retries_total{cause=\"timeout\"}", 0.0),
        ("token_refreshes_total{result=\"given\"}", 0.0),
    ] {
        let name = format!("cos_thumbnails_{name}");
        assert_eq!(samples.get(&*name), Some(&expected), "{name}\n{text}");
    }
    for name in ["memory_peak_bytes", "cpu_seconds_total"] {
        let name = format!("cos_thumbnails_{name}");
        assert!(samples[&*name] > 0.0, "{name}\n{text}");
    }
    let described = described(&text);
    the_readme_has(&described);
    the_dashboard_shows(&described, &labels(&samples));
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

fn as_f64(bytes: usize) -> f64 {
    f64::from(u32::try_from(bytes).unwrap())
}

/// The labels of each metric, by its name without what histograms have behind it, and the values of each label.
type Labels = BTreeMap<String, BTreeMap<String, BTreeSet<String>>>;

/// A metric's name, of a histogram as it is described.
fn plain(name: &str) -> &str {
    ["_bucket", "_count", "_sum"]
        .iter()
        .find_map(|end| name.strip_suffix(end))
        .unwrap_or(name)
}

fn labels(samples: &BTreeMap<&str, f64>) -> Labels {
    let mut labels = Labels::new();
    for sample in samples.keys() {
        let (name, told) = sample.split_once('{').unwrap_or((sample, ""));
        let of_name = labels.entry(plain(name).to_owned()).or_default();
        for pair in told.trim_end_matches('}').split(',') {
            if let Some((label, value)) = pair.split_once('=') {
                let values = of_name.entry(label.to_owned()).or_default();
                values.insert(value.trim_matches('"').to_owned());
            }
        }
    }
    labels
}

/// Each part of a text between two others.
fn between<'a>(text: &'a str, begin: &'a str, end: char) -> impl Iterator<Item = &'a str> {
    let parts = text.split(begin).skip(1);
    parts.map(move |part| part.split(end).next().unwrap())
}

/// What an expression, and its legend, say of labels that no metric in it has, or values that these never have.
fn unknown(expression: &str, legend: &str, exported: &Labels) -> Vec<String> {
    let words = expression.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let of_names = words.filter_map(|word| exported.get(plain(word)));
    let mut known: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (label, values) in of_names.flatten() {
        let all = known.entry(label.as_str()).or_default();
        all.extend(values.iter().map(String::as_str));
    }
    let by = between(expression, "by (", ')').flat_map(|list| list.split(", "));
    let shown = between(legend, "{{", '}');
    let names = by.chain(shown).filter(|name| !known.contains_key(name));
    let mut unknown: Vec<_> = names.map(str::to_owned).collect();
    for pair in between(expression, "{", '}').flat_map(|list| list.split(',')) {
        let (label, values) = pair.split_once('=').unwrap();
        let values = values.trim_start_matches('~').trim_matches('"').split('|');
        let known = known.get(label.trim_end_matches('!'));
        let is_known = |value: &&str| known.is_some_and(|all| all.contains(value));
        unknown.extend(
            values
                .filter(|value| !is_known(value))
                .map(|value| format!("{label}={value}")),
        );
    }
    unknown
}

#[test]
fn a_label_that_is_not_exported_is_found_in_an_expression() {
    let exported = labels(&BTreeMap::from([
        ("m_total{outcome=\"made\",reason=\"\"}", 1.0),
        ("m_total{outcome=\"skipped\",reason=\"gone\"}", 1.0),
        ("h_seconds_bucket{le=\"0.1\",span=\"total\"}", 1.0),
        ("n_total", 1.0),
    ]));
    let of = |expression: &str, legend: &str| unknown(expression, legend, &exported);
    for right in [
        "sum by (outcome, reason) (rate(m_total{outcome=~\"made|skipped\",reason!=\"\"}[5m]))",
        "histogram_quantile(0.5, sum by (le, span) (rate(h_seconds_bucket[5m])))",
        "sum(n_total)",
    ] {
        assert!(of(right, "").is_empty(), "{right}");
    }
    assert!(of("sum by (outcome) (m_total)", "{{outcome}}").is_empty());
    assert_eq!(of("sum by (typo) (m_total)", ""), ["typo"]);
    assert_eq!(of("sum by (outcome) (n_total)", ""), ["outcome"]);
    assert_eq!(of("sum(m_total)", "{{outcom}}"), ["outcom"]);
    assert_eq!(of("m_total{outcome=~\"made|mad\"}", ""), ["outcome=mad"]);
    assert_eq!(of("m_total{outcom=\"made\"}", ""), ["outcom=made"]);
}

fn the_dashboard_shows(described: &[(String, String, String)], labels: &Labels) {
    let dashboard = fs::read_to_string(root().join("deploy/grafana/dashboard.json")).unwrap();
    let dashboard: Value = serde_json::from_str(&dashboard).unwrap();
    let panels = dashboard["panels"].as_array().unwrap().iter();
    let targets = panels.flat_map(|panel| panel["targets"].as_array().unwrap());
    let words = targets.flat_map(|target| {
        let expression = target["expr"].as_str().unwrap();
        // An instance is mostly seen first when it has had its cold start: a counter that begins at one never grows.
        let grows = expression.contains("cold_starts_total[");
        assert!(!grows, "{expression}");
        let legend = target["legendFormat"].as_str().unwrap_or_default();
        let unknown = unknown(expression, legend, labels);
        assert!(unknown.is_empty(), "{expression}, {legend}: {unknown:?}");
        expression.split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
    });
    let shown: BTreeSet<&str> = words
        .filter(|word| word.starts_with("cos_thumbnails_"))
        .map(|word| word.strip_suffix("_bucket").unwrap_or(word))
        .collect();
    let exported: BTreeSet<&str> = described.iter().map(|(name, ..)| name.as_str()).collect();
    assert_eq!(shown, exported);
}
