//! The scripts by which shells complete command lines.
#![allow(clippy::unwrap_used)]

#[path = "../../tests/completions/mod.rs"]
mod scripts;

use self::scripts::Program;

const DATASET: Program = Program {
    name: "dataset",
    path: env!("CARGO_BIN_EXE_dataset"),
};

#[test]
fn bash_completes_commands_flags_and_values() {
    assert_eq!(DATASET.offered(&["gen"]), ["generate"]);
    assert_eq!(DATASET.offered(&["fetch", "--pat"]), ["--patience"]);
    assert_eq!(
        DATASET.offered(&["generate", "--coding", "pro"]),
        ["progressive"]
    );
}

#[test]
fn every_shell_has_a_script() {
    DATASET.has_scripts_with("generate");
}
