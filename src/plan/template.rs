use std::fmt;
use std::str::FromStr;

use crate::thumbnail::OutputFormat;

/// The keys of thumbnails below the output prefix, as a template.
///
/// | field | of `2024/cat.jpg` | |
/// |---|---|---|
/// | `{path}` | `2024/cat.jpg` | the original's key below the source prefix |
/// | `{dir}` | `2024/` | up to and with the last `/`, or empty |
/// | `{name}` | `cat.jpg` | behind the last `/` |
/// | `{stem}` | `cat` | the name up to its last `.` |
/// | `{size}` | `256` | the bounding box's side in pixels |
/// | `{ext}` | `jpg` | by the thumbnail's format |
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutputKey {
    text: String,
    parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Text(String),
    Path,
    Dir,
    Name,
    Stem,
    Size,
    Ext,
}

/// Why a text is no template.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// A field that is not in the table.
    #[error("unknown field {{{0}}}: path, dir, name, stem, size and ext are known")]
    UnknownField(String),
    /// A brace without its partner.
    #[error("a brace without its partner")]
    Unbalanced,
    /// All sizes would go under one key.
    #[error("{{size}} is missing, so all sizes would have one key")]
    NoSize,
    /// All originals would share their thumbnails' keys.
    #[error("none of {{path}}, {{name}} and {{stem}} is there, so all originals would share keys")]
    NoName,
}

impl OutputKey {
    /// `{path}/{size}.{ext}`: no two originals ever share a key.
    pub const STANDARD: &'static str = "{path}/{size}.{ext}";
    /// `{dir}{stem}_{size}x{size}.{ext}`: `a.jpg` and `a.png` collide.
    pub const FLAT: &'static str = "{dir}{stem}_{size}x{size}.{ext}";
    /// `{name}.thumbnail({size}, {size}).{ext}`, as the paper's programs write: folders are
    /// dropped, so `a/1.jpg` and `b/1.jpg` collide.
    pub const PAPER: &'static str = "{name}.thumbnail({size}, {size}).{ext}";

    /// The default template.
    #[must_use]
    pub fn standard() -> Self {
        Self::known(Self::STANDARD)
    }

    /// The paper's template.
    #[must_use]
    pub fn paper() -> Self {
        Self::known(Self::PAPER)
    }

    #[expect(
        clippy::expect_used,
        reason = "only for the constants above, which a test parses"
    )]
    fn known(text: &str) -> Self {
        text.parse().expect("a template of this module")
    }

    /// Whether the key says which format a thumbnail has.
    pub(super) fn has_extension(&self) -> bool {
        self.parts.contains(&Part::Ext)
    }

    /// Whether no two originals ever share a key, whatever the sizes: their path stands whole before
    /// the last `/`.
    pub(super) fn keeps_originals_apart(&self) -> bool {
        let rest = match &self.parts[..] {
            [Part::Text(_), rest @ ..] => rest,
            all => all,
        };
        let ([Part::Path, Part::Text(text), rest @ ..]
        | [Part::Dir, Part::Name, Part::Text(text), rest @ ..]) = rest
        else {
            return false;
        };
        let tail = rest.iter().all(|part| match part {
            Part::Text(text) => !text.contains('/'),
            Part::Size | Part::Ext => true,
            Part::Path | Part::Dir | Part::Name | Part::Stem => false,
        });
        tail && text.starts_with('/') && !text[1..].contains('/')
    }

    /// Whether no key can be by both, because their fixed beginnings differ.
    pub(super) fn begins_unlike(&self, other: &Self) -> bool {
        let beginning = |key: &Self| match key.parts.first() {
            Some(Part::Text(text)) => text.clone(),
            _ => String::new(),
        };
        let (a, b) = (beginning(self), beginning(other));
        !a.starts_with(&b) && !b.starts_with(&a)
    }

    /// The key of one thumbnail, relative to the output prefix.
    #[must_use]
    pub fn expand(&self, path: &str, size: u32, format: OutputFormat) -> String {
        let (dir, name) = path.split_at(path.rfind('/').map_or(0, |slash| slash + 1));
        let stem = name
            .rfind('.')
            .filter(|&dot| dot > 0)
            .map_or(name, |dot| &name[..dot]);
        let size = size.to_string();
        self.parts
            .iter()
            .map(|part| match part {
                Part::Text(text) => text,
                Part::Path => path,
                Part::Dir => dir,
                Part::Name => name,
                Part::Stem => stem,
                Part::Size => size.as_str(),
                Part::Ext => format.extension(),
            })
            .collect()
    }
}

/// Reads a template, or the name of a preset: `default`, `flat`, `paper`.
impl FromStr for OutputKey {
    type Err = TemplateError;

    fn from_str(text: &str) -> Result<Self, TemplateError> {
        let text = match text {
            "default" => Self::STANDARD,
            "flat" => Self::FLAT,
            "paper" => Self::PAPER,
            other => other,
        };
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some(open) = rest.find(['{', '}']) {
            if open > 0 {
                parts.push(Part::Text(rest[..open].to_owned()));
            }
            let field = rest[open..]
                .strip_prefix('{')
                .ok_or(TemplateError::Unbalanced)?;
            let close = field.find('}').ok_or(TemplateError::Unbalanced)?;
            parts.push(match &field[..close] {
                "path" => Part::Path,
                "dir" => Part::Dir,
                "name" => Part::Name,
                "stem" => Part::Stem,
                "size" => Part::Size,
                "ext" => Part::Ext,
                unknown => return Err(TemplateError::UnknownField(unknown.to_owned())),
            });
            rest = &field[close + 1..];
        }
        if !rest.is_empty() {
            parts.push(Part::Text(rest.to_owned()));
        }
        if !parts.contains(&Part::Size) {
            return Err(TemplateError::NoSize);
        }
        if !parts
            .iter()
            .any(|part| matches!(part, Part::Path | Part::Name | Part::Stem))
        {
            return Err(TemplateError::NoName);
        }
        Ok(Self {
            text: text.to_owned(),
            parts,
        })
    }
}

impl fmt::Display for OutputKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}
