import signal

import gevent


class Service:
    def __init__(self):
        self.state = bytearray(2000)

    def reload(self):
        self.state = bytearray(1000)


def test_leak():
    gevent.signal_handler(signal.SIGUSR1, Service().reload)


def test_ok():
    gevent.signal_handler(signal.SIGUSR1, Service().reload).cancel()
