//! The examples of help texts and the commands of pages, for the tests that read them by a program's own parser.

use clap::Command;

/// The examples of `command` and of all below it, each as the words of a command line, without the
/// settings before it and what becomes of its output. Every command that can be given must have one.
pub(crate) fn examples(command: &Command) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    walk(command, &[], &mut found);
    found
}

fn walk(command: &Command, above: &[&str], found: &mut Vec<Vec<String>>) {
    let path = [above, &[command.get_name()]].concat();
    // Hidden ones are for programs, and some hand their help on to another program.
    if command.is_hide_set() || command.is_disable_help_flag_set() || path.ends_with(&["help"]) {
        return;
    }
    let text = command.get_after_help().map(ToString::to_string);
    let own: Vec<_> = text.iter().flat_map(|text| lines(text)).collect();
    let own = own.iter().map(|line| words(line));
    let own: Vec<_> = own.filter(|words| words[0] == path[0]).collect();
    if !command.is_subcommand_required_set() {
        assert!(
            own.iter()
                .any(|words| words.iter().zip(&path).all(|(word, name)| word == name)),
            "{path:?} has no example of its own: {own:?}"
        );
    }
    found.extend(own);
    for below in command.get_subcommands() {
        walk(below, &path, found);
    }
}

/// The command lines of a program in the pages on how to use it, in blocks for the shell and after `cargo run` within
/// sentences, each as its words.
pub(crate) fn of_pages(program: &str) -> Vec<Vec<String>> {
    let pages = [
        include_str!("../../README.md"),
        include_str!("../../deploy/README.md"),
        include_str!("../../deploy/local/README.md"),
        include_str!("../../dataset/README.md"),
    ];
    let blocks = pages.iter().flat_map(|page| page.split("```sh\n").skip(1));
    let lines = blocks.flat_map(|block| block.split("```").take(1).flat_map(str::lines));
    let within = pages.iter().flat_map(|page| page.split('`'));
    let within = within.filter(|code| code.starts_with("cargo run "));
    let commands = lines.flat_map(|line| line.split(" && ")).chain(within);
    let commands = commands.map(words).filter(|words| {
        // To a parser that is none of its commands.
        !words.iter().any(|word| word == "--help")
    });
    let found: Vec<_> = commands.filter_map(|words| of(program, words)).collect();
    assert!(!found.is_empty(), "no page says how to use {program}");
    found
}

/// The program's words, if it is the one that is run, by itself or by cargo.
fn of(program: &str, words: Vec<String>) -> Option<Vec<String>> {
    let is = |at: usize, word: &str| words.get(at).is_some_and(|known| known == word);
    if is(0, program) {
        return Some(words);
    }
    let package = words.iter().position(|word| word == "-p")?;
    if !(is(0, "cargo") && is(1, "run") && is(package + 1, program)) {
        return None;
    }
    let own = words.into_iter().skip_while(|word| word != "--").skip(1);
    Some(std::iter::once(program.to_owned()).chain(own).collect())
}

/// The lines behind "Examples:", up to the next that is not indented.
fn lines(help: &str) -> impl Iterator<Item = &str> {
    let lines = help.lines().skip_while(|line| *line != "Examples:");
    lines.skip(1).take_while(|line| line.starts_with("  "))
}

/// An example's words, up to two spaces, behind which it is explained.
fn words(line: &str) -> Vec<String> {
    let line = line.trim_start();
    let command = line.split_once("  ").map_or(line, |(command, _)| command);
    let words = command
        .split(' ')
        .skip_while(|word| word.contains('=') && !word.starts_with('-'));
    let words = words.take_while(|word| !matches!(*word, ">" | "|" | "&"));
    words
        .map(|word| word.trim_matches('\'').trim_start_matches("./").to_owned())
        .collect()
}
