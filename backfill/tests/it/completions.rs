//! The scripts by which shells complete command lines.

#[path = "../../../tests/completions/mod.rs"]
mod scripts;

use self::scripts::Program;

const BACKFILL: Program = Program {
    name: "backfill",
    path: env!("CARGO_BIN_EXE_backfill"),
};

#[test]
fn bash_completes_commands_flags_and_values() {
    assert_eq!(BACKFILL.offered(&["ver"]), ["verify"]);
    assert_eq!(BACKFILL.offered(&["experiment", "re"]), ["resume"]);
    assert_eq!(
        BACKFILL.offered(&["verify", "--remove-or"]),
        ["--remove-orphans"]
    );
    assert_eq!(BACKFILL.offered(&["--mode", "fan"]), ["fan-out"]);
    let settings = BACKFILL.offered(&["plan", "--cos-"]);
    assert!(
        settings.contains(&"--cos-bucket".to_owned()),
        "{settings:?}"
    );
    assert!(
        !settings.iter().any(|flag| flag.contains("secret")),
        "{settings:?}"
    );
}

#[test]
fn every_shell_has_a_script() {
    BACKFILL.has_scripts_with("verify");
}
