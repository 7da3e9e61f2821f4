"""Clients of outside services: each module implements one protocol, so that no service has to."""
