//! The notice of an original's artist and copyright, for recipes that keep it.

use std::io::Cursor;

use exif::experimental::Writer;
use exif::{Field, In, Reader, Tag, Value};

use super::{Format, Limits};

/// Only so much of the beginning of a file is searched: where the block of a JPEG, PNG or WebP is, and
/// all of a TIFF that is no larger.
const SEARCHED_BYTES: usize = 16 << 20;

/// Longer notices are left out: a thumbnail is small, and a notice one line.
const MAX_NOTICE_BYTES: usize = 4096;

/// An EXIF block (a TIFF structure) with nothing but the tags *Artist* and *Copyright* (EXIF 2.32,
/// 4.6.4 D) of a file's own; `None` if it has neither, or no block that can be read, or one that is
/// longer than allowed.
pub(super) fn notice(format: Format, bytes: &[u8], limits: &Limits) -> Option<Vec<u8>> {
    let searched = &bytes[..bytes.len().min(SEARCHED_BYTES)];
    let found = Reader::new().read_from_container(&mut Cursor::new(searched));
    let exif = found.ok()?;
    // Of a TIFF it is the file.
    if format != Format::Tiff {
        limits.exif(exif.buf())?;
    }
    let fields = [Tag::Artist, Tag::Copyright].map(|tag| {
        let field = exif.get_field(tag, In::PRIMARY)?;
        match &field.value {
            Value::Ascii(texts) if texts.iter().any(|text| !text.trim_ascii().is_empty()) => {
                Some(Field {
                    tag,
                    ifd_num: In::PRIMARY,
                    value: field.value.clone(),
                })
            }
            _ => None,
        }
    });
    let mut writer = Writer::new();
    fields
        .iter()
        .flatten()
        .for_each(|field| writer.push_field(field));
    let mut block = Cursor::new(Vec::new());
    // Without any field there is nothing to write, which is an error as well.
    writer.write(&mut block, false).ok()?;
    let block = block.into_inner();
    (block.len() <= MAX_NOTICE_BYTES).then_some(block)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use image::codecs::png::PngEncoder;
    use image::{ExtendedColorType, ImageEncoder};

    use super::super::{Decoder, Effort, Encoding, OutputFormat, Stop};
    use super::*;

    fn block(fields: &[(Tag, Value)]) -> Vec<u8> {
        let fields: Vec<_> = fields
            .iter()
            .map(|(tag, value)| Field {
                tag: *tag,
                ifd_num: In::PRIMARY,
                value: value.clone(),
            })
            .collect();
        let mut writer = Writer::new();
        for field in &fields {
            writer.push_field(field);
        }
        let mut block = Cursor::new(Vec::new());
        writer.write(&mut block, true).unwrap();
        block.into_inner()
    }

    fn text(text: &str) -> Value {
        Value::Ascii(vec![text.as_bytes().to_vec()])
    }

    fn png(exif: &[u8]) -> Vec<u8> {
        let mut file = Vec::new();
        let mut encoder = PngEncoder::new(&mut file);
        encoder.set_exif_metadata(exif.to_vec()).unwrap();
        encoder
            .write_image(&[7; 12], 2, 2, ExtendedColorType::Rgb8)
            .unwrap();
        file
    }

    fn jpeg(exif: &[u8]) -> Vec<u8> {
        let mut file = Vec::new();
        let mut encoder = jpeg_encoder::Encoder::new(&mut file, 90);
        encoder.add_exif_metadata(exif).unwrap();
        let colour = jpeg_encoder::ColorType::Rgb;
        encoder.encode(&[7; 12], 2, 2, colour).unwrap();
        file
    }

    fn thumbnail(original: &[u8], format: OutputFormat, keep: bool) -> Vec<u8> {
        let encoding = Encoding::new(format);
        let (limits, stop) = (Limits::default(), Stop::default());
        let decoder = Decoder::new(2, Effort::Default, &limits, &stop).keeping_copyright(keep);
        let picture = decoder.finish(original).unwrap().fit(2).unwrap();
        picture.encode_as(encoding).unwrap()
    }

    #[test]
    fn artist_and_copyright_are_kept_on_request_and_nothing_else() {
        let all = block(&[
            (Tag::Artist, text("A. Painter")),
            (Tag::Copyright, text("(c) 2026 A. Painter")),
            (Tag::Orientation, Value::Short(vec![1])),
            (Tag::Model, text("a camera")),
        ]);
        for original in [png(&all), jpeg(&all)] {
            for &format in OutputFormat::ALL {
                let kept = thumbnail(&original, format, true);
                let found = Reader::new()
                    .read_from_container(&mut Cursor::new(&kept))
                    .unwrap();
                let names: Vec<_> = found.fields().map(|field| field.tag).collect();
                assert_eq!(names, [Tag::Artist, Tag::Copyright]);
                let copyright = found.get_field(Tag::Copyright, In::PRIMARY).unwrap();
                let shown = copyright.display_value().to_string();
                assert_eq!(shown, "\"(c) 2026 A. Painter\"");
                let gone = thumbnail(&original, format, false);
                assert!(
                    Reader::new()
                        .read_from_container(&mut Cursor::new(gone))
                        .is_err()
                );
            }
        }
    }

    #[test]
    fn a_block_that_is_longer_than_allowed_is_not_searched() {
        let file = png(&block(&[(Tag::Copyright, text("(c) 2026 A. Painter"))]));
        let limits = |max_exif_bytes| Limits {
            max_exif_bytes,
            ..Limits::default()
        };
        assert!(notice(Format::Png, &file, &limits(100)).is_some());
        assert_eq!(notice(Format::Png, &file, &limits(10)), None);
    }

    #[test]
    fn no_notice_an_empty_one_and_an_endless_one_are_left_out() {
        let long = "c".repeat(MAX_NOTICE_BYTES);
        for exif in [
            block(&[(Tag::Model, text("a camera"))]),
            block(&[(Tag::Copyright, text(" "))]),
            block(&[(Tag::Copyright, Value::Short(vec![1]))]),
            block(&[(Tag::Copyright, text(&long))]),
            b"garbage".to_vec(),
        ] {
            assert_eq!(notice(Format::Png, &png(&exif), &Limits::default()), None);
            let plain = thumbnail(&png(&exif), OutputFormat::Jpeg, false);
            assert_eq!(thumbnail(&png(&exif), OutputFormat::Jpeg, true), plain);
        }
    }
}
