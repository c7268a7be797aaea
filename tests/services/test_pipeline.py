"""Pipelines and stages: what they obey, the default one, taking a stage away, what one begins with."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from app.errors import DomainError, Refusals
from app.models.deal import Deal
from app.models.lost_reason import LostReason
from app.models.pipeline import Pipeline, Stage, StageCheck, StageMove, StageType
from app.models.stage_log import StageLog
from app.services import deal as deals
from app.services import lost_reason as lost_reasons
from app.services import pipeline as pipelines
from app.services import stage as stages
from app.services.access import SYSTEM
from tests.factories import Made

AT = datetime(2026, 3, 31, 10, tzinfo=UTC)
DAY = timedelta(days=1)


def refused(act, *arguments, **named) -> dict[str, list[str]]:
    with pytest.raises(DomainError) as caught:
        act(*arguments, **named)
    refusal = caught.value
    return refusal.errors if isinstance(refusal, Refusals) else {refusal.field or "": [refusal.text]}


def test_stages_are_put_in_order_and_ends_are_certain(session: Session, made: Made):
    pipeline = made.pipeline()
    assert [(each.position, each.name, each.type.value, each.probability) for each in pipeline.stages] == [
        (1, "New", "open", 10),
        (2, "Offer", "open", 50),
        (3, "Talks", "open", 75),
        (4, "Won", "won", 100),
        (5, "Lost", "lost", 0),
    ]
    assert pipeline.is_default


def test_a_pipeline_is_refused_as_a_whole(session: Session):
    pipeline = Pipeline(name=" ", currency="XXQ")
    pipeline.stages = [Stage(name="New", probability=101), Stage(name="new", norm_minutes=0), Stage(name="")]
    assert refused(pipelines.save, session, pipeline) == {
        "name": ["A pipeline needs a name"],
        "currency": ["“XXQ” is not a currency code"],
        "stages-0-probability": ["A probability is between 0 and 100 percent"],
        "stages-1-name": ["Two stages have this name"],
        "stages-1-norm_minutes": ["A norm is above zero"],
        "stages-2-name": ["A stage needs a name"],
        "stages": ["A pipeline has one stage where deals are won and one where they are lost"],
    }
    session.expunge_all()
    assert session.scalars(select(Pipeline.id)).all() == []


def test_one_pipeline_is_the_default_one(session: Session, made: Made):
    first, second = made.pipeline(), made.pipeline("Service")
    assert (first.is_default, second.is_default) == (True, False)
    pipelines.make_default(session, second)
    session.flush()
    session.refresh(first)
    assert (first.is_default, second.is_default, pipelines.default(session)) == (False, True, second)
    assert refused(pipelines.archive, session, second, at=AT) == {
        "is_default": ["Make another pipeline the default one first"]
    }
    pipelines.archive(session, first, at=AT)
    assert refused(made.deal, pipeline=first) == {"pipeline": ["This pipeline is out of use"]}
    with pytest.raises(DBAPIError):
        session.execute(update(Pipeline).where(Pipeline.id == first.id).values(is_default=True))


def test_a_stage_with_deals_keeps_its_place_and_type(session: Session, made: Made):
    deal = made.deal(at=AT)
    pipeline, new = deal.pipeline, deal.stage
    kept = list(pipeline.stages)
    pipeline.stages = kept[1:]
    assert refused(pipelines.save, session, pipeline) == {
        "stages": ["1 deal stands in “New”; bring it elsewhere first"]
    }
    pipeline.stages = kept
    new.type = StageType.won
    assert list(refused(stages.save, session, new)) == ["type"]
    session.rollback()


def test_a_stage_goes_away_and_its_deals_go_elsewhere(session: Session, made: Made):
    deal, won = made.deal(at=AT), made.deal("Won", at=AT)
    pipeline, new = deal.pipeline, deal.stage
    offer = pipeline.stages[1]
    deals.win(session, won, by=SYSTEM, at=AT + DAY)
    assert refused(pipelines.remove_stage, session, new, to=None, by=SYSTEM, at=AT + DAY) == {
        "to": ["1 deal stands in “New”: say where it goes"]
    }
    assert refused(pipelines.remove_stage, session, new, to=pipeline.stages[3], by=SYSTEM, at=AT + DAY) == {
        "to": ["Choose another stage of the same pipeline and type"]
    }
    assert (deal.stage_id, len(pipeline.stages)) == (new.id, 5)
    pipelines.remove_stage(session, new, to=offer, by=SYSTEM, at=AT + DAY)
    assert [(each.position, each.name) for each in pipeline.stages] == [
        (1, "Offer"),
        (2, "Talks"),
        (3, "Won"),
        (4, "Lost"),
    ]
    rows = session.scalars(select(StageLog).where(StageLog.deal_id == deal.id).order_by(StageLog.id))
    assert [(row.from_name, row.to_name, row.seconds) for row in rows] == [
        (None, "New", None),
        ("New", "Offer", 86_400),
    ]
    assert deal.stage is offer


def test_the_last_stage_of_a_type_stays(session: Session, made: Made):
    pipeline = made.pipeline()
    won = pipeline.stages[3]
    assert refused(pipelines.remove_stage, session, won, to=None, by=SYSTEM, at=AT) == {
        "": ["A pipeline needs a stage of this type"]
    }


def test_a_stage_says_what_it_asks_for(session: Session, made: Made):
    pipeline, other = made.pipeline(), made.pipeline("Other")
    new, offer = pipeline.stages[:2]
    with session.no_autoflush:
        new.needs_on_exit, new.checks = ["amount", "password"], [StageCheck(text=" ")]
        new.moves = [StageMove(to_id=other.stages[0].id, pipeline_id=pipeline.id)]
    assert refused(stages.save, session, new) == {
        "needs_on_exit": ["Not a valid choice."],
        "checks-0-text": ["Say what is to be done"],
        "moves": ["Choose another stage of the same pipeline"],
    }
    with session.no_autoflush:
        new.needs_on_exit, new.checks = ["amount"], [StageCheck(text=" Call  back ")]
        stages.may_go_to(new, {offer.id})
    stages.save(session, new)
    session.flush()
    assert ([each.text for each in new.checks], [each.to for each in new.moves]) == (["Call back"], [offer])


def test_a_company_begins_with_one_pipeline_in_its_language(session: Session):
    made = pipelines.make_first(session, "nl")
    assert made is not None
    assert [each.type.value for each in made.stages] == ["open", "open", "open", "open", "won", "lost"]
    assert made.is_default
    assert len(session.scalars(select(LostReason)).all()) == 5
    assert pipelines.make_first(session, "nl") is None
    assert len(session.scalars(select(Pipeline)).all()) == 1


def test_a_reason_of_losses_stays_while_deals_name_it(session: Session, made: Made):
    deal, reason = made.deal(at=AT), LostReason(name=" Price ")
    lost_reasons.save(session, reason)
    session.flush()
    assert reason.name == "Price"
    lost_reasons.remove(session, reason)
    deals.lose(session, deal, reason=reason, note="Too dear", by=SYSTEM, at=AT)
    assert refused(lost_reasons.remove, session, reason) == {
        "": ["Deals were lost for this reason; take it out of use instead"]
    }
    assert session.scalars(select(Deal.lost_reason_id)).all() == [reason.id]
