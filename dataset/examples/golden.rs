//! Writes the golden pictures into a folder, to look at, or to give to another reader.

use std::path::PathBuf;
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let folder = PathBuf::from(env::args_os().nth(1).ok_or(io::ErrorKind::InvalidInput)?);
    fs::create_dir_all(&folder)?;
    for picture in dataset::golden::pictures() {
        fs::write(folder.join(picture.name), picture.bytes)?;
    }
    Ok(())
}
