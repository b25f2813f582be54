"""Model files made to reach outside, each made from a good one; and what tells that a reader did."""

from __future__ import annotations

import contextlib
import ctypes
import io
import json
import os
import struct
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from drivesal.model.backend import keras
from drivesal.model.readers.registry import formats

Config = dict[str, Any]


def good(folder: Path) -> Config:
    """The members of a small `.keras` file: a functional network with operations, saved by Keras."""
    layers = keras().layers
    inputs = layers.Input((8, 12, 3), name="picture")
    x = layers.Conv2D(2, 3, activation="elu", name="conv")(inputs / 127.5 - 1)
    x = layers.Flatten(name="flat")(x)
    network = keras().Model(inputs, layers.Dense(1, name="steering")(x), name="pilot")
    return members(network, folder)


def members(network: Any, folder: Path) -> Config:
    """What is in the `.keras` file of a network, by name; config.json decoded."""
    target = folder / "good.keras"
    network.save(target)
    with zipfile.ZipFile(target) as file:
        found: Config = {name: file.read(name) for name in file.namelist()}
    found["config.json"] = json.loads(found["config.json"])
    return found


def written(path: Path, content: Config, how: int = zipfile.ZIP_STORED) -> Path:
    """A `.keras` file with these members."""
    with zipfile.ZipFile(path, "w", how) as file:
        for name, data in content.items():
            file.writestr(name, data if isinstance(data, bytes) else json.dumps(data))
    return path


def layer(config: Config, name: str) -> Config:
    """The entry of a layer."""
    return next(one for one in config["config"]["layers"] if one["name"] == name)


def entry(
    kind: str,
    module: str | None,
    config: Any,
    *,
    takes: str = "picture",
    registered: str | None = None,
    name: str = "evil",
    kwargs: Any = None,
) -> Config:
    """A layer of a functional network that takes the output of another one."""
    tensor = {"shape": [None, 8, 12, 3], "dtype": "float32", "keras_history": [takes, 0, 0]}
    inner = {"name": name, **config} if isinstance(config, dict) else config
    return {
        "module": module,
        "class_name": kind,
        "config": inner,
        "registered_name": registered,
        "name": name,
        "inbound_nodes": [
            {"args": [{"class_name": "__keras_tensor__", "config": tensor}], "kwargs": kwargs or {}}
        ],
    }


def function(module: str, name: str, registered: str | None = None) -> Config:
    """A function object as Keras saves it."""
    return {"module": module, "class_name": "function", "config": name, "registered_name": registered or name}


@contextlib.contextmanager
def watched(folder: Path, allowed: Callable[[str], bool]) -> Iterator[list[str]]:
    """Notes every file opened, process started and socket used by Python, and what anything opens in `folder`.

    Python tells of itself through an audit hook, which stays for good and is silent outside the block.
    The kernel tells (inotify) of opens in `folder`, those of HDF5's and TensorFlow's own code included.
    """
    seen: list[str] = []
    formats()  # drivesal's own readers are imported when a model is first read
    _install()
    libc = ctypes.CDLL(None, use_errno=True)
    descriptor = libc.inotify_init1(os.O_NONBLOCK)
    assert libc.inotify_add_watch(descriptor, str(folder).encode(), 0x20 | 0x1) > 0  # IN_OPEN | IN_ACCESS
    _hook["note"] = lambda event, what: None if allowed(f"{event} {what}") else seen.append(f"{event} {what}")
    try:
        yield seen
    finally:
        _hook["note"] = None
        with contextlib.suppress(BlockingIOError):
            events = os.read(descriptor, 2**16)
            while events:
                (length,) = struct.unpack_from("I", events, 12)
                seen.append(f"the kernel opened {events[16 : 16 + length].rstrip(bytes(1)).decode()!r}")
                events = events[16 + length :]
        os.close(descriptor)


_hook: dict[str, Any] = {"note": None, "there": False}
_WATCHED = (
    "open",
    "socket.",
    "subprocess.",
    "os.",
    "shutil.",
    "ctypes.dlopen",
    "urllib.",
    "webbrowser.",
    "pty.",
)


def _install() -> None:
    if _hook["there"]:
        return

    def audit(event: str, values: tuple[Any, ...]) -> None:
        note = _hook["note"]
        if note is None or not event.startswith(_WATCHED):
            return
        _hook["note"] = None  # what the note itself does is not noted
        try:
            note(event, str(values[0]) if values else "")
        finally:
            _hook["note"] = note

    sys.addaudithook(audit)
    _hook["there"] = True


def weights(change: Callable[[h5py.File], None], content: Config) -> bytes:
    """model.weights.h5 with something changed."""
    data = io.BytesIO(content["model.weights.h5"])
    with h5py.File(data, "r+") as file:
        change(file)
    return data.getvalue()


def replaced(name: str, make: Callable[[h5py.Group, str], None]) -> Callable[[h5py.File], None]:
    """A change that puts something else in the place of one object."""

    def change(file: h5py.File) -> None:
        parent, _, last = name.rpartition("/")
        group = file[parent or "/"]
        del group[last]
        make(group, last)

    return change


def reference_to(group: h5py.Group, last: str) -> None:
    """Object references in the place of numbers."""
    data = group.create_dataset(last, (1,), dtype=h5py.ref_dtype)
    data[0] = group.ref


def external_values(target: Path) -> Callable[[h5py.Group, str], None]:
    """A data set whose values lie in another file."""
    return lambda group, last: (
        group.create_dataset(last, (1,), "float32", external=[(str(target), 0, 4)]) and None
    )


def virtual(target: Path) -> Callable[[h5py.Group, str], None]:
    """A virtual data set over another file."""

    def make(group: h5py.Group, last: str) -> None:
        layout = h5py.VirtualLayout((1,), "float32")
        layout[:] = h5py.VirtualSource(str(target), "x", (1,))
        group.create_virtual_dataset(last, layout)

    return make


def blown(group: h5py.Group, last: str) -> None:
    """Terabytes that were never written."""
    group.create_dataset(last, (10**6, 10**6), "float32", chunks=(1000, 1000))


def packed(group: h5py.Group, last: str) -> None:
    """A gigabyte of zeros in a megabyte."""
    data = group.create_dataset(last, (2**28,), "float32", chunks=(2**22,), compression="gzip")
    data[: 2**22] = np.zeros(2**22, np.float32)
