//! The scripts by which shells complete command lines.

#[path = "../../../tests/completions/mod.rs"]
mod scripts;

use self::scripts::Program;

const FUNCTION: Program = Program {
    name: "function",
    path: env!("CARGO_BIN_EXE_function"),
};

#[test]
fn bash_completes_commands_and_flags() {
    assert_eq!(FUNCTION.offered(&["ren"]), ["render"]);
    assert_eq!(FUNCTION.offered(&["render", "--js"]), ["--json"]);
    assert_eq!(FUNCTION.offered(&["serve", "--in-"]), ["--in-flight"]);
    let settings = FUNCTION.offered(&["job", "--"]);
    assert!(
        settings.contains(&"--cos-bucket".to_owned())
            && !settings.iter().any(|flag| flag.contains("secret")),
        "{settings:?}"
    );
}

#[test]
fn every_shell_has_a_script() {
    FUNCTION.has_scripts_with("render");
}
