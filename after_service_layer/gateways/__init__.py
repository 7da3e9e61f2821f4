"""The outside world: each module speaks one protocol, so that no service has to."""
