from decimal import Decimal

from PIL import Image

IMAGE = Image.new("L", (2000, 2000))


def test_leak():
    for i in range(300, 400):
        IMAGE.getpixel((Decimal(i), Decimal(i)))
