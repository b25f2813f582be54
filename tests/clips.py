"""Makes small clips whose frames carry their number in the picture, as bright and dark blocks."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

BITS = 12
SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"
"""Real drives beside the checkout; tests that use them skip where they are missing."""


def picture(index: int, size: tuple[int, int] = (96, 64)) -> NDArray[np.uint8]:
    """(H, W, 3) uint8: the number in 12 blocks across the upper half, most significant first."""
    width, height = size
    image = np.full((height, width, 3), 90, dtype=np.uint8)
    image[height // 2 :, :, 2] = np.linspace(20, 200, width).astype(np.uint8)
    for bit in range(BITS):
        left, right = bit * width // BITS, (bit + 1) * width // BITS
        image[: height // 2, left:right] = 235 if index >> (BITS - 1 - bit) & 1 else 20
    return image


def number(image: NDArray[np.uint8]) -> int:
    """The number that stands in a picture made by `picture`."""
    height, width = image.shape[:2]
    value = 0
    for bit in range(BITS):
        center = (2 * bit + 1) * width // (2 * BITS)
        value = value << 1 | int(image[height // 8 : height * 3 // 8, center - 1 : center + 2].mean() > 128)
    return value


def make_clip(
    path: Path,
    count: int = 40,
    *,
    rate: Fraction | int = 20,
    time_base: Fraction | None = None,
    pts: Sequence[int] | None = None,
    codec: str = "libx264",
    pix_fmt: str = "yuv420p",
    size: tuple[int, int] = (96, 64),
    gop: int = 12,
    bframes: int = 2,
    open_gop: bool = False,
    rotation: int = 0,
    audio: str | None = None,
    audio_rate: int = 48000,
    first: int = 0,
    options: dict[str, str] | None = None,
) -> Path:
    """Writes `count` frames numbered from `first`; `pts` in units of `time_base` (1 / rate without)."""
    rate = Fraction(rate)
    time_base = time_base or 1 / rate
    container = av.open(str(path), "w", options={"movflags": "faststart"} if path.suffix == ".mp4" else {})
    stream = container.add_stream(
        codec, rate=rate, options={**_encoder_options(codec, open_gop), **(options or {})}
    )
    stream.width, stream.height = size
    stream.pix_fmt = pix_fmt
    context = stream.codec_context
    context.time_base, context.gop_size = time_base, gop
    if codec in ("libx264", "libx265", "mpeg2video", "mpeg4"):
        context.max_b_frames = bframes
    if rotation:
        stream.set_display_rotation(rotation)
    sound = container.add_stream(audio, rate=audio_rate, layout="stereo") if audio else None
    for place in range(count):
        frame = av.VideoFrame.from_ndarray(picture(first + place, size), format="rgb24")
        frame.pts = place if pts is None else pts[place]
        frame.time_base = time_base
        frame.duration = max(1, round(1 / rate / time_base))
        container.mux(stream.encode(frame))
    container.mux(stream.encode(None))
    if sound is not None:
        _beep(container, sound, audio_rate, float(count / rate))
    container.close()
    return path


def _encoder_options(codec: str, open_gop: bool) -> dict[str, str]:
    gop = "1" if open_gop else "0"
    if codec == "libx264":
        return {"crf": "12", "preset": "ultrafast", "x264-params": f"b-adapt=0:scenecut=0:open-gop={gop}"}
    if codec == "libx265":
        return {"preset": "ultrafast", "x265-params": f"log-level=none:scenecut=0:b-adapt=0:open-gop={gop}"}
    return {}


def _beep(container: av.container.OutputContainer, sound: av.AudioStream, rate: int, seconds: float) -> None:
    """A tone of 1 kHz in the first tenth of every second."""
    times = np.arange(int(seconds * rate)) / rate
    tone = np.where(times % 1 < 0.1, np.sin(2 * np.pi * 1000 * times), 0).astype(np.float32)
    frame = av.AudioFrame.from_ndarray(np.stack([tone, tone]), format="fltp", layout="stereo")
    frame.sample_rate, frame.time_base, frame.pts = rate, Fraction(1, rate), 0
    context = sound.codec_context
    resampler = av.AudioResampler(
        format=context.format, layout="stereo", rate=rate, frame_size=context.frame_size or 1024
    )
    for part in resampler.resample(frame) + resampler.resample(None):
        container.mux(sound.encode(part))
    container.mux(sound.encode(None))


def overwrite_packets(path: Path, numbers: Sequence[int], filler: bytes = b"\0", kind: str = "video") -> None:
    """Replaces the data of these packets (in the file's order) of the video or audio stream."""
    with av.open(str(path)) as container:
        places = [(packet.pos, packet.size) for packet in container.demux(**{kind: 0}) if packet.size]
    data = bytearray(path.read_bytes())
    for place, size in (places[one] for one in numbers):
        data[place : place + size] = filler * size
    path.write_bytes(data)


def cut(path: Path, share: float) -> Path:
    """Keeps the first `share` of the file."""
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    return path


def times(path: Path) -> list[Fraction]:
    """The exact timestamps of all frames, by a straight decode."""
    with av.open(str(path)) as container:
        return [frame.pts * frame.time_base for frame in container.decode(video=0)]
