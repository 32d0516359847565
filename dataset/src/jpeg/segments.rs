//! Segments that say what the samples mean.

/// APP0 of JFIF 1.01, without a thumbnail.
#[must_use]
pub fn jfif() -> (u8, Vec<u8>) {
    (0xE0, b"JFIF\0\x01\x01\0\0\x01\0\x01\0\0".to_vec())
}

/// APP14 of Adobe. `transform` is 0 for RGB and CMYK, 1 for YCbCr, 2 for YCCK.
#[must_use]
pub fn adobe(transform: u8) -> (u8, Vec<u8>) {
    let mut content = b"Adobe\0\x64\0\0\0\0".to_vec();
    content.push(transform);
    (0xEE, content)
}

/// APP1 with an EXIF orientation alone, in either byte order.
#[must_use]
pub fn exif(orientation: u16, big_endian: bool) -> (u8, Vec<u8>) {
    let word = |value: u16| {
        if big_endian {
            value.to_be_bytes()
        } else {
            value.to_le_bytes()
        }
    };
    let long = |value: u32| {
        if big_endian {
            value.to_be_bytes()
        } else {
            value.to_le_bytes()
        }
    };
    let mut content = b"Exif\0\0".to_vec();
    content.extend(if big_endian { b"MM" } else { b"II" });
    content.extend(word(42));
    content.extend(long(8)); // where the directory begins
    content.extend(word(1)); // its one entry: tag, type SHORT, count, value
    content.extend(word(0x0112));
    content.extend(word(3));
    content.extend(long(1));
    content.extend(word(orientation));
    content.extend(word(0));
    content.extend(long(0)); // no other directory
    (0xE1, content)
}

/// APP2 segments with an ICC profile, of at most `piece` bytes each (ICC.1, annex B.4).
///
/// # Panics
/// If that makes more than 255 segments.
#[must_use]
pub fn icc(profile: &[u8], piece: usize) -> Vec<(u8, Vec<u8>)> {
    let pieces: Vec<&[u8]> = profile.chunks(piece.clamp(1, 65_519)).collect();
    assert!(pieces.len() <= 255, "a profile has at most 255 pieces");
    (1_u8..)
        .zip(&pieces)
        .map(|(number, bytes)| {
            let mut content = b"ICC_PROFILE\0".to_vec();
            content.push(number);
            content.push(u8::try_from(pieces.len()).unwrap_or(u8::MAX));
            content.extend(*bytes);
            (0xE2, content)
        })
        .collect()
}
