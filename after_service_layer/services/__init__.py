"""The use cases of the box office. Nothing in here depends on a web framework."""
