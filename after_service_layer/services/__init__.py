"""The use cases of the box office. Nothing in here knows that there is a web."""
