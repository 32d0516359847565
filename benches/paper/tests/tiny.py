"""Small pictures."""

import io

from PIL import Image


def picture(width: int, height: int) -> bytes:
    out = io.BytesIO()
    Image.effect_noise((width, height), 60).convert("RGB").save(out, "JPEG", progressive=True)
    return out.getvalue()
