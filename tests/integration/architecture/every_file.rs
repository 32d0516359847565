//! Rules that hold for every file, whatever module it is in.

use super::{files, names, read, root, with_extension};

/// The one module that may hold `unsafe`, where measured kernels stand with their proofs.
const UNSAFE_MODULE: &str = "src/thumbnail/kernels";

/// Beyond so many lines there are two ideas in a file.
const MAX_LINES: usize = 500;

/// Where reports stand that a program has written.
const REPORTS: &str = "dataset/stats";

/// Files that people write. The lock file and pictures are not among them.
const WRITTEN: &[&str] = &[
    "css", "csv", "html", "js", "md", "py", "rs", "sh", "tf", "toml", "yaml", "yml",
];

fn too_long(source: &str) -> bool {
    source.lines().count() > MAX_LINES
}

#[test]
fn no_source_file_is_longer_than_one_idea() {
    let files = files();
    let long: Vec<_> = with_extension(&files, &["css", "html", "js", "py", "rs", "sh"])
        .into_iter()
        .filter(|path| !path.starts_with(REPORTS))
        .filter(|path| too_long(&read(path)))
        .collect();
    assert!(long.is_empty(), "over {MAX_LINES} lines: {long:?}");
    assert!(too_long(&"\n".repeat(MAX_LINES + 1)) && !too_long(&"\n".repeat(MAX_LINES)));
}

#[test]
fn unsafe_stands_in_one_module_only() {
    let files = files();
    let found: Vec<_> = with_extension(&files, &["rs"])
        .into_iter()
        .filter(|path| !path.starts_with(UNSAFE_MODULE))
        .filter(|path| names::has_unsafe(&read(path)))
        .collect();
    assert!(
        found.is_empty(),
        "unsafe outside {UNSAFE_MODULE}: {found:?}"
    );

    assert!(names::has_unsafe("fn f() { m!(g(unsafe { h() })) }"));
    assert!(names::has_unsafe("unsafe impl Send for S {}"));
    assert!(!names::has_unsafe("// unsafe\nconst S: &str = \"unsafe\";"));
}

/// Paths of whoever's machine a file was written on, and notes of work left undone, say nothing to
/// the next reader.
fn leftovers(text: &str) -> Vec<String> {
    // In two halves, so that this file does not hold what it looks for.
    let folder = |name: &str| format!("/{name}/");
    let sought = [
        format!("{}/", root().display()),
        folder("home"),
        folder("root"),
        folder("Users"),
        ["TO", "DO"].concat(),
        ["FIX", "ME"].concat(),
        ["todo", "!("].concat(),
        ["unimplemented", "!("].concat(),
    ];
    sought.into_iter().filter(|s| text.contains(s)).collect()
}

#[test]
fn nothing_is_left_of_the_place_a_file_was_written_at() {
    let files = files();
    let scripts = files.iter().filter(|path| path.extension().is_none());
    for path in with_extension(&files, WRITTEN).into_iter().chain(scripts) {
        let found = leftovers(&read(path));
        assert!(found.is_empty(), "{}: {found:?}", path.display());
    }
    // Two where that is below one of the folders above.
    assert!(!leftovers(&format!("see {}/notes", root().display())).is_empty());
    assert_eq!(leftovers(&["// TO", "DO: all of it"].concat()).len(), 1);
}

/// Targets of a Markdown text's links that stand in this repository: neither URLs nor places in a page.
fn links(text: &str) -> Vec<String> {
    let targets = text.split("](").skip(1);
    targets
        .filter_map(|rest| rest.split_once(')'))
        .map(|(target, _)| target.split('#').next().unwrap_or_default().to_owned())
        .filter(|target| !target.is_empty() && !target.contains("://"))
        .collect()
}

#[test]
fn links_between_files_lead_somewhere() {
    let files = files();
    for path in with_extension(&files, &["md"]) {
        let folder = root().join(path).parent().unwrap().to_owned();
        for target in links(&read(path)) {
            let there = folder.join(&target).exists();
            assert!(there, "{}: no {target}", path.display());
        }
    }
    let text = "[a](b.md#c) [d](https://e.f/) [g](#h)";
    assert_eq!(links(text), ["b.md"]);
}
