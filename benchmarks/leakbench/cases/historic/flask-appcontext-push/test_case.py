from flask import Flask, current_app


def make_app():
    app = Flask("demo")
    app.config["DATA"] = bytearray(1000)
    return app


def test_leak():
    make_app().app_context().push()
    assert current_app.config["DATA"]


def test_ok():
    with make_app().app_context():
        assert current_app.config["DATA"]
