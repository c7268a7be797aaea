"""Categories of products: a tree, so that a rule for windows is one for wooden windows too."""

from sqlalchemy import CheckConstraint, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.models.base import Entity


class ProductCategory(Entity):
    """A category, which may be part of another one.

    `path` is derived: the names from the top down, "Windows / Wooden", unique, so that no two parts of one category are
    called the same.
    """

    __tablename__ = "product_category"
    __stem__ = "product_category"
    __table_args__ = (
        CheckConstraint("length(trim(name)) > 0", name="name_filled"),
        CheckConstraint("parent_id <> id", name="not_its_own_part"),
    )

    name: Mapped[str] = mapped_column(String(120))
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("product_category.id"), index=True)
    parent: Mapped["ProductCategory | None"] = relationship("ProductCategory", remote_side="ProductCategory.id")
    path: Mapped[str] = mapped_column(String(800), default="", unique=True)

    def __str__(self) -> str:
        return self.path or self.name
