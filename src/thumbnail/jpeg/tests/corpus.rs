//! What the fuzzer found interesting, run once more.

use std::fs;
use std::path::Path;

use super::super::invariants::hold;

#[test]
fn the_fuzzers_corpus_holds() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus/jpeg");
    let mut replayed = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        println!("{}", path.display()); // shown where it panics
        hold(&fs::read(&path).unwrap());
        replayed += 1;
    }
    assert!(replayed > 100, "{replayed}");
}
