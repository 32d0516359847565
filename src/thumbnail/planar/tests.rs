//! The whole way, from planes to a decoded file.

use proptest::prelude::*;

use super::super::Orientation;
use super::super::planes::Colour;
use super::*;

/// A plane for a picture of `width` x `height` samples, parts of samples included.
fn plane((width, height): (f64, f64), level: impl Fn(f64, f64) -> f64) -> Plane {
    let (columns, rows) = (width.ceil() as usize, height.ceil() as usize);
    let samples = (0..rows).flat_map(|y| {
        let at = move |n: usize, span: f64| (n as f64 + 0.5) / span;
        let level = &level;
        (0..columns)
            .map(move |x| level(at(x, width), at(y, height)).round().clamp(0.0, 255.0) as u8)
    });
    Plane {
        width: columns,
        height: rows,
        samples: samples.collect(),
        span: (width, height),
    }
}

/// Three smooth planes at 4:2:0, by position from 0 to 1.
fn smooth((width, height): (f64, f64)) -> Vec<Plane> {
    vec![
        plane((width, height), |x, y| 40.0 + 120.0 * x + 60.0 * y),
        plane((width / 2.0, height / 2.0), |x, y| 128.0 + 10.0 * (x - y)),
        plane((width / 2.0, height / 2.0), |x, y| 118.0 + 8.0 * x * y),
    ]
}

fn turn(exif: u8) -> Orientation {
    Orientation::of_value(exif).unwrap()
}

fn upright(planes: Vec<Plane>) -> Planar {
    Coarse::upright(planes, Orientation::default()).into()
}

fn fitted(planar: &Planar) -> &[FinePlane] {
    match planar {
        Planar::Fitted { planes, .. } => planes,
        Planar::Coarse(_) => panic!("not fitted"),
    }
}

fn levels(plane: &FinePlane) -> impl Iterator<Item = f64> {
    plane
        .samples
        .iter()
        .map(|&fine| f64::from(fine) / 64.0 + 128.0)
}

fn levels_of(planar: &Planar) -> impl Iterator<Item = f64> {
    fitted(planar).iter().flat_map(levels)
}

fn decoded(jpeg: &[u8]) -> image::DynamicImage {
    image::load_from_memory_with_format(jpeg, image::ImageFormat::Jpeg).unwrap()
}

#[test]
fn a_ramp_stays_the_same_ramp() {
    let coarse = upright(smooth((614.4, 409.6)));
    let small = coarse.fit((512, 341)).fit((256, 171));
    let luma = &fitted(&small)[0];
    for y in 12..159 {
        for x in 12..244 {
            let found = f64::from(luma.row(y)[x]) / 64.0 + 128.0;
            let (x, y) = ((x as f64 + 0.5) / 256.0, (y as f64 + 0.5) / 171.0);
            let expected = 40.0 + 120.0 * x + 60.0 * y;
            assert!(
                (found - expected).abs() < 0.3,
                "{x}, {y}: {found}, {expected}"
            );
        }
    }
}

#[test]
fn a_file_of_every_small_size_decodes_to_its_planes() {
    for (width, height) in (1..20).flat_map(|w| [(w, 1), (w, 9), (w, 20), (3, w), (33, w)]) {
        let size = (f64::from(width), f64::from(height));
        let expected = Coarse::upright(smooth(size), Orientation::default());
        let bytes = upright(smooth(size))
            .fit((width, height))
            .encode(100, ChromaSubsampling::Quarter, None)
            .unwrap();
        let found = decoded(&bytes).to_rgb8();
        assert_eq!(found.dimensions(), (width, height));
        let expected = expected.raster(Colour::YCbCr, (width, height));
        for (n, (a, b)) in found.iter().zip(&expected.samples).enumerate() {
            assert!(a.abs_diff(*b) <= 8, "{width} x {height}, {n}: {a}, {b}");
        }
    }
}

