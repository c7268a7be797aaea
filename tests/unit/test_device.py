"""A browser in words, from what it says of itself."""

import pytest
from flask import Flask
from flask_babel import Babel

from app.web import device

MAC = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit"
WINDOWS = (
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/143.0.0.0 Safari/537.36"
)
ANDROID = "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko)"


@pytest.mark.parametrize(
    ("agent", "words"),
    [
        (WINDOWS, "Chrome, Windows"),
        (f"{WINDOWS} Edg/143.0.0.0", "Edge, Windows"),
        (f"{WINDOWS} OPR/124.0", "Opera, Windows"),
        (f"{WINDOWS.removesuffix(' Safari/537.36')} YaBrowser/25.10 Safari/537.36", "Yandex Browser, Windows"),
        (f"{ANDROID} Chrome/143.0.0.0 Mobile Safari/537.36", "Chrome, Android"),
        (f"{ANDROID} SamsungBrowser/29.0 Chrome/136.0.0.0 Mobile Safari/537.36", "Samsung Internet, Android"),
        (f"{MAC}/605.1.15 (KHTML, like Gecko) Version/18.1 Safari/605.1.15", "Safari, macOS"),
        ("Mozilla/5.0 (Macintosh; Intel Mac OS X 10.15; rv:145.0) Gecko/20100101 Firefox/145.0", "Firefox, macOS"),
        ("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 HeadlessChrome/141.0.0.0 Safari/537.36", "Chrome, Linux"),
        ("Mozilla/5.0 (iPad; CPU OS 18_1 like Mac OS X) CriOS/143.0 Mobile Safari/604.1", "Chrome, iPad"),
        ("Mozilla/5.0 (compatible)", "Unknown device"),
        ("curl/8.5.0", "curl"),
        ("python-requests/2.32", "python-requests"),
        ("1C+Enterprise/8.3", "Unknown device"),
        ("<script>alert(1)</script>", "Unknown device"),
        ("", "Unknown device"),
    ],
)
def test_a_device_is_named_in_words(agent: str, words: str):
    app = Flask("device")
    Babel(app)
    with app.test_request_context():
        assert device.words(agent) == words
