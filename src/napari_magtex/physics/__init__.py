"""Batched spin models in torch: energies, fields, relaxation, dynamics, observables, hysteresis.

Spins are tensors (batch, 3, ny, nx), float32 unless said, rows as in `SpinTexture`: row 0 is the top, the largest y.
"""
