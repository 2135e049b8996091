"""The page that shows the aggregated OpenAPI to people: one file, no scripts, nothing loaded from elsewhere."""

from html import escape

import orjson

from aex.gateway.openapi import Object
from aex.store import JsonValue

CONTENT_SECURITY_POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"

_STYLE = """
body{font:16px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:60rem;padding:0 1rem;color:#1b1f24}
h2{margin:2rem 0 .5rem;font-size:1.15rem} details{border:1px solid #d0d7de;border-radius:6px;margin:.35rem 0}
summary{cursor:pointer;padding:.4rem .7rem} .in{padding:0 .8rem .6rem} code,pre{font:13px/1.45 ui-monospace,monospace}
pre{background:#f6f8fa;border-radius:6px;overflow:auto;padding:.6rem} b{display:inline-block;width:4.5rem}
.get{color:#0a5cc2}.post{color:#1a7f37}.put,.patch{color:#9a6700}.delete{color:#c21a2b} small{color:#57606a}
.warn{background:#fff8c5;border-radius:6px;padding:.5rem .8rem}
@media(prefers-color-scheme:dark){body{background:#0d1117;color:#e6edf3}details{border-color:#30363d}
pre{background:#161b22}.warn{background:#3b2e00}}
"""
_METHODS = ("get", "post", "put", "patch", "delete")


def page(document: Object) -> str:
    """HTML of an OpenAPI document as `aex.gateway.openapi` makes it."""
    by_service: dict[str, list[str]] = {}
    for path, item in _object(document.get("paths")).items():
        for method in _METHODS:
            operation = _object(item).get(method)
            if isinstance(operation, dict):
                tags = operation.get("tags")
                service = str(tags[0]) if isinstance(tags, list) and tags else "other"
                by_service.setdefault(service, []).append(_operation(method, path, operation))
    info = _object(document.get("info"))
    missing = info.get("x-missing")
    names = ", ".join(str(name) for name in missing) if isinstance(missing, list) else ""
    warning = f'<p class="warn">Not answering right now: {escape(names)}.</p>' if names else ""
    body = "".join(f"<h2>{escape(name)}</h2>{''.join(rows)}" for name, rows in sorted(by_service.items()))
    schemas = _object(_object(document.get("components")).get("schemas"))
    types = "".join(_folded(f"<code>{escape(name)}</code>", _pre(schema)) for name, schema in sorted(schemas.items()))
    title = escape(str(info.get("title", "")))
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{title}</title>'
        f'<meta name="viewport" content="width=device-width"><style>{_STYLE}</style><h1>{title}</h1>'
        f"<p>{escape(str(info.get('description', '')))} Send your key in <code>X-API-Key</code>, or exchange it at "
        "<code>POST /v1/tokens</code> for a bearer token. The same as a document: "
        f'<a href="/openapi.json">openapi.json</a>.</p>{warning}{body}<h2>Types</h2>{types}</html>\n'
    )


def _operation(method: str, path: str, operation: Object) -> str:
    scope = operation.get("x-scope")
    needs = f" <small>scope {escape(str(scope))}</small>" if scope else ""
    head = f'<b class="{method}">{method.upper()}</b><code>{escape(path)}</code>{needs}'
    parts = [f"<p>{escape(str(operation.get('description') or operation.get('summary') or ''))}</p>"]
    parameters = operation.get("parameters")
    if isinstance(parameters, list) and parameters:
        rows = "".join(
            f"<li><code>{escape(str(p.get('name')))}</code> in {escape(str(p.get('in')))} "
            f"{escape(str(p.get('description', '')))}</li>"
            for p in parameters
            if isinstance(p, dict)
        )
        parts.append(f"<ul>{rows}</ul>")
    if "requestBody" in operation:
        parts.append(_pre(operation["requestBody"]))
    return _folded(head, "".join(parts))


def _folded(head: str, inside: str) -> str:
    return f'<details><summary>{head}</summary><div class="in">{inside}</div></details>'


def _pre(value: JsonValue) -> str:
    return f"<pre>{escape(orjson.dumps(value, option=orjson.OPT_INDENT_2).decode())}</pre>"


def _object(value: JsonValue) -> Object:
    return value if isinstance(value, dict) else {}


__all__ = ["CONTENT_SECURITY_POLICY", "page"]
