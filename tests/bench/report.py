"""Results as a table for people, as JSON for programs, as a plot."""

import json
import math
from xml.sax.saxutils import escape

GOOD, BAD, OPEN, PLAIN, GREY = "#2f7d4f", "#b3372f", "#a8710f", "#7a8794", "#5c6670"


def _number(value):
    return "" if value is None else f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def table(results):
    rows = [("what", "ours", "peer", "", "ratio", "target", "met", "interval", "from")]
    for r in results:
        rows.append((r.name, f"{_number(r.ours)} {r.unit}", _number(r.peer), r.peer_name,
                     "" if r.ratio is None else f"{r.ratio:.3f}", r.goal(), r.word,
                     "" if r.low is None else "-".join(f"{end:.3g}" if math.isfinite(end) else "?" for end in (r.low, r.high)), r.spread))
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip() for row in rows]
    return "\n".join([lines[0], "-" * max(map(len, lines)), *lines[1:]])


def _interval(result):
    return None if result.low is None else [end if math.isfinite(end) else None for end in (result.low, result.high)]


def as_json(results):
    return json.dumps([{"name": r.name, "ours": r.ours, "peer": r.peer, "ratio": r.ratio, "target": r.target, "met": r.met,
                        "verdict": r.word or None, "interval": _interval(r), "unit": r.unit, "at_most": r.at_most, "peer_name": r.peer_name or None, "spread": r.spread or None}
                       for r in results], indent=2) + "\n"


# -------------------------------------------------------------------- plot --

WIDTH, MIDDLE, HALF, STEP = 1180, 610, 190, 42
FARTHEST = 3        # powers of two from the line to the edge, at most


def _distance(result, value):
    """Powers of two by which a value is better than the target; where there is none, than the peer, or 0."""
    goal = result.target if result.target is not None else 1.0 if result.ratio is not None else value
    if value <= 0 or goal <= 0:
        return math.inf if result.at_most and value <= 0 else 0.0
    return math.log2(goal / value) if result.at_most else math.log2(value / goal)


def _verdict(result):
    figure = f"{_number(result.value)} {result.unit}" if result.ratio is None else f"{_number(result.ratio)} ×"
    if result.target is None:
        return figure
    return f"{figure}, target {'≤' if result.at_most else '≥'} {result.target:g}"


class _Panel:
    """Rows around one vertical line; from `top` down."""

    def __init__(self, title, line, results, top, reach):
        self.title, self.line, self.results, self.top, self.reach = title, line, results, top, reach
        self.first = top + 64
        self.bottom = self.first + STEP * len(results)

    def x(self, distance):
        return MIDDLE + HALF * max(-1.0, min(1.0, distance / self.reach))

    def parts(self):
        yield f'<text x="24" y="{self.top + 18}" font-size="15" font-weight="bold">{escape(self.title)}</text>'
        for power in range(-self.reach, self.reach + 1):
            x, factor = self.x(power), f"{2 ** power} ×" if power >= 0 else f"1/{2 ** -power}"
            yield (f'<line x1="{x}" y1="{self.first - 10}" x2="{x}" y2="{self.bottom}" stroke="{"#111" if power == 0 else "#dde2e6"}"'
                   f' stroke-width="{1.5 if power == 0 else 1}"/>')
            yield (f'<text x="{x}" y="{self.first - 18}" text-anchor="middle" font-size="12" fill="{GREY}">'
                   f'{self.line if power == 0 else factor}</text>')
        yield (f'<text x="{MIDDLE - HALF}" y="{self.first - 36}" font-size="12" fill="{GREY}">◀ worse</text>'
               f'<text x="{MIDDLE + HALF}" y="{self.first - 36}" font-size="12" fill="{GREY}" text-anchor="end">better ▶</text>')
        for number, result in enumerate(self.results):
            yield from self.row(result, self.first + STEP * number)

    def row(self, result, y):
        color = {"yes": GOOD, "NO": BAD, "cannot tell": OPEN, "": PLAIN}[result.word]
        distance = _distance(result, result.value)
        start, end = sorted((self.x(0), self.x(distance)))
        peer = f"against {result.peer_name}" if result.peer_name else "absolute"
        yield f'<text x="24" y="{y + 17}" font-size="13.5">{escape(result.name)}</text>'
        yield f'<text x="24" y="{y + 31}" font-size="11" fill="{GREY}">{escape(peer)}</text>'
        yield (f'<rect x="{start:.1f}" y="{y + 8}" width="{max(end - start, 3):.1f}" height="18" fill="{color}"'
               f'><title>{escape(f"{_number(result.ours)} {result.unit}")}</title></rect>')
        if abs(distance) > self.reach:
            tip, back = (MIDDLE + HALF, -9) if distance > 0 else (MIDDLE - HALF, 9)
            yield f'<path d="M{tip - back * 0.2} {y + 4} l{-back} 13 l{back} 13 z" fill="{color}"/>'
        if result.low is not None and math.isfinite(result.low) and math.isfinite(result.high):
            low, high = sorted(self.x(_distance(result, value)) for value in (result.low, result.high))
            yield (f'<path d="M{low:.1f} {y + 17} H{high:.1f} M{low:.1f} {y + 12} v10 M{high:.1f} {y + 12} v10" stroke="#111"'
                   ' stroke-width="1.2" fill="none"/>')
        if result.peer is not None:
            yield (f'<text x="{MIDDLE + HALF + 28}" y="{y + 31}" font-size="11" fill="{GREY}">'
                   f'ours {_number(result.ours)}, peer {_number(result.peer)} {escape(result.unit)}</text>')
        yield (f'<text x="{MIDDLE + HALF + 28}" y="{y + 17}" font-size="13.5" fill="{color if result.word else "#333"}">'
               f'{ {"yes": "✓ ", "NO": "✗ ", "cannot tell": "? ", "": ""}[result.word] }{escape(_verdict(result))}</text>')


def svg(results):
    """One bar a row, from the line of its target to what was reached, on a logarithmic scale; right of the line is
    always the good side. Below, what has no target, as its ratio to the peer. The thin mark is the interval that the
    verdict rests on."""
    judged = [r for r in results if r.target is not None]
    others = [r for r in results if r.target is None and r.ratio is not None]
    far = [abs(_distance(r, r.value)) for r in judged + others]
    reach = max(1, math.ceil(min(FARTHEST, max(far, default=1))))
    panels, top = [], 48
    for title, line, chosen in (("Against targets", "target", judged), ("Without a target: against the peer", "peer", others)):
        if chosen:
            panels.append(_Panel(title, line, chosen, top, reach))
            top = panels[-1].bottom + 24
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{top}" viewBox="0 0 {WIDTH} {top}"'
             ' font-family="DejaVu Sans, Verdana, sans-serif" fill="#111">', '<rect width="100%" height="100%" fill="#fff"/>',
             '<text x="24" y="30" font-size="18" font-weight="bold">mod_saas, measured in alternation with its peers</text>']
    for panel in panels:
        parts += panel.parts()
    return "\n".join([*parts, "</svg>"]) + "\n"
