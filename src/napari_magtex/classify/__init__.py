"""The nine states: network, training, prediction, calibration, range of applicability."""
