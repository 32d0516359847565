//! The scripts by which shells complete command lines.

#[path = "../../../../tests/completions/mod.rs"]
mod scripts;

use self::scripts::Program;

const LOCAL_CLOUD: Program = Program {
    name: "local-cloud",
    path: env!("CARGO_BIN_EXE_local-cloud"),
};

#[test]
fn bash_completes_commands_and_flags() {
    assert_eq!(LOCAL_CLOUD.offered(&["dead"]), ["dead-letters"]);
    assert_eq!(
        LOCAL_CLOUD.offered(&["dead-letters", "--rep"]),
        ["--replay"]
    );
    assert_eq!(LOCAL_CLOUD.offered(&["--page"]), ["--page-port"]);
}

#[test]
fn every_shell_has_a_script() {
    LOCAL_CLOUD.has_scripts_with("dead-letters");
}
