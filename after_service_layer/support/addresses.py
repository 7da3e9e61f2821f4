"""What counts as the address of a site, and of a mailbox."""

import re

# No user and password, which would be sent, and logged; no query, as a path comes behind it; no
# escape, as some libraries write it in another way before they sign it, and some after.
ADDRESS = re.compile(
    r"https?://[\w-]{1,63}(\.[\w-]{1,63})*(:(?P<port>[0-9]{1,5}))?(/[\w.~!$&'()*+,;=:@/-]*)?",
    re.ASCII,
)

# In a header, =? begins an encoded word (RFC 2047), and what is not ASCII has to become one: a
# program that decodes it may find a line break, or another address.
MAILBOX = re.compile(r"(?!.*=\?)[!-?A-~]+@[!-?A-~]+")


def is_web_address(text: object) -> bool:
    """Return whether it is http or https, with a host, and a port that there can be."""
    found = ADDRESS.fullmatch(text) if isinstance(text, str) else None
    return found is not None and 1 <= int(found["port"] or 80) <= 65535


def is_mail_address(text: object) -> bool:
    """Return whether it can stand in the header of a mail just as it is."""
    return isinstance(text, str) and MAILBOX.fullmatch(text) is not None
