import igraph

GRID = igraph.Graph.Lattice([20, 20], circular=False)


def distance(graph, vertex, goal):
    return abs(vertex - goal) / 40.0


def test_leak():
    path = GRID.get_shortest_path_astar(0, to=399, heuristics=distance, output="vpath")
    assert path[0] == 0
