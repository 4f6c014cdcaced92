import pyarrow as pa
from PIL import Image


def test_leak():
    image = Image.new("RGB", (128, 128))
    assert len(pa.array(image)) == 128 * 128
