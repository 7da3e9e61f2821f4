"""The database extension: it manages the plain SQLAlchemy models, one session a request."""

from flask_sqlalchemy import SQLAlchemy

from .models import Base

# A commit leaves what was read as it is: the next line needs no statement to read again what it
# has just written. What others may have changed is read again under a lock.
db = SQLAlchemy(metadata=Base.metadata, session_options={"expire_on_commit": False})
