"""What files can become: every kind of import, by the stem of its records."""

from collections.abc import Mapping

from app.exchange import lead_import, party_import
from app.exchange.import_running import Begin
from app.models.lead import Lead
from app.models.party import Party

KINDS: Mapping[str, Begin] = {Party.__stem__: party_import.begin, Lead.__stem__: lead_import.begin}
