//! Which originals are wanted, by what a listing shows of them.

use std::time::SystemTime;

use cos_thumbnails::plan::Pattern;
use cos_thumbnails::storage::Listed;

/// Conditions that all have to hold; by default there are none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Filter {
    /// Patterns of the path below the source prefix. The last one that matches decides; where none does,
    /// the path is wanted unless the first one is an [`Include`](Glob::Include).
    pub globs: Vec<Glob>,
    /// The least length in bytes.
    pub min_bytes: Option<u64>,
    /// The greatest length in bytes.
    pub max_bytes: Option<u64>,
    /// Last written at this time or later.
    pub newer_than: Option<SystemTime>,
    /// Last written before this time.
    pub older_than: Option<SystemTime>,
}

/// A pattern, and what becomes of what it matches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Glob {
    /// It is wanted.
    Include(Pattern),
    /// It is not.
    Exclude(Pattern),
}

impl Filter {
    /// Whether an original is wanted whose path below the source prefix is `path`. One whose time the
    /// listing does not show is not, where times matter.
    #[must_use]
    pub fn wants(&self, path: &str, listed: &Listed) -> bool {
        let long_enough = self.min_bytes.is_none_or(|least| listed.length >= least);
        let short_enough = self.max_bytes.is_none_or(|most| listed.length <= most);
        let time = listed.last_modified;
        let new_enough = self
            .newer_than
            .is_none_or(|from| time.is_some_and(|time| time >= from));
        let old_enough = self
            .older_than
            .is_none_or(|until| time.is_some_and(|time| time < until));
        long_enough && short_enough && new_enough && old_enough && self.names(path)
    }

    fn names(&self, path: &str) -> bool {
        let decides = self.globs.iter().rev().find(|glob| glob.matches(path));
        match decides {
            Some(glob) => matches!(glob, Glob::Include(_)),
            None => !matches!(self.globs.first(), Some(Glob::Include(_))),
        }
    }
}

impl Glob {
    fn matches(&self, path: &str) -> bool {
        let (Self::Include(pattern) | Self::Exclude(pattern)) = self;
        pattern.matches(path)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::time::Duration;

    use cos_thumbnails::object::{ETag, Key};

    use super::*;

    fn globs(text: &str) -> Filter {
        let glob = |word: &str| match word.split_at(1) {
            ("+", pattern) => Glob::Include(pattern.parse().unwrap()),
            (_, pattern) => Glob::Exclude(pattern.parse().unwrap()),
        };
        Filter {
            globs: text.split_whitespace().map(glob).collect(),
            ..Filter::default()
        }
    }

    fn listed(length: u64, seconds: Option<u64>) -> Listed {
        Listed {
            key: Key::new("images/a"),
            etag: ETag::new("\"e\""),
            length,
            last_modified: seconds.map(|s| SystemTime::UNIX_EPOCH + Duration::from_secs(s)),
        }
    }

    #[test]
    fn the_last_pattern_that_matches_decides() {
        for (patterns, wanted, unwanted) in [
            ("", &["a.jpg", "b/c.png"][..], &[][..]),
            ("+**/*.jpg", &["a.jpg", "b/c.jpg"], &["c.png"]),
            ("-**/*.png", &["a.jpg", "c"], &["b/c.png"]),
            ("-** +b/**", &["b/c.png"], &["a.jpg"]),
            ("+b/** -b/old/**", &["b/c.jpg"], &["b/old/c.jpg", "a.jpg"]),
            ("-b/** +b/new/**", &["b/new/c.jpg", "a.jpg"], &["b/c.jpg"]),
        ] {
            let filter = globs(patterns);
            for path in wanted {
                assert!(filter.wants(path, &listed(1, None)), "{patterns}: {path}");
            }
            for path in unwanted {
                assert!(!filter.wants(path, &listed(1, None)), "{patterns}: {path}");
            }
        }
    }

    #[test]
    fn lengths_are_inclusive_and_times_are_from_until_before() {
        let at = |seconds| Some(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds));
        let lengths = Filter {
            min_bytes: Some(10),
            max_bytes: Some(20),
            ..Filter::default()
        };
        let wanted = |length| lengths.wants("a", &listed(length, None));
        assert_eq!([9, 10, 20, 21].map(wanted), [false, true, true, false]);
        let times = Filter {
            newer_than: at(100),
            older_than: at(200),
            ..Filter::default()
        };
        let wanted = |seconds| times.wants("a", &listed(1, seconds));
        assert_eq!(
            [Some(99), Some(100), Some(199), Some(200), None].map(wanted),
            [false, true, true, false, false]
        );
    }
}