#[test]
fn grey_is_one_component_and_exact_to_rounding() {
    for (width, height) in [(1, 1), (7, 9), (8, 8), (17, 5), (40, 31)] {
        let grey = plane((width.into(), height.into()), |x, y| {
            255.0 * (x * 0.7 + y * 0.3)
        });
        let expected = grey.samples.clone();
        let found = decoded(
            &upright(vec![grey])
                .encode(100, ChromaSubsampling::Quarter, None)
                .unwrap(),
        );
        assert_eq!(found.color(), image::ColorType::L8);
        let found = found.into_bytes();
        let worst = found
            .iter()
            .zip(&expected)
            .map(|(a, b)| a.abs_diff(*b))
            .max();
        assert!(worst <= Some(2), "{width} x {height}: {worst:?}");
    }
}

#[test]
fn noise_survives_the_best_quality_and_the_worst_is_readable() {
    let mut state = 1_u32;
    let mut noise = plane((64.0, 48.0), |_, _| 0.0);
    for sample in &mut noise.samples {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        *sample = state.to_be_bytes()[0];
    }
    let expected = noise.samples.clone();
    let planar = upright(vec![noise]);
    let best = decoded(
        &planar
            .encode(100, ChromaSubsampling::Quarter, None)
            .unwrap(),
    )
    .into_bytes();
    assert!(best.iter().zip(&expected).all(|(a, b)| a.abs_diff(*b) <= 4));
    let worst = decoded(&planar.encode(1, ChromaSubsampling::Quarter, None).unwrap());
    assert_eq!((worst.width(), worst.height()), (64, 48));
}

#[test]
fn the_file_is_baseline_420_without_metadata_and_small() {
    let planar = upright(smooth((33.0, 17.0)));
    let bytes = planar.encode(95, ChromaSubsampling::Quarter, None).unwrap();
    let frame = bytes.windows(2).position(|m| m == [0xff, 0xc0]).unwrap();
    assert_eq!(bytes[frame + 5..frame + 9], [0, 17, 0, 33]);
    assert_eq!(bytes[frame + 11], 0x22, "luma is sampled 2 x 2");
    for marker in 0xe1..=0xef {
        assert!(!bytes.windows(2).any(|m| m == [0xff, marker]));
    }
    assert_eq!(
        planar.encode(95, ChromaSubsampling::Quarter, None).unwrap(),
        bytes,
        "the same again"
    );
    let tiny = upright(smooth((16.0, 16.0)))
        .encode(75, ChromaSubsampling::Quarter, None)
        .unwrap();
    assert!(
        tiny.len() < 420,
        "{} bytes, less than standard tables alone",
        tiny.len()
    );
}

#[test]
fn every_subsampling_decodes_to_the_same_picture() {
    for (width, height) in [(1, 1), (2, 3), (17, 9), (33, 16), (40, 31)] {
        let size = (f64::from(width), f64::from(height));
        let expected = Coarse::upright(smooth(size), Orientation::default());
        let expected = expected.raster(Colour::YCbCr, (width, height));
        for (chroma, factors) in [
            (ChromaSubsampling::Full, 0x11),
            (ChromaSubsampling::Half, 0x21),
            (ChromaSubsampling::Quarter, 0x22),
        ] {
            let view = View {
                chroma,
                ..(width, height).into()
            };
            let fitted = upright(smooth(size)).fit(view);
            let bytes = fitted.encode(100, chroma, None).unwrap();
            let frame = bytes.windows(2).position(|m| m == [0xff, 0xc0]).unwrap();
            assert_eq!(bytes[frame + 11], factors);
            let of_rgb = Planar::of_rgb((width, height), &expected.samples, chroma);
            let of_rgb = of_rgb.encode(100, chroma, None).unwrap();
            let from_another = upright(smooth(size)).fit((width, height));
            let from_another = from_another.encode(100, chroma, None).unwrap();
            for file in [&bytes, &of_rgb, &from_another] {
                let found = decoded(file).to_rgb8();
                assert_eq!(found.dimensions(), (width, height));
                assert!(
                    found
                        .iter()
                        .zip(&expected.samples)
                        .all(|(a, b)| a.abs_diff(*b) <= 8),
                    "{width} x {height}, {chroma}"
                );
            }
            let raster = fitted.raster();
            assert_eq!((raster.width, raster.height), (width, height));
            assert!(
                raster
                    .samples
                    .iter()
                    .zip(&expected.samples)
                    .all(|(a, b)| a.abs_diff(*b) <= 3),
                "{width} x {height}, {chroma}"
            );
        }
    }
}

