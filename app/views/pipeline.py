"""Screens and REST of pipelines, their stages, and why deals are lost."""

from collections.abc import Sequence
from typing import Any, ClassVar

from marshmallow import fields as ma
from sqlalchemy.orm import selectinload
from wtforms import SelectField, SelectMultipleField
from wtforms.fields.choices import Choice
from wtforms.validators import Optional
from wtforms.widgets import CheckboxInput, ListWidget

from app.db import db
from app.i18n import lazy_gettext as _l
from app.models.lost_reason import LostReason
from app.models.pipeline import Pipeline, Stage, StageCheck, StageMove
from app.models.role import shown_name
from app.services import lost_reason as lost_reasons
from app.services import pipeline as pipelines
from app.services import roles
from app.services import stage as stages
from app.services.deal_need import NEEDS
from app.web import menu
from app.web.api import CrudApi
from app.web.crm_form import CrmForm
from app.web.crud import CrudView
from app.web.lead_words import norm
from app.web.records import Records
from app.web.schema import Lines, LinkedField
from app.web.verbs import Verb, reason

ORDER = 84
GRID = ("name", "type", "probability", "colour", "norm_minutes")
ASKED = ["needs_on_entry", "needs_on_exit"]
STAGE = ["name", "type", "probability", "colour", "norm_minutes", "owner_role", *ASKED]
REASON = ["name", "position", "is_active"]
LOADED = [selectinload(Stage.pipeline)]


class TicksField(SelectMultipleField):
    """Names to tick, kept as a list."""

    widget = ListWidget(prefix_label=False)
    option_widget = CheckboxInput()

    def __init__(self, label: Any = None, validators: Any = None, **options: Any) -> None:
        super().__init__(label, validators, choices=[], validate_choice=False, **options)

    def iter_choices(self) -> Any:
        """Yield what a stage may ask for."""
        for name, text in NEEDS.items():
            yield Choice(name, str(text), name in (self.data or []), {})


class WaysField(SelectMultipleField):
    """The stages to which deals may go, as boxes to tick; none ticked means to any."""

    widget = ListWidget(prefix_label=False)
    option_widget = CheckboxInput()

    def __init__(self, label: Any = None, validators: Any = None, **options: Any) -> None:
        super().__init__(label, validators, choices=[], coerce=int, validate_choice=False, **options)
        self.stages: Sequence[Stage] = ()

    def process_data(self, value: Any) -> None:
        """Tick the stages that the table of moves has."""
        self.data = [each.to_id for each in value or []]

    def populate_obj(self, obj: Any, name: str) -> None:  # noqa: ARG002
        """Write the table of moves."""
        stages.may_go_to(obj, set(self.data or []))

    def iter_choices(self) -> Any:
        """Yield the other stages of the pipeline."""
        for stage in self.stages:
            yield Choice(stage.id, stage.name, stage.id in (self.data or []), {})


class RoleField(SelectField):
    """A role by its name."""

    def __init__(self, label: Any = None, validators: Any = None, **options: Any) -> None:
        super().__init__(
            label, validators, choices=[], coerce=lambda value: value or None, validate_choice=False, **options
        )

    def iter_choices(self) -> Any:
        """Yield the roles, after none."""
        names = [role.name for role in roles.shown(db.session())]
        for name in ["", *names]:
            yield Choice(name, shown_name(name) if name else "—", name == (self.data or ""), {})


STAGE_FIELDS = {
    "needs_on_entry": TicksField(_l("Must be filled before a deal enters")),
    "needs_on_exit": TicksField(_l("Must be filled before a deal goes on from here")),
    "owner_role": RoleField(_l("Role of the owner"), [Optional()]),
    "moves": WaysField(
        _l("Allowed moves"),
        description=_l("Where deals may go from here. When none is ticked, they may go to any stage."),
    ),
}

