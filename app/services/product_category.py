"""Categories of products: the rules of storing them, and which of them a product is in."""

from collections.abc import Iterator, Mapping

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.errors import DomainError
from app.i18n import gettext as _
from app.models.product import Product
from app.models.product_category import ProductCategory
from app.services import product as products
from app.services.collected import Collected
from app.services.text import is_blank, line

DEEPEST = 6
SEPARATOR = " / "


def save(session: Session, category: ProductCategory) -> None:
    """Bring a category into its normal form, with those below it, and add it to the session.

    Raises Refusals at "name" and "parent": two of one name in one place, a circle, a tree that is too deep.
    """
    with session.no_autoflush:
        found = Collected()
        name = found.take("name", lambda: line(category.name or "", limit=120)) or ""
        if "name" not in found and is_blank(name):
            found.refuse("name", _("A category needs a name"))
        if category.parent is None and category.parent_id is not None:
            category.parent = session.get(ProductCategory, category.parent_id)
        above = list(_above(category))
        if category in above:
            found.refuse("parent", _("A category cannot be a part of itself"))
        below = [] if "parent" in found else list(_below(session, category))
        if len(above) + 1 + max((depth for _each, depth in below), default=0) > DEEPEST:
            found.refuse("parent", _("Categories go at most %(most)s levels deep", most=DEEPEST))
        path = SEPARATOR.join([*(each.name for each in reversed(above)), name])
        twin = select(ProductCategory.id).where(ProductCategory.path == path, ProductCategory.id != (category.id or 0))
        if not found.errors and session.scalar(twin) is not None:
            found.refuse("name", _("There is such a category already"))
        found.settle()
        category.name, category.path = name, path
        session.add(category)
        for each, _depth in below:
            each.path = SEPARATOR.join([str(each.parent), each.name])
        _find_again(session, [category, *(each for each, _depth in below)])


def _above(category: ProductCategory) -> Iterator[ProductCategory]:
    """Yield what a category is part of, from near to far; a circle ends with itself."""
    each, seen = category.parent, 0
    while each is not None and seen <= DEEPEST:
        yield each
        if each is category:
            return
        each, seen = each.parent, seen + 1


def _below(session: Session, category: ProductCategory, depth: int = 1) -> Iterator[tuple[ProductCategory, int]]:
    """Yield the parts of a category, each before its own, with how far below they are."""
    if category.id is None or depth > DEEPEST:
        return
    parts = session.scalars(select(ProductCategory).where(ProductCategory.parent_id == category.id)).all()
    for each in parts:
        yield each, depth
        yield from _below(session, each, depth + 1)


def _find_again(session: Session, changed: list[ProductCategory]) -> None:
    """Let the products of categories that are called otherwise now be found by the new name."""
    keys = [each.id for each in changed if each.id is not None]
    if keys and session.is_modified(changed[0]):
        for product in session.scalars(select(Product).where(Product.category_id.in_(keys))):
            products.derive(product)


def remove(session: Session, category: ProductCategory) -> None:
    """Say whether a category may be deleted: DomainError while something is in it."""
    parts = select(ProductCategory.id).where(ProductCategory.parent_id == category.id).limit(1)
    held = select(Product.id).where(Product.category_id == category.id).limit(1)
    if session.scalar(parts) is not None or session.scalar(held) is not None:
        raise DomainError(_("Something is in this category; move it elsewhere first"))


def parents(session: Session) -> dict[int, int | None]:
    """Return of every category what it is part of, in one statement."""
    found = session.execute(select(ProductCategory.id, ProductCategory.parent_id))
    return {row.id: row.parent_id for row in found}


def chain(key: int | None, above: Mapping[int, int | None]) -> frozenset[int]:
    """Return a category and everything that it is part of."""
    found: set[int] = set()
    while key is not None and key not in found:
        found.add(key)
        key = above.get(key)
    return frozenset(found)
