"""Registries: named items that modules register, drivesal's own and those of other packages."""

from __future__ import annotations

import importlib
import logging
import pkgutil
import threading
from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Generic, TypeVar

from drivesal.errors import printable

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

T = TypeVar("T")
_log = logging.getLogger("drivesal")


class Registry(Generic[T]):
    """Items by name, each registered by the module that defines it.

    `folder` is the package whose modules register drivesal's own items. `group` names the entry points of other
    packages; each is a module that registers its items on import. Everything is imported when the registry is
    first read. A plug-in that fails to import, or whose name is taken, is skipped with a one-line warning.
    `check` receives a new item and the items registered before it, and raises ValueError if they conflict.
    """

    def __init__(
        self,
        folder: str,
        group: str | None = None,
        check: Callable[[T, Iterable[T]], object] = lambda item, others: None,
    ) -> None:
        self._folder, self._group, self._check = folder, group, check
        self._items: dict[str, T] = {}
        self._owners: dict[str, str] = {}
        self._own_imported = self._all_imported = False
        self._importing = threading.RLock()

    def add(self, item: T, module: str, name: str, *aliases: str) -> None:
        """Register an item of a module; the same module may register it again, as notebooks do.

        Raises ValueError if the name or an alias is taken, or if `check` fails.
        """
        if not module.startswith(f"{self._folder}."):
            self._import_own()
        for key in (name, *aliases):
            if self._owners.get(key, module) != module:
                raise ValueError(f"the name {key} is taken by {self._owners[key]}")
        self._check(item, [other for known, other in self._items.items() if known != name])
        self._owners |= dict.fromkeys((name, *aliases), module)
        self._items[name] = item

    def items(self) -> Mapping[str, T]:
        """All items by name: drivesal's own in the order of their modules, then those of plug-ins."""
        with self._importing:
            self._import_own()
            if not self._all_imported:
                self._all_imported = True
                self._import_plugins()
        return MappingProxyType(self._items)

    def _import_own(self) -> None:
        with self._importing:
            if self._own_imported:
                return
            self._own_imported = True
            for module in pkgutil.iter_modules(importlib.import_module(self._folder).__path__):
                importlib.import_module(f"{self._folder}.{module.name}")

    def _import_plugins(self) -> None:
        if self._group is None:
            return
        from importlib.metadata import entry_points

        for point in sorted(entry_points(group=self._group), key=lambda one: (_package(one), one.name)):
            before = self._items.copy(), self._owners.copy()
            try:
                point.load()
            except Exception as error:  # plug-ins are third-party code: no exception of theirs stops drivesal
                self._items, self._owners = before
                reason = str(error) if isinstance(error, ValueError) else f"{type(error).__name__}: {error}"
                problem = f"expected the plug-in {point.name} of {_package(point)} to load, but {reason}"
                _log.warning(
                    "drivesal: %s", printable(f"{problem}; it is left out: update or uninstall the package")
                )


def _package(point: EntryPoint) -> str:
    """The name and version of the package that declares an entry point."""
    return f"{point.dist.name} {point.dist.version}" if point.dist else "an unknown package"
