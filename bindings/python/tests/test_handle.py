"""Handles of commits: waited for later, by threads and coroutines."""

import asyncio
import threading

import pytest

import cuesta


@pytest.fixture
def synced(path):
    with cuesta.open(path) as db:
        yield db


def submit(db, ks, n):
    batch = db.batch()
    batch.put(ks, b"%d" % n, b"")
    return batch.submit()


def test_one_thread_has_many_commits_under_way(synced):
    ks = synced.keyspace("k")
    handles = [submit(synced, ks, n) for n in range(100)]
    commits = [handle.commit for handle in handles]
    assert commits == sorted(commits)
    handles[-1].wait()
    assert all(handle.done for handle in handles), "what comes before is done before"
    for handle in handles:
        handle.wait(timeout=0)
    assert len(list(ks)) == 100


def test_a_transaction_is_submitted_and_its_conflict_shows_at_once(db, ks):
    tx = db.transaction()
    tx.put(ks, b"a", b"")
    handle = tx.submit()
    handle.wait()
    assert b"a" in ks and str(handle.commit) in repr(handle)
    with pytest.raises(cuesta.InvalidError, match="committed"):
        tx.submit()
    with pytest.raises(cuesta.ConflictError):
        with db.transaction() as tx:
            tx.get(ks, b"a")
            tx.put(ks, b"b", b"")
            ks[b"a"] = b"1"
            tx.submit()


def test_a_submitted_batch_is_over(db, ks):
    with db.batch() as batch:
        batch.put(ks, b"a", b"")
        handle = batch.submit()
    handle.wait()
    assert list(ks) == [b"a"]
    with pytest.raises(cuesta.InvalidError, match="committed"):
        batch.submit()
    db.batch().submit().wait()


def test_coroutines_await_commits(synced):
    ks = synced.keyspace("k")

    async def one(n):
        await submit(synced, ks, n)
        assert b"%d" % n in ks
        return n

    async def work():
        handle = submit(synced, ks, 1000)
        assert await handle is None
        assert await handle is None, "and again"
        return await asyncio.gather(*(one(n) for n in range(200)))

    assert asyncio.run(work()) == list(range(200))


def test_awaiting_may_be_cancelled(synced):
    ks = synced.keyspace("k")

    async def wait(handle):
        await handle

    async def work():
        handles = [submit(synced, ks, n) for n in range(20)]
        tasks = [asyncio.create_task(wait(handle)) for handle in handles]
        await asyncio.sleep(0)
        for task in tasks[::2]:
            task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        for result in results:
            assert result is None or isinstance(result, asyncio.CancelledError)

    asyncio.run(work())
    assert len(list(ks)) == 20, "the commits go on"


def test_a_loop_that_is_closed_does_not_matter(synced):
    ks = synced.keyspace("k")

    async def begin():
        handle = submit(synced, ks, 1)
        task = asyncio.ensure_future(asyncio.wait_for(handle, 10))
        await asyncio.sleep(0)
        task.cancel()
        return handle

    asyncio.run(begin()).wait()


def test_many_threads_wait_for_one_commit(synced):
    ks = synced.keyspace("k")
    handle = submit(synced, ks, 1)
    threads = [threading.Thread(target=handle.wait) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert handle.done


def test_awaiting_needs_a_loop(db, ks):
    with pytest.raises(RuntimeError, match="loop"):
        submit(db, ks, 1).__await__()
    with pytest.raises(cuesta.InvalidError):
        submit(db, ks, 1).wait(timeout=-1)
