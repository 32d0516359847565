//! What application segments say, from the bytes of whole files.

use dataset::jpeg::{adobe, exif, icc, jfif, write};

use super::super::super::Orientation;
use super::super::super::planes::{Colour, Effort};
use super::*;

fn with(components: usize, segments: Vec<(u8, Vec<u8>)>) -> Planes {
    let frame = picture(16, 8, &vec![(1, 1); components], 3);
    let layout = Layout {
        segments,
        ..sequential(dataset::jpeg::sequential(components))
    };
    read(&write(&frame, &layout), ALL, Effort::Default).unwrap()
}

#[test]
fn colours_are_told_apart() {
    let colour = |components, segments| with(components, segments).colour;
    assert_eq!(colour(1, vec![]), Colour::Grey);
    assert_eq!(colour(3, vec![jfif()]), Colour::YCbCr);
    assert_eq!(colour(3, vec![adobe(1)]), Colour::YCbCr);
    assert_eq!(colour(3, vec![adobe(0)]), Colour::Rgb);
    assert_eq!(colour(4, vec![]), Colour::Cmyk { inverted: false });
    assert_eq!(colour(4, vec![adobe(0)]), Colour::Cmyk { inverted: true });
    assert_eq!(colour(4, vec![adobe(2)]), Colour::Ycck { inverted: true });
}

#[test]
fn orientation_is_read_in_both_byte_orders_and_garbage_is_none() {
    let orientation = |value, big| with(1, vec![exif(value, big)]).orientation;
    for big in [false, true] {
        let all: Vec<Orientation> = (1..=8).map(|value| orientation(value, big)).collect();
        assert_eq!(all[0], Orientation::default());
        for (i, one) in all.iter().enumerate() {
            assert!(all[..i].iter().all(|other| other != one));
        }
        for garbage in [0, 9, 0xFFFF] {
            assert_eq!(orientation(garbage, big), Orientation::default());
        }
    }
    let (marker, content) = exif(6, true);
    for length in 0..content.len() {
        let _ = with(1, vec![(marker, content[..length].to_vec())]);
    }
}

#[test]
fn profiles_are_put_together_whatever_the_order_of_their_pieces() {
    let profile: Vec<u8> = (0..5000_u16).map(|i| i.to_le_bytes()[0]).collect();
    let mut pieces = icc(&profile, 999);
    assert_eq!(with(3, pieces.clone()).icc.as_ref(), Some(&profile));
    pieces.reverse();
    assert_eq!(with(3, pieces.clone()).icc.as_ref(), Some(&profile));
    pieces.remove(2);
    assert_eq!(with(3, pieces).icc, None, "a piece is missing");
}
