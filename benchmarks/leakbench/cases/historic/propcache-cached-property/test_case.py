from propcache.api import cached_property


class Report:
    @cached_property
    def body(self):
        return bytearray(20_000)


def test_leak():
    report = Report()
    assert len(report.body) == 20_000
    assert report.body is report.body
