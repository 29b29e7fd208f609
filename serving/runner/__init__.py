"""Keeps model servers as the desired files say: one replica each, started, watched, started again, drained."""
