use super::*;
use crate::record::Mode;

fn manifest() -> Manifest {
    let run = Run {
        run: "run".to_owned(),
        version: String::new(),
        mode: Mode::Parallel,
        pictures: 9,
        bytes: 9,
        in_flight: 4,
        recipe: "r".to_owned(),
        recipes: std::collections::BTreeSet::default(),
        function: None,
        job: None,
        endpoint: None,
        instance: None,
        started: Utc::now(),
    };
    Manifest {
        run,
        arguments: Vec::new(),
        variables: BTreeMap::new(),
        read: Utc::now(),
        seed: 0,
        originals: Selection::Listed {
            last_key: None,
            objects: 0,
        },
        asked: (0, 0),
        environment: Environment::here(),
    }
}

fn failed(n: u64) -> Line {
    let original = Original {
        key: Key::new(format!("images/{n}")),
        etag: None,
        bytes: None,
    };
    Line::Picture(Box::new(original.failed(n, 0, "why".to_owned())))
}

#[test]
fn a_line_follows_no_part_of_one() {
    let (runs, manifest) = (tempfile::tempdir().unwrap(), manifest());
    let mut journal = Journal::create(runs.path(), &manifest, None).unwrap();
    journal.write(&failed(1)).unwrap();
    // As a disk leaves it that is full for a moment.
    journal.record.0.write_all(b"{\"record\":\"pict").unwrap();
    journal.is_cut = true;
    journal.write(&failed(2)).unwrap();
    journal.end().unwrap();
    let mut journal = Journal::open(&runs.path().join("run"), &manifest, |_| {})
        .unwrap()
        .0;
    // And as the end of a process leaves it.
    journal.record.0.write_all(b"{\"record\"").unwrap();
    journal.end().unwrap();
    let folder = runs.path().join("run");
    let (mut journal, _) = Journal::open(&folder, &manifest, |_| {}).unwrap();
    journal.write(&failed(3)).unwrap();
    journal.end().unwrap();
    let text = fs::read_to_string(folder.join(RECORD)).unwrap();
    let lines: Result<Vec<Line>, _> = text.lines().map(serde_json::from_str).collect();
    assert_eq!(lines.unwrap().len(), 4, "{text}");
}

#[test]
fn no_number_is_given_again_that_may_have_been_in_flight() {
    let (runs, manifest) = (tempfile::tempdir().unwrap(), manifest());
    let mut journal = Journal::create(runs.path(), &manifest, None).unwrap();
    let resumed = |at| Line::Resumed(crate::record::Resumed { at, done: 0 });
    // The first three of seven that were sent; what the fourth said was not written down whole.
    for n in [1, 5, 2] {
        journal.write(&failed(n)).unwrap();
    }
    journal.end().unwrap();
    let folder = runs.path().join("run");
    let (mut journal, before) = Journal::open(&folder, &manifest, |_| {}).unwrap();
    assert_eq!(before.next, 1 + 3 + 4 + 1);
    journal.write(&resumed(Utc::now())).unwrap();
    journal.write(&failed(before.next + 1)).unwrap();
    journal.end().unwrap();
    let mut told = String::new();
    let tell = |one: Told<'_>| match one {
        Told::Done(_) => told.push('d'),
        Told::Again(_) => told.push('a'),
        Told::Resumed => told.push('r'),
    };
    let (_, before) = Journal::open(&folder, &manifest, tell).unwrap();
    assert_eq!(before.next, 9 + 1 + 4 + 1);
    assert_eq!(told, "aaara", "in the record's order");
}

#[test]
fn a_manifest_is_whole_or_not_there() {
    let (runs, manifest) = (tempfile::tempdir().unwrap(), manifest());
    Journal::check(runs.path(), "run").unwrap();
    assert!(!runs.path().join("run").exists());
    Journal::create(runs.path(), &manifest, Some(&[])).unwrap();
    let folder = runs.path().join("run");
    assert_eq!(Manifest::read(&folder).unwrap(), manifest);
    let names = fs::read_dir(&folder).unwrap();
    let mut names: Vec<_> = names.map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, [MANIFEST, RECORD, SELECTION]);
}