PIPELINE_VERBS = [
    Verb(
        "make_default",
        pipelines.make_default,
        label=_l("Make it the default"),
        icon="star",
        when=lambda one: not one.is_default and one.archived_at is None,
    ),
    Verb(
        "archive",
        pipelines.archive,
        label=_l("Take out of use"),
        icon="archive",
        when=lambda one: one.archived_at is None,
        why=lambda one: reason(pipelines.refuse_archive, one),
        needs_time=True,
        undo="restore",
    ),
    Verb(
        "restore",
        pipelines.restore,
        label=_l("Take into use"),
        icon="archive-restore",
        when=lambda one: one.archived_at is not None,
        fits=lambda one: one.archived_at is not None,
    ),
]
STAGE_VERBS = [
    Verb(
        "take_away",
        pipelines.remove_stage,
        label=_l("Take the stage away"),
        icon="trash-2",
        danger=True,
        arguments={"to": LinkedField(Stage)},
        needs_time=True,
        needs_actor=True,
    )
]


class PipelineView(CrudView):
    """Pipelines with their stages in one form."""

    datamodel = Records(Pipeline, save=pipelines.save, remove=pipelines.remove, search=None)
    card_template = "web/pipeline_card.html"
    one_name = _l("Pipeline")
    many_name = _l("Pipelines")
    hint = _l("A pipeline is the way that deals go: stages from the first contact until they are won or lost.")
    list_columns: ClassVar = ["name", "currency", "is_default", "archived_at"]
    show_columns: ClassVar = ["name", "currency", "is_default", "archived_at"]
    add_columns: ClassVar = ["name", "currency", "is_default", "stages"]
    edit_columns: ClassVar = ["name", "currency", "is_default", "stages"]
    lines: ClassVar = {"stages": GRID}
    search_columns: ClassVar = ["name", "currency", "is_default"]
    order_columns: ClassVar = ["name"]
    base_order = ("name", "asc")
    verbs: ClassVar = PIPELINE_VERBS
    quick: ClassVar = None

    def standing(self, record: Any) -> Any:
        """Return how many deals each stage holds."""
        return pipelines.standing(db.session(), record)

    def prefill(self, form: CrmForm) -> None:
        """Begin with the stages that most companies have."""
        super().prefill(form)
        if not form["name"].data:
            form["stages"].process(None, pipelines.first_stages())


class PipelineApi(CrudApi):
    """REST of pipelines with their stages."""

    datamodel = Records(Pipeline, save=pipelines.save, remove=pipelines.remove, search=None)
    list_columns: ClassVar = ["name", "currency", "is_default", "archived_at"]
    show_columns: ClassVar = ["name", "currency", "is_default", "archived_at"]
    add_columns: ClassVar = ["name", "currency", "is_default"]
    edit_columns: ClassVar = ["name", "currency", "is_default"]
    lines: ClassVar = {"stages": Lines(Stage, "PipelineStage", given=GRID, optional=GRID[1:], computed=("position",))}
    search_columns: ClassVar = ["name", "currency", "is_default"]
    order_columns: ClassVar = ["name"]
    base_order = ("name", "asc")
    verbs: ClassVar = PIPELINE_VERBS
    examples: ClassVar = {
        "post": {
            "name": "Service contracts",
            "stages": [
                {"name": "Request", "probability": 20},
                {"name": "Offer", "probability": 60, "norm_minutes": 2400},
                {"name": "Signed", "type": "won"},
                {"name": "Refused", "type": "lost"},
            ],
        }
    }


