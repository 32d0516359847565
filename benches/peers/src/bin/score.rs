//! SSIMULACRA2 of pairs of pictures.
//!
//! Standard input holds pairs: width and height as little-endian `u32`, then the reference and then
//! the picture to judge, both as sRGB in little-endian `f32`, 0 to 1, three per pixel. The answer
//! to each is its score as `f64`.

use std::error::Error;
use std::io::{self, Read, Write};

use ssimulacra2::{ColorPrimaries, Rgb, TransferCharacteristic, compute_frame_ssimulacra2};

fn main() -> Result<(), Box<dyn Error>> {
    let (mut input, mut output) = (io::stdin().lock(), io::stdout().lock());
    let mut size = [0; 8];
    while input.read_exact(&mut size).is_ok() {
        let [width, height] = [0, 4].map(|at| {
            u32::from_le_bytes([size[at], size[at + 1], size[at + 2], size[at + 3]]) as usize
        });
        let reference = picture(&mut input, width, height)?;
        let judged = picture(&mut input, width, height)?;
        let score = compute_frame_ssimulacra2(reference, judged)?;
        output.write_all(&score.to_le_bytes())?;
        output.flush()?;
    }
    Ok(())
}

fn picture(input: &mut impl Read, width: usize, height: usize) -> Result<Rgb, Box<dyn Error>> {
    let mut bytes = vec![0; width * height * 12];
    input.read_exact(&mut bytes)?;
    let (samples, _) = bytes.as_chunks::<4>();
    let pixels = samples
        .chunks_exact(3)
        .map(|pixel| [0, 1, 2].map(|channel| f32::from_le_bytes(pixel[channel])))
        .collect();
    Ok(Rgb::new(
        pixels,
        width,
        height,
        TransferCharacteristic::SRGB,
        ColorPrimaries::BT709,
    )?)
}
