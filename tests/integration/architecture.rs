//! The arrows between modules and packages, as CONTRIBUTING.md draws them; and the rules that hold
//! for every file. Each rule is also shown to fail where it should.

mod every_file;
mod names;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What a module may name of this workspace besides itself, and what it must not know beyond.
struct Arrow {
    module: &'static str,
    may_name: &'static [&'static str],
    /// Crates, or parts of them. `*` at the end stands for any ending.
    must_not_know: &'static [&'static [&'static str]],
    may_wait: bool,
}

/// The packages of this workspace, as Rust names them.
const WORKSPACE: &[&str] = &[
    "cos_thumbnails",
    "function",
    "backfill",
    "local_cloud",
    "dataset",
];

const NETWORK: &[&str] = &[
    "aws_*", "http*", "hyper*", "s3s", "std::net", "tokio", "tower*",
];
const SERVERS: &[&str] = &["hyper*", "std::net", "tower*"];
const STORES: &[&str] = &["aws_*", "s3s"];
const IMAGES: &[&str] = &["fast_image_resize", "image", "jpeg_encoder"];
const CLOCK: &[&str] = &[
    "chrono",
    "std::time::Instant",
    "std::time::SystemTime",
    "time",
];
const EVENTS: &[&str] = &["cloudevents"];
const COMMAND_LINES: &[&str] = &["clap", "indicatif", "std::env"];

const ARROWS: &[Arrow] = &[
    Arrow {
        module: "cos_thumbnails::object",
        may_name: &[],
        must_not_know: &[NETWORK, IMAGES, CLOCK, EVENTS, COMMAND_LINES],
        may_wait: false,
    },
    Arrow {
        module: "cos_thumbnails::thumbnail",
        may_name: &[],
        must_not_know: &[
            NETWORK,
            CLOCK,
            EVENTS,
            COMMAND_LINES,
            &["futures*", "std::fs"],
        ],
        may_wait: false,
    },
    Arrow {
        module: "cos_thumbnails::events",
        may_name: &["cos_thumbnails::object"],
        must_not_know: &[STORES, IMAGES, SERVERS, COMMAND_LINES],
        may_wait: false,
    },
    Arrow {
        module: "cos_thumbnails::storage",
        may_name: &["cos_thumbnails::object"],
        must_not_know: &[EVENTS, IMAGES, SERVERS, COMMAND_LINES],
        may_wait: true,
    },
    Arrow {
        module: "cos_thumbnails::plan",
        may_name: &[
            "cos_thumbnails::object",
            "cos_thumbnails::events",
            "cos_thumbnails::thumbnail",
            "cos_thumbnails::outcome",
        ],
        must_not_know: &[NETWORK, CLOCK, COMMAND_LINES],
        may_wait: false,
    },
    Arrow {
        module: "cos_thumbnails::outcome",
        may_name: &["cos_thumbnails::object"],
        must_not_know: &[NETWORK, IMAGES, CLOCK, EVENTS, COMMAND_LINES],
        may_wait: false,
    },
    Arrow {
        module: "cos_thumbnails::render",
        may_name: &[
            "cos_thumbnails::thumbnail",
            "cos_thumbnails::plan",
            "cos_thumbnails::outcome",
        ],
        must_not_know: &[NETWORK, EVENTS, COMMAND_LINES],
        may_wait: false,
    },
    Arrow {
        module: "cos_thumbnails::thumbnailer",
        may_name: &[
            "cos_thumbnails::object",
            "cos_thumbnails::events",
            "cos_thumbnails::thumbnail",
            "cos_thumbnails::storage",
            "cos_thumbnails::plan",
            "cos_thumbnails::outcome",
            "cos_thumbnails::process",
            "cos_thumbnails::render",
        ],
        must_not_know: &[SERVERS, COMMAND_LINES],
        may_wait: true,
    },
    Arrow {
        module: "function::runtime",
        may_name: &["cos_thumbnails::events"],
        must_not_know: &[STORES, IMAGES],
        may_wait: true,
    },
    Arrow {
        module: "backfill::audit::merge",
        may_name: &[],
        must_not_know: &[NETWORK, STORES, CLOCK, COMMAND_LINES],
        may_wait: true,
    },
    Arrow {
        module: "backfill::audit::classify",
        may_name: &[
            "backfill::audit",
            "cos_thumbnails::object",
            "cos_thumbnails::outcome",
            "cos_thumbnails::plan",
            "cos_thumbnails::storage::Listed",
            "cos_thumbnails::thumbnailer",
        ],
        must_not_know: &[NETWORK, STORES, COMMAND_LINES, &["std::time::Instant"]],
        may_wait: false,
    },
    Arrow {
        module: "backfill::audit::report",
        may_name: &["backfill::audit"],
        must_not_know: &[NETWORK, STORES, COMMAND_LINES],
        may_wait: false,
    },
    Arrow {
        module: "backfill::filter",
        may_name: &["cos_thumbnails::plan", "cos_thumbnails::storage"],
        must_not_know: &[NETWORK, COMMAND_LINES],
        may_wait: false,
    },
    Arrow {
        module: "backfill::journal",
        may_name: &["backfill::record", "backfill::originals"],
        must_not_know: &[NETWORK, STORES, COMMAND_LINES],
        may_wait: false,
    },
    Arrow {
        module: "backfill::record",
        may_name: &["cos_thumbnails::object", "cos_thumbnails::outcome"],
        must_not_know: &[NETWORK, STORES],
        may_wait: false,
    },
    Arrow {
        module: "backfill::experiment::assemble",
        may_name: &[
            "backfill::record",
            "backfill::measure",
            "cos_thumbnails::outcome",
        ],
        must_not_know: &[NETWORK, STORES, COMMAND_LINES],
        may_wait: false,
    },
    Arrow {
        module: "backfill::cost",
        may_name: &["backfill::record"],
        must_not_know: &[NETWORK, STORES, COMMAND_LINES, &["std::fs"]],
        may_wait: false,
    },
    Arrow {
        module: "backfill::measure",
        may_name: &["backfill::record"],
        must_not_know: &[NETWORK],
        may_wait: false,
    },
    Arrow {
        module: "backfill::statistics",
        may_name: &[],
        must_not_know: &[NETWORK, CLOCK, COMMAND_LINES],
        may_wait: false,
    },
    Arrow {
        module: "backfill::report",
        may_name: &[
            "backfill::record",
            "backfill::measure",
            "backfill::cost",
            "backfill::statistics",
        ],
        must_not_know: &[NETWORK],
        may_wait: false,
    },
];

