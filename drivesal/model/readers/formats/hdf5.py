"""Reading a Keras HDF5 file: its JSON configuration, and its weights, assigned by name or by order."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from drivesal.errors import DrivesalError, ModelError
from drivesal.model.readers.allowlist import WRAPPERS
from drivesal.model.readers.building import build
from drivesal.model.readers.hdf5_checks import attribute, check_contained
from drivesal.model.readers.layer_factory import Rebuilt
from drivesal.model.readers.legacy.recurrent import joined
from drivesal.model.readers.legacy.renaming import written_by_keras_1
from drivesal.model.readers.registry import ModelContents, register

_MAX_JSON_BYTES = 16 * 2**20
_AGAIN = "save it again in the Keras that wrote it, with model.save('name.h5')"


def _recognises(path: Path) -> bool:
    import h5py

    return bool(h5py.is_hdf5(path))


@register("HDF5 (.h5)", _recognises, suffixes=(".h5", ".hdf5"))
def read(path: Path, lambdas: Mapping[str, str], *, unsafe: bool = False) -> ModelContents:
    """The network of an HDF5 file, and which of `lambdas` were used.

    If the file holds only weights, the architecture is read from a `.json` file next to it. Code from the file
    never runs, even with `unsafe`. Raises ModelError.
    """
    import h5py

    try:
        with h5py.File(path, "r") as file:
            check_contained(file, path)
            configuration = attribute(file, "model_config")
            if configuration is None and "layers" in file and "layer_names" not in file.attrs:
                raise ModelError(
                    "a Keras model, or weights of Keras 1 or 2",
                    f"{path} is a weights file of Keras 3 (.weights.h5), which is not read",
                    "load the weights where they were written, and save the model as name.keras",
                )
            source = path if configuration is not None else _architecture_file(path)
            architecture = _parsed(configuration if configuration is not None else _text(source), source)
            group = file.get("model_weights", file)
            version = _stated("keras_version", file, group, architecture)
            theano = _theano(architecture, file, group)
            rebuilt = build(architecture, lambdas, version=version, theano=theano)
            if "layer_names" not in group.attrs and "layer_names0" not in group.attrs:
                raise ModelError("a Keras model in HDF5", f"{path} holds no layers' weights", _AGAIN)
            _set_all(rebuilt, group)
            return ModelContents(rebuilt.network, rebuilt.used)
    except DrivesalError:
        raise
    except Exception as error:  # h5py raises many types for a damaged or forged file
        reason = str(error)[:200]
        raise ModelError("a Keras model in HDF5", f"{path} cannot be read ({reason})", _AGAIN) from error


def _parsed(text: Any, source: Path) -> Any:
    """Parse JSON, also JSON inside a JSON string."""
    try:
        for _ in range(3):
            text = json.loads(text)
            if not isinstance(text, str):
                break
    except (ValueError, TypeError, RecursionError) as error:
        raise ModelError(
            "the configuration of a model as JSON", f"that in {source} is damaged", _AGAIN
        ) from error
    return text


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(_MAX_JSON_BYTES + 1)
        if len(data) > _MAX_JSON_BYTES:
            raise ValueError(f"it is longer than {_MAX_JSON_BYTES / 2**20:.0f} MiB")
        return data.decode("utf-8")
    except (OSError, ValueError) as error:
        raise ModelError(
            "the architecture as JSON",
            f"{path} cannot be read ({error})",
            "write it again with model.to_json()",
        ) from error


def _architecture_file(weights: Path) -> Path:
    """The architecture for a weights file: the `.json` of the same name, or the only one in its folder."""
    for name in (weights.with_suffix(".json"), weights.with_name(weights.name + ".json")):
        if name.is_file() and name != weights:
            return name
    found = [path for path in sorted(weights.parent.glob("*.json")) if _is_architecture(path)]
    if len(found) == 1:
        return found[0]
    came = f"{weights} holds no configuration, and there is no architecture .json next to it"
    if found:
        came = f"{weights} holds only weights, and there are {len(found)} .json files next to it"
    do = f"write the architecture next to it as {weights.with_suffix('.json').name}, with model.to_json()"
    raise ModelError("a model, or weights with their architecture", came, do)


def _is_architecture(path: Path) -> bool:
    if path.name.endswith(".card.json") or not path.is_file() or path.stat().st_size > _MAX_JSON_BYTES:
        return False
    try:
        found = _parsed(_text(path), path)
    except ModelError:
        return False
    return isinstance(found, dict) and "class_name" in found and "config" in found


def _strings(holder: Any, name: str) -> list[str]:
    """A list of names in an attribute; long lists are split into attributes name0, name1 and so on."""
    stored = attribute(holder, name)
    values = [] if stored is None else list(stored)
    piece = 0
    while not values or piece:
        stored = attribute(holder, f"{name}{piece}")
        if stored is None:
            break
        values += list(stored)
        piece += 1
    return [one.decode("utf-8") if isinstance(one, bytes) else str(one) for one in values]


def _stated(name: str, *holders: Any) -> str:
    """The value of `name` in the first of the holders that has it, else ""."""
    for holder in holders:
        if hasattr(holder, "attrs"):
            value = attribute(holder, name)
        else:
            value = holder.get(name) if isinstance(holder, dict) else None
        if value is not None:
            return value.decode() if isinstance(value, bytes) else str(value)
    return ""


def _theano(architecture: Any, file: Any, group: Any) -> bool:
    """Whether the network was written with Theano, which flips convolution kernels.

    Keras 2 states the backend in the file; in files of Keras 1, TensorFlow variables have names with :0.
    """
    backend = _stated("backend", file, group, architecture)
    if backend or not written_by_keras_1(architecture):
        return backend == "theano"
    names = [one for layer in _strings(group, "layer_names") for one in _weight_names(group, layer)]
    return bool(names) and not any(":" in one for one in names)


def _weight_names(group: Any, layer: str) -> list[str]:
    return _strings(group[layer], "weight_names") if layer in group else []


StoredWeights = list[tuple[str, Any]]
"""A layer's weights in the file: names and datasets, in order."""


