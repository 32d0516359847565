//! Recipes by path, from a TOML file: `RECIPES`.
//!
//! ```toml
//! [[recipe]]                          # the first one that matches is taken
//! name = "portraits"
//! match = "people/**/*.{jpg,png}"     # keys below the source prefix
//! sizes = [64, 256]
//! fit = "cover"                       # or "inside", the default
//! formats = ["jpeg", "png"]           # default: jpeg; the first one's largest is the mark
//! quality.jpeg = 85                   # default 80; so has webp
//! chroma = "4:4:4"                    # of JPEG; default 4:2:0
//! background = "#f0f0f0"              # behind transparent pixels in JPEG; default #ffffff
//! key = "{path}/{size}.{ext}"         # the default
//! keep_copyright = true               # artist and copyright of EXIF; default false
//! effort = "fast"                     # default: default
//!
//! [[recipe]]
//! name = "all others"
//! match = "**"
//! ```

use std::fmt::Display;
use std::ops::Range;
use std::str::FromStr;

use serde::Deserialize;
use toml::Spanned;
use toml::de::{DeTable, DeValue, ValueDeserializer};

use crate::plan::{OutputKey, Pattern, Recipe, Recipes, Rule};
use crate::thumbnail::OutputFormat;

/// A file as long as this is no file of recipes.
pub(super) const MAX_FILE_BYTES: u64 = 1 << 20;

/// One `[[recipe]]`. All but its name and its pattern may be left out.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleTable {
    name: String,
    r#match: Spanned<String>,
    sizes: Option<Spanned<Vec<u32>>>,
    fit: Option<Spanned<String>>,
    formats: Option<Spanned<Vec<String>>>,
    quality: Option<Qualities>,
    chroma: Option<Spanned<String>>,
    background: Option<Spanned<String>>,
    key: Option<Spanned<String>>,
    keep_copyright: Option<bool>,
    effort: Option<Spanned<String>>,
}

/// The qualities of the formats that have one.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Qualities {
    jpeg: Option<Spanned<u8>>,
    webp: Option<Spanned<u8>>,
}

/// The recipes that `text` holds.
///
/// # Errors
/// Every mistake in it, each in one line that says where it is: all of the syntax; or else, of every
/// recipe, the first thing of a wrong name or kind, or all values that make no sense.
pub(super) fn read(text: &str) -> Result<Recipes, Vec<String>> {
    let (table, errors) = DeTable::parse_recoverable(text);
    let mut mistakes = Mistakes {
        text,
        list: Vec::new(),
    };
    if !errors.is_empty() {
        for error in errors {
            mistakes.note(error.span(), "", error.message());
        }
        return Err(mistakes.in_order());
    }
    let mut rules = Vec::new();
    for (key, value) in table.into_inner() {
        let span = value.span();
        match (key.get_ref().as_ref(), value.into_inner()) {
            ("recipe", DeValue::Array(tables)) => {
                rules.extend(tables.into_iter().filter_map(|table| {
                    let span = table.span();
                    match RuleTable::deserialize(ValueDeserializer::from(table)) {
                        Ok(table) => mistakes.rule(table),
                        Err(error) => {
                            mistakes.note(error.span().or(Some(span)), "", error.message());
                            None
                        }
                    }
                }));
            }
            ("recipe", _) => mistakes.note(Some(span), "", "a recipe begins with [[recipe]]"),
            (other, _) => {
                let problem = format!("unknown {other:?}: only [[recipe]] is known");
                mistakes.note(Some(span), "", &problem);
            }
        }
    }
    if mistakes.list.is_empty() {
        Recipes::new(rules).map_err(|error| vec![error.to_string()])
    } else {
        Err(mistakes.in_order())
    }
}

/// Mistakes, each with its line.
struct Mistakes<'a> {
    text: &'a str,
    list: Vec<(usize, String)>,
}

