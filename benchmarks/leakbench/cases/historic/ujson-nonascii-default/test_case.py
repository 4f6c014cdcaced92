import ujson


class Money:
    def __init__(self, amount):
        self.amount = amount


def euros(money):
    return f"{money.amount} \u20ac" * 10


def test_leak():
    assert ujson.dumps({"prices": [Money(i) for i in range(50)]}, default=euros)
