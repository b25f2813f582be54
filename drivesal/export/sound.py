"""Transfer of a recording's audio to an output video."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import suppress
from fractions import Fraction
from typing import TYPE_CHECKING, Protocol, Self

import av
import numpy as np
from av.audio.resampler import AudioResampler
from av.stream import Discard

from drivesal.io.media import open_media

if TYPE_CHECKING:
    from av.audio.frame import AudioFrame
    from av.audio.stream import AudioStream
    from av.container import InputContainer, OutputContainer
    from av.packet import Packet
    from numpy.typing import NDArray

    from drivesal.types import AudioSource

_AAC_RATES = {8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000, 64000, 88200, 96000}
_JITTER_S = 0.05
"""A shorter gap or overlap is due to rounded timestamps, not missing audio."""
_SILENCE = 1024
"""Samples of silence written at a time."""
_PATIENCE = 20
"""Consecutive packets that may fail to decode before the audio is abandoned."""


class _Feed(Protocol):
    """Converts packets of the source to packets of the output, a few per step."""

    def steps(self) -> Iterator[tuple[float, list[Packet[AudioStream]]]]:
        """Yield (time in the output up to which audio is written [s], packets)."""
        ...

    def rest(self) -> list[Packet[AudioStream]]:
        """Packets still buffered after the last step."""
        ...


class SoundTrack:
    """One audio stream of an output video, interleaved with the frames so that little is held in memory.

    A problem with the source ends the audio and adds a note; only writing raises.
    """

    def __init__(self, source: InputContainer, output: OutputContainer, feed: _Feed, notes: list[str]) -> None:
        self._source, self._output, self._notes = source, output, notes
        self._feed, self._steps = feed, feed.steps()
        self._reached_s = 0.0
        self._ended = False

    @classmethod
    def open(cls, audio: AudioSource, output: OutputContainer, notes: list[str]) -> Self | None:
        """Add the stream to an output that is not started yet. None, with a note, if no stream is usable."""
        try:
            source = open_media(audio.path)
        except (av.FFmpegError, OSError) as error:
            notes.append(f"no sound: {audio.path.name} cannot be opened ({error})")
            return None
        try:
            feed = _choose(source, audio, output, notes)
        except (av.FFmpegError, OSError, ValueError, LookupError) as error:
            notes.append(f"no sound: the audio of {audio.path.name} cannot be used ({error})")
            feed = None
        if feed is None:
            source.close()
            return None
        return cls(source, output, feed, notes)

    def advance(self, until_s: float) -> None:
        """Write the audio up to a time in the output."""
        while not self._ended and self._reached_s <= until_s:
            try:
                step = next(self._steps, None)
            except (av.FFmpegError, OSError, ValueError) as error:
                self._give_up(error)
                return
            if step is None:
                self._ended = True
                return
            self._reached_s, packets = step
            self._mux(packets)

    def finish(self, end_s: float) -> None:
        """Write the remaining audio, but not beyond the end of the video."""
        self.advance(end_s - 1e-6)
        try:
            rest = self._feed.rest()
        except (av.FFmpegError, ValueError):  # an encoder that received no sample
            rest = []
        self._mux(rest)
        self.close()

    def _mux(self, packets: list[Packet[AudioStream]]) -> None:
        try:
            self._output.mux(packets)
        except av.FFmpegError as error:
            if isinstance(error, OSError):  # a disk error, not an audio error
                raise
            self._give_up(error)

    def _give_up(self, error: Exception) -> None:
        self._notes.append(f"the sound ends at {self._reached_s:.2f} s: the rest is damaged ({error})")
        self._ended = True

    def drop(self, why: str) -> None:
        """Abandon the audio, with a note."""
        self._notes.append(f"no sound: {why}")
        self.close()

    def close(self) -> None:
        """Close the source. Safe to call twice."""
        self._ended = True
        with suppress(av.FFmpegError, ValueError):
            self._source.close()


def _choose(
    source: InputContainer, audio: AudioSource, output: OutputContainer, notes: list[str]
) -> _Feed | None:
    if not source.streams.audio:
        return None
    stream = source.streams.audio[0]
    if getattr(stream, "codec_context", None) is None:  # PyAV has none for an unknown codec
        notes.append("no sound: its codec is unknown")
        return None
    for other in source.streams:
        if other is not stream:
            other.discard = Discard.all
    # Decoders of some codecs need the previous packet; the seek lands at or before the target anyway.
    if audio.start_s > 1 and stream.time_base is not None:
        with suppress(av.FFmpegError):
            source.seek(int((audio.start_s - 0.5) / stream.time_base), stream=stream)
    if stream.codec_context.name in ("aac", "aac_fixed") and stream.codec_context.extradata:
        return _Copy(source, stream, audio, output)
    return _Encode(source, stream, audio, output, notes)


class _Copy:
    """Copy AAC packets unchanged except for their timestamps."""

    def __init__(
        self, source: InputContainer, stream: AudioStream, audio: AudioSource, output: OutputContainer
    ) -> None:
        assert stream.time_base is not None
        self._source, self._stream = source, stream
        self._start = round(audio.start_s / stream.time_base)
        self._end = None if audio.end_s is None else round(audio.end_s / stream.time_base)
        self._target = output.add_stream_from_template(stream)

    def steps(self) -> Iterator[tuple[float, list[Packet[AudioStream]]]]:
        last: int | None = None
        for packet in self._source.demux(self._stream):
            if packet.pts is None or not packet.size:
                continue
            duration = packet.duration or 0
            # An AAC decoder needs the packet before the first audible one; the container hides it.
            if packet.pts + 2 * duration <= self._start:
                continue
            if self._end is not None and packet.pts >= self._end:
                return
            if last is not None and packet.pts <= last:
                continue
            last = packet.pts
            packet.pts -= self._start
            packet.dts = packet.pts
            ends_s = float((packet.pts + duration) * packet.time_base)
            packet.stream = self._target
            yield ends_s, [packet]

    def rest(self) -> list[Packet[AudioStream]]:
        return []


class _Encode:
    """Re-encode audio of any other codec; packets that do not decode become silence."""

    def __init__(
        self,
        source: InputContainer,
        stream: AudioStream,
        audio: AudioSource,
        output: OutputContainer,
        notes: list[str],
    ) -> None:
        self._source, self._stream, self._notes = source, stream, notes
        self._start_s, self._end_s = audio.start_s, audio.end_s
        rate = stream.codec_context.sample_rate
        self._rate = rate if rate in _AAC_RATES else 48000
        layout = "mono" if stream.codec_context.channels == 1 else "stereo"
        self._channels = 1 if layout == "mono" else 2
        self._layout = layout
        self._target = output.add_stream("aac", rate=self._rate, layout=layout)
        self._target.codec_context.time_base = Fraction(1, self._rate)
        self._written = self._silent = 0
        self._begun = False  # silence before the first sample is not missing audio

    def steps(self) -> Iterator[tuple[float, list[Packet[AudioStream]]]]:
        resampler = AudioResampler(format="fltp", layout=self._layout, rate=self._rate)
        for frame in itertools.chain(self._decoded(), (None,)):
            for part in resampler.resample(frame):
                yield from self._encode_at(part)
            if self._end_s is not None and self._start_s + self._written / self._rate >= self._end_s:
                return

    def rest(self) -> list[Packet[AudioStream]]:
        if self._silent:
            self._notes.append(f"{self._silent / self._rate:.2f} s of sound are missing, replaced by silence")
        return self._target.encode(None)

    def _decoded(self) -> Iterator[AudioFrame]:
        failed = 0
        for packet in self._source.demux(self._stream):
            try:
                frames = packet.decode()
            except av.FFmpegError as error:
                failed += 1
                if failed >= _PATIENCE:
                    raise ValueError(f"{failed} packets in a row do not decode") from error
                continue
            failed = 0 if frames else failed
            yield from frames

    def _encode_at(self, part: AudioFrame) -> Iterator[tuple[float, list[Packet[AudioStream]]]]:
        """Encode samples at their time: cut before the start and after the end, with gaps filled by silence."""
        samples = np.asarray(part.to_ndarray(), dtype=np.float32)  # (channels, n)
        at = self._written if part.time is None else round((part.time - self._start_s) * self._rate)
        if self._written and abs(at - self._written) <= _JITTER_S * self._rate:
            at = self._written
        samples, at = samples[:, max(0, self._written - at) :], max(at, self._written)
        if self._end_s is not None:
            end = round((self._end_s - self._start_s) * self._rate)
            samples, at = samples[:, : max(0, end - at)], min(at, end)
        while samples.shape[1] and self._written < at:
            count = min(_SILENCE, at - self._written)
            self._silent += count if self._begun else 0
            yield self._encode(np.zeros((self._channels, count), dtype=np.float32))
        if samples.shape[1]:
            self._begun = True
            yield self._encode(samples)

    def _encode(self, samples: NDArray[np.float32]) -> tuple[float, list[Packet[AudioStream]]]:
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples), format="fltp", layout=self._layout)
        frame.sample_rate, frame.time_base, frame.pts = self._rate, Fraction(1, self._rate), self._written
        self._written += samples.shape[1]
        return self._written / self._rate, self._target.encode(frame)
