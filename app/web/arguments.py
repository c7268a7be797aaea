"""Arguments that verbs of several areas share, so that payments, invoices and credit notes name them alike."""

from marshmallow import fields, validate

from app.columns import Rate
from app.models.allocation import WriteOff
from app.models.payment import PaymentMethod
from app.web.dialog import money_field
from app.web.schema import ExactField, MemberField

ON = fields.Date(metadata={"example": "2026-03-31"})
AMOUNT = money_field()
RATE = ExactField(Rate())
METHOD = MemberField(PaymentMethod)
REFERENCE = fields.String(validate=validate.Length(max=140))
NOTE = fields.String(validate=validate.Length(max=250))
REASON = fields.String(required=True, validate=validate.Length(1, 500))
WRITE_OFF = MemberField(WriteOff, required=True)
PAID = {"amount": AMOUNT, "on": ON, "method": METHOD, "reference": REFERENCE, "exchange_rate": RATE}
