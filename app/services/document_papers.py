"""Every kind of document that templates are filled for: whoever imports this knows them all."""

from app.services import contract_paper, document_kinds


def load() -> None:
    """Let every kind be known: each tells what its fields are when its module is imported."""
    document_kinds.load()
    contract_paper.load()
