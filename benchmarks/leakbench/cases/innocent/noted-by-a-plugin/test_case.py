"""A table on the config with one entry a test, whoever runs it again."""


class Thing:
    pass


def test_ok(request):
    config = request.config
    if not hasattr(config, "seen_by_suite"):
        config.seen_by_suite = {}
    config.seen_by_suite[request.node.nodeid] = Thing()
