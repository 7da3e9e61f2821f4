"""A guest book on the web: the view does everything."""

import requests
from flask import Flask, request
from sqlalchemy import Engine, text


def motto() -> str:
    return "Write."


def create_app(engine: Engine) -> Flask:
    app = Flask(__name__)

    @app.get("/")
    def show() -> str:
        with engine.connect() as connection:
            names = connection.scalars(text("SELECT name FROM guest ORDER BY id")).all()
        return ", ".join(names)

    @app.post("/")
    def sign() -> tuple[str, int]:
        name = request.form["name"]
        if not name:
            return "Who are you?", 422
        with engine.begin() as connection:
            connection.execute(text("INSERT INTO guest (name) VALUES (:name)"), {"name": name})
        if request.form.get("announce"):
            requests.post("http://news.test/", json={"name": name}, timeout=1)
        return "Thank you.", 201

    @app.get("/about")
    def about() -> str:
        return "A guest book."

    return app
