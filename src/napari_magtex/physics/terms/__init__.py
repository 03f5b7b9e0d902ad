"""The terms of the energy, one small class each."""
