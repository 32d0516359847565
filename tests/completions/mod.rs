//! The scripts by which shells complete a program's command lines, tried as bash tries them.

use std::process::Command;

/// A program, as it was built.
pub(crate) struct Program {
    pub(crate) name: &'static str,
    pub(crate) path: &'static str,
}

impl Program {
    fn script(&self, shell: &str) -> String {
        let output = Command::new(self.path)
            .args(["completions", shell])
            .env_clear()
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// What bash offers for the last of these words behind the program's name, once it has read the script.
    pub(crate) fn offered(&self, words: &[&str]) -> Vec<String> {
        let complete = "bash -n \"$0\"; source \"$0\"; by=$1; shift; COMP_WORDS=(\"$@\"); \
                        COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); COMP_LINE=\"$*\"; \
                        \"$by\" \"$1\" \"${COMP_WORDS[COMP_CWORD]}\" \"${COMP_WORDS[COMP_CWORD - 1]}\"; \
                        printf '%s\\n' \"${COMPREPLY[@]}\"";
        let script = self.script("bash");
        let (_, by) = script.rsplit_once("complete -F ").unwrap();
        let by = by.split(' ').next().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("script");
        std::fs::write(&file, &script).unwrap();
        let output = Command::new("bash")
            .args(["-euc", complete])
            .arg(&file)
            .args([by, self.name])
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

    /// Every shell has a script, in which this command stands; and what is no shell has none.
    pub(crate) fn has_scripts_with(&self, command: &str) {
        let name = self.name;
        for (shell, begin) in [
            ("bash", "complete -F".to_owned()),
            ("zsh", format!("#compdef {name}")),
            ("fish", format!("complete -c {name}")),
            ("elvish", format!("edit:completion:arg-completer[{name}]")),
            ("powershell", "Register-ArgumentCompleter".to_owned()),
        ] {
            let script = self.script(shell);
            assert!(
                script.contains(&begin) && script.contains(command),
                "{shell}: {script}"
            );
        }
        let output = Command::new(self.path).args(["completions", "sh"]).output();
        assert_eq!(output.unwrap().status.code(), Some(2));
    }
}
