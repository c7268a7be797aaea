"""The entry that gunicorn and `crm serve` name: `run:app`."""

from app import create_app

app = create_app()