#[test]
fn a_part_is_the_middle_however_the_picture_is_turned() {
    // Levels rise from left to right: the middle half goes from a quarter to three quarters.
    let ramp = || plane((200.0, 100.0), |x, _| 255.0 * x);
    for exif in 1..=8 {
        let turned = Coarse::upright(vec![ramp()], turn(exif));
        let shown = if turn(exif).swaps_sides() {
            (1.0, 0.5)
        } else {
            (0.5, 1.0)
        };
        let view = View {
            shown,
            ..(50, 50).into()
        };
        let part = Planar::from(turned).fit(view).raster();
        assert_eq!((part.width, part.height), (50, 50));
        let mut ends = [part.samples[0], part.samples[50 * 50 - 1]];
        ends.sort_unstable();
        assert!(
            ends[0].abs_diff(65) <= 2 && ends[1].abs_diff(190) <= 2,
            "{exif}: {ends:?}"
        );
    }
}

#[test]
fn every_orientation_is_that_of_the_stored_picture_turned() {
    // Odd sizes and parts of samples: planes must not be shifted by turning them.
    let planes = || smooth((67.3, 41.6));
    let stored = Coarse::upright(planes(), Orientation::default());
    let stored = stored.raster(Colour::YCbCr, (31, 19));
    for exif in 1..=8 {
        let turned = Coarse::upright(planes(), turn(exif));
        let size = turn(exif).upright_size(31, 19);
        let found = turned.raster(Colour::YCbCr, size);
        let expected = turn(exif).apply(stored.clone());
        assert_eq!((found.width, found.height), size);
        assert!(
            found
                .samples
                .iter()
                .zip(&expected.samples)
                .all(|(a, b)| a.abs_diff(*b) <= 1),
            "{exif}"
        );
        // As planes, the thumbnail's last colour sample is the one that is cut.
        let small = Planar::from(turned).fit(size);
        let shown =
            decoded(&small.encode(100, ChromaSubsampling::Quarter, None).unwrap()).to_rgb8();
        assert!(
            shown
                .iter()
                .zip(&expected.samples)
                .all(|(a, b)| a.abs_diff(*b) <= 8),
            "{exif}"
        );
    }
}

#[test]
fn inks_are_multiplied_whichever_way_they_are_stored() {
    let four = |levels: [u8; 4]| {
        let planes = levels.map(|level| plane((2.0, 2.0), |_, _| level.into()));
        Coarse::upright(planes.into(), Orientation::default())
    };
    let pixel = |coarse: &Coarse, colour| {
        let inks = coarse.inks(colour, (1, 1)).unwrap();
        super::super::colour::of_inks(&inks, None)
    };
    let inverted = Colour::Cmyk { inverted: true };
    // 255 is no ink: what is left of white.
    assert_eq!(pixel(&four([255, 0, 128, 255]), inverted), [255, 0, 128]);
    assert_eq!(pixel(&four([200, 100, 50, 128]), inverted), [100, 50, 25]);
    let plain = Colour::Cmyk { inverted: false };
    assert_eq!(pixel(&four([55, 155, 205, 127]), plain), [100, 50, 25]);
    // Y = 100 without colour is R = G = B = 100, of which the inks are the rest.
    let ycck = Colour::Ycck { inverted: true };
    assert_eq!(pixel(&four([100, 128, 128, 255]), ycck), [155, 155, 155]);
}

