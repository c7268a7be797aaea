"""Automatic letters of the demo company: what they say in four languages, and rules of which one is in use."""

from datetime import date

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.models.contact_rule import ContactRule, Occasion
from app.models.mail_template import BlockKind, MailTemplate, MailTemplateBlock, MailTemplateText
from app.models.mailing import MailingKind
from app.models.organisation import Organisation
from app.services import contact_rule as rules
from app.services import mail_template as templates

# language → subject, text
Said = dict[str, tuple[str, str]]
BIRTHDAY: Said = {
    "nl": (
        "Van harte gefeliciteerd, {first name|beste klant}!",
        "Beste {name|klant},\n\nWij wensen u een mooie verjaardag en een goed jaar.\n\n{organisation}",
    ),
    "en": (
        "Many happy returns, {first name|dear customer}!",
        "Dear {name|customer},\n\nWe wish you a happy birthday and a good year.\n\n{organisation}",
    ),
    "ru": (
        "С днём рождения, {first name|уважаемый клиент}!",
        (
            "Здравствуйте, {name|уважаемый клиент}!\n\nПоздравляем вас с днём рождения и желаем доброго года."
            "\n\n{organisation}"
        ),
    ),
    "hy": (
        "Ծնունդդ շնորհավոր, {first name|հարգելի հաճախորդ}",
        "Հարգելի {name|հաճախորդ},\n\nՇնորհավորում ենք Ձեր ծննդյան օրը և մաղթում բարի տարի։\n\n{organisation}",
    ),
}
ONE_ORDER: Said = {
    "nl": (
        "Bent u tevreden over uw bestelling?",
        (
            "Beste {name|klant},\n\nOp {day|die dag} bestelde u bij ons ({occasion|uw bestelling}). Was alles"
            " naar wens? Wij helpen u graag weer.\n\n{manager|Uw contactpersoon}\n{organisation}"
        ),
    ),
    "en": (
        "Are you happy with your order?",
        (
            "Dear {name|customer},\n\nOn {day|that day} you ordered from us ({occasion|your order}). Was everything"
            " as it should be? We would be glad to help you again.\n\n{manager|Your contact}\n{organisation}"
        ),
    ),
    "ru": (
        "Довольны ли вы своим заказом?",
        (
            "Здравствуйте, {name|уважаемый клиент}!\n\n{day|Недавно} вы сделали у нас заказ ({occasion|ваш заказ})."
            " Всё ли было хорошо? Будем рады помочь вам снова.\n\n{manager|Ваш менеджер}\n{organisation}"
        ),
    ),
    "hy": (
        "Գո՞հ եք Ձեր պատվերից",
        (
            "Հարգելի {name|հաճախորդ},\n\n{day|Վերջերս} Դուք պատվիրել եք մեզնից ({occasion|Ձեր պատվերը})։"
            " Ամեն ինչ լա՞վ էր։ Սիրով կօգնենք կրկին։\n\n{manager|Ձեր մենեջերը}\n{organisation}"
        ),
    ),
}
CONTRACT: Said = {
    "nl": (
        "Ons contract {occasion|met u} loopt af",
        (
            "Beste {name|relatie},\n\nContract {occasion|tussen ons} loopt af op {day|de einddatum}."
            " Zullen wij het verlengen?\n\n{manager|Uw contactpersoon}\n{organisation}"
        ),
    ),
    "en": (
        "Our contract {occasion|with you} is about to end",
        (
            "Dear {name|partner},\n\nContract {occasion|between us} ends on {day|its last day}. Shall we renew it?"
            "\n\n{manager|Your contact}\n{organisation}"
        ),
    ),
    "ru": (
        "Срок договора {occasion|с вами} истекает",
        (
            "Здравствуйте, {name|уважаемый партнёр}!\n\nДоговор {occasion|между нами} действует по {day|конец срока}."
            " Продлим его?\n\n{manager|Ваш менеджер}\n{organisation}"
        ),
    ),
    "hy": (
        "{occasion|Մեր} պայմանագրի ժամկետը լրանում է",
        (
            "Հարգելի {name|գործընկեր},\n\n{occasion|Մեր} պայմանագրի վերջին օրն է՝ {day|շուտով}։ Երկարաձգե՞նք այն։"
            "\n\n{manager|Ձեր մենեջերը}\n{organisation}"
        ),
    ),
}
# name, occasion, days, hour, kind, what it says, whether it is in use
RULES: tuple[tuple[str, Occasion, int, int, MailingKind, Said, bool], ...] = (
    ("Verjaardagen", Occasion.birthday, 0, 10, MailingKind.marketing, BIRTHDAY, True),
    ("Один заказ за два месяца", Occasion.one_order, 60, 11, MailingKind.marketing, ONE_ORDER, False),
    ("Contracts that end in a month", Occasion.contract_end, -30, 9, MailingKind.service, CONTRACT, False),
)


def ensure(session: Session, *, organisation: Organisation, today: date) -> int:
    """Make the rules with their templates, if there are none, and return how many were made."""
    if session.scalar(select(ContactRule.id).limit(1)) is not None:
        return 0
    for name, occasion, days, hour, kind, said, is_active in RULES:
        template = MailTemplate(name=name)
        template.texts = [MailTemplateText(language=code, subject=subject) for code, (subject, _text) in said.items()]
        template.blocks = [
            MailTemplateBlock(language=code, kind=BlockKind.text, text=text) for code, (_subject, text) in said.items()
        ]
        templates.save(session, template)
        made = ContactRule(name=name, organisation=organisation, template=template, since=today)
        made.occasion, made.days, made.hour, made.kind = occasion, days, hour, kind
        rules.save(session, made)
        made.is_active = is_active
    session.flush()
    return len(RULES)