impl Mistakes<'_> {
    fn note(&mut self, span: Option<Range<usize>>, recipe: &str, problem: &str) {
        let before = span.and_then(|span| self.text.get(..span.start));
        let line = before.map_or(1, |before| before.matches('\n').count() + 1);
        let mut text = format!("line {line}: ");
        if !recipe.is_empty() {
            text += &format!("recipe {recipe:?}: ");
        }
        text += problem.trim_end();
        self.list.push((line, text));
    }

    fn in_order(mut self) -> Vec<String> {
        self.list.sort_by_key(|(line, _)| *line);
        self.list.into_iter().map(|(_, text)| text).collect()
    }

    /// The rule of a table, unless something in it makes no sense.
    fn rule(&mut self, table: RuleTable) -> Option<Rule> {
        let before = self.list.len();
        let name = table.name;
        let pattern = table.r#match.get_ref().parse::<Pattern>();
        if let Err(error) = &pattern {
            self.note(Some(table.r#match.span()), &name, &error.to_string());
        }
        let mut draft = Draft {
            name: &name,
            recipe: Recipe::standard(),
            mistakes: self,
        };
        draft.set(table.sizes, |recipe, sizes| recipe.with_sizes(&sizes));
        draft.set_word(table.fit, Recipe::with_fit);
        draft.set(table.formats, |recipe, words| {
            let formats = words.iter().map(|word| parsed(word));
            let formats: Vec<_> = formats.collect::<Result<_, _>>()?;
            recipe.with_formats(&formats).map_err(|e| e.to_string())
        });
        if let Some(Qualities { jpeg, webp }) = table.quality {
            for (word, quality) in [("jpeg", jpeg), ("webp", webp)] {
                draft.set(quality, |recipe, quality| {
                    let format = parsed::<OutputFormat>(word)?;
                    let with = recipe.with_quality_of(format, quality);
                    with.map_err(|e| e.to_string())
                });
            }
        }
        draft.set_word(table.chroma, Recipe::with_chroma);
        draft.set(table.background, |recipe, word| {
            colour(&word).map(|colour| recipe.with_background(colour))
        });
        draft.set(table.key, |recipe, word| {
            let key = parsed::<OutputKey>(&word)?;
            recipe.with_output_key(key).map_err(|e| e.to_string())
        });
        draft.set_word(table.effort, Recipe::with_effort);
        let recipe = draft.recipe;
        let recipe = recipe.with_copyright_kept(table.keep_copyright.unwrap_or_default());
        let pattern = pattern.ok()?;
        (self.list.len() == before).then(|| Rule::new(name, Some(pattern), recipe))
    }
}

/// A recipe on its way: every value is tried on what stands so far, so that one mistake does not hide
/// the next.
struct Draft<'a, 'text> {
    name: &'a str,
    recipe: Recipe,
    mistakes: &'a mut Mistakes<'text>,
}

impl Draft<'_, '_> {
    fn set<T, E: Display>(
        &mut self,
        value: Option<Spanned<T>>,
        change: impl FnOnce(Recipe, T) -> Result<Recipe, E>,
    ) {
        let Some(value) = value else { return };
        let span = value.span();
        match change(self.recipe.clone(), value.into_inner()) {
            Ok(recipe) => self.recipe = recipe,
            Err(error) => self
                .mistakes
                .note(Some(span), self.name, &error.to_string()),
        }
    }

    fn set_word<T: FromStr<Err: Display>>(
        &mut self,
        word: Option<Spanned<String>>,
        change: impl FnOnce(Recipe, T) -> Recipe,
    ) {
        self.set(word, |recipe, word| {
            parsed(&word).map(|value| change(recipe, value))
        });
    }
}

fn parsed<T: FromStr<Err: Display>>(word: &str) -> Result<T, String> {
    word.parse()
        .map_err(|error: T::Err| format!("{word:?}: {error}"))
}

/// A colour as `#rrggbb`.
fn colour(word: &str) -> Result<[u8; 3], String> {
    let digits = word.strip_prefix('#').filter(|digits| {
        digits.len() == 6 && digits.bytes().all(|digit| digit.is_ascii_hexdigit())
    });
    let number = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok());
    let number = number.ok_or_else(|| format!("{word:?}: no colour as #rrggbb"))?;
    let [_, red, green, blue] = number.to_be_bytes();
    Ok([red, green, blue])
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::thumbnail::{ChromaSubsampling, Effort, Encoding, Fit};

    /// The example of this module's head.
    fn example() -> String {
        let source = include_str!("recipes.rs");
        let inside = source.split("//! ```").nth(1).unwrap();
        inside
            .lines()
            .skip(1)
            .map(|line| line.trim_start_matches("//!").to_owned() + "\n")
            .collect()
    }

    #[test]
    fn the_example_says_what_its_comments_say() {
        let recipes = read(&example()).unwrap();
        let name = |path| recipes.of(path).unwrap().name();
        assert_eq!(name("people/2024/a.png"), "portraits");
        assert_eq!(name("people/a.jpg"), "portraits");
        assert_eq!(name("people/a.gif"), "all others");
        assert_eq!(name("a/people/a.jpg"), "all others");
        let portraits = recipes.of("people/a.png").unwrap().recipe();
        let jpeg = Encoding {
            quality: 85,
            chroma: ChromaSubsampling::Full,
            background: [0xf0; 3],
            ..Encoding::new(OutputFormat::Jpeg)
        };
        assert_eq!(portraits.sizes(), [64, 256]);
        assert_eq!(portraits.fit(), Fit::Cover);
        assert_eq!(portraits.encodings()[0], jpeg);
        assert_eq!(portraits.encodings()[1].format, OutputFormat::Png);
        assert_eq!(portraits.effort(), Effort::Fast);
        assert!(portraits.keeps_copyright());
        let others = recipes.of("a").unwrap().recipe();
        assert_eq!(**others, Recipe::standard());
    }

    #[test]
    fn every_value_that_makes_no_sense_is_told_at_once_with_its_line_and_recipe() {
        let text = r#"
[[recipe]]
name = "first"
match = "a["
sizes = [0]
fit = "fill"
formats = ["jpeg", "tga"]
quality.jpeg = 101
chroma = "4:1:1"
background = "white"
key = "{path}"
effort = "none"

[[recipe]]
name = "second"
match = "**"
formats = ["png"]
quality.jpeg = 80
"#;
        let mistakes = read(text).unwrap_err();
        let expected = [
            "line 4: recipe \"first\": \"a[\" is no pattern: ",
            "line 5: recipe \"first\": size 0 is not from 1 to 4096",
            "line 6: recipe \"first\": \"fill\": neither inside nor cover",
            "line 7: recipe \"first\": \"tga\": ",
            "line 8: recipe \"first\": quality 101 is not from 1 to 100",
            "line 9: recipe \"first\": \"4:1:1\": none of 4:4:4, 4:2:2 and 4:2:0",
            "line 10: recipe \"first\": \"white\": no colour as #rrggbb",
            "line 11: recipe \"first\": \"{path}\": {size} is missing",
            "line 12: recipe \"first\": \"none\": neither default nor fast",
            "line 18: recipe \"second\": a quality of jpeg, which is not among the formats",
        ];
        assert_eq!(mistakes.len(), expected.len(), "{mistakes:#?}");
        for (mistake, expected) in mistakes.iter().zip(expected) {
            assert!(mistake.starts_with(expected), "{mistake}, not {expected}");
        }
    }

    #[test]
    fn what_is_unknown_or_of_a_wrong_kind_is_told_for_every_recipe() {
        let text = "
[[recipe]]
name = 'first'
match = '**'
sises = [1]

[[recipe]]
match = '**'

[[recipe]]
name = 'third'
match = '**'
quality.jpeg = 300

[defaults]
";
        let mistakes = read(text).unwrap_err();
        let expected = [
            ("line 5: ", "unknown field `sises`"),
            ("line 7: ", "missing field `name`"),
            ("line 13: ", "300"),
            ("line 15: ", "unknown \"defaults\""),
        ];
        assert_eq!(mistakes.len(), expected.len(), "{mistakes:#?}");
        for (mistake, (line, problem)) in mistakes.iter().zip(expected) {
            assert!(
                mistake.starts_with(line) && mistake.contains(problem),
                "{mistake}, not {line}{problem}"
            );
        }
    }

    #[test]
    fn webp_is_made_where_it_can_be_and_else_told_how_to_have_it() {
        let text = "[[recipe]]\nname = 'a'\nmatch = '**'\nformats = ['webp', 'jpeg']\n\
                    quality.webp = 60\n";
        if cfg!(feature = "webp") {
            let recipes = read(text).unwrap();
            let encoding = recipes.of("a").unwrap().recipe().encodings()[0];
            let made = (encoding.format.media_type(), encoding.quality);
            assert_eq!(made, ("image/webp", 60));
        } else {
            let mistakes = read(text).unwrap_err();
            assert_eq!(mistakes.len(), 2, "{mistakes:?}");
            for (mistake, line) in mistakes.iter().zip([4, 5]) {
                let begin = format!("line {line}: recipe \"a\": \"webp\": ");
                assert!(mistake.starts_with(&begin), "{mistake}");
                assert!(mistake.contains("the feature webp"), "{mistake}");
            }
        }
    }

    #[test]
    fn syntax_nothing_and_twice() {
        let mistakes = read("[[recipe]]\nname = \nmatch = '**'\nsizes = [1,,2]\n").unwrap_err();
        assert!(mistakes.len() >= 2, "{mistakes:?}");
        assert!(mistakes[0].starts_with("line 2: "), "{mistakes:?}");
        assert_eq!(read("").unwrap_err(), ["there is no recipe"]);
        let one = "[[recipe]]\nname = 'a'\nmatch = '**'\n";
        let mistakes = read(&one.repeat(2)).unwrap_err();
        assert_eq!(mistakes, ["two recipes are called \"a\""]);
    }
}
