//! The README's table of settings is the code's. `UPDATE_README=1 cargo test -p function readme` writes it anew.

use std::fs;
use std::path::Path;

use cos_thumbnails::config::{self as flow, markdown};

const BEGIN: &str = "<!-- settings:begin -->\n";
const END: &str = "<!-- settings:end -->";

#[test]
fn the_readme_has_the_settings_that_there_are() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md");
    let readme = fs::read_to_string(&path).unwrap();
    let (before, rest) = readme.split_once(BEGIN).unwrap();
    let (_, after) = rest.split_once(END).unwrap();
    let settings = [&flow::VARIABLES[..], &function::config::VARIABLES].concat();
    let expected = format!("{before}{BEGIN}{}{END}{after}", markdown(&settings));
    if std::env::var_os("UPDATE_README").is_some() {
        fs::write(&path, &expected).unwrap();
    }
    assert_eq!(fs::read_to_string(&path).unwrap(), expected);
}
