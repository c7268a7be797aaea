"""`StageBoard`: the board of one pipeline: its stages are the columns, in their order, whatever stands in them.

Which pipeline one looks at is a filter of the list, so that all faces show the same; without one it is the default.
What is closed stays on the board for a month. A card that is dragged does what the card's own buttons do.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import joinedload, selectinload

from app import clock, money
from app.db import db
from app.models.deal import Deal
from app.models.pipeline import Pipeline, Stage, StageType
from app.roles import ACT
from app.services import access, deal_rot
from app.services import deal as deals
from app.services.text import is_blank
from app.web.board import Board, Column, Way
from app.web.crud import CrudView
from app.web.face import Faced
from app.web.filters import Wanted
from app.web.request_cache import request_cache
from app.web.totals import Sums
from app.web.verbs import Verb, reason, run

CLOSED_DAYS = 30
BY_TYPE = {StageType.open: "move", StageType.won: "win", StageType.lost: "lose"}
DAY = timedelta(days=1)


class StageBoard(CrudView):
    """The board of deals; see the module's text."""

    closed_days = CLOSED_DAYS

    # --- which pipeline -------------------------------------------------------------------------------------------

    def pipelines(self) -> Sequence[Pipeline]:
        """Return the pipelines in use with their stages, the default one first; read once in a request."""
        kept = request_cache("pipelines")
        if "all" not in kept:
            wanted = (
                sa.select(Pipeline)
                .options(joinedload(Pipeline.stages))
                .order_by(Pipeline.is_default.desc(), Pipeline.name)
            )
            kept["all"] = list(db.session.scalars(wanted).unique())
        return [each for each in kept["all"] if each.archived_at is None]

    def pipeline_of(self, wish: Faced) -> Pipeline | None:
        """Return the pipeline that an address is about: the one of its filter, else the default one."""
        shown = self.pipelines()
        every = request_cache("pipelines")["all"]
        asked = next((str(one.value) for one in wish.filters if one.column == "pipeline" and one.operator == "eq"), "")
        return next((each for each in every if str(each.id) == asked), shown[0] if shown else None)

    def address_of_pipeline(self, wish: Faced, pipeline: Pipeline, home: str) -> str:
        """Return the same face for another pipeline."""
        others = [one for one in wish.filters if one.column not in {"pipeline", "stage"}]
        return wish.address(home, filters=(*others, Wanted("pipeline", "eq", pipeline.id)))

    # --- columns --------------------------------------------------------------------------------------------------

    def on_board(self, wish: Faced) -> Any:
        """Return the query of the pipeline's open deals and of those that were closed lately."""
        pipeline = self.pipeline_of(wish)
        lately = clock.now() - CLOSED_DAYS * DAY
        where = [Deal.pipeline_id == pipeline.id] if pipeline is not None else [sa.false()]
        return self.selection(wish).filter(*where, sa.or_(Deal.state == StageType.open, Deal.closed_at >= lately))

    def column_records(self, board: Board, wish: Faced) -> Mapping[Any, Any] | None:  # noqa: ARG002
        """Return the stages of the pipeline by their keys."""
        pipeline = self.pipeline_of(wish)
        return {stage.id: stage for stage in pipeline.stages} if pipeline is not None else {}

    def beside_sum(self, column: Column, one: Sums) -> str:
        """Return what the chances make of a column's sum; at the ends that says nothing more."""
        stage, amount = column.record, next(iter(one.amounts.values()), None) or Decimal(0)
        if stage is None or stage.type is not StageType.open or not amount or one.currency is None:
            return ""
        share = money.percent_of(amount, stage.probability, one.currency)
        return Sums(one.count, {"share": share}, one.currency).shown("share")

    def loaders_of(self, names: Sequence[str]) -> Sequence[Any]:  # noqa: ARG002
        """Return how cards are read: the stages are at hand, and whoever owns a deal comes with it."""
        return [selectinload(Deal.party), joinedload(Deal.owner)]

    # --- where a card may go --------------------------------------------------------------------------------------

    def _stages(self) -> dict[str, Stage]:
        self.pipelines()
        return {str(stage.id): stage for each in request_cache("pipelines")["all"] for stage in each.stages}

    def _ways(self, board: Board, targets: Sequence[tuple[str, str]]) -> list[Way]:  # noqa: ARG002
        stages, verbs = self._stages(), {verb.name: verb for verb in self.verbs}
        named = [(key, label, BY_TYPE[stages[key].type]) for key, label in targets if key in stages]
        return [Way(key, label, verbs[name]) for key, label, name in named if self.may(name)]

    def _is_open(self, way: Way, record: Any) -> bool:
        """Say whether the table of moves lets a card go there; what else is asked for is said when it is tried."""
        stages = self._stages()
        here, there = stages[str(record.stage_id)], stages[way.key]
        ways = {each.to_id for each in here.moves}
        fits = here.pipeline_id == there.pipeline_id and (not ways or there.id in ways)
        return fits and here.type is StageType.open and access.allowed(db.session(), record, ACT)

    def asks_first(self, way: Way) -> bool:
        """Only losing a deal asks for words."""
        return way.verb is not None and way.verb.name == BY_TYPE[StageType.lost]

    def _go(self, board: Board, way: Way, record: Any) -> Any:  # noqa: ARG002
        stage = self._stages()[way.key]
        verb: Verb = way.verb  # type: ignore[assignment]
        find = partial(self.datamodel.one, record.id, self._base_filters)
        db.session.expunge(record)  # the verb reads it anew, within its own transaction
        run(db.session(), verb, find, {"stage": stage} if verb.name == BY_TYPE[StageType.open] else {})
        return find()

    def _refusal(self, board: Board, record: Any, key: str, columns: Mapping[str, str]) -> str:
        stage = self._stages().get(key)
        text = reason(deals.refuse_move, record, stage) if stage is not None and self.may(BY_TYPE[stage.type]) else None
        return text if text is not None and not is_blank(text) else super()._refusal(board, record, key, columns)

    # --- rot ------------------------------------------------------------------------------------------------------

    def rot_of(self, board: Board, columns: Sequence[Column]) -> Callable[[Any, str], int]:  # noqa: ARG002
        """Return what says for how many days nothing has happened about a deal, where that is over its norm."""
        now = clock.now()
        stages = {column.record.id: column.record for column in columns if column.record is not None}
        cards = [card for column in columns for card in column.cards if card.stage_id in stages]
        may_rot = any(deal_rot.may_rot(stages[card.stage_id], card, now=now) for card in cards)
        limits = deal_rot.limits(db.session(), stages.values(), now=now) if may_rot else {}
        return partial(_days_of, limits, now)


def _days_of(limits: Mapping[int, datetime], now: datetime, record: Any, key: str) -> int:  # noqa: ARG001
    limit = limits.get(record.stage_id)
    return max(1, (now - record.last_touch_at) // DAY) if limit is not None and record.last_touch_at <= limit else 0
