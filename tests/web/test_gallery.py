import pytest
from django.test import Client

from web.pages.gallery_data import addresses

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize("address", [str(row["href"]) for row in addresses()])
def test_every_state_of_every_page_is_rendered(address: str) -> None:
    assert b"<h1>" in Client().get(f"/gallery{address}").content
