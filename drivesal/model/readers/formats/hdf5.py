"""An HDF5 file of Keras: its configuration as JSON, and its weights set by name and by order."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from drivesal.errors import DrivesalError, ModelError
from drivesal.model.readers.allowed import WRAPPERS
from drivesal.model.readers.building import build
from drivesal.model.readers.contained import attribute, check_contained
from drivesal.model.readers.legacy.recurrent import joined
from drivesal.model.readers.legacy.renaming import written_by_keras_1
from drivesal.model.readers.parts import Rebuilt
from drivesal.model.readers.registry import ModelContents, register

_LONGEST = 16 * 2**20
AGAIN = "save it again in the Keras that wrote it, with model.save('name.h5')"


def _recognises(path: Path) -> bool:
    import h5py

    return bool(h5py.is_hdf5(path))


@register("HDF5 (.h5)", _recognises, suffixes=(".h5", ".hdf5"))
def read(path: Path, lambdas: Mapping[str, str], *, unsafe: bool = False) -> ModelContents:
    """The network of an HDF5 file, and which of `lambdas` were used.

    Where the file holds weights alone, the architecture is the `.json` beside it. No code of the file runs,
    `unsafe` or not. Raises ModelError.
    """
    import h5py

    try:
        with h5py.File(path, "r") as file:
            check_contained(file, path)
            written = attribute(file, "model_config")
            if written is None and "layers" in file and "layer_names" not in file.attrs:
                raise ModelError(
                    "a Keras model, or weights of Keras 1 or 2",
                    f"{path} is a weights file of Keras 3 (.weights.h5), which is not read",
                    "load the weights where they were written, and save the model as name.keras",
                )
            source = path if written is not None else beside(path)
            architecture = decoded(written if written is not None else _text(source), source)
            group = file.get("model_weights", file)
            version = _said("keras_version", file, group, architecture)
            theano = _theano(architecture, file, group)
            made = build(architecture, lambdas, version=version, theano=theano)
            if "layer_names" not in group.attrs and "layer_names0" not in group.attrs:
                raise ModelError("a Keras model in HDF5", f"{path} holds no layers' weights", AGAIN)
            _set_all(made, group)
            return ModelContents(made.network, made.used)
    except DrivesalError:
        raise
    except Exception as error:  # whatever h5py raises of a file that is damaged or made up
        reason = str(error)[:200]
        raise ModelError("a Keras model in HDF5", f"{path} cannot be read ({reason})", AGAIN) from error


def decoded(text: Any, source: Path) -> Any:
    """JSON, also where it is a JSON string that holds JSON."""
    try:
        for _ in range(3):
            text = json.loads(text)
            if not isinstance(text, str):
                break
    except (ValueError, TypeError, RecursionError) as error:
        raise ModelError(
            "the configuration of a model as JSON", f"that in {source} is damaged", AGAIN
        ) from error
    return text


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(_LONGEST + 1)
        if len(data) > _LONGEST:
            raise ValueError(f"it is longer than {_LONGEST / 2**20:.0f} MiB")
        return data.decode("utf-8")
    except (OSError, ValueError) as error:
        raise ModelError(
            "the architecture as JSON",
            f"{path} cannot be read ({error})",
            "write it again with model.to_json()",
        ) from error


def beside(weights: Path) -> Path:
    """The architecture of a weights file: the `.json` of its name, or the only one in its folder."""
    for name in (weights.with_suffix(".json"), weights.with_name(weights.name + ".json")):
        if name.is_file() and name != weights:
            return name
    found = [one for one in sorted(weights.parent.glob("*.json")) if _is_architecture(one)]
    if len(found) == 1:
        return found[0]
    came = f"{len(found)} .json files beside it" if found else "no architecture .json beside it"
    raise ModelError(
        "a model, or weights with their architecture",
        f"{weights} holds no configuration, and there is {came}"
        if not found
        else f"{weights} holds weights alone, and there are {came}",
        f"write the architecture beside it as {weights.with_suffix('.json').name}, with model.to_json()",
    )


def _is_architecture(path: Path) -> bool:
    if path.name.endswith(".card.json") or not path.is_file() or path.stat().st_size > _LONGEST:
        return False
    try:
        found = decoded(_text(path), path)
    except ModelError:
        return False
    return isinstance(found, dict) and "class_name" in found and "config" in found


def _strings(holder: Any, name: str) -> list[str]:
    """A list of names among the attributes; a long one is kept in pieces, name0, name1 and so on."""
    found = attribute(holder, name)
    values = [] if found is None else list(found)
    piece = 0
    while not values or piece:
        found = attribute(holder, f"{name}{piece}")
        if found is None:
            break
        values += list(found)
        piece += 1
    return [one.decode("utf-8") if isinstance(one, bytes) else str(one) for one in values]


def _said(name: str, *holders: Any) -> str:
    """What the first of the holders that has it says, "" where none does."""
    for holder in holders:
        if hasattr(holder, "attrs"):
            value = attribute(holder, name)
        else:
            value = holder.get(name) if isinstance(holder, dict) else None
        if value is not None:
            return value.decode() if isinstance(value, bytes) else str(value)
    return ""


def _theano(architecture: Any, file: Any, group: Any) -> bool:
    """Whether Theano computed the network: it turns kernels round before it slides them.

    Keras 2 says so in the file; of Keras 1, variables of TensorFlow have names that end in :0.
    """
    backend = _said("backend", file, group, architecture)
    if backend or not written_by_keras_1(architecture):
        return backend == "theano"
    names = [one for layer in _strings(group, "layer_names") for one in _weight_names(group, layer)]
    return bool(names) and not any(":" in one for one in names)


def _weight_names(group: Any, layer: str) -> list[str]:
    return _strings(group[layer], "weight_names") if layer in group else []


Stored = list[tuple[str, Any]]
"""A layer's weights in the file: names and datasets, in order."""


