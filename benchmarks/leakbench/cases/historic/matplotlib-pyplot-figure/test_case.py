import warnings

import matplotlib.pyplot as plt

warnings.simplefilter("ignore")  # pyplot warns of too many open figures


def drawn():
    figure = plt.figure()
    axes = figure.add_axes([0, 0, 1, 1])
    axes.set_axis_off()  # the metrics of tick labels would fill a bounded cache for long
    axes.plot([1, 2, 3])
    figure.canvas.draw()
    return figure


def test_leak():
    assert drawn().axes


def test_ok():
    figure = drawn()
    assert figure.axes
    plt.close(figure)
