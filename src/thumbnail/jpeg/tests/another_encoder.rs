//! The reader against another one, and against itself by other ways, on files of another encoder than
//! the one that the other tests have.

use image::codecs::jpeg::JpegDecoder;
use image::{DynamicImage, ImageDecoder};
use jpeg_encoder::{ColorType, Encoder, SamplingFactor};

use super::super::super::planes::{Colour, Effort, Planes};
use super::super::Progress;
use super::{ALL, reader};

/// How a picture is encoded.
#[derive(Debug, Clone, Copy)]
struct How {
    sampling: SamplingFactor,
    progressive: bool,
    restart_interval: u16,
}

const SAMPLINGS: [SamplingFactor; 6] = [
    SamplingFactor::F_1_1,
    SamplingFactor::F_2_1,
    SamplingFactor::F_1_2,
    SamplingFactor::F_2_2,
    SamplingFactor::F_4_1,
    SamplingFactor::F_4_2,
];

fn every_way() -> impl Iterator<Item = How> {
    SAMPLINGS.into_iter().flat_map(|sampling| {
        [false, true].into_iter().flat_map(move |progressive| {
            [0, 3].map(|restart_interval| How {
                sampling,
                progressive,
                restart_interval,
            })
        })
    })
}

impl How {
    /// Whether the encoder writes a scan for each component of a sequential picture.
    fn separates(self) -> bool {
        let uncommon = matches!(self.sampling, SamplingFactor::F_4_1 | SamplingFactor::F_4_2);
        uncommon && !self.progressive
    }
}

/// Waves with some noise, the same at every call; `grey` has equal red, green and blue.
fn picture(width: u16, height: u16, grey: bool) -> Vec<u8> {
    let mut noise = 1_u32;
    let mut pixels = Vec::new();
    for y in 0..height {
        for x in 0..width {
            noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let wave = |a: f64, b: f64| (f64::from(x) / a).sin() * (f64::from(y) / b).cos();
            let value = |wave: f64| 128.0 + 90.0 * wave + f64::from(noise >> 27);
            let red = value(wave(9.0, 7.0)) as u8;
            if grey {
                pixels.extend([red; 3]);
            } else {
                pixels.extend([
                    red,
                    value(wave(17.0, 23.0)) as u8,
                    value(wave(31.0, 11.0)) as u8,
                ]);
            }
        }
    }
    pixels
}

fn encode(pixels: &[u8], width: u16, height: u16, how: How) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = Encoder::new(&mut bytes, 90);
    encoder.set_sampling_factor(how.sampling);
    encoder.set_progressive(how.progressive);
    if how.restart_interval > 0 {
        encoder.set_restart_interval(how.restart_interval);
    }
    encoder
        .encode(pixels, width, height, ColorType::Rgb)
        .unwrap();
    bytes
}

fn read(bytes: &[u8], largest: u32) -> Planes {
    super::read(bytes, largest, Effort::Default).unwrap()
}

/// What zune-jpeg makes of it.
fn peer(bytes: &[u8]) -> DynamicImage {
    let decoder = JpegDecoder::new(std::io::Cursor::new(bytes)).unwrap();
    assert!(decoder.total_bytes() > 0);
    DynamicImage::from_decoder(decoder).unwrap()
}

const SIZES: [(u16, u16); 5] = [(1, 1), (7, 9), (16, 16), (65, 33), (120, 203)];

