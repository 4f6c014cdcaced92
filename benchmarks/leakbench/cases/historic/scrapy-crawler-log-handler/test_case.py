from scrapy import Spider
from scrapy.crawler import Crawler


class Quiet(Spider):
    name = "quiet"


def test_leak():
    crawler = Crawler(Quiet, {"LOG_LEVEL": "ERROR"})
    assert crawler.settings["LOG_LEVEL"] == "ERROR"
