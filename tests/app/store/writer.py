"""A process that writes for ever and tells on stdout what was acknowledged; a test kills it.

Run as `python writer.py FILE`. Each line is the id of a document whose insert (with its follow-up), replacement and
increment were acknowledged.
"""

import asyncio
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[3]))

from aex.store.open import open_store
from aex.store.port import Put, Store
from tests.app.store.crashing import MemorySettings
from tests.app.store.harness import COLLECTIONS, SERVICE


async def write(store: Store, worker: int) -> None:
    n = 0
    while True:
        n += 1
        id = f"w{worker}-{n}"
        puts = [Put("follow_ups", f"{id}-{k}", {"cause": id}) for k in range(3)]
        stored = await store.insert("things", id, {"kind": "written", "rank": f"{n:09d}"}, then=puts)
        await store.replace(stored, {**stored.doc, "done": True}, collection="things")
        await store.increment("counters", "all", {"n": 1})
        sys.stdout.write(f"{id}\n")
        sys.stdout.flush()


async def main(path: str) -> None:
    store = await open_store(MemorySettings(sqlite_path=path), SERVICE, collections=COLLECTIONS)
    await asyncio.gather(*(write(store, worker) for worker in range(16)))


asyncio.run(main(sys.argv[1]))
