"""Drives in one NumPy file: `frames` (N, H, W, 3) uint8 RGB and `angles` (N,) degrees, left positive."""

import zipfile
from dataclasses import replace

import numpy as np

from drivesal.angle import AngleKind
from drivesal.recordings.in_memory import MemoryRecording
from drivesal.recordings.registry import register
from drivesal.types import Frame


def recognises(path):
    return path.is_file() and zipfile.is_zipfile(path) and "frames.npy" in zipfile.ZipFile(path).namelist()


@register("npz-drive", recognises, looks_for="an .npz with frames and angles", suffixes=(".npz",))
def open_npz(path, options):
    with np.load(path) as file:
        images, angles = file["frames"], file["angles"]
    rate = float(options.rate or 20)
    labels = angles.tolist() if options.labels else [None] * len(images)
    pairs = zip(images, labels, strict=True)
    drive = MemoryRecording([Frame(i, i / rate, image, label) for i, (image, label) in enumerate(pairs)])
    angle = AngleKind("deg", "steering-wheel") if options.labels else None
    drive.info = replace(drive.info, path=path, format="npz-drive", angle=angle, own_labels=options.labels)
    return drive
