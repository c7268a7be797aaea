"""Screens: one module per stem, found by its `register(appbuilder)`; the others are parts of one."""

from importlib import import_module
from pkgutil import iter_modules
from typing import Any


def register_all(appbuilder: Any) -> None:
    """Register every screen and resource, in the order the modules ask for (`ORDER`, then name)."""
    modules = [import_module(f"{__name__}.{found.name}") for found in iter_modules(__path__)]
    screens = [module for module in modules if hasattr(module, "register")]
    for module in sorted(screens, key=lambda m: (getattr(m, "ORDER", 100), m.__name__)):
        module.register(appbuilder)
