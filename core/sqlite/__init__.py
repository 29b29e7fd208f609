"""Django's SQLite backend, with commits that wait for the disk after they let the next writer in."""
