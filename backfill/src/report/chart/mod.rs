//! Charts as SVG. In light and dark the same file: the colours are looked up by a style sheet.

mod axis;
mod boxes;
mod calls;
mod cost;
mod lines;
mod stages;

use plotters::coord::Shift;
use plotters::coord::cartesian::Cartesian2d;
use plotters::prelude::{
    ChartContext, Color, DrawingArea, IntoDrawingArea, IntoTextStyle, PathElement, RGBColor,
    SVGBackend, TextStyle,
};
use plotters::style::text_anchor::{HPos, Pos, VPos};

use self::axis::Axis;
pub(super) use self::boxes::boxes;
pub(super) use self::calls::calls;
pub(super) use self::cost::cost;
pub(super) use self::lines::lines;
pub(super) use self::stages::stages;
use crate::record::Mode;

/// Width of every chart, in pixels.
const WIDTH: u32 = 860;

/// Size of all texts, in plotters' unit, of which 1.24 are one pixel.
const FONT: u32 = 16;

const LEGEND_HEIGHT: i32 = 34;

/// Each colour by the light scheme and by the dark one. The modes' are of Okabe and Ito's palette, which people
/// with any colour vision tell apart.
const COLOURS: [(RGBColor, &str); 7] = [
    (INK, "#e6edf3"),
    (FAINT, "#9aa4af"),
    (GRID, "#333b45"),
    (SEQUENTIAL, "#56b4e9"),
    (PARALLEL, "#f0914a"),
    (FAN_OUT, "#2fc99b"),
    (STORING, "#e3c55b"),
];

const INK: RGBColor = RGBColor(0x1f, 0x23, 0x28);
const FAINT: RGBColor = RGBColor(0x65, 0x6d, 0x76);
const GRID: RGBColor = RGBColor(0xdd, 0xe2, 0xe7);
const SEQUENTIAL: RGBColor = RGBColor(0x00, 0x72, 0xb2);
const PARALLEL: RGBColor = RGBColor(0xd5, 0x5e, 0x00);
const FAN_OUT: RGBColor = RGBColor(0x00, 0x9e, 0x73);
/// Storing, in any mode.
const STORING: RGBColor = RGBColor(0xd9, 0xa4, 0x06);

/// A chart could not be drawn.
#[derive(Debug, thiserror::Error)]
#[error("{chart:?} could not be drawn")]
pub struct ChartError {
    chart: String,
    source: Box<dyn std::error::Error + Send + Sync>,
}

/// A drawn chart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Chart {
    /// Its file's name, without the ending.
    pub(super) name: String,
    /// What it shows, as a heading.
    pub(super) title: String,
    /// How to read it.
    pub(super) caption: String,
    /// The SVG, which has no style sheet of its own.
    svg: String,
}

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;
type Drawn = Result<(), Box<dyn std::error::Error + Send + Sync>>;

impl Chart {
    fn draw(
        (name, title, caption): (String, String, String),
        height: u32,
        draw: impl FnOnce(&Area<'_>) -> Drawn,
    ) -> Result<Self, ChartError> {
        let mut svg = String::new();
        let area = SVGBackend::with_string(&mut svg, (WIDTH, height)).into_drawing_area();
        let drawn = draw(&area).and_then(|()| Ok(area.present()?));
        drop(area);
        match drawn {
            Ok(()) => Ok(Self {
                name,
                title,
                caption,
                svg,
            }),
            Err(source) => Err(ChartError {
                chart: title,
                source,
            }),
        }
    }

    /// For a page that has [the style sheet](style), and shows the title itself.
    pub(super) fn inline(&self) -> String {
        self.with("")
    }

    /// A file of its own.
    pub(super) fn file(&self) -> String {
        self.with(&format!("<style>{}</style>\n", style()))
    }

    fn with(&self, head: &str) -> String {
        let title = super::html::escape(&self.title);
        let (start, rest) = self.svg.split_once('\n').unwrap_or((&self.svg, ""));
        let start = start.trim_end_matches('>');
        format!("{start} role=\"img\">\n<title>{title}</title>\n{head}{rest}")
    }
}

/// The style sheet of charts.
pub(super) fn style() -> String {
    let mut dark = String::new();
    for (RGBColor(red, green, blue), instead) in COLOURS {
        let colour = format!("#{red:02X}{green:02X}{blue:02X}");
        for of in ["fill", "stroke"] {
            dark += &format!("svg [{of}=\"{colour}\"]{{{of}:{instead}}}");
        }
    }
    format!(
        "svg text{{font-family:system-ui,sans-serif}}@media screen and (prefers-color-scheme:dark){{{dark}}}"
    )
}

fn colour(mode: Mode) -> RGBColor {
    match mode {
        Mode::Sequential => SEQUENTIAL,
        Mode::Parallel => PARALLEL,
        Mode::FanOut => FAN_OUT,
    }
}

/// Text in a colour.
fn text(size: u32, colour: RGBColor, area: &Area<'_>) -> TextStyle<'static> {
    ("sans-serif", size)
        .with_color(colour)
        .into_text_style(area)
}

/// Says what the lines are, above a chart. Gives the area below.
fn legend<'a>(
    area: &Area<'a>,
    entries: &[(RGBColor, bool, &str)],
) -> Result<Area<'a>, Box<dyn std::error::Error + Send + Sync>> {
    let (above, below) = area.split_vertically(LEGEND_HEIGHT);
    let style = text(FONT, INK, area).pos(Pos::new(HPos::Left, VPos::Center));
    let (mut x, y) = (64, LEGEND_HEIGHT / 2);
    for (colour, dashed, name) in entries {
        let pieces = if *dashed {
            vec![(0, 6), (11, 17), (22, 28)]
        } else {
            vec![(0, 28)]
        };
        for (from, to) in pieces {
            let line = vec![(x + from, y), (x + to, y)];
            above.draw(&PathElement::new(line, colour.stroke_width(3)))?;
        }
        above.draw_text(name, &style, (x + 36, y))?;
        x += 36 + width(name) + 24;
    }
    Ok(below)
}

/// About how many pixels a text takes.
fn width(text: &str) -> i32 {
    i32::try_from(text.chars().count() * 8).unwrap_or(i32::MAX)
}

/// Axes, their names, and lines at their ticks.
fn mesh(
    chart: &mut ChartContext<'_, SVGBackend<'_>, Cartesian2d<Axis, Axis>>,
    x: &str,
    y: &str,
) -> Drawn {
    let area = chart.plotting_area().strip_coord_spec();
    chart
        .configure_mesh()
        .axis_style(FAINT)
        .bold_line_style(GRID)
        .label_style(text(FONT, INK, &area))
        .axis_desc_style(text(FONT, FAINT, &area))
        .x_desc(x)
        .y_desc(y)
        .x_label_formatter(&|value| tick(*value))
        .y_label_formatter(&|value| tick(*value))
        .draw()?;
    Ok(())
}

/// A number with as many digits as say something.
pub(super) fn short(value: f64) -> String {
    // Where it rounds up to the next power of ten it has one digit less.
    let digits = match value.abs() {
        size if size >= 99.95 => 0,
        size if size >= 9.995 => 1,
        size if size >= 0.9995 => 2,
        size if size > 0.0 => 3,
        _ => 0,
    };
    format!("{value:.digits$}")
}

/// A tick of an axis: without zeros that say nothing.
fn tick(value: f64) -> String {
    let text = format!("{value:.4}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}
