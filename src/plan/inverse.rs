//! From a key that was written back to the original that it was written for.

use super::recipe::MAX_SIZE;
use super::{OutputKey, Policy};
use crate::object::Key;

/// The file name extensions of all formats that thumbnails are, or ever were, written in.
const EXTENSIONS: [&str; 3] = ["jpg", "png", "webp"];

impl Policy {
    /// Whether a thumbnail's key says which original it is of: so it is with `{path}/{size}.{ext}` in all
    /// recipes.
    #[must_use]
    pub fn keys_name_originals(&self) -> bool {
        let rules = self.recipes.rules().iter();
        let mut keys = rules.map(|rule| rule.recipe().output_key());
        keys.all(|key| *key == OutputKey::standard())
    }

    /// The key below the output prefix, if it is one that `{path}/{size}.{ext}` could give, of this
    /// recipe or another.
    #[must_use]
    pub fn thumbnail_name<'k>(&self, key: &'k Key) -> Option<&'k str> {
        let below = key.as_str().strip_prefix(&self.output_prefix)?;
        let (path, name) = below.rsplit_once('/')?;
        let (size, extension) = name.split_once('.')?;
        // As written by us: no sign, no zero in front.
        let is_size = size
            .parse::<u32>()
            .is_ok_and(|number| (1..=MAX_SIZE).contains(&number) && number.to_string() == size);
        (!path.is_empty() && is_size && EXTENSIONS.contains(&extension)).then_some(below)
    }

    /// The original that has its thumbnail or its failure record under `key`. `None` where nothing of
    /// ours is under such a key, or where [thumbnails' keys do not say](Policy::keys_name_originals).
    #[must_use]
    pub fn original_of(&self, key: &Key) -> Option<Key> {
        let record = key.as_str().strip_prefix(self.failure_prefix());
        let thumbnail = || {
            let (path, _) = self.thumbnail_name(key)?.rsplit_once('/')?;
            self.keys_name_originals().then_some(path)
        };
        let path = record.or_else(thumbnail).filter(|path| !path.is_empty())?;
        Some(Key::new(format!("{}{path}", self.source_prefix)))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use crate::object::{Bucket, Key};
    use crate::plan::{OutputKey, Policy, Recipe};

    fn original(template: OutputKey, key: &str) -> Option<String> {
        let recipe = Recipe::standard().with_output_key(template).unwrap();
        let policy = Policy::new(Bucket::new("b"), "images/", "thumbnails/", recipe).unwrap();
        let original = policy.original_of(&Key::new(key))?;
        Some(original.as_str().to_owned())
    }

    #[test]
    fn what_was_written_names_its_original() {
        for (key, expected) in [
            (
                "thumbnails/2024/cat.jpg/256.jpg",
                Some("images/2024/cat.jpg"),
            ),
            ("thumbnails/a/16.jpg/16.jpg", Some("images/a/16.jpg")),
            ("thumbnails//a//4096.webp", Some("images//a/")),
            ("failures/2024/cat.jpg", Some("images/2024/cat.jpg")),
            ("thumbnails/16.jpg", None),
            ("thumbnails/a/016.jpg", None),
            ("thumbnails/a/+16.jpg", None),
            ("thumbnails/a/0.jpg", None),
            ("thumbnails/a/4097.jpg", None),
            ("thumbnails/a/16.txt", None),
            ("thumbnails/a/16.jpg.jpg", None),
            ("thumbnails/a/index.html", None),
            ("thumbnails/a/", None),
            ("failures/", None),
            ("images/a/16.jpg", None),
        ] {
            let found = original(OutputKey::standard(), key);
            assert_eq!(found.as_deref(), expected, "{key}");
        }
    }

    #[test]
    fn other_templates_do_not_say() {
        let key = "thumbnails/cat_256x256.jpg";
        assert_eq!(original("flat".parse().unwrap(), key), None);
        let record = original("flat".parse().unwrap(), "failures/cat.jpg");
        assert_eq!(record.as_deref(), Some("images/cat.jpg"));
    }
}
