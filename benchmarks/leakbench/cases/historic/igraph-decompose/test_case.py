import igraph

PAIRS = igraph.Graph(n=50, edges=[(i, i + 1) for i in range(0, 50, 2)])


def test_leak():
    assert len(PAIRS.decompose()) == 25
