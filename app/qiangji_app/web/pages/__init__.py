"""Gradio pages: shell, 采集, 阅片, 结果; their scripts talk to /api/v1, never to Gradio."""

from qiangji_app.web.pages.blocks import CSS, HEAD, PAGES, build_pages, make_theme, mount_pages

__all__ = ["CSS", "HEAD", "PAGES", "build_pages", "make_theme", "mount_pages"]
