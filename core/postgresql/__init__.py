"""Django's PostgreSQL backend, with statements that the server binds and prepares."""
