//! The program itself: its help, its mistakes, its exit codes.

use std::process::{Command, Output};

const CANARY: &str = "canary-5e7f";

fn backfill(args: &[&str], env: &[(&str, &str)]) -> (Option<i32>, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_backfill"))
        .args(args)
        .env_clear()
        .env("COS_SECRET_ACCESS_KEY", CANARY)
        .env("BACKFILL_SECRET", CANARY)
        .env("IBMCLOUD_API_KEY", CANARY)
        .envs(env.iter().copied())
        .stdin(std::process::Stdio::null())
        .output()
        .unwrap();
    let Output {
        status,
        stdout,
        stderr,
    } = output;
    let text = String::from_utf8(stdout).unwrap() + &String::from_utf8(stderr).unwrap();
    assert!(!text.contains(CANARY), "a secret is shown: {text}");
    (status.code(), text)
}

#[test]
fn help_explains_flags_variables_and_exit_codes() {
    for args in [&["--help"][..], &["plan", "--help"]] {
        let (code, text) = backfill(args, &[("COS_ENDPOINT", "http://shown.example")]);
        assert_eq!(code, Some(0));
        for word in [
            "--count",
            "--mode",
            "sequential",
            "parallel",
            "fan-out",
            "--function",
            "--in-flight",
            "--job",
            "--instances",
            "CODE_ENGINE_URL",
            "CE_API_BASE_URL",
            "--runs-prefix",
            "--record",
            "--journal",
            "--include",
            "--only",
            "--max-errors",
            "--max-cost",
            "--prices",
            "exit code 3",
            "--cos-endpoint",
            "COS_ENDPOINT",
            "AWS_REGION",
            "--source-prefix",
        ] {
            assert!(text.contains(word), "{word} in {text}");
        }
        assert!(!text.contains("--cos-secret-access-key"), "{text}");
        assert!(!text.contains("--port"), "{text}");
        assert!(!text.contains("--iam-token"), "{text}");
        assert!(!text.contains("--ibmcloud-api-key"), "{text}");
        assert!(
            !text.contains("shown.example"),
            "the environment's values: {text}"
        );
    }
    for (command, words) in [
        (
            "verify",
            &[
                "--repair",
                "--remove-orphans",
                "--accept",
                "zero_byte",
                "1 it is not",
            ][..],
        ),
        ("explain", &["<KEY>", "--source-prefix", "1 they do not"]),
        ("failures", &["--retry", "--function"]),
        ("resume", &["<RUN>", "--journal", "What has an outcome"]),
        ("shard", &["<MANIFEST>", "--in-flight"]),
    ] {
        let (code, text) = backfill(&[command, "--help"], &[]);
        assert_eq!(code, Some(0));
        for word in words {
            assert!(text.contains(word), "{word} in {text}");
        }
    }
    let (_, text) = backfill(&["--help"], &[]);
    for word in [
        "COS_SECRET_ACCESS_KEY",
        "BACKFILL_SECRET",
        "130 interrupted",
        "plan",
        "verify",
        "explain",
        "failures",
    ] {
        assert!(text.contains(word), "{word} in {text}");
    }
}

#[test]
fn every_mistake_is_named_at_once() {
    let (code, text) = backfill(
        &["--mode", "fan-out", "--quality", "101"],
        &[("COS_ENDPOINT", "ftp://store.example"), ("SIZES", "16,big")],
    );
    assert_eq!(code, Some(2));
    for name in [
        "COS_ENDPOINT",
        "COS_REGION",
        "COS_BUCKET",
        "COS_ACCESS_KEY_ID",
        "SIZES",
        "QUALITY",
        "--function",
    ] {
        assert!(
            text.lines().any(|line| line.starts_with(name)),
            "{name} in {text}"
        );
    }
    assert!(
        !text.contains("COS_SECRET_ACCESS_KEY"),
        "which is set: {text}"
    );
}

const STORE: [(&str, &str); 4] = [
    ("COS_ENDPOINT", "http://127.0.0.1:1"),
    ("COS_REGION", "eu-de"),
    ("COS_BUCKET", "b"),
    ("COS_ACCESS_KEY_ID", "id"),
];

