//! The README's table of the settings of a job is the code's. `UPDATE_README=1 cargo test -p backfill readme` writes it anew.

use std::fs;
use std::path::Path;

use backfill::args::JOB_VARIABLES;
use cos_thumbnails::config::markdown;
use cos_thumbnails::process::Exit;

const BEGIN: &str = "<!-- job-settings:begin -->\n";
const END: &str = "<!-- job-settings:end -->";

#[test]
fn the_readme_has_the_settings_of_a_job_that_there_are() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md");
    let readme = fs::read_to_string(&path).unwrap();
    let (before, rest) = readme.split_once(BEGIN).unwrap();
    let (_, after) = rest.split_once(END).unwrap();
    let expected = format!("{before}{BEGIN}{}{END}{after}", markdown(&JOB_VARIABLES));
    if std::env::var_os("UPDATE_README").is_some() {
        fs::write(&path, &expected).unwrap();
    }
    assert_eq!(fs::read_to_string(&path).unwrap(), expected);
}

#[test]
fn the_readme_has_the_exit_codes_that_there_are() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md");
    let readme = fs::read_to_string(&path).unwrap();
    let (_, rest) = readme.split_once("<!-- exit-codes:begin -->\n").unwrap();
    let (table, _) = rest.split_once("<!-- exit-codes:end -->").unwrap();
    let told: Vec<_> = table
        .lines()
        .skip(2)
        .map(|row| row.splitn(4, " | ").take(2).collect::<Vec<_>>().join(" | "))
        .collect();
    let expected = Exit::ALL.map(|exit| format!("| {} | {}", exit.code(), exit.meaning()));
    assert_eq!(told, expected);
}