def _stored(group: Any, layer: str) -> StoredWeights:
    import h5py

    found = []
    for name in _weight_names(group, layer):
        link = group[layer].get(name, getlink=True)
        value = group[layer].get(name)
        if not isinstance(value, h5py.Dataset) or not isinstance(link, h5py.HardLink):
            raise ModelError(f"weights {name} of layer {layer}", "the file does not hold them", _AGAIN)
        if value.external or value.is_virtual:
            raise ModelError(
                f"weights {name} of layer {layer} in the file", "they are stored in another one", _AGAIN
            )
        found.append((name, value))
    return found


def _set_all(rebuilt: Rebuilt, group: Any) -> None:
    """Set all weights, by the layers' names if the file has all of them, else by order."""
    names = [name for name in _strings(group, "layer_names") if _weight_names(group, name)]
    weighted = {name: layer for name, layer in rebuilt.layers.items() if _weights(layer)}
    if set(weighted) <= set(names):
        pairs = [(name, name) for name in weighted]
    elif len(weighted) == len(names):
        pairs = list(zip(weighted, names, strict=True))
    else:
        missing = ", ".join(sorted(set(weighted) - set(names)))
        raise ModelError(f"weights for layer {missing}", "the file holds none", _AGAIN)
    for name, source in pairs:
        stored = _stored(group, source)
        inner = rebuilt.inner.get(name)
        if inner is None:
            _set(rebuilt, name, weighted[name], stored)
        else:
            _set_inner(inner, name, stored)


def _weights(layer: Any) -> list[Any]:
    """A layer's weights in the order of the files: trainable ones first."""
    return [*layer.trainable_weights, *layer.non_trainable_weights]


def _leaves(model: Rebuilt) -> list[tuple[Rebuilt, str, Any]]:
    """Layers with weights in a model and its inner models: (owning model, name, layer)."""
    leaves = []
    for name, layer in model.layers.items():
        inner = model.inner.get(name)
        leaves += _leaves(inner) if inner else [(model, name, layer)]
    return [leaf for leaf in leaves if _weights(leaf[2])]


def _set_inner(inner: Rebuilt, name: str, stored: StoredWeights) -> None:
    """Set an inner model's weights, which are one list: by the layer in their names, else by order."""
    leaves = _leaves(inner)
    named: dict[str, StoredWeights] = {}
    for weight, value in stored:
        named.setdefault(_owner(weight, [leaf for _, leaf, _ in leaves]), []).append((weight, value))
    if all(len(named.get(leaf, [])) == len(_weights(layer)) for _, leaf, layer in leaves):
        for owner, leaf, layer in leaves:
            _set(owner, leaf, layer, named[leaf])
        return
    ordered = [weight for _, _, layer in leaves for weight in layer.trainable_weights]
    ordered += [weight for _, _, layer in leaves for weight in layer.non_trainable_weights]
    if len(ordered) != len(stored):
        raise ModelError(
            f"{len(ordered)} weights for the model {name} inside", f"the file holds {len(stored)}", _AGAIN
        )
    values = {id(weight): value for weight, value in zip(ordered, stored, strict=True)}
    for owner, leaf, layer in leaves:
        _set(owner, leaf, layer, [values[id(weight)] for weight in _weights(layer)])


def _owner(weight: str, leaves: Sequence[str]) -> str:
    """The layer that a weight's name contains, as in "conv1/kernel:0" and "convolution2d_1_W"; "" if none."""
    parts = weight.split("/")
    for part in reversed(parts[:-1]):
        if part in leaves:
            return part
    prefixes = [leaf for leaf in leaves if parts[-1].startswith(f"{leaf}_")]
    return max(prefixes, key=len, default="")


def _set(rebuilt: Rebuilt, name: str, layer: Any, stored: StoredWeights) -> None:
    import numpy as np

    weights = _weights(layer)
    if rebuilt.old:
        titles = [title for title, _ in stored]
        values = joined(_cell_type(layer), [value for _, value in stored])
        stored = list(zip(titles, values, strict=False))
    if len(weights) != len(stored):
        raise ModelError(f"{len(weights)} weights for layer {name}", f"the file holds {len(stored)}", _AGAIN)
    for weight, (title, value) in zip(weights, stored, strict=True):
        shape = tuple(weight.shape)
        # Keras 1 stored a kernel as (out, in, rows, columns) for channels-first data
        transposed = rebuilt.first and rebuilt.old and len(shape) == 4 and len(value.shape) == 4
        stored_shape = tuple(value.shape[axis] for axis in (2, 3, 1, 0)) if transposed else tuple(value.shape)
        if stored_shape != shape:
            raise ModelError(
                f"weights of shape {shape} for layer {name}", f"{title} has {tuple(value.shape)}", _AGAIN
            )
        array = np.asarray(value, np.float32)
        array = array.transpose(2, 3, 1, 0) if transposed else array
        if rebuilt.theano and type(layer).__name__.startswith("Conv") and len(shape) > 2:
            array = np.flip(array, tuple(range(len(shape) - 2)))
        weight.assign(array)
    if hasattr(layer, "finalize_state"):
        layer.finalize_state()  # the layer derives its state from its weights


def _cell_type(layer: Any) -> str:
    """The class name of a layer, or of the layer that it wraps."""
    kind = type(layer).__name__
    return _cell_type(getattr(layer, "forward_layer", None) or layer.layer) if kind in WRAPPERS else kind
