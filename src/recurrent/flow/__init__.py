"""Gradient flow through recurrent networks, as pure functions of any cell."""
