//! The scripts by which shells complete command lines.

use std::process::Command;

fn script(shell: &str) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_backfill"))
        .args(["completions", shell])
        .env_clear()
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// What bash offers for the last of these words, once it has read the script.
fn offered(words: &[&str]) -> Vec<String> {
    let complete = "bash -n \"$0\"; source \"$0\"; COMP_WORDS=(\"$@\"); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); \
                    COMP_LINE=\"$*\"; _backfill backfill \"${COMP_WORDS[COMP_CWORD]}\" \
                    \"${COMP_WORDS[COMP_CWORD - 1]}\"; printf '%s\\n' \"${COMPREPLY[@]}\"";
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("backfill");
    std::fs::write(&file, script("bash")).unwrap();
    let output = Command::new("bash")
        .args(["-euc", complete])
        .arg(&file)
        .args(words)
        .output()
        .unwrap();
    assert!(
        output.status.success() && output.stderr.is_empty(),
        "{output:?}"
    );
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(str::to_owned).collect()
}

#[test]
fn bash_completes_commands_flags_and_values() {
    assert_eq!(offered(&["backfill", "ver"]), ["verify"]);
    assert_eq!(offered(&["backfill", "experiment", "re"]), ["resume"]);
    assert_eq!(
        offered(&["backfill", "verify", "--remove-or"]),
        ["--remove-orphans"]
    );
    assert_eq!(offered(&["backfill", "--mode", "fan"]), ["fan-out"]);
    let settings = offered(&["backfill", "plan", "--cos-"]);
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
    for (shell, word) in [
        ("zsh", "#compdef backfill"),
        ("fish", "complete -c backfill"),
        ("elvish", "edit:completion:arg-completer[backfill]"),
        ("powershell", "Register-ArgumentCompleter"),
    ] {
        let script = script(shell);
        assert!(
            script.contains(word) && script.contains("verify"),
            "{shell}: {script}"
        );
    }
    let output = Command::new(env!("CARGO_BIN_EXE_backfill"))
        .args(["completions", "sh"])
        .output();
    assert_eq!(output.unwrap().status.code(), Some(2));
}
