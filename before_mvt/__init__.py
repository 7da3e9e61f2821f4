"""The box office with fat views: each view tells its use case from top to bottom."""
