import threading

import pytest
from django.db import connections, transaction

from monitoring import windows
from monitoring.models import Prediction, Snapshot
from monitoring.predictions import save
from tests.monitoring.observed import observe, seen

pytestmark = [pytest.mark.postgresql, pytest.mark.usefixtures("committed")]


def test_what_is_observed_while_a_window_closes_is_told_by_the_next_closing() -> None:
    observe(seen())
    windows.close_due()
    observe(Prediction.objects.get())
    held, go = threading.Event(), threading.Event()

    def label() -> None:
        with transaction.atomic("telemetry"):
            row = Prediction.objects.get()
            row.correct = True
            save([row])
            held.set()
            go.wait(10)
        connections.close_all()

    labelling = threading.Thread(target=label)
    labelling.start()
    assert held.wait(10)
    threading.Timer(0.3, go.set).start()
    windows.close_due()
    labelling.join()
    windows.close_due()
    assert Snapshot.objects.get().labelled == 1
