//! The notice of an original's artist and copyright, for recipes that keep it.

use std::borrow::Cow;
use std::io::Cursor;

use exif::experimental::Writer;
use exif::{Field, In, Tag, Value, get_exif_attr_from_jpeg};

use super::directory::Directory;
use super::{Format, Ignored, Limits, whole};

/// Longer notices are left out: a thumbnail is small, and a notice one line.
const MAX_NOTICE_BYTES: usize = 4096;

/// An EXIF block (a TIFF structure) with nothing but the tags *Artist* and *Copyright* (EXIF 2.32,
/// 4.6.4 D) of a file's own; `None` if it has neither, or no block that can be read, or one that is
/// longer than allowed.
pub(super) fn notice(format: Format, bytes: &[u8], limits: &Limits) -> Option<Vec<u8>> {
    let block: Cow<[u8]> = match format {
        Format::Jpeg => get_exif_attr_from_jpeg(&mut &*bytes).ok()?.into(),
        Format::Png => whole::png(bytes).exif?.into(),
        Format::WebP => whole::webp(bytes).exif?.into(),
        Format::Tiff => bytes.into(),
        Format::Gif | Format::Bmp => return None,
    };
    // Of a TIFF it is the file.
    if format != Format::Tiff && !Ignored::default().takes_exif(block.len(), limits) {
        return None;
    }
    let directory = Directory::first(&block)?;
    let fields = [Tag::Artist, Tag::Copyright].map(|tag| {
        let mut entries = directory.entries().map_while(|entry| entry);
        let entry = entries.find(|entry| entry.tag == u64::from(tag.number()))?;
        let text = directory.text(entry)?;
        if text.len() > MAX_NOTICE_BYTES || text.iter().all(|c| *c == 0 || c.is_ascii_whitespace())
        {
            return None;
        }
        let text = text.strip_suffix(b"\0").unwrap_or(text);
        let parts = text.split(|c| *c == 0).map(<[u8]>::to_vec);
        Some(Field {
            tag,
            ifd_num: In::PRIMARY,
            value: Value::Ascii(parts.collect()),
        })
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
    use exif::Reader;
    use image::codecs::png::PngEncoder;
    use image::codecs::webp::WebPEncoder;
    use image::{ExtendedColorType, ImageEncoder};
    use tiff::encoder::{TiffEncoder, colortype};

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

    fn webp(exif: &[u8]) -> Vec<u8> {
        let mut file = Vec::new();
        let mut encoder = WebPEncoder::new_lossless(&mut file);
        encoder.set_exif_metadata(exif.to_vec()).unwrap();
        encoder
            .write_image(&[7; 12], 2, 2, ExtendedColorType::Rgb8)
            .unwrap();
        file
    }

    /// Which has the tags in its own directory.
    fn tiff(artist: &str, copyright: &str) -> Vec<u8> {
        let mut file = Cursor::new(Vec::new());
        let mut encoder = TiffEncoder::new(&mut file).unwrap();
        let mut picture = encoder.new_image::<colortype::RGB8>(2, 2).unwrap();
        for (tag, text) in [
            (tiff::tags::Tag::Artist, artist),
            (tiff::tags::Tag::Copyright, copyright),
        ] {
            picture.encoder().write_tag(tag, text).unwrap();
        }
        picture.write_data(&[7; 12]).unwrap();
        file.into_inner()
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
        let tiff = tiff("A. Painter", "(c) 2026 A. Painter");
        for original in [png(&all), jpeg(&all), webp(&all), tiff] {
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
