"""HTTP and SMTP, faked at the transport. The gateways' tests need no app."""

from tests.kit.pages import gateway, mailbox, network  # noqa: F401
