//! What the paper measured: read off its charts and the names of its result files, in seconds of its own
//! clock. Luca Mueller, 2021: a virtual machine of 2 vCPU in eu-de, and Code Engine with an instance of
//! 0.125 vCPU per picture.

use crate::record::Mode;

/// Where the series come from, for a legend.
pub(super) const NAME: &str = "the paper, in the cloud, 2021";

/// What is to be said beside them.
pub(super) const NOTE: &str = "The paper's series (dashed in charts) were read off its charts. They were measured in the cloud \
     in 2021: sequential and parallel on a virtual machine of 2 vCPU (bx2-2x8, eu-de), fan-out on Code Engine, \
     one instance of 0.125 vCPU per picture, with Pillow. Beside figures from another machine or another store \
     they say what was published, not who is faster.";

/// Seconds by number of pictures.
pub(super) fn series(mode: Mode) -> [(u64, f64); 5] {
    let seconds = match mode {
        Mode::Sequential => [63.0, 122.0, 179.0, 247.0, 299.0],
        Mode::Parallel => [44.0, 82.0, 132.0, 171.0, 205.0],
        Mode::FanOut => [37.0, 54.0, 60.0, 62.0, 62.0],
    };
    let mut pictures = 0;
    seconds.map(|seconds| {
        pictures += 50;
        (pictures, seconds)
    })
}

/// Seconds with so many pictures.
pub(super) fn seconds(mode: Mode, pictures: u64) -> Option<f64> {
    let found = series(mode).into_iter().find(|(of, _)| *of == pictures);
    found.map(|(_, seconds)| seconds)
}
