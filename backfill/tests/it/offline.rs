//! The commands that need no store, as the program does them.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

/// Runs the program with nothing in its environment.
fn backfill(folder: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_backfill"))
        .args(args)
        .current_dir(folder)
        .env_clear()
        .output()
        .unwrap()
}

/// The record of a run that ended, by both clocks; of its picture nothing but the sum.
const RECORD: &str = r#"{"record":"run","run":"r1","version":"1","mode":"sequential","pictures":1,"bytes":9,"in_flight":1,"recipe":"f00d","started":"2026-11-26T10:00:00Z"}
{"record":"summary","run":"r1","mode":"sequential","pictures":1,"finished":1,"verdicts":{},"reasons":{},"failed":0,"failures":[],"retries":0,"clocks":{"end_to_end_us":2000000,"paper_us":1000000},"made_per_second":0.0,"stages":{},"answer":{"pictures":0,"p50_us":0,"p95_us":0,"p99_us":0,"max_us":0},"traffic":{"gets":0,"heads":0,"puts":0,"deletes":0,"bytes_read":0,"bytes_written":0},"recipes":[]}
"#;

#[test]
fn a_report_needs_a_record_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("r1.ndjson"), RECORD).unwrap();
    let output = backfill(folder.path(), &["report", "r1.ndjson"]);
    assert!(output.status.success(), "{output:?}");
    let files = String::from_utf8(output.stdout).unwrap();
    assert_eq!(files.lines().next(), Some("report/report.html"));
    for file in files.lines() {
        assert!(folder.path().join(file).is_file(), "{file}");
    }
    let table = fs::read_to_string(folder.path().join("report/table.csv")).unwrap();
    assert_eq!(
        table.lines().nth(1),
        Some("end-to-end clock,sequential,1,1,2,2,,,,2,2,0,,,elsewhere")
    );
}

#[test]
fn a_run_that_did_not_do_all_is_no_sample() {
    let folder = tempfile::tempdir().unwrap();
    let resumed = r#"{"record":"resumed","at":"2026-11-26T11:00:00Z","done":0}"#;
    for (record, why) in [
        (
            RECORD.replace(r#""finished":1"#, r#""finished":0"#),
            "originals came or went during the run",
        ),
        (
            RECORD.replace(r#""failed":0"#, r#""failed":1"#),
            "pictures of the run failed",
        ),
        (
            RECORD.replace(r#""failures""#, r#""ended_early":"interrupted","failures""#),
            "the run ended early",
        ),
        (format!("{RECORD}{resumed}\n"), "the run has not ended"),
    ] {
        assert_ne!(record, RECORD);
        fs::write(folder.path().join("r1.ndjson"), record).unwrap();
        let output = backfill(folder.path(), &["report", "r1.ndjson"]);
        assert_eq!(output.status.code(), Some(1));
        let text = String::from_utf8(output.stderr).unwrap();
        let told = format!("no sample that counts in these records; \"r1\": {why}\n");
        assert!(text.ends_with(&told), "{text}");
    }
}

#[test]
fn a_comparison_says_what_is_not_shown() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("r1.ndjson"), RECORD).unwrap();
    let output = backfill(folder.path(), &["compare", "r1.ndjson", "r1.ndjson"]);
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(text.matches("no difference shown").count(), 2, "{text}");
    let output = backfill(
        folder.path(),
        &["compare", "--json", "r1.ndjson", "r1.ndjson"],
    );
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(json["rows"][0]["clock"], "end-to-end clock");
    assert_eq!(
        (&json["rows"][0]["ratio"], &json["rows"][0]["difference"]),
        (&1.0.into(), &false.into())
    );
}

#[test]
fn what_cannot_be_read_is_told_by_the_exit_code() {
    let folder = tempfile::tempdir().unwrap();
    let output = backfill(folder.path(), &["report", "nowhere"]);
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(
        text.starts_with("backfill: \"nowhere\" could not be read"),
        "{text}"
    );
    assert_eq!(backfill(folder.path(), &["report"]).status.code(), Some(2));
}
