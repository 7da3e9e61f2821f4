"""The database extension: it manages the plain SQLAlchemy models, one session a request."""

from flask_sqlalchemy import SQLAlchemy

from .models import Base

db = SQLAlchemy(metadata=Base.metadata)
