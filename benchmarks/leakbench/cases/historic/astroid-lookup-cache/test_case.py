import astroid


def test_leak():
    module = astroid.parse("def f(x):\n    y = x\n    return y\n")
    scope, found = module["f"].lookup("y")
    assert scope.name == "f"
    assert found
