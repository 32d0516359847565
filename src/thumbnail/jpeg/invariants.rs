//! What holds for any bytes whatever: for the fuzzer, and for the test that replays its corpus.

#![allow(clippy::cast_precision_loss, clippy::panic)]

use super::super::planes::{Effort, Planes};
use super::super::{Error, Limits, OutputFormat, Stop, decode};
use super::{Progress, Reader, Want};

/// Small, so that a run takes no longer than some milliseconds.
const LIMITS: Limits = Limits {
    max_bytes: 1 << 20,
    max_pixels: 1 << 18,
    max_side: 65_535,
    max_decoded_bytes: 32 << 20,
    min_intact_percent: 0,
    ..Limits::DEFAULT
};

/// The sides of the boxes to choose from: every n is chosen for some size of picture. None is 0, which a
/// decoder takes for 1 and the reader alone for less.
const BOXES: [u32; 8] = [4, 1, 8, 16, 40, 100, 512, u32::MAX];

/// Reads `input`: two bytes that choose what is asked for and how the file comes in pieces, then the
/// file.
///
/// # Panics
/// If anything does not hold.
pub(crate) fn hold(input: &[u8]) {
    let Some((&[choice, pieces], file)) = input.split_first_chunk() else {
        return;
    };
    let want = Want {
        largest: BOXES[usize::from(choice % 8)],
        effort: if choice & 8 == 0 {
            Effort::Default
        } else {
            Effort::Fast
        },
    };
    let whole = Reader::new(want, LIMITS, Stop::default()).finish(file);
    let (parts, needed) = in_pieces(want, file, pieces);
    match (&whole, &parts) {
        (Ok(whole), Ok(parts)) => {
            assert!(whole == parts, "other planes in pieces");
            check(whole);
            let enough = Reader::new(want, LIMITS, Stop::default()).finish(&file[..needed]);
            assert!(
                enough.is_ok_and(|planes| planes == *whole),
                "enough was not enough"
            );
        }
        (Err(whole), Err(parts)) => assert_eq!(whole.to_string(), parts.to_string()),
        _ => panic!("whole {:?}, in pieces {:?}", whole.err(), parts.err()),
    }
    if file.starts_with(&[0xFF, 0xD8, 0xFF]) {
        thumbnails(want, file, whole.is_ok());
    }
}

/// The planes of a file that comes piece by piece, and how much of it was needed.
fn in_pieces(want: Want, file: &[u8], pieces: u8) -> (Result<Planes, Error>, usize) {
    let mut reader = Reader::new(want, LIMITS, Stop::default());
    // From single bytes to all at once; then the rest, so that long files do not take for ever.
    let step = 1_usize << (pieces % 16);
    for piece in 1..=64 {
        let end = (piece * step).min(file.len());
        match reader.advance(&file[..end]) {
            Err(error) => return (Err(error), end),
            Ok(Progress::Enough) => {
                let needed = reader.position();
                assert!(needed <= end, "{needed} of {end}");
                return (finish(reader, &file[..needed]), needed);
            }
            Ok(Progress::NeedMore) => {}
        }
    }
    (finish(reader, file), file.len())
}

/// Finishes, and holds the planes against the memory that was said to be enough.
fn finish(reader: Reader, file: &[u8]) -> Result<Planes, Error> {
    let promised = reader.state().map(|state| state.peak_bytes);
    let planes = reader.finish(file)?;
    let held: usize = planes.planes.iter().map(|plane| plane.samples.len()).sum();
    if let Some(promised) = promised {
        assert!(held as u64 <= promised, "{held} bytes of {promised}");
    }
    Ok(planes)
}

fn check(read: &Planes) {
    assert!(read.width > 0 && read.height > 0);
    assert!(u64::from(read.width) * u64::from(read.height) <= LIMITS.max_pixels);
    assert!(read.intact_rows <= read.height);
    assert!(matches!(read.planes.len(), 1 | 3 | 4));
    for plane in &read.planes {
        assert_eq!(plane.samples.len(), plane.width * plane.height);
        let (wide, high) = plane.span;
        assert!(wide > 0.0 && high > 0.0);
        assert!(plane.width as f64 >= wide && (plane.width as f64) < wide + 1.0);
        assert!(plane.height as f64 >= high && (plane.height as f64) < high + 1.0);
    }
}

/// Six thumbnails, or an error where the planes are one.
fn thumbnails(want: Want, file: &[u8], readable: bool) {
    let largest = want.largest.min(512);
    let picture = decode(file, largest, want.effort, &LIMITS, &Stop::default());
    let mut picture = match picture {
        Ok(picture) => picture,
        Err(error) => {
            let panicked = std::error::Error::source(&error)
                .is_some_and(|source| source.to_string().contains("panicked"));
            assert!(!panicked, "{error:?}");
            assert!(!readable, "planes, but no picture: {error:?}");
            return;
        }
    };
    for size in [512, 256, 128, 64, 32, 16] {
        picture = picture.fit(size).unwrap_or_else(|e| panic!("{e:?}"));
        let jpeg = picture.encode(OutputFormat::Jpeg, 75);
        let jpeg = jpeg.unwrap_or_else(|e| panic!("{e:?}"));
        assert!(jpeg.starts_with(&[0xFF, 0xD8]) && jpeg.ends_with(&[0xFF, 0xD9]));
        let side = picture.width().max(picture.height());
        assert!((1..=size.max(1)).contains(&side), "{side} for {size}");
    }
}
