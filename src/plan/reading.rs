//! How much of an original is read at first.

use crate::events::Change;
use crate::thumbnail::Effort;

/// Shorter originals are read whole: a second request costs more than so many bytes.
const WHOLE_BELOW_BYTES: u64 = 256 << 10;

/// Read at first where the event does not say how long the original is.
const UNKNOWN_LENGTH_BYTES: u64 = 512 << 10;

/// The share, in percent, with which the fewest bytes were read of 43 of the paper's photographs. Where it
/// is not enough, a second read is as long as the JPEG reader estimates: 30.1 % of all bytes in the default
/// effort (of 16 to 26 tried; a second read for 22 of 43), 20.0 % in the fast one (of 8 to 16 tried; for 28
/// of 43), counted by the reader alone on each file. None of these took a third read, of all the rest; some did with other shares. Shares and
/// estimate were chosen by these photographs: others may be read a little more of, or a third time.
pub(super) fn first_read_percent(effort: Effort) -> u8 {
    match effort {
        Effort::Default => 20,
        Effort::Fast => 10,
    }
}

/// How many bytes to read at first; `None` for all of them at once.
pub(super) fn first_bytes(change: &Change, percent: u8) -> Option<u64> {
    // What the uploader said is trusted with how to read, never with what it is.
    let may_be_jpeg = |kind: &str| {
        ["image/jpeg", "image/jpg", "image/pjpeg"].contains(&kind) || !kind.starts_with("image/")
    };
    if percent >= 100 || !change.content_type.as_deref().is_none_or(may_be_jpeg) {
        return None;
    }
    match change.length {
        Some(length) if length <= WHOLE_BELOW_BYTES => None,
        // In this order no length overflows.
        Some(length) => Some((length / 100 * u64::from(percent)).max(WHOLE_BELOW_BYTES)),
        None => Some(UNKNOWN_LENGTH_BYTES),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::Operation;
    use crate::object::{Bucket, Key, ObjectId};

    fn read(length: Option<u64>, content_type: Option<&str>, percent: u8) -> Option<u64> {
        let change = Change {
            operation: Operation::Write,
            object: ObjectId {
                bucket: Bucket::new("b"),
                key: Key::new("images/a"),
            },
            etag: None,
            length,
            content_type: content_type.map(str::to_owned),
            endpoint: String::new(),
        };
        first_bytes(&change, percent)
    }

    #[test]
    fn a_share_of_what_may_be_a_long_jpeg_and_all_of_the_rest() {
        let jpeg = Some("image/jpeg");
        assert_eq!(read(Some(2_000_000), jpeg, 45), Some(900_000));
        assert_eq!(read(Some(2_000_000), None, 45), Some(900_000));
        assert_eq!(
            read(Some(2_000_000), Some("application/octet-stream"), 45),
            Some(900_000)
        );
        assert_eq!(read(Some(300_000), jpeg, 45), Some(WHOLE_BELOW_BYTES));
        assert_eq!(read(Some(262_144), jpeg, 45), None);
        assert_eq!(read(Some(2_000_000), Some("image/png"), 45), None);
        assert_eq!(read(Some(2_000_000), jpeg, 100), None);
        assert_eq!(read(None, jpeg, 45), Some(UNKNOWN_LENGTH_BYTES));
        assert!(read(Some(u64::MAX), jpeg, 99).is_some());
    }
}
