"""Countinghouse: an ERP-style CRM for the back office. `create_app()` puts the parts together and does nothing else."""

import sys
from pathlib import Path
from typing import Any

from flask import Flask

ROOT = Path(__file__).resolve().parent.parent


def create_app(settings: dict[str, Any] | None = None) -> Flask:
    """Return the web application for the given settings (default: `config.load()`)."""
    from app import models  # noqa: F401 -- registers every table
    from app.db import db, prepare_engine
    from app.exchange import smtp
    from app.services import access, chain, find, history, letter_office, notification, party_metric, password, sealing
    from app.tasks import dispatch
    from app.views import register_all
    from app.web import (
        attributes,
        cells,
        errors,
        guard,
        headers,
        locale,
        looking,
        making,
        monitor,
        password_gate,
        security,
        shell,
        signing_in,
    )

    app = Flask(__name__, static_folder="static", template_folder="templates")
    app.config.from_mapping(settings if settings is not None else load_settings())
    db.init_app(app)
    chain.use_key(lambda: chain.key_in(app.config["CRM_VAR"] / "keys"))
    sealing.use_key(lambda: str(app.config["SECRET_KEY"]))
    letter_office.use(lambda: smtp.office(app.config))
    password.use(lambda: password.policy_of(app.config))
    access.install()
    history.install()
    notification.install()
    find.install()
    party_metric.install()
    attributes.install()
    with app.app_context():
        prepare_engine(db.engine)
        headers.init_app(app)
        guard.init_app(app)
        appbuilder = shell.CrmAppBuilder(
            security_manager_class=security.CrmSecurityManager, base_template="web/base.html"
        )
        appbuilder.init_app(app, db.session)
        guard.init_late(app)
        password_gate.init_app(app)
        looking.init_app(app)
        signing_in.init_app(app)
        locale.init_app(app)
        cells.install(app)
        shell.init_app(app)
        making.init_app(app)
        monitor.init_app(app)
        errors.init_app(app)
        register_all(appbuilder)
    if not app.testing:
        dispatch.install(app.config)
    return app


def load_settings() -> dict[str, Any]:
    """Read `config.py` beside the package, wherever the program was started from."""
    if str(ROOT) not in sys.path:
        sys.path.insert(0, str(ROOT))
    import config

    return config.load()
