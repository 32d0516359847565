//! Resizing with premultiplied alpha.

use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{FilterType, MulDiv, PixelType, ResizeAlg, ResizeOptions};

use super::Error;
use super::geometry::WHOLE;
use super::kernels;
use super::raster::{Channels, Raster};

fn pixel_type(channels: Channels) -> PixelType {
    match channels {
        Channels::Grey => PixelType::U8,
        Channels::GreyAlpha => PixelType::U8x2,
        Channels::Rgb => PixelType::U8x3,
        Channels::Rgba => PixelType::U8x4,
    }
}

/// Resizes with Lanczos (a = 3), the sharpest of the usual filters. Alpha must be premultiplied:
/// otherwise the colours of invisible pixels would bleed into the visible ones beside them.
///
/// Of the source's width and height the shares `shown` are used, around the middle.
pub(super) fn resize(
    source: &Raster<impl AsRef<[u8]>>,
    (width, height): (u32, u32),
    shown: (f64, f64),
) -> Result<Raster, Error> {
    let view = ImageRef::new(
        source.width,
        source.height,
        source.samples.as_ref(),
        pixel_type(source.channels),
    )
    .map_err(|e| Error::failed("resize", e))?;
    let mut target = Image::new(width, height, pixel_type(source.channels));
    let options = ResizeOptions::new()
        .resize_alg(ResizeAlg::Convolution(FilterType::Lanczos3))
        .use_alpha(false);
    let options = if shown == WHOLE {
        options
    } else {
        // In steps of which all sums are exact, so that none reaches past an edge.
        let in_steps = |length: f64| (length * 256.0).floor() / 256.0;
        let (wide, high) = (f64::from(source.width), f64::from(source.height));
        let (across, down) = (in_steps(wide * shown.0), in_steps(high * shown.1));
        options.crop((wide - across) / 2.0, (high - down) / 2.0, across, down)
    };
    kernels::resizer()
        .resize(&view, &mut target, &options)
        .map_err(|e| Error::failed("resize", e))?;
    Ok(Raster {
        width,
        height,
        channels: source.channels,
        samples: target.into_vec(),
    })
}

/// Multiplies the colours by alpha, in place. Nothing happens without alpha.
pub(super) fn premultiply(raster: &mut Raster) -> Result<(), Error> {
    in_place(raster, |mul_div, image| {
        mul_div.multiply_alpha_inplace(image)
    })
}

/// Divides the colours by alpha, in place. Nothing happens without alpha.
pub(super) fn divide(raster: &mut Raster) -> Result<(), Error> {
    in_place(raster, |mul_div, image| mul_div.divide_alpha_inplace(image))
}

fn in_place<E: std::error::Error + Send + Sync + 'static>(
    raster: &mut Raster,
    operation: impl FnOnce(&MulDiv, &mut Image<'_>) -> Result<(), E>,
) -> Result<(), Error> {
    if !raster.channels.have_alpha() {
        return Ok(());
    }
    let mut image = Image::from_slice_u8(
        raster.width,
        raster.height,
        &mut raster.samples,
        pixel_type(raster.channels),
    )
    .map_err(|e| Error::failed("resize", e))?;
    operation(&kernels::mul_div(), &mut image).map_err(|e| Error::failed("resize", e))
}
