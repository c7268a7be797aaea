"""Screens: one module per stem; each has `register(appbuilder)`, found by name."""

from importlib import import_module
from pkgutil import iter_modules
from typing import Any


def register_all(appbuilder: Any) -> None:
    """Register every screen and resource, in the order the modules ask for (`ORDER`, then name)."""
    modules = [import_module(f"{__name__}.{found.name}") for found in iter_modules(__path__)]
    for module in sorted(modules, key=lambda m: (getattr(m, "ORDER", 100), m.__name__)):
        module.register(appbuilder)