#[test]
fn flags_that_do_not_fit_together_are_refused() {
    for (args, word) in [
        (
            &["--mode", "parallel", "--function", "http://h"][..],
            "--function",
        ),
        (&["--mode", "sequential", "--in-flight", "2"], "--in-flight"),
        (&["--mode", "fan-out", "--function", "h:80"], "--function"),
        (&["--output-prefix", "images/small/"], "OUTPUT_PREFIX"),
        (&["--job", "j"], "--job is for --mode fan-out only"),
        (&["--mode", "fan-out", "--job", "j"], "CODE_ENGINE_URL"),
        (
            &["--mode", "fan-out", "--job", "j"],
            "CODE_ENGINE_PROJECT_ID",
        ),
        (
            &["--mode", "fan-out", "--job", "j", "--iam-url", "ftp://h"],
            "IAM_URL",
        ),
        (
            &["--mode", "fan-out", "--job", "j", "--iam-url", "http://h"],
            "IAM_URL is no https:// URL",
        ),
        (
            &["--mode", "fan-out", "--job", "j", "--timeout", "5"],
            "--timeout",
        ),
        (
            &["--mode", "fan-out", "--job", "j", "--in-flight", "2"],
            "--in-flight",
        ),
        (
            &["--mode", "fan-out", "--job", "j", "--function", "http://h"],
            "--function",
        ),
        (
            &[
                "--mode",
                "fan-out",
                "--job",
                "j",
                "--runs-prefix",
                "thumbnails/runs/",
            ],
            "RUNS_PREFIX",
        ),
        (
            &["--mode", "fan-out", "--job", "j", "--runs-prefix", "i"],
            "RUNS_PREFIX",
        ),
        (&["--instances", "3"], "--job"),
        (
            &["--mode", "fan-out", "--job", "j", "--instances", "1001"],
            "--instances",
        ),
        (&["shard", "key"], "JOB_INDEX"),
        (&["shard", "key"], "JOB_ARRAY_SIZE"),
        (&["--count", "0"], "--count"),
        (&["--in-flight", "0"], "--in-flight"),
        (&["--mode", "serverless"], "--mode"),
        (
            &["--cos-secret-access-key", CANARY],
            "--cos-secret-access-key",
        ),
        (
            &["--cos-secret-access-key=canary-5e7f"],
            "--cos-secret-access-key",
        ),
    ] {
        let (code, text) = backfill(args, &STORE);
        assert_eq!(code, Some(2), "{args:?}: {text}");
        assert!(text.contains(word), "{args:?}: {text}");
    }
}

#[test]
fn a_secret_that_no_header_can_carry_is_a_mistake_by_name() {
    let secret = format!("{CANARY}\n");
    let env = [&STORE[..], &[("BACKFILL_SECRET", &secret)]].concat();
    let (code, text) = backfill(&["--mode", "fan-out", "--function", "http://h"], &env);
    assert_eq!(code, Some(2));
    assert!(text.contains("BACKFILL_SECRET"), "{text}");
}

#[test]
fn a_functions_url_with_a_password_is_refused_and_not_repeated() {
    for url in ["http://user:canary-5e7f@h", "user:canary-5e7f@h o"] {
        let (code, text) = backfill(&["--mode", "fan-out", "--function", url], &STORE);
        assert_eq!(code, Some(2), "{text}");
        assert!(text.contains("--function "), "{text}");
    }
}

#[test]
fn a_job_without_a_credential_is_a_mistake_by_name() {
    let env = [
        &STORE[..],
        &[
            ("CE_API_BASE_URL", "https://user:canary-5e7f@h"),
            ("IAM_URL", "https://user:canary-5e7f@h"),
            ("CE_PROJECT_ID", "a/b"),
            ("IBMCLOUD_API_KEY", ""),
        ],
    ]
    .concat();
    let (code, text) = backfill(&["--mode", "fan-out", "--job", "j"], &env);
    assert_eq!(code, Some(2));
    for name in [
        "CODE_ENGINE_URL must not hold a user or a password",
        "IAM_URL must not hold a user or a password",
        "CODE_ENGINE_PROJECT_ID",
        "IBMCLOUD_API_KEY",
    ] {
        assert!(text.contains(name), "{name} in {text}");
    }
    let broken = format!("{CANARY}\n");
    for (name, told) in [
        ("IAM_TOKEN", "IAM_TOKEN holds"),
        ("IBMCLOUD_API_KEY", "IBMCLOUD_API_KEY is no API key"),
        ("IAM_PROFILE", "IAM_PROFILE is no name of a profile"),
    ] {
        let env = [&env[..], &[(name, broken.as_str())]].concat();
        let (_, text) = backfill(&["--mode", "fan-out", "--job", "j"], &env);
        assert!(text.contains(told), "{text}");
    }
}

#[test]
fn the_functions_port_is_no_matter_of_the_backfill() {
    let env = [("PORT", "web"), ("COS_ENDPOINT", "")];
    let (_, text) = backfill(&[], &env);
    assert!(!text.contains("PORT "), "{text}");
}
