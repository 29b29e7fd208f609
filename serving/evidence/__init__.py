"""Carries what router and model servers wrote down to the evidence stream."""
