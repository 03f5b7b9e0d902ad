"""Skyrmions in frames of microscopes: found one by one, counted and measured."""
