import asyncio

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request


@web.middleware
async def passing(request, handler):
    return await handler(request)


async def hello(request):
    return web.Response(text="hello")


APP = web.Application(middlewares=[passing])
APP.router.add_get("/", hello)
APP.freeze()


def test_leak():
    with pytest.raises(web.HTTPMethodNotAllowed):
        asyncio.run(APP._handle(make_mocked_request("PUT", "/", app=APP)))
