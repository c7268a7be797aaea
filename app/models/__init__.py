"""Tables, states and facts over own columns. Importing the package registers every table."""

from importlib import import_module
from pkgutil import iter_modules

from app import outbox  # noqa: F401 -- its table

for _module in iter_modules(__path__):
    import_module(f"{__name__}.{_module.name}")
