"""Scores a file: one process drives, one reads the file, one is the model in its sandbox. All three may be killed."""
