"""The page: one HTML file without external parts, to be printed or put on a web server."""
from __future__ import annotations

import html

STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; color: #1a1a1a; background: #fff;
       max-width: 1180px; margin: 2.5rem auto; padding: 0 1.5rem; }
h1 { font-size: 1.7rem; margin-bottom: .2rem; } h2 { font-size: 1.2rem; margin-top: 2.6rem; }
p.lead { color: #555; margin-top: 0; }
figure { display: inline-block; vertical-align: top; width: 560px; max-width: 100%;
         margin: .6rem 1rem .6rem 0; }
figure svg { width: 100%; height: auto; }
figcaption { font-size: .86rem; color: #444; }
table { border-collapse: collapse; font-size: .9rem; margin: .8rem 0; }
th, td { padding: .28rem .7rem; text-align: right; border-bottom: 1px solid #ddd; }
th { background: #f4f4f4; } th:first-child, td:first-child { text-align: left; }
tr.best td { font-weight: 600; } tr.muted td { color: #777; }
code { font-size: .85em; background: #f4f4f4; padding: .1em .3em; }
@media print { body { margin: 0; max-width: none; } h2 { page-break-after: avoid; }
               figure { page-break-inside: avoid; } }
"""


def paragraph(text: str, kind: str = "") -> str:
    return f'<p{f" class={kind}" if kind else ""}>{html.escape(text)}</p>\n'


def heading(text: str) -> str:
    return f"<h2>{html.escape(text)}</h2>\n"


def figure(svg: str, caption: str) -> str:
    return f"<figure>{svg}<figcaption>{html.escape(caption)}</figcaption></figure>\n"


def table(head: list[str], rows: list[list[object]], kinds: dict[int, str] | None = None) -> str:
    """kinds: class of a row by its number, `best` or `muted`."""
    out = ["<table>\n<tr>", *(f"<th>{html.escape(h)}</th>" for h in head), "</tr>\n"]
    for i, row in enumerate(rows):
        kind = (kinds or {}).get(i)
        out.append(f'<tr class="{kind}">' if kind else "<tr>")
        out.extend(f"<td>{html.escape(str(cell))}</td>" for cell in row)
        out.append("</tr>\n")
    return "".join(out) + "</table>\n"


def document(title: str, lead: str, body: list[str]) -> str:
    return (f'<!doctype html>\n<html lang="en"><meta charset="utf-8"><title>{html.escape(title)}'
            f"</title>\n<style>{STYLE}</style>\n<h1>{html.escape(title)}</h1>\n"
            + paragraph(lead, "lead") + "".join(body) + "</html>\n")
