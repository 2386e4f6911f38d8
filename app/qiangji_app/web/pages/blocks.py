"""The pages as Gradio Blocks; ``mount_pages`` puts them into the application."""

from __future__ import annotations

import json
import warnings
from typing import Final

import gradio as gr
from fastapi import FastAPI, Request

from qiangji_app.services import sessions
from qiangji_app.services.context import Context
from qiangji_app.web.api.deps import SESSION_COOKIE
from qiangji_datasets.messages import Catalogue, Language

#: Paths of the pages; each is a module ``static/<path>.js`` and a text ``ui.nav.<path>``.
PAGES: Final = (
    *("capture", "reading", "results", "followup", "referrals", "recognition", "admin", "audit"),
)

#: Gradio's queue wakes this often, its progress updates too; their defaults (1 and 10 ms) burn
#: 5 % and 2 % of a core on an idle server. The pages have no events, so nobody waits for either.
_QUEUE_SLEEP_S: Final = 0.5

#: Fonts that are there on Windows, Linux and phones; no page fetches one.
_FONTS: Final = ("Noto Sans CJK SC", "Microsoft YaHei", "PingFang SC", "sans-serif")

_STYLES: Final = (
    "shell",
    "alerts",
    "capture",
    "reading",
    "results",
    "followup",
    "referrals",
    "recognition",
    "admin",
)
HEAD: Final = (
    '<meta name="referrer" content="no-referrer">'
    '<meta name="viewport" content="width=device-width, initial-scale=1">'
    '<link rel="icon" href="data:,">'
) + "".join(f'<link rel="stylesheet" href="/static/{name}.css">' for name in _STYLES)

#: Gradio's own frame out of the way; everything else is in ``static/*.css``.
CSS: Final = """
.gradio-container { max-width: none !important; padding: 0 !important; margin: 0 !important; }
.gradio-container .main.fillable { padding: 0 !important; max-width: none !important; }
.gradio-container .html-container { padding: 0 !important; }
.gradio-container footer:not([class^="qp-"]) { display: none !important; }
.gradio-container .nav-holder { display: none !important; }
"""

#: A slot finds its module; a failure is said in the page, in both languages, with a way out.
_START: Final = """
const slot = element.querySelector('.qp-slot');
import('/static/MODULE.js').then((module) => module.mount(slot, OPTIONS)).catch((fault) => {
  console.error(fault);
  slot.textContent = FAILED;
});
"""


def make_theme() -> gr.themes.Base:
    """Gradio's plain theme with system fonts, so that no page asks for one."""
    return gr.themes.Base(font=list(_FONTS), font_mono=["monospace"])


def build_pages(catalogue: Catalogue) -> gr.Blocks:
    """All pages: ``/`` (leads on by role) and one below it for each of ``PAGES``.

    Parameters
    ----------
    catalogue
        Names of the pages and the words for a page that fails to load.

    Returns
    -------
        Blocks without events and without state: patient data never passes through Gradio.
    """
    failed = " ".join(catalogue.text("ui.error.not_loaded", one) for one in Language)
    with gr.Blocks(title=_title(catalogue), analytics_enabled=False) as blocks:
        gr.Navbar(visible=False)
        _slot("shell", {"page": "home"}, failed=failed)
    for path in PAGES:
        with blocks.route(catalogue.text(f"ui.nav.{path}", Language.ZH), path):
            gr.Navbar(visible=False)
            _slot("shell", {"page": path}, failed=failed)
            _slot(path, {}, failed=failed)
    return blocks


def _title(catalogue: Catalogue) -> str:
    return catalogue.text("ui.shell.brand", Language.ZH)


def _slot(module: str, options: dict[str, str], *, failed: str) -> gr.HTML:
    script = _START.replace("MODULE", module).replace("OPTIONS", json.dumps(options))
    return gr.HTML(
        html_template='<div class="qp-slot"></div>',
        js_on_load=script.replace("FAILED", json.dumps(failed, ensure_ascii=False)),
        apply_default_css=False,
        padding=False,
        elem_classes=["qp", f"qp-{module}-slot"],
    )


def mount_pages(app: FastAPI, ctx: Context) -> None:
    """Mount the pages at ``/``, after every other route of the application.

    Parameters
    ----------
    app
        Application whose routes under ``/api``, ``/static`` and ``/login`` exist already.
    ctx
        Texts for the names of the pages, and sessions.
    """
    blocks = build_pages(ctx.catalogue)

    def user_of(request: Request) -> str | None:
        token = request.cookies.get(SESSION_COOKIE, "")
        found = sessions.caller_of(ctx, token) if token else None
        return found.actor.user_id if found is not None else None

    with warnings.catch_warnings():
        # Gradio says that several pages switch server-side rendering off, though it is not asked.
        warnings.filterwarnings("ignore", message="SSR mode is not supported")
        gr.mount_gradio_app(
            app,
            blocks,
            path="/",
            auth_dependency=user_of,
            footer_links=[],
            run_history=False,
            show_error=False,
            enable_monitoring=False,
            ssr_mode=False,
            pwa=False,
            theme=make_theme(),
            css=CSS,
            head=HEAD,
        )
    blocks._queue.sleep_when_free = _QUEUE_SLEEP_S
    blocks._queue.progress_update_sleep_when_free = _QUEUE_SLEEP_S
