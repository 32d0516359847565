//! What stands below each help text: examples, which a test reads by the parser, and exit codes.

pub(super) const BACKFILL: &str = "Examples:
  backfill                                     all originals, on all cores
  backfill --count 100 --mode sequential       the first 100, one by one
  backfill --include '2024/**' --only missing  what has no thumbnails of 2024
  backfill --mode fan-out --function http://127.0.0.1:8080
  backfill --mode fan-out --job backfill --instances 50
  backfill --max-errors 10 --max-duration 2h --max-cost 5 --rate 20
";

pub(super) const PLAN: &str = "Examples:
  backfill plan                                how long, and for how much
  backfill plan --mode fan-out --instance-cpu 2 --instance-memory 4
  backfill plan --only stale --json            which originals, a line each
  backfill plan --measured backfill-runs/20260131T120000Z-5e7f0a1b";

pub(super) const RESUME: &str = "Examples:
  backfill resume 20260131T120000Z-5e7f0a1b
  backfill resume backfill-runs/20260131T120000Z-5e7f0a1b --max-duration 2h

Exit codes: as of backfill";

pub(super) const VERIFY: &str = "Examples:
  backfill verify                              changes nothing
  backfill verify --repair                     and mends, in this process
  backfill verify --repair --function http://127.0.0.1:8080
  backfill verify --fast --quiet --accept pending,failed

Exit codes: 0 all is well (ok or accepted), 1 it is not, or the audit broke off,
2 usage, settings or another recipe, 130 interrupted";

pub(super) const EXPLAIN: &str = "Examples:
  backfill explain images/2024/cat.jpg
  backfill explain thumbnails/2024/cat.jpg/256.jpg --json

Exit codes: 0 the thumbnails stand or nothing is to be done, 1 they do not,
2 usage or settings";

pub(super) const FAILURES: &str = "Examples:
  backfill failures                            which, and why
  backfill failures --retry                    tries them anew

Exit codes: 0 done, 1 some failed again, or the store did, 2 usage or settings,
130 interrupted";

pub(super) const SHARD: &str = "Examples:
  backfill shard backfill-runs/20260131T120000Z-5e7f0a1b/manifest.json

Exit codes: 0 done, 1 a shard is not done, 2 usage or settings, 130 interrupted";

pub(super) const EXPERIMENT_RUN: &str = "Examples:
  backfill experiment run dataset/paper.toml
  backfill experiment run dataset/paper.toml --function http://127.0.0.1:8080

Exit codes: 0 done, 1 it broke off, 2 usage, settings or the file, 130 interrupted";

pub(super) const EXPERIMENT_RESUME: &str = "Examples:
  backfill experiment resume paper-20260131T120000Z-5e7f0a1b

Exit codes: as of backfill experiment run";

pub(super) const REPORT: &str = "Examples:
  backfill report backfill-runs/paper-20260131T120000Z-5e7f0a1b --out report
  backfill report first.ndjson.gz second.ndjson --each

Exit codes: 0 done, 1 a record could not be read or a file not written, 2 usage";

pub(super) const COMPARE: &str = "Examples:
  backfill compare backfill-runs/before backfill-runs/after
  backfill compare before.ndjson after.ndjson --json

Exit codes: 0 done, 1 a record could not be read, 2 usage";

pub(super) const COMPLETIONS: &str = "Examples:
  backfill completions bash > ~/.local/share/bash-completion/completions/backfill
  backfill completions zsh > ~/.zfunc/_backfill
  backfill completions fish > ~/.config/fish/completions/backfill.fish

Exit codes: 0 done, 1 standard output could not be written, 2 usage";

#[cfg(test)]
#[path = "../../../tests/help/mod.rs"]
mod help;

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::super::written::Cli;
    use super::super::{ArgsError, flags, offline, parse};
    use super::help;

    /// As someone has it who has set up all.
    fn environment(name: &str) -> Option<String> {
        let value = match name {
            "COS_ENDPOINT" | "CODE_ENGINE_URL" => "http://127.0.0.1:9000",
            "COS_REGION" => "eu-de",
            "COS_BUCKET" => "photos",
            "COS_ACCESS_KEY_ID" | "COS_SECRET_ACCESS_KEY" | "IBMCLOUD_API_KEY" => "key",
            "CODE_ENGINE_PROJECT_ID" => "project",
            "JOB_INDEX" => "0",
            "JOB_ARRAY_SIZE" => "2",
            _ => return None,
        };
        Some(value.to_owned())
    }

    #[test]
    fn every_example_has_a_meaning() {
        let pages = help::of_pages("backfill");
        for words in help::examples(&flags::command(Cli::command()))
            .into_iter()
            .chain(pages)
        {
            match parse(&words, environment) {
                // A run that is to go on is not there.
                Ok(_) | Err(ArgsError::Journal(_)) => {}
                Err(ArgsError::Offline) => {
                    let words: Vec<_> = words.iter().map(Into::into).collect();
                    assert!(offline(&words).is_some(), "{words:?}");
                }
                Err(error) => panic!("{words:?}: {error}"),
            }
        }
    }
}
