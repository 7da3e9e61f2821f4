"""The box office with fat views: each view has its use case in it, from the form to the mail."""
