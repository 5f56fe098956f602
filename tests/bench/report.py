"""Results as a table for people, as JSON for programs, as a plot."""

import dataclasses
import json
from xml.sax.saxutils import escape


def _number(value):
    return "" if value is None else f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def table(results):
    rows = [("what", "ours", "peer", "", "ratio", "target", "met", "spread (ours / peer)")]
    for r in results:
        rows.append((r.name, f"{_number(r.ours)} {r.unit}", _number(r.peer), r.peer_name,
                     "" if r.ratio is None else f"{r.ratio:.3f}", r.goal(), {True: "yes", False: "NO", None: ""}[r.met], r.spread))
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows]
    return "\n".join([lines[0], "-" * max(map(len, lines)), *lines[1:]])


def as_json(results):
    return json.dumps([{"name": r.name, "ours": r.ours, "peer": r.peer, "ratio": r.ratio, "target": r.target, "met": r.met,
                        "unit": r.unit, "peer_name": r.peer_name or None, "spread": r.spread or None}
                       for r in results], indent=2) + "\n"


def svg(results):
    """One bar a row: how much of its target each reached, the target being the line (upper bounds turned round, so that
    right of the line is always good). Rows without a target show their ratio."""
    left, width, step, top = 360, 420, 34, 56
    height = top + step * len(results) + 24
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{left + width + 190}" height="{height}" font-family="sans-serif"'
             ' font-size="13">', '<rect width="100%" height="100%" fill="#fff"/>',
             '<text x="16" y="24" font-size="16" font-weight="bold">mod_saas, measured against its targets</text>',
             f'<text x="{left + width / 2}" y="44" text-anchor="middle" fill="#555">target</text>']
    for i, r in enumerate(results):
        y = top + i * step
        reached = r.value
        if r.target is not None:
            reached = r.target / max(r.value, 1e-9) if r.at_most else r.value / r.target
        length = max(2.0, min(reached, 2.0) * width / 2)
        color = {True: "#2f7d4f", False: "#b3372f", None: "#7a8794"}[r.met]
        said = f"{_number(r.value)}" + (f" {r.unit}" if r.ratio is None else f" of {r.peer_name}")
        parts += [f'<text x="{left - 10}" y="{y + 16}" text-anchor="end">{escape(r.name)}</text>',
                  f'<rect x="{left}" y="{y + 2}" width="{length:.1f}" height="20" fill="{color}"/>',
                  f'<text x="{left + max(length, width / 2) + 8:.1f}" y="{y + 16}" fill="#333">{escape(said)}</text>']
    x = left + width / 2
    parts += [f'<line x1="{x}" y1="{top - 6}" x2="{x}" y2="{height - 16}" stroke="#111" stroke-dasharray="4 3"/>', "</svg>"]
    return "\n".join(parts) + "\n"
