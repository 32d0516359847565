//! Against libjpeg-turbo's programs, where `tests/djpeg/run` names them.
//!
//! djpeg's inverse transform at full size is ours to the bit. To see its samples as they are, files of
//! three components are marked as RGB, so that no colours are converted, and `-nosmooth` makes it
//! enlarge smaller components by repeating their samples. It reads no DNL, and no sampling factors
//! that do not divide the largest.

use std::env;
use std::io::Write;
use std::process::{Command, Stdio};

use dataset::jpeg::{adobe, write};

use super::super::super::planes::{Effort, Plane};
use super::layouts::layouts;
use super::*;

/// The path of a program, if the environment has it.
fn program(variable: &str) -> Option<String> {
    let path = env::var(variable).ok();
    if path.is_none() {
        eprintln!("passed over: {variable} is not set; see tests/djpeg/run");
    }
    path
}

fn run(program: &str, arguments: &[&str], input: &[u8]) -> Vec<u8> {
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    // On a thread of its own: the program may write before it has read everything.
    let output = std::thread::scope(|scope| {
        scope.spawn(move || stdin.write_all(input));
        child.wait_with_output().unwrap()
    });
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.is_empty(), "{said}");
    output.stdout
}

/// Width, height and samples of a binary PGM or PPM.
fn portable_map(bytes: &[u8]) -> (usize, usize, &[u8]) {
    let mut fields = bytes.splitn(4, u8::is_ascii_whitespace);
    fields.next();
    let number = |field: Option<&[u8]>| -> usize {
        std::str::from_utf8(field.unwrap())
            .unwrap()
            .parse()
            .unwrap()
    };
    let (width, height) = (number(fields.next()), number(fields.next()));
    (
        width,
        height,
        fields.next().unwrap().strip_prefix(b"255\n").unwrap(),
    )
}

fn compare_pixels(program: &str, file: &[u8], planes: &[Plane], factors: &[(usize, usize)]) {
    let map = run(program, &["-dct", "int", "-nosmooth"], file);
    let (width, height, pixels) = portable_map(&map);
    assert_eq!(pixels.len(), width * height * planes.len());
    for (at, pixel) in pixels.chunks(planes.len()).enumerate() {
        let (x, y) = (at % width, at / width);
        for ((plane, (h, v)), theirs) in planes.iter().zip(factors).zip(pixel) {
            let ours = plane.samples[y / v * plane.width + x / h];
            assert_eq!(ours, *theirs, "({x}, {y})");
        }
    }
}

#[test]
fn djpeg_shows_the_same_samples() {
    let Some(djpeg) = program("DJPEG") else {
        return;
    };
    let mut files = 0;
    for (seed, samplings) in (80..).zip(SAMPLINGS) {
        for &(width, height) in SIZES {
            let frame = picture(width, height, samplings, seed);
            let (h_max, v_max) = frame.max_sampling();
            let factors: Vec<(usize, usize)> = samplings
                .iter()
                .map(|&(h, v)| (h_max / usize::from(h), v_max / usize::from(v)))
                .collect();
            let divides = samplings
                .iter()
                .zip(&factors)
                .all(|(&(h, v), f)| (f.0 * usize::from(h), f.1 * usize::from(v)) == (h_max, v_max));
            if !divides || samplings.len() == 4 {
                continue;
            }
            for mut layout in layouts(&frame) {
                if layout.dnl {
                    continue;
                }
                layout.segments = vec![adobe(0)];
                let file = write(&frame, &layout);
                let planes = read(&file, ALL, Effort::Default).unwrap();
                compare_pixels(&djpeg, &file, &planes.planes, &factors);
                files += 1;
            }
        }
    }
    for number in 0..8 {
        let coding = if number < 6 {
            dataset::Coding::Progressive
        } else {
            dataset::Coding::Baseline
        };
        let file = dataset::picture(number, 1201, 803, coding);
        let planes = read(&file, ALL, Effort::Default).unwrap();
        let map = run(&djpeg, &["-dct", "int", "-grayscale"], &file);
        assert!(planes.planes[0].samples == portable_map(&map).2, "{number}");
        files += 1;
    }
    println!("djpeg: {files} files compared");
}

/// The same picture progressive and sequential: the same at full size, and smaller as far as bits
/// may be left out.
#[test]
fn the_twins_of_jpegtran_are_the_same_picture() {
    let Some(jpegtran) = program("JPEGTRAN") else {
        return;
    };
    // Its scripts for other numbers of components leave no more bits for later than this.
    let script = |count: usize| {
        let all: Vec<usize> = (0..count).collect();
        let ac = (0..count).map(|i| Scan::ac(i, 1..=63, 0, 2));
        progressive([Scan::dc(&all, 0, 1)].into_iter().chain(ac).collect())
    };
    let mut files = 0;
    let usual = SAMPLINGS.iter().filter(|samplings| {
        let divides = |of: fn(&(u8, u8)) -> u8| {
            let most = samplings.iter().map(of).max().unwrap();
            samplings.iter().all(|s| most.is_multiple_of(of(s)))
        };
        divides(|s| s.0) && divides(|s| s.1) && samplings.len() < 4
    });
    for (seed, samplings) in (90..).zip(usual) {
        let frame = picture(149, 110, samplings, seed);
        for layout in two_layouts(&frame) {
            let file = write(&frame, &layout);
            for (arguments, layout) in [
                (
                    &["-copy", "all", "-progressive"][..],
                    script(samplings.len()),
                ),
                (&["-copy", "all"], sequential(vec![])),
                (&["-copy", "all", "-restart", "1"], sequential(vec![])),
            ] {
                let twin = run(&jpegtran, arguments, &file);
                for largest in boxes(&frame) {
                    let planes = read(&twin, largest, Effort::Default).unwrap();
                    compare(&frame, &layout, &planes);
                    if largest == ALL {
                        assert!(planes == read(&file, ALL, Effort::Default).unwrap());
                    }
                }
                files += 1;
            }
        }
    }
    println!("jpegtran: {files} files compared");
}
