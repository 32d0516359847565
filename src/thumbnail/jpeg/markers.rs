//! The marker segments of a JPEG file (T.81, Annex B), without its entropy-coded data.

/// Start of frame, first of its kinds: baseline (T.81, Table B.1).
pub(super) const SOF0: u8 = 0xc0;
/// Define Huffman tables.
pub(super) const DHT: u8 = 0xc4;
/// Start of image.
pub(super) const SOI: u8 = 0xd8;
/// End of image.
pub(super) const EOI: u8 = 0xd9;
/// Start of scan.
pub(super) const SOS: u8 = 0xda;
/// Define quantisation tables.
pub(super) const DQT: u8 = 0xdb;
/// Define number of lines.
pub(super) const DNL: u8 = 0xdc;
/// Define restart interval.
pub(super) const DRI: u8 = 0xdd;
/// Define hierarchical progression.
pub(super) const DHP: u8 = 0xde;
/// Expand reference components: of hierarchical pictures too.
pub(super) const EXP: u8 = 0xdf;

/// Whether a marker stands alone, without a segment.
pub(super) fn stands_alone(code: u8) -> bool {
    matches!(code, 0x01 | 0xd0..=SOI | EOI)
}

/// Whether a marker is a start of frame of any kind.
pub(super) fn starts_frame(code: u8) -> bool {
    matches!(code, SOF0..=0xcf) && !matches!(code, DHT | 0xc8 | 0xcc)
}

/// Whether there is a 0xff. Looks at all bytes, side by side, which is faster than one by one up to
/// the first.
#[inline(always)]
pub(super) fn has_ff(bytes: &[u8]) -> bool {
    bytes
        .iter()
        .fold(0, |any, &byte| any | u8::from(byte == 0xff))
        != 0
}

/// Where the next 0xff is, from `from` on.
pub(super) fn next_ff(bytes: &[u8], from: usize) -> Option<usize> {
    const AT_ONCE: usize = 64;
    let rest = bytes.get(from..)?;
    let clean = rest
        .chunks_exact(AT_ONCE)
        .take_while(|chunk| !has_ff(chunk))
        .count()
        * AT_ONCE;
    let at = rest[clean..].iter().position(|&byte| byte == 0xff)?;
    Some(from + clean + at)
}

/// The next marker, from `from` on: the place of its 0xff, and its code. Stuffed and fill bytes are
/// passed over.
pub(super) fn next_marker(bytes: &[u8], mut from: usize) -> Option<(usize, u8)> {
    loop {
        let at = next_ff(bytes, from)?;
        match *bytes.get(at + 1)? {
            0 => from = at + 2,
            0xff => from = at + 1,
            code => return Some((at, code)),
        }
    }
}

/// Where a scan's entropy-coded data ends: the next marker but those of restarts.
///
/// # Errors
/// Where to look on, when more of the file is there.
pub(super) fn end_of_scan(bytes: &[u8], mut from: usize) -> Result<usize, usize> {
    loop {
        match next_marker(bytes, from) {
            Some((at, 0xd0..=0xd7)) => from = at + 2,
            Some((at, _)) => return Ok(at),
            // The last byte may be the 0xff of what follows.
            None => return Err(bytes.len().saturating_sub(1).max(from)),
        }
    }
}

/// A marker and what its segment holds, without the length.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Segment<'a> {
    /// Where its marker is; between that and the segment before there may be garbage.
    pub(super) begin: usize,
    pub(super) code: u8,
    pub(super) body: &'a [u8],
    /// Where the next segment begins, or the entropy-coded data.
    pub(super) end: usize,
}

/// What stands at a place in the file.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found<'a> {
    Segment(Segment<'a>),
    /// The bytes end before the segment does.
    Cut,
    /// The segment's length is less than two.
    Impossible,
}

/// The first marker segment from `from` on. Garbage between segments is passed over, as libjpeg
/// does.
pub(super) fn next_segment(bytes: &[u8], from: usize) -> Found<'_> {
    let Some((at, code)) = next_marker(bytes, from) else {
        return Found::Cut;
    };
    if stands_alone(code) {
        return Found::Segment(Segment {
            begin: at,
            code,
            body: &[],
            end: at + 2,
        });
    }
    let Some(&[high, low]) = bytes.get(at + 2..).and_then(<[u8]>::first_chunk) else {
        return Found::Cut;
    };
    let end = at + 2 + usize::from(u16::from_be_bytes([high, low]));
    if end < at + 4 {
        return Found::Impossible;
    }
    match bytes.get(at + 4..end) {
        Some(body) => Found::Segment(Segment {
            begin: at,
            code,
            body,
            end,
        }),
        None => Found::Cut,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used)]
mod tests {
    use super::*;

    #[test]
    fn a_scan_ends_at_a_marker_that_is_no_restart() {
        let data = b"ab\xff\0c\xff\xd3d\xff\xff\xc4";
        assert_eq!(end_of_scan(data, 0), Ok(9));
        // However it is cut, searching on from where the cut was finds it.
        for cut in 0..11 {
            let searched = end_of_scan(&data[..cut], 0).unwrap_err();
            assert_eq!(end_of_scan(data, searched), Ok(9), "{cut}");
        }
    }

    #[test]
    fn segments_are_found_behind_garbage_and_fill_bytes() {
        let bytes = b"?\xff\xff\xfe\0\x05abc\xff\xd9";
        let Found::Segment(comment) = next_segment(bytes, 0) else {
            panic!("no segment");
        };
        assert_eq!(
            (comment.code, comment.body, comment.end),
            (0xfe, &b"abc"[..], 9)
        );
        assert_eq!(next_segment(&bytes[..8], 0), Found::Cut);
        assert_eq!(next_segment(b"\xff\xfe\0\x01", 0), Found::Impossible);
    }
}