#[test]
fn luma_is_that_of_zune_jpeg_within_a_level() {
    for (width, height) in SIZES {
        let pixels = picture(width, height, true);
        // zune-jpeg 0.5 makes nonsense of sequential pictures in separate scans; djpeg does not, and
        // what is read here is the same to the bit.
        for how in every_way().filter(|how| !how.separates()) {
            let bytes = encode(&pixels, width, height, how);
            let planes = read(&bytes, ALL);
            assert_eq!(planes.intact_rows, u32::from(height), "{how:?}");
            assert_eq!(planes.colour, Colour::YCbCr);
            let peer = peer(&bytes).into_rgb8();
            let luma = &planes.planes[0];
            assert_eq!(luma.samples.len(), peer.pixels().len());
            for (&ours, theirs) in luma.samples.iter().zip(peer.pixels()) {
                // Without colour, red, green and blue are Y.
                assert!(ours.abs_diff(theirs.0[1]) <= 1, "{width}x{height} {how:?}");
            }
            let grey = |samples: &[u8]| samples.iter().all(|s| s.abs_diff(128) <= 1);
            assert!(grey(&planes.planes[1].samples) && grey(&planes.planes[2].samples));
        }
    }
}

#[test]
fn colour_is_that_of_zune_jpeg() {
    let (width, height) = (65, 33);
    let pixels = picture(width, height, false);
    for how in every_way().filter(|how| how.sampling == SamplingFactor::F_1_1) {
        let bytes = encode(&pixels, width, height, how);
        let planes = read(&bytes, ALL).planes;
        for (i, pixel) in peer(&bytes).into_rgb8().pixels().enumerate() {
            let [luma, blue, red] = [0, 1, 2].map(|p| f64::from(planes[p].samples[i]));
            let (blue, red) = (blue - 128.0, red - 128.0);
            let rgb = [
                luma + 1.402 * red,
                luma - 0.344_136 * blue - 0.714_136 * red,
                luma + 1.772 * blue,
            ];
            for (ours, &theirs) in rgb.into_iter().zip(&pixel.0) {
                // A level in each plane is up to 1.8 in blue, and the peer rounds.
                let error = (ours.clamp(0.0, 255.0) - f64::from(theirs)).abs();
                assert!(error < 3.5, "{how:?} {error}");
            }
        }
    }
}

#[test]
fn progressive_and_sequential_twins_give_the_same_planes_at_every_size() {
    let (width, height) = (203, 120);
    let pixels = picture(width, height, false);
    for how in every_way() {
        let twin = encode(
            &pixels,
            width,
            height,
            How {
                progressive: false,
                ..how
            },
        );
        let bytes = encode(&pixels, width, height, how);
        for (largest, n) in [(9, 1), (20, 2), (60, 4), (130, 8)] {
            let (planes, twins) = (read(&bytes, largest), read(&twin, largest));
            assert_eq!(planes, twins, "{how:?} {largest}");
            let luma = &planes.planes[0];
            assert_eq!(luma.width, usize::from(width * n).div_ceil(8));
            assert!((luma.span.1 - f64::from(height * n) / 8.0).abs() < 1e-9);
        }
    }
}

#[test]
fn a_sample_of_a_shrunk_plane_is_the_mean_of_its_block() {
    let (width, height) = (64, 48);
    let how = How {
        sampling: SamplingFactor::F_2_2,
        progressive: true,
        restart_interval: 0,
    };
    let bytes = encode(&picture(width, height, false), width, height, how);
    let (whole, means) = (read(&bytes, ALL), read(&bytes, 2));
    let (whole, means) = (&whole.planes[0], &means.planes[0]);
    assert_eq!((means.width, means.height), (8, 6));
    for (i, &mean) in means.samples.iter().enumerate() {
        let (x, y) = (i % 8 * 8, i / 8 * 8);
        let row = |y: usize| &whole.samples[y * whole.width + x..][..8];
        let sum: u32 = (y..y + 8).flat_map(row).map(|&s| u32::from(s)).sum();
        assert!(
            (f64::from(sum) / 64.0 - f64::from(mean)).abs() <= 2.0,
            "{i}"
        );
    }
}

