//! Transcripts: what a person types, what the program says and how it ends, compared with a file beside the
//! test. `SNAPSHOTS=overwrite cargo test --workspace transcript` writes the files anew; read what has changed.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use snapbox::{Assert, Data};

/// Where one types, and what is known of it.
pub(crate) struct Shell {
    /// The program, as it was built.
    pub(crate) program: &'static str,
    /// The folder of the files.
    pub(crate) transcripts: PathBuf,
    /// The folder that it is typed in.
    pub(crate) folder: PathBuf,
    /// What is set.
    pub(crate) environment: Vec<(&'static str, String)>,
    /// Names for what is another each time: they are typed, and stand in the transcript.
    pub(crate) names: Vec<(&'static str, String)>,
}

/// In each secret that is set, and in no transcript.
pub(crate) const CANARY: &str = "canary-d7";

impl Shell {
    /// Types a line, and compares all that follows with the file of that name.
    pub(crate) fn compare(&self, name: &str, line: &str) {
        let known = |text: &str, (name, value): &(&str, String)| text.replace(name, value);
        let typed = self
            .names
            .iter()
            .fold(line.to_owned(), |text, pair| known(&text, pair));
        // A shell takes some names for its own, unless they are paths.
        let program = Path::new(self.program);
        let (own, place) = (
            program.parent().unwrap(),
            self.folder.join(program.file_name().unwrap()),
        );
        if !place.exists() {
            std::os::unix::fs::symlink(program, place).unwrap();
        }
        let output = Command::new("bash")
            .args(["-c", &typed])
            .current_dir(&self.folder)
            .env_clear()
            .env("PATH", format!("{}:/usr/bin:/bin", own.display()))
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null())
            .output()
            .unwrap();
        let transcript = self.transcript(line, &output);
        assert!(
            !transcript.contains(CANARY),
            "a secret is shown: {transcript}"
        );
        let file = self.transcripts.join(format!("{name}.txt"));
        let expected = Data::read_from(&file, None).raw();
        Assert::new()
            .action_env("SNAPSHOTS")
            .eq(transcript, expected);
    }

    fn transcript(&self, line: &str, output: &Output) -> String {
        let mut text = format!("$ {line}\n");
        for (stream, said) in [("stderr", &output.stderr), ("stdout", &output.stdout)] {
            let said = String::from_utf8(said.clone()).unwrap();
            if !said.is_empty() {
                text += &format!("\n{stream}:\n");
                for line in self.redacted(&said).lines() {
                    // One number or an interval of two, as time has it.
                    let cost = line.starts_with("cost ").then_some("cost [N]");
                    text += &format!("{}\n", cost.unwrap_or(line));
                }
            }
        }
        text + &format!("\nexit code {}\n", output.status.code().unwrap())
    }

    /// Without what is another each time: the longest of the names' values first, then measures and moments.
    fn redacted(&self, text: &str) -> String {
        let mut names: Vec<_> = self.names.iter().collect();
        names.sort_by_key(|(_, value)| std::cmp::Reverse(value.len()));
        let text = names.iter().fold(text.to_owned(), |text, (name, value)| {
            text.replace(value, name)
        });
        let mut redacted = String::new();
        let in_word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | ':' | '-');
        let mut rest = text.as_str();
        while let Some(first) = rest.chars().next() {
            let length = rest.find(|c| !in_word(c)).unwrap_or(rest.len());
            // What ends a sentence ends a word.
            let length = rest[..length].trim_end_matches(['.', ':', '-']).len();
            let (word, after) = rest.split_at(length.max(first.len_utf8()));
            rest = after;
            let Some(stands) = stands_for(word) else {
                redacted += word;
                continue;
            };
            // Columns are as wide as what stands in them.
            let before = redacted.trim_end_matches(' ').len();
            if redacted.len() > before + 1 {
                redacted.truncate(before + 1);
            }
            redacted += stands;
        }
        redacted
    }
}

/// What stands for a word that is another each time.
fn stands_for(word: &str) -> Option<&'static str> {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let (day, rest) = word.split_once('T').unwrap_or((word, ""));
    // An experiment's name stands before.
    let is_day = day.rsplit('-').next().is_some_and(digits);
    if is_day && rest.len() == 16 && rest[6..].starts_with("Z-") {
        return Some("[RUN]");
    }
    if digits(&day.replace('-', "")) && rest.ends_with('Z') {
        return Some("[TIME]");
    }
    let number = word.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let (whole, part) = number.split_once('.')?;
    (digits(whole) && digits(part)).then_some("[N]")
}
