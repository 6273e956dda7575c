"""Watches and changes in coroutines of asyncio."""

import asyncio

import pytest

import cuesta


def test_a_watch_is_awaited(db, ks):
    async def work():
        watch = ks.watch(prefix=b"new/")
        ks[b"new/1"] = b""
        assert await watch == db.stats()["gauges"]["commit"]
        asyncio.get_running_loop().call_later(0.02, ks.put, b"new/2", b"")
        assert await watch == db.stats()["gauges"]["commit"]
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(watch, 0.02)

    asyncio.run(work())


def test_watches_are_iterated_over(db, ks):
    told = []

    async def listen(watch):
        async for _ in watch:
            told.append(sorted(ks))
            if len(told[-1]) == 20:
                return

    async def work():
        listener = asyncio.create_task(listen(ks.watch()))
        for n in range(20):
            await asyncio.to_thread(ks.put, b"%02d" % n, b"")
        await asyncio.wait_for(listener, 60)

    asyncio.run(work())
    assert told == sorted(told)


def test_changes_are_iterated_over(db, ks):
    since = db.stats()["gauges"]["commit"]

    async def listen():
        keys = []
        async for change in db.changes_since(since):
            keys += [operation.key for operation in change.operations]
            if len(keys) == 100:
                return keys

    async def work():
        listeners = [asyncio.create_task(listen()) for _ in range(5)]
        for n in range(100):
            await asyncio.to_thread(ks.put, b"%02d" % n, b"")
        return await asyncio.wait_for(asyncio.gather(*listeners), 60)

    assert asyncio.run(work()) == [[b"%02d" % n for n in range(100)]] * 5


def test_who_is_cancelled_misses_nothing(db, ks):
    """Cancelled at any moment: each change is told once all the same."""
    changes, got = db.changes_since(db.stats()["gauges"]["commit"]), []

    async def listen():
        async for change in changes:
            got.append(change.operations[0].key)

    async def work():
        for n in range(200):
            listener = asyncio.create_task(listen())
            await asyncio.sleep(0)
            ks[b"%03d" % n] = b""
            for _ in range(n % 3):
                await asyncio.sleep(0)
            listener.cancel()
            with pytest.raises(asyncio.CancelledError):
                await listener
        got.extend(change.operations[0].key for change in changes)

    asyncio.run(work())
    assert got == [b"%03d" % n for n in range(200)]


def test_closing_ends_what_is_awaited(db, ks):
    async def work():
        async def changes():
            async for _ in db.changes_since(db.stats()["gauges"]["commit"]):
                pass

        async def watch(watch):
            await watch

        tasks = [changes(), watch(ks.watch()), watch(db.watch())]
        tasks = [asyncio.create_task(task) for task in tasks]
        await asyncio.sleep(0.02)
        db.close()
        for task in tasks:
            with pytest.raises(cuesta.InvalidError, match="closed"):
                await asyncio.wait_for(task, 60)

    asyncio.run(work())


def test_awaiting_needs_a_loop(db, ks):
    watch, changes = ks.watch(), db.changes_since()
    for call in (watch.__await__, watch.__anext__, changes.__anext__):
        with pytest.raises(RuntimeError, match="loop"):
            call()


def test_a_coroutine_does_not_wait_for_a_thread(db, ks):
    watch = ks.watch()

    async def patient():
        while True:
            try:
                await asyncio.wait_for(watch, 0.01)
            except asyncio.TimeoutError:
                await asyncio.sleep(0)

    async def work():
        thread = asyncio.create_task(asyncio.to_thread(watch.wait, 60))
        with pytest.raises(cuesta.InvalidError, match="another thread"):
            await asyncio.wait_for(patient(), 60)
        ks[b"a"] = b"1"
        assert await thread

    asyncio.run(work())
