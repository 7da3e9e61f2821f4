"""The workshop's tools: the environment, the suites, the comparison and the sandbox."""