def _stored(group: Any, layer: str) -> Stored:
    import h5py

    found = []
    for name in _weight_names(group, layer):
        link = group[layer].get(name, getlink=True)
        value = group[layer].get(name)
        if not isinstance(value, h5py.Dataset) or not isinstance(link, h5py.HardLink):
            raise ModelError(f"weights {name} of layer {layer}", "the file does not hold them", AGAIN)
        if value.external or value.is_virtual:
            raise ModelError(f"weights {name} of layer {layer} in the file", "they lie in another one", AGAIN)
        found.append((name, value))
    return found


def _set_all(made: Rebuilt, group: Any) -> None:
    """By the layers' names where the file has them all, else by their order."""
    names = [name for name in _strings(group, "layer_names") if _weight_names(group, name)]
    wanted = {name: layer for name, layer in made.layers.items() if _weights(layer)}
    if set(wanted) <= set(names):
        pairs = [(name, name) for name in wanted]
    elif len(wanted) == len(names):
        pairs = list(zip(wanted, names, strict=True))
    else:
        missing = ", ".join(sorted(set(wanted) - set(names)))
        raise ModelError(f"weights for layer {missing}", "the file holds none", AGAIN)
    for name, source in pairs:
        stored = _stored(group, source)
        part = made.inner.get(name)
        if part is None:
            _set(made, name, wanted[name], stored)
        else:
            _set_inner(part, name, stored)


def _weights(layer: Any) -> list[Any]:
    """A layer's weights in the order of the files: first what is trained."""
    return [*layer.trainable_weights, *layer.non_trainable_weights]


def _leaves(part: Rebuilt) -> list[tuple[Rebuilt, str, Any]]:
    found = []
    for name, layer in part.layers.items():
        inner = part.inner.get(name)
        found += _leaves(inner) if inner else [(part, name, layer)]
    return [one for one in found if _weights(one[2])]


def _set_inner(part: Rebuilt, name: str, stored: Stored) -> None:
    """A model's weights lie in one list: told apart by the layer in their names, else by order."""
    leaves = _leaves(part)
    named: dict[str, Stored] = {}
    for weight, value in stored:
        named.setdefault(_owner(weight, [leaf for _, leaf, _ in leaves]), []).append((weight, value))
    if all(len(named.get(leaf, [])) == len(_weights(layer)) for _, leaf, layer in leaves):
        for owner, leaf, layer in leaves:
            _set(owner, leaf, layer, named[leaf])
        return
    ordered = [(one, *of) for of in leaves for one in of[2].trainable_weights]
    ordered += [(one, *of) for of in leaves for one in of[2].non_trainable_weights]
    if len(ordered) != len(stored):
        raise ModelError(
            f"{len(ordered)} weights for the model {name} inside", f"the file holds {len(stored)}", AGAIN
        )
    places = {id(weight): value for (weight, *_), value in zip(ordered, stored, strict=True)}
    for owner, leaf, layer in leaves:
        _set(owner, leaf, layer, [places[id(one)] for one in _weights(layer)])


def _owner(weight: str, leaves: Sequence[str]) -> str:
    """Which layer a weight's name speaks of: "conv1/kernel:0", "convolution2d_1_W"; "" for none."""
    parts = weight.split("/")
    for part in reversed(parts[:-1]):
        if part in leaves:
            return part
    near = [leaf for leaf in leaves if parts[-1].startswith(f"{leaf}_")]
    return max(near, key=len, default="")


def _set(made: Rebuilt, name: str, layer: Any, stored: Stored) -> None:
    import numpy as np

    weights = _weights(layer)
    if made.old:
        titles, values = [title for title, _ in stored], joined(_recurrent(layer), [one for _, one in stored])
        stored = list(zip(titles, values, strict=False))
    if len(weights) != len(stored):
        raise ModelError(f"{len(weights)} weights for layer {name}", f"the file holds {len(stored)}", AGAIN)
    for weight, (title, value) in zip(weights, stored, strict=True):
        shape = tuple(weight.shape)
        # Keras 1 kept a kernel as (out, in, rows, columns) where channels came first
        turned = made.first and made.old and len(shape) == 4
        turned = turned and len(value.shape) == 4
        there = tuple(value.shape[axis] for axis in (2, 3, 1, 0)) if turned else tuple(value.shape)
        if there != shape:
            raise ModelError(
                f"weights of shape {shape} for layer {name}", f"{title} has {tuple(value.shape)}", AGAIN
            )
        array = np.asarray(value, np.float32)
        array = array.transpose(2, 3, 1, 0) if turned else array
        if made.theano and type(layer).__name__.startswith("Conv") and len(shape) > 2:
            array = np.flip(array, tuple(range(len(shape) - 2)))
        weight.assign(array)
    if hasattr(layer, "finalize_state"):
        layer.finalize_state()  # what it computes with is made of its weights


def _recurrent(layer: Any) -> str:
    """The kind of a layer, or of the one that it wraps."""
    kind = type(layer).__name__
    return _recurrent(getattr(layer, "forward_layer", None) or layer.layer) if kind in WRAPPERS else kind
