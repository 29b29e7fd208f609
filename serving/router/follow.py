"""Watches the folder of routes: what is written there is what the router does, and what it does is written back."""

import sys
import time
from dataclasses import replace

from serving.contract import ContractError, Layout, Routed, Routes, dump, load
from serving.folder import Folder
from serving.router import admin
from serving.router.publish import Router, Stale, Unconfirmed

REPORT_EVERY_S = 1.0
SETTLE_AGAIN_S = 1.0
LARGEST_LOG = 64 * 2**20


class Follower:
    """One home's routes, followed."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.router = Router(layout)
        self.folder = Folder(layout.routes_folder, known=self.router.table)  # what went while nobody looked is gone
        self.why: dict[str, str] = {}
        self.reported = 0.0
        self.unsettled_at: float | None = 0.0  # routes of an earlier life may not have reached Envoy

    def tick(self) -> None:
        """Follow what changed since the last look, all of it at once, and report at least each second."""
        changed, gone = self.folder.look()
        touched = [name for name in changed if self._accept(name)] + gone
        for name in gone:
            self.why.pop(name, None)
            self.router.drop(name)
        if touched:
            self._settle(touched)
        self._settle_again()
        if changed or gone or time.monotonic() - self.reported > REPORT_EVERY_S:
            self.report()
            self._turn_log()

    def report(self) -> None:
        """Write what the router says of each endpoint, and why newer routes are not followed."""
        self.reported = time.monotonic()
        seen, silence = self._observed()
        names = seen.keys() | self.why.keys() | (self.router.table.keys() if silence else set())
        for name in names:
            said = seen.get(name) or Routed(name, 0, "", 0, {}, {}, {}, "", time.time())
            dump(self.layout.routed(name), replace(said, why=self.why.get(name, silence)))
        for path in self.layout.routed_folder.glob("[!.]*.json"):
            if path.stem not in names:
                path.unlink()

    def _observed(self) -> tuple[dict[str, Routed], str]:
        """Return what Envoy says, and why it says nothing."""
        try:
            return self.router.observe(), ""
        except admin.Silent as why:
            return {}, str(why)

    def _accept(self, name: str) -> bool:
        """Take over what is written for the endpoint; return whether there is something to settle."""
        self.why.pop(name, None)
        try:
            self.router.accept(load_named(self.layout, name))
        except FileNotFoundError:
            return False  # the next look sees it gone
        except (ContractError, Stale) as why:
            self.why[name] = str(why)
            return False
        return True

    def _settle(self, names: list[str]) -> None:
        try:
            self.router.settle()
        except (Unconfirmed, admin.Silent) as why:
            self.why.update(dict.fromkeys(names, str(why)))
            self.unsettled_at = time.monotonic()

    def _settle_again(self) -> None:
        """Try again what the router has not confirmed."""
        if self.unsettled_at is None or time.monotonic() - self.unsettled_at < SETTLE_AGAIN_S:
            return
        self.unsettled_at = time.monotonic()
        try:
            self.router.settle()
        except (Unconfirmed, admin.Silent):
            return
        self.unsettled_at = None
        self.why.clear()
        self.folder.forget()  # refusals are said again

    def _turn_log(self) -> None:
        """Keep the access log from growing for ever: one earlier file stays beside it."""
        log = self.layout.access_log
        if log.exists() and log.stat().st_size > LARGEST_LOG:
            log.replace(log.with_name(f"{log.name}.1"))
            try:
                admin.ask(self.layout.admin_socket, "/reopen_logs", method="POST")
            except admin.Silent as why:
                sys.stderr.write(f"{why}\n")


def load_named(layout: Layout, name: str) -> Routes:
    """Return the endpoint's routes; ContractError where the file holds another's."""
    routes = load(layout.routes(name), Routes)
    if routes.endpoint != name:
        raise ContractError(f"The file of {name} holds routes of {routes.endpoint}.")
    return routes
