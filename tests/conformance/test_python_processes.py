"""What Python's libraries for processes and threads need of a run: semaphores, shared memory, sockets and pipes."""

import pytest
from conformance.languages import Language, run

WAYS = {
    "a pool": "with multiprocessing.Pool(3) as pool:\n    return pool.map(double, [1, 2, 3])",
    "processes of an executor": "with futures.ProcessPoolExecutor(3) as pool:\n    return [*pool.map(double, [1, 2, 3])]",
    "threads of an executor": "with futures.ThreadPoolExecutor(3) as pool:\n    return [*pool.map(double, [1, 2, 3])]",
    "a queue": """
        queue = multiprocessing.Queue()
        multiprocessing.Process(target=lambda: [queue.put(double(x)) for x in (1, 2, 3)]).start()
        return [queue.get() for _ in range(3)]
        """,
    "a manager": """
        with multiprocessing.Manager() as manager:
            found = manager.list()
            worker = multiprocessing.Process(target=lambda: found.extend([double(x) for x in (1, 2, 3)]))
            worker.start()
            worker.join()
            return list(found)
        """,
    "semaphores": """
        one, values = multiprocessing.Semaphore(0), multiprocessing.Array("i", 3)
        def work():
            values[:] = [double(x) for x in (1, 2, 3)]
            one.release()
        multiprocessing.Process(target=work).start()
        return one.acquire(timeout=30) and values[:]
        """,
    "shared memory": """
        from multiprocessing import shared_memory
        memory = shared_memory.SharedMemory(create=True, size=3)
        worker = multiprocessing.Process(target=lambda: memory.buf.__setitem__(slice(0, 3), bytes([2, 4, 6])))
        worker.start()
        worker.join()
        found = list(memory.buf[:3])
        memory.close()
        memory.unlink()
        return found
        """,
    "record locks": """
        import fcntl, tempfile
        found = []
        with tempfile.NamedTemporaryFile() as file:
            fcntl.lockf(file, fcntl.LOCK_EX)
            worker = multiprocessing.Process(target=lambda: fcntl.lockf(open(file.name, "w"), fcntl.LOCK_EX))
            worker.start()
            worker.join(0.2)
            found = [2, 4, 6] if worker.is_alive() else []
            fcntl.lockf(file, fcntl.LOCK_UN)
            worker.join()
        return found
        """,
}


@pytest.mark.parametrize("way", WAYS)
def test_work_can_be_shared_out(python: Language, way: str) -> None:
    head = "import multiprocessing\nfrom concurrent import futures\ndef double(x):\n    return 2 * x\n"
    answer = python.call({"python": head + run(python=WAYS[way])["python"]})
    assert answer.status_code == 200, python.record(answer)["extra"]
    assert answer.json() == [2, 4, 6]
