"""Attributes of form fields come out as the library writes them, only quicker."""

from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup

from app.web import attributes

TEXTS = st.text(st.characters(codec="utf-8", exclude_characters="\r"), max_size=20)
VALUES = st.one_of(
    st.booleans(), st.integers(), TEXTS, TEXTS.map(Markup), st.sampled_from(['"', "<'>&", Markup('"<b>"')])
)
NAMES = st.sampled_from(
    ["class", "class_", "data_pick", "aria_label", "data-url", "maxlength", "required", "value", "x_y"]
)


@given(st.dictionaries(NAMES, VALUES, max_size=5))
def test_the_librarys_own_function_writes_the_same(told: dict[str, object]) -> None:
    assert attributes.html_params(**told) == attributes.LIBRARY(**told)


def test_a_quote_does_not_end_an_attribute() -> None:
    assert attributes.html_params(value='"><script>') == 'value="&#34;&gt;&lt;script&gt;"'
    assert attributes.html_params(value=Markup('a"b')) == 'value="a&quot;b"'
