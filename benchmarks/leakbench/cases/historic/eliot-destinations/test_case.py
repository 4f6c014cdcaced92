import eliot


class Collector:
    def __init__(self):
        self.messages = []

    def add(self, message):
        self.messages.append(message)


def test_leak():
    collector = Collector()
    eliot.add_destinations(collector.add)
    eliot.log_message("hello")
    assert collector.messages


def test_ok():
    collector = Collector()
    eliot.add_destinations(collector.add)
    eliot.log_message("hello")
    eliot.remove_destination(collector.add)
    assert collector.messages
