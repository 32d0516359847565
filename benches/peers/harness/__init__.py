"""The comparison of our thumbnails with those of Pillow, libvips and sharp."""
