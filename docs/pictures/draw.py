#!/usr/bin/env python3
"""Draws what a program showed on a terminal as SVG: reads the recording of script(1), keeps a screen as a terminal does, writes what is on it at the end.

    script -qec "stty cols 120 rows 30; ./actorrepl status" status.typescript
    docs/pictures/draw.py status.typescript "actorrepl status" > docs/pictures/status.svg

--frame TEXT: the screen as it last was when it showed TEXT, of one that moves.
"""
import re
import sys
from html import escape

BASE = ["#000000", "#c0392b", "#27ae60", "#c7a500", "#2e86de", "#8e44ad", "#16a085", "#d0d0d0",
        "#7f8c8d", "#ff6b6b", "#2ecc71", "#f1c40f", "#54a0ff", "#c56cf0", "#1dd1a1", "#ffffff"]
TOKEN = re.compile(r"\x1b\[([0-9;?]*)([A-Za-z])|\x1b[=>()][A-Z0-9]?|\x1b\][^\x07]*\x07|([\r\n\b\t])|([^\x1b\r\n\b\t]+)", re.S)


def colour(index):
    if index < 16:
        return BASE[index]
    if index < 232:
        index -= 16
        return "#" + "".join(f"{0 if part == 0 else 55 + 40 * part:02x}" for part in (index // 36, index // 6 % 6, index % 6))
    return "#" + f"{8 + 10 * (index - 232):02x}" * 3


class Screen:
    def __init__(self):
        self.rows, self.row, self.column, self.style = [{}], 0, 0, (None, False)

    def paint(self, codes):
        fore, bold = self.style
        codes = [int(code or 0) for code in codes.split(";")]
        while codes:
            code = codes.pop(0)
            if code == 0:
                fore, bold = None, False
            elif code == 1:
                bold = True
            elif 30 <= code <= 37 or 90 <= code <= 97:
                fore = colour(code - 30 if code < 90 else code - 82)
            elif code == 38 and codes[:1] == [5]:
                fore, codes = colour(codes[1]), codes[2:]
            elif code == 38 and codes[:1] == [2]:
                fore, codes = "#%02x%02x%02x" % tuple(codes[1:4]), codes[4:]
            elif code == 39:
                fore = None
        self.style = (fore, bold)

    def move(self, codes, command):
        count = int(codes) if codes.isdigit() else 1
        if command == "m":
            self.paint(codes)
        elif command == "A":
            self.row = max(0, self.row - count)
        elif command == "B":
            self.down(count)
        elif command == "C":
            self.column += count
        elif command == "G":
            self.column = count - 1
        elif command == "K":
            self.rows[self.row] = {} if codes in ("2", "1") else {at: cell for at, cell in self.rows[self.row].items() if at < self.column}
        elif command == "J":
            del self.rows[self.row + 1:]

    def down(self, count=1):
        self.row += count
        while len(self.rows) <= self.row:
            self.rows.append({})

    def feed(self, text, frame):
        kept = None
        for codes, command, control, plain in TOKEN.findall(text):
            if command:
                # A picture that moves is drawn anew from its first line on.
                if frame and command == "A" and frame in self.text():
                    kept = [dict(row) for row in self.rows]
                self.move(codes, command)
            elif control == "\r":
                self.column = 0
            elif control == "\n":
                self.down()
            elif control == "\b":
                self.column = max(0, self.column - 1)
            elif control == "\t":
                self.column += 8 - self.column % 8
            for character in plain:
                self.rows[self.row][self.column] = (character, self.style)
                self.column += 1
        if kept is not None:
            self.rows = kept

    def text(self):
        return "\n".join("".join(row.get(at, (" ",))[0] for at in range(max(row, default=-1) + 1)).rstrip() for row in self.rows)


def svg(rows, title):
    while rows and not any(cell[0] != " " for cell in rows[-1].values()):
        rows.pop()
    width, height, across, line = max(max(row, default=0) for row in rows) + 1, len(rows), 7.8, 17
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width * across + 24:.0f} {height * line + 52}" font-family="DejaVu Sans Mono, Menlo, Consolas, monospace" font-size="13">',
           '<rect width="100%" height="100%" rx="8" fill="#1e1e2e"/>',
           f'<text x="12" y="21" fill="#9399b2">$ {escape(title)}</text>', '<g fill="#cdd6f4" xml:space="preserve">']
    for number, row in enumerate(rows):
        runs, last = [], None
        for at in range(max(row, default=-1) + 1):
            character, style = row.get(at, (" ", (None, False)))
            if style != last:
                runs.append((at, style, []))
                last = style
            runs[-1][2].append(character)
        for at, (fore, bold), characters in runs:
            text = "".join(characters).rstrip()
            if text:
                out.append(f'<text x="{12 + at * across:.1f}" y="{45 + number * line}" textLength="{len(text) * across:.1f}"'
                           + (f' fill="{fore}"' if fore else "") + (' font-weight="bold"' if bold else "") + f'>{escape(text)}</text>')
    return "\n".join(out + ["</g>", "</svg>"]) + "\n"


def main(arguments):
    frame = None
    if "--frame" in arguments:
        at = arguments.index("--frame")
        frame, arguments = arguments[at + 1], arguments[:at] + arguments[at + 2:]
    with open(arguments[0], encoding="utf-8", newline="") as recording:
        text = recording.read()
    # The first and the last line are script's own.
    lines = text.split("\n")
    text = "\n".join(line for line in lines if not line.startswith(("Script started", "Script done")))
    screen = Screen()
    screen.feed(text, frame)
    sys.stdout.write(svg(screen.rows, arguments[1]))


main(sys.argv[1:])
