import execnet


def ask(gateway):
    channel = gateway.remote_exec("channel.send(6 * 7)")
    assert channel.receive() == 42


def test_leak():
    ask(execnet.makegateway())


def test_ok():
    ask(execnet.makegateway())
    execnet.default_group.terminate(timeout=5)
