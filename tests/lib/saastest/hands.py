"""Hands for the console, by which somebody does the same with nothing but a mouse, or nothing but a keyboard: buttons, links and
fields by their names, each waited for until it is there.
"""

from .console import Console, quoted


class Mouse(Console):
    """As Console; also on a phone."""

    def take(self, name):
        """A button that leads to a file: its name, its text."""
        return self.page.download(f"body >> role=button[name={quoted(name)}]")

    def click(self, selector):
        self.page.click(selector)

    def choose_word(self, selector, word):
        """Of a list of choices the one that reads so."""
        self.page.choose(selector, {"label": word})


class Keyboard(Console):
    """Everything is reached by Tab from wherever the focus is, and shows where it is."""

    MOST = 120

    def reach(self, code):
        assert self.page.reach(code, self.MOST), f"the focus does not show: {code}"

    def called(self, kind, name, inside):
        words = "(now.getAttribute('aria-label') ?? now.textContent).trim()"
        wanted = f"now.matches({quoted(kind)}) && {words} === {quoted(name)} && !!now.closest({quoted(inside)})"
        self.page.until(f"[...document.querySelectorAll({quoted(kind)})].some(now => {wanted})")
        self.reach(wanted)

    def press(self, name, inside="body"):
        self.called("button", name, inside)
        self.page.hit("Enter")

    def follow(self, name, inside="body"):
        self.called("a", name, inside)
        self.page.hit("Enter")

    def click(self, selector):
        self.page.wait(selector)
        self.reach(f"now.matches({quoted(selector)})")
        self.page.hit("Enter")

    def fill(self, **values):
        for name, value in values.items():
            selector = f"main [name={name}]"
            self.page.wait(selector)
            self.reach(f"now.matches({quoted(selector)})")
            self.page.hit("Control+A")
            self.page.type(value)

    def choose_word(self, selector, word):
        self.page.wait(selector)
        self.reach(f"now.matches({quoted(selector)})")
        self.page.type(word)

    def take(self, name):
        self.called("button", name, "body")
        return self.page.downloadBy("Enter")
