//! Resizing with premultiplied alpha.

use fast_image_resize::images::{TypedImage, TypedImageRef};
use fast_image_resize::pixels::{U8, U8x2, U8x3, U8x4};
use fast_image_resize::{FilterType, PixelTrait, ResizeAlg, ResizeOptions};

use super::Error;
use super::geometry::WHOLE;
use super::kernels;
use super::raster::{Channels, Raster};

/// Resizes with Lanczos (a = 3), the sharpest of the usual filters. Alpha must be premultiplied:
/// otherwise the colours of invisible pixels would bleed into the visible ones beside them.
///
/// Of the source's width and height the shares `shown` are used, around the middle.
pub(super) fn resize(
    source: &Raster<impl AsRef<[u8]>>,
    (width, height): (u32, u32),
    shown: (f64, f64),
) -> Result<Raster, Error> {
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
    let channels = source.channels;
    let mut target = Raster {
        width,
        height,
        channels,
        samples: vec![0; width as usize * height as usize * channels.count()],
    };
    // By the kind of pixel, known to the compiler: what the resizer has for others is not in the programs.
    match channels {
        Channels::Grey => resize_as::<U8>(source, &mut target, &options),
        Channels::GreyAlpha => resize_as::<U8x2>(source, &mut target, &options),
        Channels::Rgb => resize_as::<U8x3>(source, &mut target, &options),
        Channels::Rgba => resize_as::<U8x4>(source, &mut target, &options),
    }?;
    Ok(target)
}

fn resize_as<P: PixelTrait>(
    source: &Raster<impl AsRef<[u8]>>,
    target: &mut Raster,
    options: &ResizeOptions,
) -> Result<(), Error> {
    let samples = source.samples.as_ref();
    let view = TypedImageRef::<P>::from_buffer(source.width, source.height, samples)
        .map_err(|e| Error::failed("resize", e))?;
    kernels::resizer()
        .resize_typed(&view, &mut view_mut::<P>(target)?, options)
        .map_err(|e| Error::failed("resize", e))
}

/// Multiplies the colours by alpha, in place. Nothing happens without alpha.
pub(super) fn premultiply(raster: &mut Raster) -> Result<(), Error> {
    let by_alpha = kernels::mul_div();
    match raster.channels {
        Channels::GreyAlpha => {
            by_alpha.multiply_alpha_inplace_typed(&mut view_mut::<U8x2>(raster)?)
        }
        Channels::Rgba => by_alpha.multiply_alpha_inplace_typed(&mut view_mut::<U8x4>(raster)?),
        Channels::Grey | Channels::Rgb => Ok(()),
    }
    .map_err(|e| Error::failed("resize", e))
}

/// Divides the colours by alpha, in place. Nothing happens without alpha.
pub(super) fn divide(raster: &mut Raster) -> Result<(), Error> {
    let by_alpha = kernels::mul_div();
    match raster.channels {
        Channels::GreyAlpha => by_alpha.divide_alpha_inplace_typed(&mut view_mut::<U8x2>(raster)?),
        Channels::Rgba => by_alpha.divide_alpha_inplace_typed(&mut view_mut::<U8x4>(raster)?),
        Channels::Grey | Channels::Rgb => Ok(()),
    }
    .map_err(|e| Error::failed("resize", e))
}

fn view_mut<P: PixelTrait>(raster: &mut Raster) -> Result<TypedImage<'_, P>, Error> {
    TypedImage::from_buffer(raster.width, raster.height, &mut raster.samples)
        .map_err(|e| Error::failed("resize", e))
}
