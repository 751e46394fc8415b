"""Over HTTP: a watch's signed checkpoints, and proofs of its own facts."""

import base64

import pytest

from services.incidents.checkpoint import is_signed, read_key, read_note
from services.incidents.tree import is_included
from tests.desk.house import House

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_a_watch_gets_its_checkpoints_and_proofs_of_its_own_facts(house: House) -> None:
    made = await house.report()
    async with house.marked() as kari:
        found = (await kari.get("/v1/checkpoints", params={"limit": 5})).json()
        assert found["status"] == "ok"
        await kari.get(f"/v1/incidents/{made['ref']}", params={"after": made["receipt"]})
        shown = (await kari.get(f"/v1/checkpoints/inclusion/{made['id']}")).json()
        note = read_note(shown["checkpoint"])
        assert is_signed(note, read_key(found["key"]))
        tree = note.checkpoint
        proof = [base64.b64decode(one) for one in shown["proof"]]
        assert is_included(base64.b64decode(shown["hash"]), shown["leaf"], tree.size, proof, tree.root)
        grown = await kari.get("/v1/checkpoints/consistency/1")
        assert (grown.status_code, grown.json()["former"]["size"]) == (200, 1)
        for wrong in ("inclusion/none", "consistency/999999", f"inclusion/{'x' * 70}"):
            assert (await kari.get(f"/v1/checkpoints/{wrong}")).status_code in (400, 404)
        assert (await kari.get("/v1/checkpoints/consistency/x")).status_code == 400
