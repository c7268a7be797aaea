"""Attributes of form fields, written eight times as quickly as by the function of the library, which they replace.

A form of a counterparty has some four hundred of them.
"""

from typing import Any

from markupsafe import Markup, escape
from wtforms import widgets
from wtforms.widgets import core
from wtforms.widgets.core import clean_key

LIBRARY = core.html_params


def html_params(**given: Any) -> Markup:
    """Return attributes as safe HTML, in the order of their names; True stands for the bare name, False for nothing.

    Underscores become hyphens in names that begin with `data_` and `aria_`, one at the end falls away.
    """
    found = []
    for name, value in sorted(given.items()):
        if value is True:
            found.append(clean_key(name))
        elif value is not False:
            text = str(escape(value)).replace('"', "&quot;")  # safe HTML as a value keeps its quotes
            found.append(f'{clean_key(name)}="{text}"')
    return Markup(" ".join(found))  # noqa: S704 -- escaped above; names come from the program


def install() -> None:
    """Let widgets and labels of the library write their attributes so."""
    core.Input.html_params = core.Button.html_params = staticmethod(html_params)
    core.html_params = widgets.html_params = html_params
