"""Sales plans: how much of what somebody, a team or the whole company wants to reach in a month."""

from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import TYPE_CHECKING

from sqlalchemy import CheckConstraint, Computed, Date, ForeignKey, Integer, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.columns import Amount, Choice
from app.i18n import label, label_of
from app.i18n import lazy_gettext as _l
from app.models.base import Entity, Owned

if TYPE_CHECKING:
    from app.models.product_category import ProductCategory


class PlanSubject(StrEnum):
    """Who is to reach it."""

    person = "person"
    team = "team"
    company = "company"


class PlanMetric(StrEnum):
    """What is counted (services.sales_fact says how)."""

    turnover = "turnover"
    payments = "payments"
    margin = "margin"
    new_clients = "new_clients"
    calls = "calls"


label(PlanSubject, person=_l("One person"), team=_l("A team"), company=_l("The whole company"))
label(
    PlanMetric,
    turnover=_l("Turnover"),
    payments=_l("Payments"),
    margin=_l("Margin"),
    new_clients=_l("New clients"),
    calls=_l("Calls"),
)
MONEY = frozenset({PlanMetric.turnover, PlanMetric.payments, PlanMetric.margin})
BY_CATEGORY = frozenset({PlanMetric.turnover, PlanMetric.margin})  # what the lines of documents tell


class SalesPlan(Entity, Owned):
    """What is to be reached in one month.

    `month` is its first day. The owner is the person whose plan it is, and the team his own then; a team's plan has no
    owner, and the company's neither. Members see the plan of their team. `slot` is derived: whose plan, for which
    category and in which currency, so that there is one of a kind. Units: money is `target_amount` in `currency`,
    what is counted is `target_count`.
    """

    __tablename__ = "sales_plan"
    __stem__ = "sales_plan"
    __is_shared__ = False
    __is_for_its_team__ = True  # what belongs to a team and to no person is seen by its members
    __table_args__ = (
        UniqueConstraint("month", "metric", "slot"),
        CheckConstraint("CAST(month AS VARCHAR(10)) LIKE '%-01'", name="month_begins"),
        CheckConstraint("(subject = 'person') = (owner_id IS NOT NULL)", name="person_owns"),
        CheckConstraint("subject <> 'team' OR team_id IS NOT NULL", name="team_known"),
        CheckConstraint("subject <> 'company' OR team_id IS NULL", name="company_without_team"),
        CheckConstraint("length(currency) = 3", name="currency_code"),
        CheckConstraint("(target_amount IS NULL) = (currency IS NULL)", name="amount_has_currency"),
        CheckConstraint(
            "(metric IN ('turnover', 'payments', 'margin')) = (target_amount IS NOT NULL)", name="money_in_amount"
        ),
        CheckConstraint("(target_amount IS NULL) = (target_count IS NOT NULL)", name="one_target"),
        CheckConstraint("target_amount > 0", name="amount_positive"),
        CheckConstraint("target_count > 0", name="count_positive"),
        CheckConstraint("category_id IS NULL OR metric IN ('turnover', 'margin')", name="category_of_lines"),
    )

    month: Mapped[date] = mapped_column(Date())
    subject: Mapped[PlanSubject] = mapped_column(Choice(PlanSubject), default=PlanSubject.person)
    metric: Mapped[PlanMetric] = mapped_column(Choice(PlanMetric), default=PlanMetric.turnover)
    category_id: Mapped[int | None] = mapped_column(ForeignKey("product_category.id"), index=True)
    category: Mapped["ProductCategory | None"] = relationship("ProductCategory")
    target_amount: Mapped[Decimal | None] = mapped_column(Amount())
    currency: Mapped[str | None] = mapped_column(String(3), info={"of": "currency"})
    target_count: Mapped[int | None] = mapped_column(Integer)
    slot: Mapped[str] = mapped_column(
        String(60),
        Computed(
            "CASE subject WHEN 'person' THEN 'person ' || CAST(owner_id AS VARCHAR(20))"
            " WHEN 'team' THEN 'team ' || CAST(team_id AS VARCHAR(20)) ELSE 'company' END"
            " || ' ' || CAST(coalesce(category_id, 0) AS VARCHAR(20)) || ' ' || coalesce(currency, '')",
            persisted=True,
        ),
        info={"internal": True},
    )

    def __str__(self) -> str:
        return f"{label_of(self.metric)} {self.month:%Y-%m} {self.subject_name}".strip()

    @property
    def target(self) -> Decimal:
        """Return what is to be reached, money or a count."""
        return self.target_amount if self.target_amount is not None else Decimal(self.target_count or 0)

    @property
    def subject_name(self) -> str:
        """Return whose plan it is; of the company nothing."""
        who = {PlanSubject.person: self.owner, PlanSubject.team: self.team}.get(self.subject)
        return str(who) if who is not None else ""
