import urllib.request

from prometheus_client import CollectorRegistry, Counter, start_http_server


def served():
    registry = CollectorRegistry()
    Counter("requests", "n", registry=registry).inc()
    server, thread = start_http_server(0, "127.0.0.1", registry)
    with urllib.request.urlopen(f"http://127.0.0.1:{server.server_port}/metrics") as answer:
        assert b"requests_total 1.0" in answer.read()
    return server, thread


def test_leak():
    served()


def test_ok():
    server, thread = served()
    server.shutdown()
    server.server_close()
    thread.join()
