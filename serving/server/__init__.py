"""The model server: one process, one model, one Unix socket. Runs in the model's own environment."""
