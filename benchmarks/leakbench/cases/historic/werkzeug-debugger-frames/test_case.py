import io

import pytest
from werkzeug.debug import DebuggedApplication
from werkzeug.test import Client


def app(environ, start_response):
    upload = bytearray(10_000)
    raise ValueError(len(upload))


DEBUGGED = DebuggedApplication(app, pin_security=False)


def test_leak():
    response = Client(DEBUGGED).get("/", errors_stream=io.StringIO())
    assert response.status_code == 500


def test_ok():
    with pytest.raises(ValueError):
        Client(app).get("/")
