"""Up to when a replica's records are carried, where some of them are left behind."""

from dataclasses import dataclass

from serving.evidence.tail import Mark


@dataclass
class Progress:
    """What was written before `whole` (seconds since 1970) is carried; once `goal` is passed, so is all before `at`."""

    whole: float = 0.0
    goal: Mark | None = None
    at: float = 0.0

    def come(self, mark: Mark, end: Mark, now: float) -> bool:
        """Note how far the file was read of what it held `now`; return whether all was read or a goal was passed."""
        if mark == end:
            self.whole, self.goal = now, None
            return True
        is_passed = self.goal is not None and mark.inode == self.goal.inode and mark.offset >= self.goal.offset
        if is_passed:
            self.whole = self.at
        if is_passed or self.goal is None:
            self.goal, self.at = end, now
        return is_passed
