"""Shipped weights, a card for each, and the store."""
