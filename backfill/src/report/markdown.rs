//! The same for a README or a wiki.

use super::chart::Chart;
use super::costs;
use super::data::{Clock, Data};
use super::table::{COLUMNS, rows};
use super::words;

/// The text, which shows the charts from files beside it.
pub(super) fn text(data: &Data, charts: &[Chart]) -> String {
    let mut text = format!("# {}\n\n{}\n", escape(&words::title(data)), words::CLOCKS);
    for note in words::notes(data) {
        text += &format!("\n**Note:** {}\n", escape(&note));
    }
    for clock in Clock::ALL {
        let rows = rows(data, clock);
        if rows.is_empty() {
            continue;
        }
        text += &format!(
            "\n## {}\n\n{}\n\n| {} |\n|---|{}\n",
            words::heading(clock),
            words::caption(clock, &rows),
            COLUMNS.join(" | "),
            "---:|".repeat(COLUMNS.len() - 1)
        );
        for row in rows {
            let cells = row.cells().map(|cell| escape(&cell));
            text += &format!("| {} |\n", cells.join(" | "));
        }
    }
    let costs = costs::rows(data);
    if !costs.is_empty() {
        text += &format!(
            "\n## What it costs\n\n{}\n\n| {} |\n|---|{}\n",
            costs::caption(data),
            costs::COLUMNS.join(" | "),
            "---:|".repeat(costs::COLUMNS.len() - 1)
        );
        for row in costs {
            let cells = row.cells().map(|cell| escape(&cell));
            text += &format!("| {} |\n", cells.join(" | "));
        }
    }
    for chart in charts {
        let title = escape(&chart.title);
        text += &format!(
            "\n## {title}\n\n![{title}]({}.svg)\n\n{}\n",
            chart.name,
            escape(&chart.caption)
        );
    }
    text += "\n## What was measured\n";
    for source in &data.sources {
        text += &format!("\n### {}\n\n| | |\n|---|---|\n", escape(&source.name));
        for (name, value) in words::facts(source) {
            text += &format!("| {} | {} |\n", escape(&name), escape(&value));
        }
    }
    text
}

/// Text that is no markup, on one line.
fn escape(text: &str) -> String {
    text.chars().fold(String::new(), |mut escaped, c| {
        if matches!(
            c,
            '|' | '*' | '_' | '`' | '[' | ']' | '<' | '>' | '\\' | '#'
        ) {
            escaped.push('\\');
        }
        escaped.push(if c.is_control() { ' ' } else { c });
        escaped
    })
}