/// Which packages of this workspace a package may need to be built (its tests may need more).
const PACKAGES: &[(&str, &[&str])] = &[
    ("cos-thumbnails", &[]),
    ("dataset", &[]),
    ("function", &["cos-thumbnails"]),
    ("backfill", &["cos-thumbnails"]),
    ("six-thumbnails", &["cos-thumbnails"]),
    (
        "local-cloud",
        &["backfill", "cos-thumbnails", "dataset", "function"],
    ),
];

impl Arrow {
    fn governs(&self, module: &[String]) -> bool {
        is_within(&module.join("::"), self.module)
    }

    /// What `source`, the text of `module`, names and must not.
    fn violations(&self, source: &str, module: &[String], exports: &Exports) -> Vec<String> {
        let names = names::names(source, module);
        let mut violations: Vec<String> = names
            .paths
            .iter()
            .map(|path| exports.resolve(path))
            .filter(|path| self.forbids(path))
            .collect();
        if names.has_async && !self.may_wait {
            violations.push("async".to_owned());
        }
        violations
    }

    fn forbids(&self, path: &str) -> bool {
        let package = path.split("::").next().unwrap_or(path);
        if WORKSPACE.contains(&package) {
            return !is_within(path, self.module)
                && !self.may_name.iter().any(|may| is_within(path, may));
        }
        self.must_not_know
            .iter()
            .flat_map(|group| group.iter())
            .any(|banned| match banned.strip_suffix('*') {
                Some(start) => package.starts_with(start),
                None => is_within(path, banned) || is_within(banned, path.trim_end_matches("::*")),
            })
    }
}

