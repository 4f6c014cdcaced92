import io

from openpyxl import Workbook


def filled():
    book = Workbook(write_only=True)
    sheet = book.create_sheet()
    for i in range(20):
        sheet.append([i, "x" * 20])
    sheet.close()
    return book


def test_leak():
    assert filled().worksheets


def test_ok():
    file = io.BytesIO()
    filled().save(file)
    assert file.getvalue()
