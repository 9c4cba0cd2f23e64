"""Symbols for targets, and the track from start to target. A symbol never stands without its word."""

from __future__ import annotations

from collections.abc import Callable

from markupsafe import Markup, escape

from report.svg import Frame, Point, coordinate, label, line, marker, scale

_CLOUD = '<path d="M7 19h10a4 4 0 0 0 .6-7.95A5.5 5.5 0 0 0 7.2 9.6 4.75 4.75 0 0 0 7 19z" class="w-cloud"/>'
_RAYS = "M12 2v3M12 19v3M2 12h3M19 12h3M5 5l2 2M17 17l2 2M19 5l-2 2M7 17l-2 2"
_SHAPES = {
    "sun": f'<circle cx="12" cy="12" r="4.6" class="w-sun"/><path d="{_RAYS}" class="w-ray"/>',
    "partly_cloudy": (
        '<circle cx="9" cy="8" r="3.6" class="w-sun"/>'
        '<path d="M9 1.2v2M2.4 8h2M4.3 3.4l1.4 1.4M13.7 3.4l-1.4 1.4" class="w-ray"/>'
        '<path d="M9 21h8.5a3.3 3.3 0 0 0 .5-6.56A4.6 4.6 0 0 0 9.2 13 4 4 0 0 0 9 21z" class="w-cloud"/>'
    ),
    "cloud": _CLOUD,
    "thunderstorm": (
        '<path d="M7 15h10a4 4 0 0 0 .6-7.95A5.5 5.5 0 0 0 7.2 5.6 4.75 4.75 0 0 0 7 15z" class="w-cloud"/>'
        '<path d="M12.5 13l-3 5h3l-1.5 4.5 4.5-6h-3l1.5-3.500z" class="w-bolt"/>'
    ),
}
WIDTH, HEIGHT, BASE = 360.0, 78.0, 34.0


def definitions() -> Markup:
    """The drawings, once for a page; symbols refer to them."""
    shapes = "".join(f'<g id="w-{code}">{body}</g>' for code, body in _SHAPES.items())
    return Markup(f'<svg class="defs" aria-hidden="true"><defs>{shapes}</defs></svg>')


def symbol(code: str, word: str, *, grey: bool = False, small: bool = False) -> Markup:
    """The drawn symbol (of `definitions`) with its word; empty for a symbol that is not known."""
    if code not in _SHAPES:
        return Markup("")
    css = "weather" + (" grey" if grey else "") + (" small" if small else "")
    body = f'<svg class="{css}" viewBox="0 0 24 24" aria-hidden="true"><use href="#w-{code}"/></svg>'
    said = f'<span class="vh">{escape(word)}</span>' if small else f"<span>{escape(word)}</span>"
    return Markup(f'<span class="symbol">{body}{said}</span>')


def track(
    frame: Frame,
    start: float,
    now: Point,
    goal: float,
    needed: float | None,
    names: tuple[str, str, str],
    text: Callable[[float], str],
) -> Markup:
    """From start to target: dot = now, tick = needed now on a straight way, diamond = target. `names`: start, now, target."""
    assert now.value is not None
    across = scale([start, goal, *now.extent], 34.0, WIDTH - 34.0, near=0.0)
    body = [line(across(start), BASE, across(goal), BASE, "track")]
    if needed is not None:
        body.append(line(across(needed), BASE - 9, across(needed), BASE + 9, "needed"))
    body.append(line(across(start), BASE, across(now.value), BASE, "way"))
    body.append(line(across(start), BASE - 5, across(start), BASE + 5, "zero"))
    x, far = across(goal), 6.5
    corners = ((x, BASE - far), (x + far, BASE), (x, BASE + far), (x - far, BASE))
    body.append(f'<polygon points="{" ".join(f"{coordinate(a)},{coordinate(b)}" for a, b in corners)}" class="goal"/>')
    body.append(marker(across(now.value), BASE, "focus", hollow=now.hollow, radius=5.0))
    ends = ((start, names[0]), (goal, names[2]))
    for value, name in ends:
        anchor = "start" if across(value) < WIDTH / 2 else "end"
        at = across(value) - 8 if anchor == "start" else across(value) + 8
        body.append(label(at, BASE + 22, text(value), "value", anchor))
        body.append(label(at, BASE + 36, name, "axis", anchor))
    body.append(label(across(now.value), BASE - 22, f"{names[1]}: {text(now.value)}", "value focus", "middle"))
    return frame.svg(WIDTH, HEIGHT, body)