/// Whether `path` is `module` or something in it.
fn is_within(path: &str, module: &str) -> bool {
    path.strip_prefix(module)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

/// What the library's root gives on from its modules: `Key` is `object::Key`.
struct Exports(BTreeMap<String, String>);

impl Exports {
    fn read(lib: &str) -> Self {
        let root = ["cos_thumbnails".to_owned()];
        let from_modules = names::names(lib, &root).paths.into_iter().map(|path| {
            let path = path.trim_start_matches("cos_thumbnails::").to_owned();
            let name = path.rsplit("::").next().unwrap_or(&path).to_owned();
            (format!("cos_thumbnails::{name}"), path)
        });
        Self(
            from_modules
                .filter(|(_, path)| path.contains("::"))
                .map(|(name, path)| (name, format!("cos_thumbnails::{path}")))
                .collect(),
        )
    }

    fn resolve(&self, path: &str) -> String {
        let mut words = path.splitn(3, "::");
        let head: Vec<&str> = words.by_ref().take(2).collect();
        match (self.0.get(&head.join("::")), words.next()) {
            (Some(target), Some(rest)) => format!("{target}::{rest}"),
            (Some(target), None) => target.clone(),
            (None, _) => path.to_owned(),
        }
    }
}

pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every file of the project's own, as a path from its root.
pub(crate) fn files() -> Vec<PathBuf> {
    fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            let name = entry.file_name();
            let name = name.to_string_lossy();
            let hidden = name.starts_with('.') && name != ".ci";
            if entry.file_type().unwrap().is_dir() {
                let made = matches!(&*name, "target" | "corpus" | "artifacts");
                if !hidden && !made {
                    walk(&entry.path(), found);
                }
            } else if !hidden {
                found.push(entry.path().strip_prefix(root()).unwrap().to_owned());
            }
        }
    }
    let mut found = Vec::new();
    walk(root(), &mut found);
    assert!(found.contains(&PathBuf::from("src/lib.rs")));
    found
}

pub(crate) fn with_extension<'a>(files: &'a [PathBuf], extensions: &[&str]) -> Vec<&'a PathBuf> {
    let is_one = |path: &&PathBuf| {
        path.extension()
            .is_some_and(|e| extensions.iter().any(|one| e == *one))
    };
    files.iter().filter(is_one).collect()
}

pub(crate) fn read(path: &Path) -> String {
    fs::read_to_string(root().join(path)).unwrap()
}

/// `function/src/runtime/reply.rs` is `["function", "runtime", "reply"]`. Tests, benches and the
/// like are in no module.
fn module_of(path: &Path) -> Option<Vec<String>> {
    let words: Vec<&str> = path.iter().map(|word| word.to_str().unwrap()).collect();
    let source = words.iter().position(|word| *word == "src")?;
    let package = match words[..source].last() {
        None => "cos_thumbnails",
        Some(&"local") => "local_cloud",
        Some(package) => package,
    };
    let of_tests = |word: &&str| matches!(*word, "tests" | "tests.rs");
    if words[source..].iter().any(of_tests) {
        return None;
    }
    let file = words.last()?.strip_suffix(".rs")?;
    let inner = words[source + 1..words.len() - 1].iter().copied();
    let file = Some(file).filter(|file| !matches!(*file, "mod" | "lib" | "main"));
    Some(
        std::iter::once(package)
            .chain(inner)
            .chain(file)
            .map(str::to_owned)
            .collect(),
    )
}

fn words(module: &str) -> Vec<String> {
    module.split("::").map(str::to_owned).collect()
}

#[test]
fn modules_name_only_what_their_arrows_allow() {
    let exports = Exports::read(&read(Path::new("src/lib.rs")));
    let files = files();
    let mut governed = BTreeSet::new();
    let mut violations = Vec::new();
    for path in with_extension(&files, &["rs"]) {
        let Some(module) = module_of(path) else {
            continue;
        };
        for arrow in ARROWS.iter().filter(|arrow| arrow.governs(&module)) {
            governed.insert(arrow.module);
            for name in arrow.violations(&read(path), &module, &exports) {
                violations.push(format!("{} names {name}", path.display()));
            }
        }
    }
    for arrow in ARROWS {
        let module = arrow.module;
        assert!(governed.contains(module), "no file is in {module}");
    }
    assert!(violations.is_empty(), "{violations:#?}");
}

