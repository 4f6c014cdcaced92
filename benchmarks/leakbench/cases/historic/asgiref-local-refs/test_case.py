import threading

from asgiref.local import Local

LOCAL = Local()


def test_leak():
    thread = threading.Thread(target=lambda: setattr(LOCAL, "user", "x"))
    thread.start()
    thread.join()
