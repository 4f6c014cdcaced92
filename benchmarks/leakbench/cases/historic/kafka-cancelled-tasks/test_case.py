from kafka.net.selector import NetworkSelector

NET = NetworkSelector()


async def never():
    await NET.sleep(3600)


def test_leak():
    NET.unschedule(NET.call_later(3600, never))