#[test]
fn a_planted_violation_is_found() {
    let exports = Exports::read("mod storage; mod events; pub use storage::{Memory, S3 as Store};");
    let planted = [
        ("thumbnail", "use crate::storage::Error;"),
        ("thumbnail", "use crate::{object::Key, thumbnail::Limits};"),
        ("thumbnail", "fn f() { let _ = std::time::Instant::now(); }"),
        ("thumbnail", "use std::{sync::Arc, time};"),
        ("thumbnail", "async fn f() {}"),
        ("thumbnail", "fn f() { g(async { 1 }) }"),
        ("thumbnail::jpeg", "use super::super::events::Event;"),
        (
            "thumbnail",
            "fn f() { println!(\"{}\", crate::object::MAX); }",
        ),
        (
            "thumbnail",
            "mod a { mod b { use super::super::super::plan; } }",
        ),
        ("events", "use crate::*;"),
        ("events", "use crate as library;"),
        ("events", "struct S(crate::Memory);"),
        ("events", "use hyper_util::rt::TokioIo;"),
        ("storage", "impl From<crate::events::Event> for S {}"),
        ("storage", "use cloudevents::Event as E;"),
        ("plan", "fn f(_: aws_sdk_s3::Client) {}"),
        ("plan", "#[cfg(not(test))] use crate::storage::Error;"),
        ("thumbnailer", "use clap::Parser;"),
        ("thumbnailer", "use crate::config::Config;"),
    ];
    for (module, source) in planted {
        let module = words(&format!("cos_thumbnails::{module}"));
        let arrow = ARROWS.iter().find(|arrow| arrow.governs(&module)).unwrap();
        let found = arrow.violations(source, &module, &exports);
        assert!(!found.is_empty(), "nothing found in {module:?}: {source}");
    }
    let runtime = ARROWS.iter().find(|a| a.module == "function::runtime");
    let source = "use cos_thumbnails::thumbnail::decode;";
    let found = runtime
        .unwrap()
        .violations(source, &words("function::runtime"), &exports);
    assert_eq!(found, ["cos_thumbnails::thumbnail::decode"]);
}

#[test]
fn what_an_arrow_allows_is_no_violation() {
    let exports = Exports::read("mod object; mod storage; pub use object::Key;");
    let allowed = [
        (
            "thumbnail",
            "use std::time::Duration; use super::thumbnail::Stop;",
        ),
        (
            "thumbnail::jpeg",
            "use super::{Error, limits::Limits}; use image::RgbImage;",
        ),
        (
            "thumbnail",
            "#[cfg(test)] mod tests { use std::time::Instant; }",
        ),
        (
            "thumbnail",
            "// crate::storage\nconst S: &str = \"crate::storage\";",
        ),
        (
            "events",
            "use crate::object::Key; fn f(_: http::HeaderMap, _: crate::Key) {}",
        ),
        (
            "storage",
            "async fn f() -> std::time::SystemTime { tokio::time::sleep(d).await }",
        ),
    ];
    for (module, source) in allowed {
        let module = words(&format!("cos_thumbnails::{module}"));
        let arrow = ARROWS.iter().find(|arrow| arrow.governs(&module)).unwrap();
        let found = arrow.violations(source, &module, &exports);
        assert!(found.is_empty(), "{found:?} in {module:?}: {source}");
    }
}

#[test]
fn packages_need_only_what_their_arrows_allow() {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--offline", "--format-version=1"])
        .current_dir(root())
        .output()
        .unwrap();
    assert!(output.status.success(), "cargo metadata: {output:?}");
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let mut needs = BTreeMap::new();
    for package in metadata["packages"].as_array().unwrap() {
        let mut own: Vec<&str> = package["dependencies"]
            .as_array()
            .unwrap()
            .iter()
            .filter(|dependency| dependency["kind"] != "dev" && !dependency["path"].is_null())
            .map(|dependency| dependency["name"].as_str().unwrap())
            .collect();
        own.sort_unstable();
        needs.insert(package["name"].as_str().unwrap(), own);
    }
    for (package, own) in &needs {
        let allowed = PACKAGES.iter().find(|(name, _)| name == package);
        let (_, allowed) = allowed.unwrap_or_else(|| panic!("{package} has no arrows yet"));
        assert!(
            own.iter().all(|need| allowed.contains(need)),
            "{package} needs {own:?}, and may need {allowed:?}"
        );
    }
    assert_eq!(needs.len(), PACKAGES.len());
    assert!(needs["local-cloud"].contains(&"function"), "{needs:?}");
}
