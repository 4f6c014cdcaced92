import threading

from websockets.sync.server import serve


def test_leak():
    server = serve(lambda connection: None, "127.0.0.1", 0)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    server.shutdown()
    thread.join()
