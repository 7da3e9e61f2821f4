"""Projects for the tests of the comparison, which copies them first. None of this is our tests."""

collect_ignore_glob = ["*"]
