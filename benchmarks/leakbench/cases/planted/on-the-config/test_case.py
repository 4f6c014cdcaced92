"""A list that a suite hangs on the config."""


class Thing:
    pass


def test_leak(request):
    config = request.config
    if not hasattr(config, "gathered_by_suite"):
        config.gathered_by_suite = []
    config.gathered_by_suite.append(Thing())
