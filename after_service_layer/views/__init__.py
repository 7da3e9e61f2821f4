"""One module a feature. Each holds one blueprint."""
