import greenlet


def work(n):
    data = list(range(n))
    greenlet.getcurrent().parent.switch(len(data))
    return "done"


def test_leak():
    worker = greenlet.greenlet(work)
    assert worker.switch(100) == 100
    assert worker.switch() == "done"
