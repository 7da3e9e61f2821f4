"""Links in mails."""

from typing import Any
from urllib.parse import urlsplit

from flask import current_app


def mail_link(endpoint: str, **values: Any) -> str:
    """Return the address of a page for a mail. It begins with SITE_URL.

    Not with the Host of the request that leads to the mail: its sender can write anything there.
    """
    site = urlsplit(current_app.config["SITE_URL"])
    pages = current_app.url_map.bind(site.netloc, site.path, url_scheme=site.scheme)
    return pages.build(endpoint, values, force_external=True)
