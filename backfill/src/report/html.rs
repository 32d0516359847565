//! One page that needs nothing beside it: no network, no script.

use super::chart::{self, Chart};
use super::costs;
use super::data::{Clock, Data};
use super::table::{COLUMNS, rows};
use super::words;

/// The page.
pub(super) fn page(data: &Data, charts: &[Chart]) -> String {
    let title = escape(&words::title(data));
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{title}</title>\n\
         <style>\n{}{}</style>\n</head>\n<body>\n<h1>{title}</h1>\n<p>{}</p>\n",
        include_str!("page.css"),
        chart::style(),
        escape(words::CLOCKS)
    );
    for note in words::notes(data) {
        page += &format!("<p class=\"note\">{}</p>\n", escape(&note));
    }
    for clock in Clock::ALL {
        table(&mut page, data, clock);
    }
    costs(&mut page, data);
    for chart in charts {
        page += &format!(
            "<h2>{}</h2>\n<figure>\n{}<figcaption>{}</figcaption>\n</figure>\n",
            escape(&chart.title),
            chart.inline(),
            escape(&chart.caption)
        );
    }
    page += "<h2>What was measured</h2>\n";
    for source in &data.sources {
        page += &format!(
            "<h3>{}</h3>\n<table class=\"facts\">\n",
            escape(&source.name)
        );
        for (name, value) in words::facts(source) {
            page += &format!(
                "<tr><td>{}</td><td>{}</td></tr>\n",
                escape(&name),
                escape(&value)
            );
        }
        page += "</table>\n";
    }
    page + "</body>\n</html>\n"
}

fn table(page: &mut String, data: &Data, clock: Clock) {
    let rows = rows(data, clock);
    if rows.is_empty() {
        return;
    }
    *page += &format!(
        "<h2>{}</h2>\n<div class=\"wide\"><table>\n<caption>{}</caption>\n<tr>",
        escape(&words::heading(clock)),
        escape(&words::caption(clock, &rows))
    );
    for column in COLUMNS {
        *page += &format!("<th>{}</th>", escape(column));
    }
    *page += "</tr>\n";
    for row in rows {
        *page += "<tr>";
        for (cell, column) in row.cells().iter().zip(COLUMNS) {
            let is_outlier = column == "outliers" && !row.outliers.is_empty();
            let class = if is_outlier { " class=\"outlier\"" } else { "" };
            *page += &format!("<td{class}>{}</td>", escape(cell));
        }
        *page += "</tr>\n";
    }
    *page += "</table></div>\n";
}

fn costs(page: &mut String, data: &Data) {
    let rows = costs::rows(data);
    if rows.is_empty() {
        return;
    }
    *page += &format!(
        "<h2>What it costs</h2>\n<div class=\"wide\"><table>\n<caption>{}</caption>\n<tr>",
        escape(&costs::caption(data))
    );
    for column in costs::COLUMNS {
        *page += &format!("<th>{}</th>", escape(column));
    }
    *page += "</tr>\n";
    for row in rows {
        let cells = row
            .cells()
            .map(|cell| format!("<td>{}</td>", escape(&cell)));
        *page += &format!("<tr>{}</tr>\n", cells.concat());
    }
    *page += "</table></div>\n";
}

/// Text as it stands in HTML and SVG, in elements and in quoted attributes.
pub(super) fn escape(text: &str) -> String {
    text.chars().fold(String::new(), |mut escaped, c| {
        match c {
            '<' => escaped += "&lt;",
            '>' => escaped += "&gt;",
            '&' => escaped += "&amp;",
            '"' => escaped += "&quot;",
            '\'' => escaped += "&#39;",
            c => escaped.push(c),
        }
        escaped
    })
}
