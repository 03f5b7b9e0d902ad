"""Shipped weights, a card for each, the store, and checkpoints of trainings."""
