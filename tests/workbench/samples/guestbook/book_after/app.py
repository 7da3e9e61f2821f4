"""The same guest book on the web: the view translates."""

import requests
from flask import Flask, request
from sqlalchemy import Engine

from .services import signing


def motto() -> str:
    return " ".join(["Write."])


def create_app(engine: Engine) -> Flask:
    app = Flask(__name__)

    @app.get("/")
    def show() -> str:
        with engine.connect() as connection:
            return ", ".join(signing.names(connection))

    @app.post("/")
    def sign() -> tuple[str, int]:
        name = request.form["name"]
        try:
            with engine.begin() as connection:
                signing.sign(connection, name)
        except signing.Refused:
            return "Who are you?", 422
        if request.form.get("announce"):
            signing.announce(name, post)
        return "Thank you.", 201

    @app.get("/about")
    def about() -> str:
        return "A guest book."

    return app


def post(news: str) -> None:
    requests.post("http://news.test/", json={"name": news}, timeout=1)
