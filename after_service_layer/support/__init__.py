"""What both versions share and what teaches nothing about service layers."""
