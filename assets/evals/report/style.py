"""How a report of an evaluation looks: its style sheet.

Here: CSS. Colours are near Okabe and Ito's, which people with any colour blindness tell apart,
lighter on a dark ground; nothing is said by colour alone. Not here: what is shown (`sections.py`,
`pages.py`).
"""

from __future__ import annotations

from typing import Final

STYLE: Final = """
:root{color-scheme:light dark;--ground:#f4f5f7;--sheet:#fff;--ink:#1b2230;--soft:#566072;
--rule:#d9dde4;--faint:#eef0f4;--old:#0072b2;--new:#c24e00;--good:#00795a;--warn:#8a5a00;
--move:#9c3d77;--old-wash:#d6ebf8;--new-wash:#fde3d0;--move-wash:#f6dfec;--s2:#00795a;--s3:#9c3d77;
--s4:#4a7a9b;--s5:#8a6d00;--s6:#333c4d;--s7:#7a7f8a}
@media(prefers-color-scheme:dark){:root{--ground:#12151b;--sheet:#1b2029;--ink:#e6e9ef;
--soft:#a3acbb;--rule:#343b48;--faint:#252b36;--old:#6cc0f5;--new:#ff9d5c;--good:#3ecfa3;
--warn:#f0c04a;--move:#e79ac6;--old-wash:#123a52;--new-wash:#56301a;--move-wash:#4a2440;
--s2:#3ecfa3;--s3:#e79ac6;--s4:#9bc4de;--s5:#e6cf5a;--s6:#e6e9ef;--s7:#9aa1ad}
.sheet img{filter:brightness(.88)}}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%}
body{margin:0 auto;max-width:1240px;padding:0 20px 60px;font:15px/1.5 system-ui,sans-serif;
color:var(--ink);background:var(--ground);overflow-wrap:anywhere}
header{padding:26px 0 6px}
h1{font-size:25px;line-height:1.2;margin:0 0 4px}
h2{font-size:19px;margin:0 0 4px}
h3{font-size:15px;margin:0 0 6px}
p{margin:6px 0;max-width:88ch}
a{color:var(--old)}
.soft,.facts{color:var(--soft)}
.num,td.n,.facts,.tick{font-variant-numeric:tabular-nums}
nav{margin:10px 0 0;display:flex;flex-wrap:wrap;gap:4px 16px}
section,.verdict{background:var(--sheet);border:1px solid var(--rule);border-radius:8px;
margin:16px 0;padding:16px 18px}
section{scroll-margin-top:8px}
.verdict{border-left:8px solid var(--soft)}
.verdict.accepted{border-left-color:var(--good)}.verdict.rejected{border-left-color:var(--new)}
.verdict h2{font-size:21px}
.verdict ul{margin:8px 0 4px;padding-left:20px;max-width:92ch}
.verdict li{margin:3px 0}
.word{font-weight:700}
.accepted .word{color:var(--good)}.rejected .word{color:var(--new)}
code,kbd,pre{font:13px/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace}
.chip{display:inline-block;border:1px solid var(--soft);border-radius:4px;padding:0 6px;
font-size:12.5px;line-height:1.5;color:var(--soft);white-space:nowrap}
.chip.fail{border-color:var(--new);color:var(--new);font-weight:600}
.chip.warn{border-color:var(--warn);color:var(--warn);font-weight:600}
.chip.pass{border-color:var(--good);color:var(--good)}
.legend{list-style:none;display:flex;flex-wrap:wrap;gap:2px 18px;padding:0;margin:6px 0;
color:var(--soft);font-size:13.5px}
.mark{width:14px;height:14px;vertical-align:-2px;overflow:visible}
table{border-collapse:collapse;width:100%;font-size:14px}
th,td{text-align:left;vertical-align:top;padding:5px 10px 5px 0;border-bottom:1px solid var(--rule)}
th{color:var(--soft);font-weight:600;font-size:13px;vertical-align:bottom}
td.n,th.n{text-align:right;white-space:nowrap}
td.chart,th.chart{width:36%;padding:2px 22px 2px 16px}
td small{display:block;color:var(--soft);font-size:13px}
tr.group th{padding-top:14px;color:var(--ink);font-size:14px}
.scroll{overflow-x:auto}
svg.dots{display:block;width:100%;overflow:visible}
svg.plot{display:block;width:100%;overflow:visible;margin-top:4px}
.grid{stroke:var(--rule);stroke-width:1}
.tick,.label{fill:var(--soft);font-size:12px}
.label{fill:var(--ink)}
.way{stroke-width:3}.way.up{stroke:var(--new)}.way.down{stroke:var(--old)}
.bound{stroke:var(--soft);stroke-width:2}
circle.old{fill:var(--sheet);stroke:var(--old);stroke-width:2.5}
.shape.new{fill:var(--new)}
.path{stroke-width:2;fill:none}
.shape{stroke:var(--sheet);stroke-width:1}
.path.s0{stroke:var(--old)}.shape.s0{fill:var(--old)}
.path.s1{stroke:var(--new)}.shape.s1{fill:var(--new)}
.path.s2{stroke:var(--s2)}.shape.s2{fill:var(--s2)}
.path.s3{stroke:var(--s3)}.shape.s3{fill:var(--s3)}
.path.s4{stroke:var(--s4)}.shape.s4{fill:var(--s4)}
.path.s5{stroke:var(--s5)}.shape.s5{fill:var(--s5)}
.path.s6{stroke:var(--s6)}.shape.s6{fill:var(--s6)}
.path.s7{stroke:var(--s7)}.shape.s7{fill:var(--s7)}
.charts{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,340px),1fr));
gap:18px 30px}
.charts figure,.sheet{margin:0}
figcaption{font-size:14px;font-weight:600}
figcaption small{font-weight:400;color:var(--soft)}
.pair{border-top:1px solid var(--rule);padding:16px 0 10px}
.pair ul{margin:2px 0 8px;padding-left:18px;font-size:14px}
.beside{display:grid;gap:18px;align-items:start;grid-template-columns:minmax(0,27%) minmax(0,1fr)}
.beside.alone{grid-template-columns:minmax(0,1fr)}
.sheet{position:sticky;top:8px}
.sheet img{display:block;width:100%;height:auto;border:1px solid var(--rule);background:#fff}
.sheet input{position:absolute;opacity:0}
.sheet label{display:block;cursor:zoom-in;font-size:12.5px;color:var(--old)}
.sheet input:focus-visible+label{outline:2px solid var(--old)}
.beside:has(.sheet input:checked){grid-template-columns:minmax(0,1fr)}
.beside:has(.sheet input:checked) .sheet{position:static}
.none{border:1px dashed var(--soft);border-radius:6px;padding:12px;color:var(--soft);
font-size:13.5px;overflow-wrap:anywhere}
.row{display:grid;grid-template-columns:minmax(0,1fr) minmax(0,1fr);gap:0 2px}
.row.single{grid-template-columns:minmax(0,1fr)}
.heads h4{margin:0 0 4px;font-size:13px;color:var(--soft);overflow-wrap:anywhere;padding-left:10px}
.line{background:var(--faint);padding:1px 10px;white-space:pre-wrap;overflow-wrap:anywhere;
unicode-bidi:plaintext;font:13px/1.5 ui-monospace,SFMono-Regular,Menlo,Consolas,monospace}
.line.void{background:repeating-linear-gradient(135deg,var(--faint) 0 6px,var(--sheet) 6px 9px)}
.gap .line{padding-top:10px}
.text{min-width:0}.text details{margin:0;background:var(--faint)}
.text summary{font-size:12.5px;padding:2px 10px;border-block:1px dotted var(--rule);
color:var(--soft)}
del{background:var(--old-wash);color:inherit;text-decoration:line-through var(--old) 2px}
ins{background:var(--new-wash);color:inherit;text-decoration:underline var(--new) 2px}
mark{background:var(--move-wash);color:inherit;text-decoration:underline dotted var(--move) 2px}
.gone{color:var(--soft);font-style:italic;margin:0;padding:4px 10px;background:var(--faint)}
h3+.legend{margin-top:0}.sub{margin:26px 0 2px}
.expl{white-space:pre-wrap;unicode-bidi:plaintext;max-height:16em;overflow:auto}
dl{display:grid;grid-template-columns:fit-content(40%) minmax(0,1fr);gap:2px 18px;margin:8px 0;
font-size:14px}
dt{color:var(--soft)}dd{margin:0;overflow-wrap:anywhere;font-variant-numeric:tabular-nums}
.type{margin:8px 0;display:grid;gap:2px}
.type code{display:block;background:var(--faint);border-radius:6px;padding:7px 12px;
white-space:pre-wrap;user-select:all}
details{margin:10px 0 0}
summary{cursor:pointer;color:var(--old)}
@media(max-width:760px){body{padding:0 10px 40px}section,.verdict{padding:14px 12px}
header{padding-top:16px}h1{font-size:21px}
.beside{grid-template-columns:minmax(0,1fr)}.sheet{position:static;max-width:420px}
.sheet:has(input:checked){max-width:none}
.row{grid-template-columns:minmax(0,1fr)}.row.same .line+.line,.line.void{display:none}
.heads h4::before{content:"− "}.heads h4+h4::before{content:"+ "}
dl{grid-template-columns:minmax(0,1fr)}dd{margin-bottom:6px}
table.stack thead th:not(.chart){display:none}
table.stack thead th.chart{display:block;border:0;width:auto}
table.stack,table.stack tbody,table.stack tr{display:block}
table.stack thead,table.stack thead tr{display:block}
table.stack tr:not(.group){padding:8px 0;border-bottom:1px solid var(--rule)}
table.stack thead tr{padding:0;border:0}
table.stack td,table.stack tr.group th{display:block;border:0;padding:1px 0;text-align:left;
white-space:normal;width:auto}
table.stack td.n{display:inline-block;margin-right:16px}
table.stack td[data-l]::before{content:attr(data-l) " ";color:var(--soft)}
table.stack td.chart,table.stack th.chart{padding:2px 12px}
}
@media print{:root{color-scheme:light;--ground:#fff;--sheet:#fff;--ink:#000;--soft:#444;--rule:#bbb;
--faint:#fff;--old:#0072b2;--new:#b34700;--good:#006b4f;--move:#8a2f68;--old-wash:#d6ebf8;
--new-wash:#fde3d0;--move-wash:#f6dfec;--s2:#006b4f;--s3:#8a2f68;--s4:#4a7a9b;--s5:#8a6d00;
--s6:#333c4d;--s7:#7a7f8a}
*{print-color-adjust:exact}
body{max-width:none;padding:0;font-size:11pt}nav,.sheet label span{display:none}
section,.verdict{border-color:#bbb;padding:8px 12px}
.sheet{position:static}.sheet img{filter:none}
.expl{max-height:none}
.line{font-size:8pt;padding:0 6px}h2,h3{break-after:avoid}
tr,figure,.verdict,.type{break-inside:avoid}
.text details::details-content{content-visibility:visible;display:block;block-size:auto}}
"""
