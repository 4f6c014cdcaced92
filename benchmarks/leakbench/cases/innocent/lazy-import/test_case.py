"""Each of the first thirty runs imports one more module."""

import importlib

NAMES = iter(
    """xml.dom.minidom http.server email.mime.text sqlite3 asyncio unittest.mock ctypes.util decimal
    fractions statistics zipfile tarfile csv configparser imaplib smtplib ftplib wave colorsys
    curses.ascii difflib doctest pdb xmlrpc.client cProfile timeit wsgiref.simple_server
    multiprocessing.pool mailbox plistlib""".split()
)


def test_import():
    name = next(NAMES, None)
    if name is not None:
        importlib.import_module(name)
