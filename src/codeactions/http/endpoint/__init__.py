"""Endpoints: the hot path."""