class StageView(CrudView):
    """What one stage asks of deals; stages are made and put in order in the form of their pipeline."""

    datamodel = Records(Stage, save=stages.save, search=None, options=LOADED)
    card_template = "web/stage_card.html"
    one_name = _l("Stage")
    many_name = _l("Stages")
    exclude_route_methods: ClassVar = {"add", "delete"}
    list_columns: ClassVar = ["name", "pipeline", "position", "type", "probability", "norm_minutes"]
    show_columns: ClassVar = ["pipeline", "type", "probability", "colour", "norm_minutes", "owner_role"]
    add_columns: ClassVar[list[str]] = []
    edit_columns: ClassVar = [*STAGE, "checks", "moves"]
    edit_form_extra_fields: ClassVar = STAGE_FIELDS
    lines: ClassVar = {"checks": ("text",)}
    search_columns: ClassVar = ["pipeline", "type"]
    order_columns: ClassVar = ["name", "position", "probability"]
    base_order = ("id", "asc")
    key_facts: ClassVar = ["pipeline", "probability"]
    formatters_columns: ClassVar = {"norm_minutes": norm}
    label_columns: Any = {"norm_minutes": _l("Norm of working time")}
    description_columns: ClassVar = {"norm_minutes": _l("In minutes: a working day has 480.")}
    verbs: ClassVar = STAGE_VERBS
    quick: ClassVar = None

    def _form_page(self, form: CrmForm, record: Any, **about: Any) -> str:
        if record is not None and "moves" in form:
            form["moves"].stages = [each for each in record.pipeline.stages if each.id != record.id]
        return super()._form_page(form, record, **about)

    def _offers(self, record: Any, tried: Any) -> list[Any]:
        """Leave out taking a stage away, which has a place of its own on the card."""
        return [one for one in super()._offers(record, tried) if one.verb.name != STAGE_VERBS[0].name]

    def value(self, record: Any, name: str) -> Any:
        """Call the role of the owner as its reader does."""
        if name == "owner_role" and record.owner_role:
            return shown_name(record.owner_role)
        return super().value(record, name)

    def needs(self, names: Sequence[str]) -> list[str]:
        """Return what fields are called."""
        return [str(NEEDS[name]) for name in names if name in NEEDS]

    def others_of(self, record: Any) -> list[Stage]:
        """Return the stages to which its deals may go when it is taken away."""
        return [each for each in record.pipeline.stages if each.id != record.id and each.type is record.type]


class StageApi(CrudApi):
    """REST of stages."""

    datamodel = Records(Stage, save=stages.save, search=None, options=LOADED)
    exclude_route_methods: ClassVar = {"post", "delete"}
    list_columns: ClassVar = ["name", "pipeline", "position", "type", "probability"]
    show_columns: ClassVar = ["pipeline", "position", *STAGE]
    add_columns: ClassVar[list[str]] = []
    edit_columns: ClassVar = STAGE
    shapes: ClassVar = {name: ma.List(ma.String()) for name in ASKED}
    lines: ClassVar = {
        "checks": Lines(StageCheck, "StageCheck", given=("text",), computed=("position",)),
        "moves": Lines(StageMove, "StageMove", given=("to",)),
    }
    search_columns: ClassVar = ["name", "pipeline", "type"]
    order_columns: ClassVar = ["name", "position"]
    base_order = ("id", "asc")
    verbs: ClassVar = STAGE_VERBS


class LostReasonView(CrudView):
    """Why deals are lost."""

    datamodel = Records(LostReason, save=lost_reasons.save, remove=lost_reasons.remove, search=None)
    one_name = _l("Reason of a loss")
    many_name = _l("Reasons of losses")
    hint = _l("Whoever loses a deal chooses one of these reasons; a chart shows how often each was it.")
    list_columns: ClassVar = REASON
    show_columns: ClassVar = REASON
    add_columns: ClassVar = REASON
    edit_columns: ClassVar = REASON
    search_columns: ClassVar = ["name", "is_active"]
    order_columns: ClassVar = ["name", "position"]
    base_order = ("position", "asc")


class LostReasonApi(CrudApi):
    """REST of the reasons of losses."""

    datamodel = Records(LostReason, save=lost_reasons.save, remove=lost_reasons.remove, search=None)
    list_columns: ClassVar = REASON
    show_columns: ClassVar = REASON
    add_columns: ClassVar = REASON
    edit_columns: ClassVar = REASON
    search_columns: ClassVar = REASON
    order_columns: ClassVar = ["name", "position"]
    base_order = ("position", "asc")
    examples: ClassVar = {"post": {"name": "The project was put off"}}


def register(appbuilder: Any) -> None:
    """Register the screens and the resources."""
    menu.place(appbuilder, PipelineView, "pipeline", label=_l("Pipelines"), group="settings", icon="kanban")
    menu.place(
        appbuilder, LostReasonView, "lost_reason", label=_l("Reasons of losses"), group="settings", icon="circle-x"
    )
    appbuilder.add_view_no_menu(StageView)
    for api in (PipelineApi, StageApi, LostReasonApi):
        appbuilder.add_api(api)
