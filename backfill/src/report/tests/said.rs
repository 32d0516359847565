//! What is never shown without what has to be known of it.

use super::*;

#[test]
fn the_papers_figures_and_loopback_are_never_without_their_note() {
    let folder = tempfile::tempdir().unwrap();
    let mut lines = vec![head("a")];
    lines.extend(sample(1, 100, None));
    for line in &mut lines {
        if line["record"] == "sample" {
            line["count"] = 50.into();
            line["verdicts"] = json!({"made": 48, "rejected": 2});
            line["retries"] = 7.into();
        }
    }
    let data = read(&[write_record(folder.path(), &lines)]).unwrap();
    for name in ["report.html", "report.md"] {
        let files = files(&data, false).unwrap();
        let text = file(&files, name);
        let (notes, table) = text.split_once("Seconds by the paper clock").unwrap();
        let (table, _) = table.split_once("What it costs").unwrap();
        assert!(
            table.contains("~44") && table.contains("not who is faster"),
            "{table}"
        );
        assert!(table.contains("upper bound"), "{table}");
        assert!(notes.contains("behind no network: a."), "{notes}");
        assert!(notes.contains("fewer than five samples"), "{notes}");
        assert!(
            notes.contains("parallel, 50 pictures: 2 of them were rejected"),
            "{notes}"
        );
        let again = "parallel, 50 pictures: sent again up to 7 times in a sample";
        assert!(notes.contains(again), "{notes}");
    }
    // Each of the files that show them alone says it, too.
    let files = files(&data, false).unwrap();
    let chart = file(&files, "time-paper.svg");
    assert!(
        chart.contains("on the same machine, behind no network"),
        "{chart}"
    );
    let end_to_end = file(&files, "time-end-to-end.svg");
    assert!(!end_to_end.contains("behind no network"), "{end_to_end}");
    let table = file(&files, "table.csv");
    assert!(
        table.lines().any(|line| line.ends_with(",44,loopback")),
        "{table}"
    );
}
