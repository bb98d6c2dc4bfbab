"""The API as one application, with its docs page served from this machine."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI, Request
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import HTMLResponse, JSONResponse
from fastapi.staticfiles import StaticFiles
from psycopg import OperationalError
from psycopg_pool import PoolTimeout
from swagger_ui_bundle import swagger_ui_path

from api import (
    alarms,
    carriers,
    carriers_tencent,
    carriers_voice,
    devices,
    duty,
    health,
    page,
    reach,
    suppression,
    wecom,
)
from api.access_log import keep_secrets_out
from foundation.version import VERSION
from store.connect import pool


def create_app(database_url: str) -> FastAPI:
    """The application over one database. It starts also while the database is away, and then answers 503."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app.state.pool = pool(database_url)
        await app.state.pool.open()
        yield
        await app.state.pool.close()

    app = FastAPI(
        title="Nuanshao 暖哨",
        version=VERSION,
        summary="Watches household heating in villages.",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
    )
    for router in (health.router, devices.router, alarms.router, suppression.router, reach.router, duty.router):
        app.include_router(router)
    for router in (carriers.router, carriers_tencent.router, carriers_voice.router, wecom.router, page.router):
        app.include_router(router)
    keep_secrets_out()
    app.state.page_allowance = page.allowance()
    app.mount("/swagger", StaticFiles(directory=swagger_ui_path), name="swagger")

    @app.get("/docs", include_in_schema=False)
    async def docs() -> HTMLResponse:
        return get_swagger_ui_html(
            openapi_url="/openapi.json",
            title="Nuanshao 暖哨 · API",
            swagger_js_url="/swagger/swagger-ui-bundle.js",
            swagger_css_url="/swagger/swagger-ui.css",
            swagger_favicon_url="/swagger/favicon-32x32.png",
        )

    @app.exception_handler(OperationalError)
    @app.exception_handler(PoolTimeout)
    async def database_away(_: Request, failed: Exception) -> JSONResponse:
        detail = f"the database does not answer: {' '.join(str(failed).split())}"
        return JSONResponse({"detail": detail, "do": "is it running? try again"}, status_code=503)

    return app
