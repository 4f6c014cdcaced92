"""Nothing happens: all growth is pytest's own."""


def test_nothing():
    pass