#[test]
fn pieces_give_what_the_whole_gives_and_the_rest_is_not_wanted() {
    let (width, height) = (203, 120);
    let pixels = picture(width, height, false);
    for how in every_way() {
        let bytes = encode(&pixels, width, height, how);
        for largest in [9, 60, ALL] {
            let mut pieces = reader(largest, Effort::Default);
            let mut needed = 0;
            while pieces.advance(&bytes[..needed]).unwrap() == Progress::NeedMore {
                assert!(needed < bytes.len(), "{how:?} {largest}");
                needed = bytes.len().min(needed + 97);
            }
            let needed = pieces.position();
            if how.progressive && largest == 9 {
                assert!(needed < bytes.len() / 2, "{needed} of {}", bytes.len());
            }
            let planes = pieces.finish(&bytes[..needed]).unwrap();
            assert_eq!(planes, read(&bytes, largest), "{how:?} {largest}");
        }
    }
}

#[test]
fn damage_ends_at_the_next_restart_marker() {
    let (width, height) = (64, 400);
    let how = How {
        sampling: SamplingFactor::F_2_2,
        progressive: false,
        restart_interval: 4,
    };
    let mut bytes = encode(&picture(width, height, true), width, height, how);
    let whole = read(&bytes, ALL);
    let markers: Vec<usize> = (0..bytes.len() - 1)
        .filter(|&i| bytes[i] == 0xff && (0xd0..=0xd7).contains(&bytes[i + 1]))
        .collect();
    // A row of MCUs in each interval: the eleventh is lost.
    bytes.drain(markers[9] + 2..markers[10]);
    let damaged = read(&bytes, ALL);
    assert_eq!(damaged.intact_rows, 160);
    let rows = |planes: &Planes, from: usize, to: usize| {
        planes.planes[0].samples[from * 64..to * 64].to_vec()
    };
    assert_eq!(rows(&damaged, 0, 160), rows(&whole, 0, 160));
    assert_eq!(rows(&damaged, 176, 400), rows(&whole, 176, 400));
    // Without its marker two intervals are one.
    bytes.drain(markers[9]..markers[9] + 2);
    let damaged = read(&bytes, ALL);
    assert!(damaged.intact_rows <= 160);
    assert_eq!(rows(&damaged, 176, 400), rows(&whole, 176, 400));
}

#[test]
fn the_number_of_lines_may_come_after_the_first_scan() {
    let (width, height) = (65, 33);
    let pixels = picture(width, height, false);
    for how in every_way() {
        let bytes = encode(&pixels, width, height, how);
        let frame = bytes
            .windows(2)
            .position(|m| matches!(m, [0xff, 0xc0..=0xc2]))
            .unwrap();
        let scan = bytes.windows(2).position(|m| m == [0xff, 0xda]).unwrap();
        let end = super::super::markers::end_of_scan(&bytes, scan + 2).unwrap();
        let mut late = bytes.clone();
        late.splice(end..end, [0xff, 0xdc, 0, 4, 0, 33]);
        late[frame + 5..frame + 7].fill(0);
        for largest in [9, ALL] {
            assert_eq!(read(&late, largest), read(&bytes, largest), "{how:?}");
        }
        late[end + 4] = 1;
        let planes = reader(ALL, Effort::Default).finish(&late).unwrap();
        assert!(planes.intact_rows <= 48, "256 lines too many are not there");
    }
}

#[test]
fn the_header_says_what_will_be_held() {
    let sizes = [false, true].map(|progressive| {
        let how = How {
            sampling: SamplingFactor::F_2_2,
            progressive,
            restart_interval: 0,
        };
        let bytes = encode(&picture(203, 120, false), 203, 120, how);
        assert_eq!(
            reader(ALL, Effort::Default).header(&bytes[..20]).unwrap(),
            None
        );
        let header = reader(ALL, Effort::Default)
            .header(&bytes)
            .unwrap()
            .unwrap();
        assert_eq!((header.width, header.height), (203, 120));
        assert_eq!(header.progressive, progressive);
        let small = reader(9, Effort::Default).header(&bytes).unwrap().unwrap();
        assert!(small.peak_bytes < header.peak_bytes);
        header.peak_bytes
    });
    assert!(sizes[0] < sizes[1]);
}
