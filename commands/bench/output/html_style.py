"""The style sheet of a report; light or dark as the reader's system is."""

from __future__ import annotations

from typing import Final

from .plot import STYLE as PLOT_STYLE

STYLE: Final = (
    """
:root { color-scheme: light dark; --back: #ffffff; --text: #1c2126; --soft: #5a6570; --line: #dfe3e8;
  --panel: #f5f7f9; --good: #1a7f37; --bad: #c62828; --first: #0b62c4; --second: #b4540a; --third: #6b3fa0; }
@media (prefers-color-scheme: dark) { :root { --back: #14181c; --text: #e4e8ec; --soft: #9aa5b1; --line: #2b323a;
  --panel: #1d2329; --good: #57c46e; --bad: #ff7b72; --first: #6cb2ff; --second: #f0a35e; --third: #c3a1f5; } }
body { margin: 0 auto; padding: 1.5rem; max-width: 1240px; background: var(--back); color: var(--text);
  font: 15px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.5rem; margin: 0 0 0.5rem; overflow-wrap: anywhere; }
h2 { font-size: 1.15rem; margin: 2rem 0 0.5rem; }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { padding: 0.25rem 0.9rem 0.25rem 0; text-align: left; vertical-align: top; }
thead th { border-bottom: 1px solid var(--line); color: var(--soft); font-weight: 600; }
.number { text-align: right; white-space: nowrap; }
.facts th { color: var(--soft); font-weight: 400; }
.facts td { overflow-wrap: anywhere; }
.note { color: var(--soft); margin: 0.3rem 0; }
.warnings { padding: 0.6rem 1rem 0.6rem 2rem; background: var(--panel); border-left: 4px solid var(--second); }
.good { color: var(--good); font-weight: 600; }
.bad { color: var(--bad); font-weight: 600; }
pre { padding: 0.8rem 1rem; background: var(--panel); overflow-x: auto; white-space: pre-wrap; user-select: all;
  overflow-wrap: anywhere; }
details { margin: 0.6rem 0; }
summary { cursor: pointer; }
dt { font-weight: 600; margin-top: 0.6rem; }
dd { margin: 0; color: var(--soft); }
.plots { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 420px), 1fr)); gap: 1rem; }
figure { margin: 0; }
figcaption { font-weight: 600; }
@media print { body { padding: 0; } }
"""
    + PLOT_STYLE
)