#[test]
fn rgb_becomes_planes_and_rgb_again() {
    for (width, height) in [(1, 1), (2, 3), (5, 4), (31, 17)] {
        let stored = smooth((width.into(), height.into()));
        let rgb = Coarse::upright(stored, Orientation::default());
        let rgb = rgb.raster(Colour::YCbCr, (width, height));
        let planar = Planar::of_rgb((width, height), &rgb.samples, ChromaSubsampling::Quarter);
        let shown = decoded(
            &planar
                .encode(100, ChromaSubsampling::Quarter, None)
                .unwrap(),
        )
        .to_rgb8();
        for (a, b) in shown.iter().zip(&rgb.samples) {
            assert!(a.abs_diff(*b) <= 8, "{width} x {height}: {a}, {b}");
        }
    }
    let red = Planar::of_rgb((1, 1), &[255, 0, 0], ChromaSubsampling::Quarter);
    let levels: Vec<f64> = levels_of(&red).map(f64::round).collect();
    assert_eq!(
        levels,
        [76.0, 85.0, 256.0],
        "255.5, which is rounded when it is encoded"
    );
    let grey = Planar::of_grey((2, 1), &[0, 255]);
    assert!(levels_of(&grey).eq([0.0, 255.0]));
}

#[test]
fn rgb_of_ycc_is_that_of_jfif() {
    let of = |levels: [u8; 3]| {
        let planes = levels.map(|level| plane((3.0, 1.0), |_, _| level.into()));
        let coarse = Coarse::upright(planes.into(), Orientation::default());
        coarse.raster(Colour::YCbCr, (3, 1)).samples[3..6].to_vec()
    };
    assert_eq!(of([76, 85, 255]), [254, 0, 0]);
    assert_eq!(of([255, 128, 128]), [255, 255, 255]);
    assert_eq!(of([29, 255, 107]), [0, 0, 254]);
}

proptest! {
    #[test]
    fn one_level_stays_that_level(
        level in any::<u8>(),
        width in 1.0..300.0_f64,
        height in 1.0..300.0_f64,
        size in (1_u32..200, 1_u32..200),
    ) {
        let chroma = |_, _| f64::from(255 - level);
        let planes = vec![
            plane((width, height), |_, _| level.into()),
            plane((width / 2.0, height / 2.0), chroma),
            plane((width / 2.0, height / 2.0), chroma),
        ];
        let small = upright(planes).fit(size);
        let next = small.fit((size.0.div_ceil(2), size.1.div_ceil(2)));
        for planar in [&small, &next] {
            let planes = fitted(planar);
            let (w, h) = planar.size();
            prop_assert_eq!((planes[0].width, planes[0].height), (w as usize, h as usize));
            let half = (w.div_ceil(2) as usize, h.div_ceil(2) as usize);
            prop_assert_eq!((planes[1].width, planes[1].height), half);
            prop_assert!(levels(&planes[0]).all(|l| l == f64::from(level)));
            prop_assert!(levels(&planes[2]).all(|l| l == f64::from(255 - level)));
        }
    }

    #[test]
    fn the_mean_stays_where_it_is(
        samples in prop::collection::vec(any::<u8>(), 96 * 64),
        size in (24_u32..96, 16_u32..64),
    ) {
        let mean = samples.iter().map(|&v| f64::from(v)).sum::<f64>() / samples.len() as f64;
        let plane = Plane { width: 96, height: 64, samples, span: (96.0, 64.0) };
        let small = upright(vec![plane]).fit(size);
        let found = levels(&fitted(&small)[0]).sum::<f64>() / f64::from(size.0 * size.1);
        // At the edges, where it is cut, the filter weighs samples unequally.
        prop_assert!((found - mean).abs() < 3.0, "{found}, {mean}");
    }
}
