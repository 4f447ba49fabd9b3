"""How a reading report looks: its style sheet.

Here: CSS. There is no script: tabs, filters and highlights are CSS alone, so a report may be opened
whatever its PDFs hold. Not here: what is shown (`head.py`, `page.py`), or the head of the file with
its policy (`resources/report/head.py`).
"""

from __future__ import annotations

from typing import Final

from assets.pages.colours import COLOURS, OTHER

_BASE: Final = """
*{box-sizing:border-box}
body{margin:0;font:14px/1.45 system-ui,sans-serif;color:#1d2430;background:#f3f4f6}
h1{font-size:20px;margin:0}h2{font-size:18px;margin:0 0 4px;overflow-wrap:anywhere}
h3{font-size:15px;margin:0 0 6px}h4{font-size:13px;margin:14px 0 4px;color:#555}
a{color:#1558a8}
.bar{position:sticky;top:0;z-index:5;background:#fff;border-bottom:1px solid #ccd;padding:8px 16px}
.bar label{margin-right:14px;cursor:pointer}
.legend .chip{margin-right:4px}
.doc,.page,.toc{background:#fff;border:1px solid #d5d9e0;border-radius:6px;margin:14px 16px;
 padding:12px 14px}
.doc{border-left:6px solid #34507a}
.page.bad{border-left:6px solid #c62828}.page.low{border-left:6px solid #e69500}
.page.bad.low{border-left-color:#c62828}
.page,.doc{scroll-margin-top:90px}
.chip{display:inline-block;border:1px solid #99a;border-radius:4px;padding:0 5px;font-size:12px;
 color:#333;background:#f6f7f9;white-space:nowrap}
.good{border-color:#2e7d32;color:#1b5e20}.warn{border-color:#e69500;color:#8a5a00}
.wrong{border-color:#c62828;color:#b71c1c}
.facts{color:#555;font-size:13px}.facts b{color:#1d2430;font-weight:600}
.error{background:#fdecea;border-left:3px solid #c62828;padding:4px 8px;margin:6px 0;
 overflow-wrap:anywhere;white-space:pre-wrap}
.note{color:#7a5a00;font-style:italic}
.pair{display:grid;grid-template-columns:minmax(0,1fr) minmax(0,1fr);gap:14px;align-items:start}
@media(max-width:900px){.pair{grid-template-columns:1fr}.sheet{position:static}}
.sheet{position:sticky;top:96px;margin:0}
.sheet svg{display:block;width:100%;height:auto;max-height:calc(100vh - 120px);background:#fff;
 border:1px solid #bbb}
.sheet rect{fill-opacity:.06;stroke-width:1.2;vector-effect:non-scaling-stroke}
.sheet a:hover rect:not(.tag),.sheet a:target rect:not(.tag){fill-opacity:.3;stroke-width:3}
.sheet text{fill:#fff;font-family:sans-serif;text-anchor:middle}
.sheet rect.tag{fill-opacity:.9;stroke:none}
body:has(#noboxes:checked) .sheet svg a{display:none}
.tabs>input{position:absolute;opacity:0;pointer-events:none}
.tabs>label{display:inline-block;padding:3px 10px;border:1px solid #bbc;border-radius:4px 4px 0 0;
 cursor:pointer;background:#eef0f4;color:#445}
.tabs>input:checked+label{background:#fff;color:#000;font-weight:600;border-bottom-color:#fff}
.tabs>input:focus-visible+label{outline:2px solid #1558a8}
.panel{display:none;border:1px solid #bbc;padding:8px 10px;margin-top:-1px;overflow:auto}
.tabs>.t1:checked~.p1,.tabs>.t2:checked~.p2,.tabs>.t3:checked~.p3{display:block}
tr:target{background:#fff3bf}tr,.sheet a{scroll-margin-top:110px}
.blocks{margin-top:8px;overflow:auto}.blocks summary{cursor:pointer;color:#1558a8}
pre{white-space:pre-wrap;overflow-wrap:anywhere;margin:0;font:12.5px/1.45 ui-monospace,monospace}
pre,.panel,.md,td{unicode-bidi:plaintext}
.md{overflow-wrap:anywhere}.md h1{font-size:19px;margin:10px 0}.md h2{font-size:17px;margin:10px 0}
.md pre{background:#f4f4f4;padding:6px}
.link{text-decoration:underline dotted}
table{border-collapse:collapse;font-size:12.5px;margin:4px 0}
th,td{border:1px solid #d5d9e0;padding:2px 6px;text-align:left;vertical-align:top}
td{overflow-wrap:anywhere;white-space:pre-wrap}
.panel td,.blocks td{overflow-wrap:break-word}.md td,.md th{white-space:normal;overflow-wrap:normal}
.words{white-space:pre-wrap;unicode-bidi:plaintext;margin:2px 0 8px;max-width:110ch}
.thumbs{display:flex;flex-wrap:wrap;gap:10px}
.thumbs figure{margin:0;width:170px;font-size:11.5px;overflow-wrap:anywhere}
.thumbs img{max-width:160px;max-height:160px;border:1px solid #ccc;
 background:repeating-conic-gradient(#eee 0 25%,#fff 0 50%) 0 0/12px 12px}
.jump a{display:inline-block;min-width:26px;text-align:center;margin:1px;padding:0 4px;
 border:1px solid #bbb;border-radius:3px;text-decoration:none;font-size:12px}
.jump a.bad{background:#fdecea;border-color:#c62828}.jump a.low{background:#fff4dd}
body:has(#f-bad:checked) :is(.page,.doc,.jump a[class]):not(.bad),
body:has(#f-low:checked) :is(.page,.doc,.jump a[class]):not(.bad):not(.low),
body:has(#f-ocr:checked) :is(.page,.doc,.jump a[class]):not(.ocr){display:none}
"""


def _style() -> str:
    """The style sheet with a colour a kind; `k-` classes are drawn, `c-` classes are words."""
    every = {**COLOURS, "other": OTHER}
    kinds = "".join(
        f".k-{kind} rect{{stroke:{colour};fill:{colour}}}"
        f".chip.c-{kind}{{background:{colour};border-color:{colour};color:#fff}}\n"
        for kind, colour in every.items()
    )
    return _BASE + kinds


STYLE: Final = _style()


def kind_class(kind: str) -> str:
    """The part of a class name that a kind of block has: one of ours, whatever the lake says."""
    return kind if kind in COLOURS else "other"
